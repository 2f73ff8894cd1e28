"""vectors.json: the cases with correctly rounded values, for a test in any language."""

from __future__ import annotations

from typing import Final

FORMAT: Final = "backprop-parity vectors"
SCHEMA: Final = 1

PARAMETERS: Final = 1_000
"""A case with more is left out."""

STEPS: Final = 3
"""So many training steps are written down, of a longer training the first."""
