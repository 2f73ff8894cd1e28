"""Numbers of vectors.json as texts, so that no reader of JSON rounds them, and back."""

import math
from collections.abc import Callable, Sequence
from decimal import ROUND_UP, Context
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from reference.arithmetic import Bounded, Real
from reference.certified import error_from_rounded
from reference.findings import shortest
from reports.vector_form import Given, Quantity, Values

UP: Final = Context(prec=3, rounding=ROUND_UP)


def exact(array: ArrayLike, dtype: str) -> Values:
    """Write numbers exactly as they are, along the rows: the shortest decimals, and hexadecimal floats."""
    wide = np.asarray(array, np.float64)
    numbers = wide.ravel().tolist()
    decimal = tuple(_written(number, lambda finite: shortest(finite, dtype)) for number in numbers)
    return Values(wide.shape, decimal, tuple(_written(number, float.hex) for number in numbers))


def given(array: ArrayLike, dtype: str) -> Given:
    return Given(**vars(exact(array, dtype)), dtype=dtype)


def quantity(rounded: Real, bound: Bounded, dtype: str) -> Quantity:
    """Write correctly rounded values with what a correct program may be off by."""
    within = tuple(map(_up, error_from_rounded(bound, rounded).ravel().tolist()))
    return Quantity(**vars(exact(rounded, dtype)), within=within)


def numbers(texts: Sequence[str | None], read: Callable[[str], float] = float) -> Real:
    """Read texts again, as float64: decimals, or what else `read` reads; NaN where there is none."""
    return np.array([math.nan if text is None else read(text) for text in texts])


def _written(number: float, write: Callable[[float], str]) -> str | None:
    """Write a number, infinity, or None where it is not known."""
    if math.isinf(number):
        return f"{'-' * (number < 0)}Infinity"
    return None if math.isnan(number) else write(number)


def _up(bound: float) -> str | None:
    """Return a bound to three digits, rounded up; None where there is none."""
    return None if math.isnan(bound) else str(float(UP.create_decimal_from_float(bound)))
