"""Rounding float64 to each number format once, to nearest, ties to even."""

import math
from fractions import Fraction
from typing import Any

import ml_dtypes  # which teaches NumPy the name of bfloat16
import numpy as np
from numpy.typing import ArrayLike, NDArray


def largest(dtype: str) -> float:
    """Return the largest finite number of a format."""
    limits: Any = ml_dtypes.finfo  # it has no annotations
    return float(limits(dtype).max)


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
    """Return the number of a format nearest to an exact one, ties to even; infinite where it is too large."""
    try:
        near = float(exact)  # Python divides whole numbers with one rounding
    except OverflowError:
        near = math.copysign(math.inf, exact)
    return near if dtype == "float64" else float(rounded_once(to_odd(exact, near), dtype))


def to_odd(exact: Fraction, near: float) -> float:
    """Return the float64 next to a value whose last bit is odd, or the value where that is a float64.

    Rounding that result to a shorter format cannot round twice: the odd bit remembers on which side of a tie
    the value lies (Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums", 2008).

    Parameters
    ----------
    near
        The float64 nearest to it.
    """
    if not math.isfinite(near) or near == 0 or exact == Fraction(near):
        return near
    if int(np.float64(near).view(np.uint64)) & 1:
        return near
    return math.nextafter(near, math.inf if exact > Fraction(near) else -math.inf)
