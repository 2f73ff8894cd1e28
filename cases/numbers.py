"""Numbers as they are written: exact value, printed places, and rounding to a format once, ties to even."""

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import ml_dtypes  # which teaches NumPy the name of bfloat16
import numpy as np
from numpy.typing import ArrayLike, NDArray

from cases.protocol import DTYPES

_limits: Any = ml_dtypes.finfo  # it has no annotations


def largest(dtype: str) -> float:
    return float(_limits(dtype).max)


LARGEST: Final = {dtype: largest(dtype) for dtype in DTYPES}
# Half a unit beyond the largest: what is below is rounded to a finite number, above it is not.
OVERFLOW: Final = {
    dtype: LARGEST[dtype] + 2.0 ** (_limits(dtype).maxexp - _limits(dtype).nmant - 2) for dtype in DTYPES
}
MAX_TEXT: Final = 1200  # characters; the longest float64 written out exactly in plain decimals takes 1077
MAX_LENGTH: Final = 2**40  # of one axis of an array
_SHORT: Final = 30  # characters of a number that a message shows


def rounded_once(numbers: ArrayLike, dtype: str) -> NDArray[Any]:
    """Round float64 numbers to `dtype`; infinite where they are too large for it."""
    exact = np.asarray(numbers, np.float64)
    with np.errstate(over="ignore"):
        return (_float32_to_odd(exact) if dtype == "bfloat16" else exact).astype(dtype)


def _float32_to_odd(exact: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the float32 next to each number whose last bit is odd, or the number where it is a float32.

    ml_dtypes rounds float64 to bfloat16 by way of float32, and so twice. The odd bit remembers on which side
    of a tie a number lies (Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums", 2008).
    """
    near = exact.astype(np.float32)
    other_side = np.nextafter(near, np.where(exact > near, np.inf, -np.inf).astype(np.float32))
    is_even = (near.view(np.uint32) & 1) == 0
    return np.where((near != exact) & ~np.isnan(exact) & is_even, other_side, near)


def nearest(exact: Fraction, dtype: str) -> float:
    """Return the number of a format nearest to an exact one, ties to even; infinite where it is too large.

    Rounding twice is avoided as above, by a float64 whose last bit is odd.
    """
    try:
        near = float(exact)  # Python divides whole numbers with one rounding
    except OverflowError:
        near = math.copysign(math.inf, exact)
    if dtype == "float64" or near == 0 or not math.isfinite(near) or exact == Fraction(near):
        return float(rounded_once(near, dtype))
    is_odd = int(np.float64(near).view(np.uint64)) & 1
    other_side = math.nextafter(near, math.inf if exact > Fraction(near) else -math.inf)
    return float(rounded_once(near if is_odd else other_side, dtype))


_FLOAT = re.compile(r"[-+]?(?=\.?[0-9])[0-9]*(?:\.(?P<part>[0-9]*))?(?:[eE](?P<exponent>[-+]?[0-9]+))?")
_HEX_FLOAT = re.compile(
    r"(?P<sign>[-+]?)0x(?P<whole>[0-9a-fA-F]+)(?:\.(?P<part>[0-9a-fA-F]*))?[pP](?P<exponent>[-+]?[0-9]+)"
)
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True, slots=True)
class Number:
    """A number of YAML 1.2 (or a hexadecimal float), kept as its text, so that nothing of it is lost."""

    text: str

    def __str__(self) -> str:
        return self.text if len(self.text) <= _SHORT else self.text[: _SHORT - 1] + "…"

    @staticmethod
    def is_one(text: str) -> bool:
        """Say whether a plain YAML scalar is a number: `1e-3` and `012` are, `1_000` and `-0x1F` are not."""
        return any(form.fullmatch(text) for form in (_FLOAT, _INTEGER, _HEX_FLOAT, _SPECIAL))

    @property
    def whole(self) -> int | None:
        """The integer that is written, or None: `012` is 12, `0x1F` is 31, `1.0` is no integer."""
        if not _INTEGER.fullmatch(self.text):
            return None
        return int(self.text) if _FLOAT.fullmatch(self.text) else int(self.text, 0)

    @property
    def nearest(self) -> float:
        """The nearest float64, ties to even; infinite where it is too large, nan for `.nan`."""
        if _FLOAT.fullmatch(self.text):
            return float(self.text)
        if _SPECIAL.fullmatch(self.text):
            return float(self.text.replace(".", ""))
        try:
            return float.fromhex(self.text) if self.text[1] != "o" else float(int(self.text, 8))
        except OverflowError:
            return -math.inf if self.text.startswith("-") else math.inf

    @property
    def exact(self) -> Fraction:
        """The value itself; only for numbers whose nearest float64 is finite and not zero.

        Others, as `1e999999999`, would need more memory than there is.
        """
        if _FLOAT.fullmatch(self.text):
            return Fraction(self.text)
        if hexadecimal := _HEX_FLOAT.fullmatch(self.text):
            part = hexadecimal["part"] or ""
            digits = int(hexadecimal["sign"] + hexadecimal["whole"] + part, 16)
            return digits * Fraction(2) ** (int(hexadecimal["exponent"]) - 4 * len(part))
        return Fraction(int(self.text, 0))

    def rounded(self, dtype: str) -> float:
        """Return the value rounded once to `dtype`, ties to even; infinite where it is too large for it."""
        near = self.nearest
        has_value = math.isfinite(near) and near != 0 and dtype != "float64"
        return nearest(self.exact, dtype) if has_value else float(rounded_once(near, dtype))

    def fits(self, dtype: str) -> bool:
        """Say whether the value, rounded to `dtype`, is finite."""
        near = abs(self.nearest)
        return near < OVERFLOW[dtype] if near != OVERFLOW[dtype] else math.isfinite(self.rounded(dtype))

    @property
    def half_unit(self) -> float:
        """Half a unit in the last printed place: 0.60224 gives 0.5e-5; 0 for hexadecimal, which is exact."""
        decimal = _FLOAT.fullmatch(self.text)
        if decimal is None:
            return 0.0
        last_place = int(decimal["exponent"] or 0) - len(decimal["part"] or "")
        return float(f"5e{last_place - 1}")
