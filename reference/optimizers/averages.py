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
    """Also cover m + (1 − β)(g − m) and g + β(m − g), whichever of the two weights is the smaller.

    - βm + (1 − β)g (optax; Keras' and PyTorch's fused RMSprop and Adam): the formula
    - m + (1 − β)(g − m) (TensorFlow, ApplyAdam; Keras; PyTorch's `lerp` for weights below ½): of
      (1 − β)|g − m| the difference, the weight and the product
    - g + β(m − g) (PyTorch's `lerp` for other weights): of β|m − g| the difference, the product,
      and β where it is rounded

    Each has the rounding of the sum, and fewer with fused multiply-add. Where g and m are far apart, the
    second and third may lose more than the formula's own products, β|m| and (1 − β)|g| with its weight.
    """
    m_new, form = average(beta, m, g), m.format
    apart = np.abs(m.value - g.value) + m.error + g.error
    small, large = np.abs(1 - beta.value), cast(beta)
    own = form.gamma(1) * large.magnitude + large.error, form.gamma(2) * small
    other = np.maximum(form.gamma(3) * small, form.gamma(2) * large.magnitude + large.error)
    return m_new.widened(np.maximum(other * apart - own[0] * m.magnitude - own[1] * g.magnitude, 0))


MOVING_AVERAGE = Elementary("β m + (1 − β) g", average, _average_bounded, average)


def average_of_squares(beta: Array, v: Array, g: Array) -> Array:
    """β v + (1 − β) g²."""
    v_new: Array = cast(beta) * v + (1 - beta) * (g * g)
    return v_new


def _average_of_squares_bounded(beta: Bounded, v: Bounded, g: Bounded) -> Bounded:
    """Cover the forms of the average, of g² with its own rounding; ((1 − β)g)g has as many products.

    TensorFlow and Keras have v + (1 − β)(g² − v); optax and PyTorch βv + (1 − β)g², in either order.
    """
    return _average_bounded(beta, v, g * g)


AVERAGE_OF_SQUARES = Elementary(
    "β v + (1 − β) g²", average_of_squares, _average_of_squares_bounded, average_of_squares
)


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
