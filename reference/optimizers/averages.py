"""Moving averages of gradients and of their squares, and the correction of their start at zero.

Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), sections 2 and 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from reference.bounded import Bounded
from reference.elementary import Elementary
from reference.operations import cast, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reference.balls import Ball

    Array = TypeVar("Array", NDArray[Any], Bounded, Ball)


def average(beta: Array, m: Array, g: Array) -> Array:
    """β m + (1 − β) g."""
    m_new: Array = cast(beta) * m + (1 - beta) * g
    return m_new


def _average_bounded(beta: Bounded, m: Bounded, g: Bounded) -> Bounded:
    """Also cover m + (1 − β)(g − m), or g − β(g − m), as PyTorch's `lerp` has it: 3 roundings of g − m."""
    smaller = np.minimum(np.abs(1 - beta.value), beta.magnitude)
    apart = m.magnitude + m.error + g.magnitude + g.error
    return average(beta, m, g).widened(m.format.gamma(3) * smaller * apart)


MOVING_AVERAGE = Elementary("β m + (1 − β) g", average, _average_bounded, average)


def average_of_squares(beta: Array, v: Array, g: Array) -> Array:
    """β v + (1 − β) g²."""
    v_new: Array = cast(beta) * v + (1 - beta) * (g * g)
    return v_new


def correction(beta: float, step: NDArray[Any]) -> float:
    """1 − βᵗ, a number of the program's own, in float64."""
    return 1 - float(beta) ** whole(step)


def _correction_bounded(beta: Bounded, step: Bounded) -> Bounded:
    """Allow it to be taken in the format itself, however much it then cancels.

    β is rounded, which counts t times in βᵗ, and the power may be 5 ulps off: (10 + t) u βᵗ. And t βᵗ⁻¹ times
    an error of β, which is below 1.
    """
    t = whole(step)
    power = beta.value**t
    error = beta.format.gamma(10 + t) * np.abs(power) + beta.format.gamma(2) * np.abs(1 - power)
    error = error + t * (beta.magnitude + beta.error) ** (t - 1) * beta.error
    return Bounded(np.asarray(1 - power), np.asarray(error), beta.format)


def _correction_balls(beta: Ball, step: Ball) -> Ball:
    return beta.map(lambda entry: 1 - entry ** whole(step))


CORRECTION = Elementary("1 − βᵗ", correction, _correction_bounded, _correction_balls)
