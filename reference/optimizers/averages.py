"""Moving averages of gradients and of their squares, and the correction of their start at zero.

Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), sections 2 and 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from reference.bounded import Bounded
from reference.elementary import Elementary
from reference.operations import whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reference.balls import Ball

    Array = TypeVar("Array", NDArray[Any], Bounded, Ball)


def average(beta: Array, m: Array, g: Array) -> Array:
    """β m + (1 − β) g."""
    m_new: Array = beta * m + (1 - beta) * g
    return m_new


def _average_bounded(beta: Bounded, m: Bounded, g: Bounded) -> Bounded:
    """Also cover m + (1 − β)(g − m), or g − β(g − m), as PyTorch's `lerp` has it: 3 roundings of g − m."""
    smaller = np.minimum(np.abs(1 - beta.value), beta.magnitude)
    apart = m.magnitude + m.error + g.magnitude + g.error
    return average(beta, m, g).widened(m.format.gamma(3) * smaller * apart)


MOVING_AVERAGE = Elementary("β m + (1 − β) g", average, _average_bounded, average)


def average_of_squares(beta: Array, v: Array, g: Array) -> Array:
    """β v + (1 − β) g²."""
    v_new: Array = beta * v + (1 - beta) * (g * g)
    return v_new


def correction(beta: NDArray[Any], step: NDArray[Any]) -> NDArray[Any]:
    """1 − βᵗ, in float64 and rounded once: such scalars are Python's own numbers in most programs."""
    corrected: NDArray[Any] = np.asarray(1 - float(beta) ** whole(step), beta.dtype)
    return corrected


def _correction_bounded(beta: Bounded, step: Bounded) -> Bounded:
    """Allow a power that is 5 ulps off in the format itself: 10 u βᵗ, however much the difference cancels.

    And t βᵗ⁻¹ times the error of β, which is below 1.
    """
    t = whole(step)
    power = beta.value**t
    error = beta.format.gamma(10) * np.abs(power) + beta.format.gamma(2) * np.abs(1 - power)
    error = error + t * (beta.magnitude + beta.error) ** (t - 1) * beta.error
    return Bounded(np.asarray(1 - power), np.asarray(error), beta.format)


def _correction_balls(beta: Ball, step: Ball) -> Ball:
    return beta.map(lambda entry: 1 - entry ** whole(step))


CORRECTION = Elementary("1 − βᵗ", correction, _correction_bounded, _correction_balls)
