"""The number formats by NumPy's names; nothing is imported here, not even NumPy."""

from __future__ import annotations

from typing import Final

DEFAULT_DTYPES: Final = ("float64", "float32")
"""What a case runs in that names none."""

SIXTEEN_BITS: Final = ("bfloat16", "float16")
"""NumPy knows the first only once ml_dtypes has been imported."""

DTYPES: Final = (*DEFAULT_DTYPES, *SIXTEEN_BITS)
