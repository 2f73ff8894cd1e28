"""Correctly rounded values: of each quantity of the exact training the number of the format nearest to it.

The training runs in balls, from the inputs alone. A ball whose two ends round to one number has told it;
where one does not, the whole is repeated with twice the bits (Ziv, "Fast evaluation of elementary
mathematical functions with correctly rounded last bit", ACM TOMS 17, 1991).
"""

import math
from fractions import Fraction
from itertools import islice
from typing import Any, Final

import numpy as np

from cases import Problem
from cases.numbers import nearest
from reference.balls import BITS, Ball, Real
from reference.trajectory import certified_steps

# Where even these do not settle a value, as one that is exactly at a kink, it is left open.
MOST_BITS: Final = 16 * BITS


def correctly_rounded(problem: Problem, steps: int = 1) -> list[dict[str, Real]]:
    """Return every quantity of the first steps by name, in the order computed, in the problem's format.

    A value is NaN where it is not settled: at a kink, or where the equations give no number. The sign of a
    zero is not told: it is always +0.
    """
    bits = BITS
    while True:
        balls = islice(certified_steps(problem, bits), steps)
        found = [{name: _rounded(ball, problem.dtype) for name, ball in step.items()} for step in balls]
        if bits >= MOST_BITS or not any(np.isnan(array).any() for step in found for array in step.values()):
            return found
        bits *= 2


def _rounded(ball: Ball, dtype: str) -> Real:
    values = [_settled(entry, dtype) for entry in ball.matrix.entries()]
    return np.array(values, np.float64).reshape(ball.shape)


def _settled(entry: Any, dtype: str) -> float:  # noqa: ANN401 - python-flint has no types
    if not entry.is_finite():
        return math.nan
    middle, radius = _exact(entry.mid()), _exact(entry.rad())
    low, high = (nearest(end, dtype) for end in (middle - radius, middle + radius))
    return low + 0.0 if low == high else math.nan


def _exact(number: Any) -> Fraction:  # noqa: ANN401 - the same
    """Return a ball of radius 0 as the fraction that it is."""
    mantissa, exponent = number.man_exp()
    return int(mantissa) * Fraction(2) ** int(exponent)
