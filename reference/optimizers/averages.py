"""Moving averages of gradients and of their squares, and the correction of their start at zero.

Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), sections 2 and 3.
"""

import numpy as np

from reference.arithmetic import Bounded, Elementary, Real, cast, format_of, to_int
from reference.arithmetic.elementary import Array
from reference.line import Formula


def average(beta: Array, m: Array, g: Array) -> Array:
    return cast(beta) * m + (1 - beta) * g


def _average_bounded(beta: Bounded, m: Bounded, g: Bounded) -> Bounded:
    """Also cover the forms that take a weight times the difference, whichever weight is the smaller.

    - βm + (1 − β)g (optax; Keras' RMSprop; PyTorch's fused kernels): the formula
    - m + (1 − β)(g − m) (TensorFlow and Keras; PyTorch's `lerp` for 1 − β < ½): of (1 − β)|g − m| the
      difference, the weight and the product
    - g + β(m − g) (PyTorch's `lerp` for other weights, and by hand): of β|m − g| the difference, the product,
      and β where it is rounded
    """
    newest, form = cast(beta), beta.format
    weight = np.maximum(
        form.gamma(3) * np.abs(1 - beta.value), form.gamma(2) * newest.magnitude + newest.error
    )
    return _widened_by_difference(average(beta, m, g), beta, m, g, weight)


def _widened_by_difference(m_new: Bounded, beta: Bounded, m: Bounded, g: Bounded, weight: Real) -> Bounded:
    """Allow an average to lose `weight` of |g − m| where that is more than its formula's products lose.

    Those are β|m| and (1 − β)|g| with its weight. Every form has the sum's rounding, and fewer others with
    fused multiply-add.
    """
    form, rounded = m_new.format, cast(beta)
    apart = np.abs(m.value - g.value) + m.error + g.error
    of_m, of_g = form.gamma(1) * rounded.magnitude + rounded.error, form.gamma(2) * np.abs(1 - beta.value)
    return m_new.widened(np.maximum(weight * apart - of_m * m.magnitude - of_g * g.magnitude, 0))


MOVING_AVERAGE = Elementary("β m + (1 − β) g", average, _average_bounded, average)


def average_of_squares(beta: Array, v: Array, g: Array) -> Array:
    return cast(beta) * v + (1 - beta) * (g * g)


def _average_of_squares_bounded(beta: Bounded, v: Bounded, g: Bounded) -> Bounded:
    """Also cover v + (1 − β)(g² − v) (TensorFlow, Keras), of g² with its own rounding.

    optax and PyTorch have βv + (1 − β)g², also as ((1 − β)g)g with as many products. g² + β(v − g²) is not
    covered where β is above ½: it loses 1 / (1 − β) in the first step, and no program is known that has it.
    """
    weight = v.format.gamma(3) * np.abs(1 - beta.value)
    return _widened_by_difference(average_of_squares(beta, v, g), beta, v, g * g, weight)


AVERAGE_OF_SQUARES = Elementary(
    "β v + (1 − β) g²", average_of_squares, _average_of_squares_bounded, average_of_squares
)


def _correction_bounded(beta: Bounded, step: Bounded) -> Bounded:
    """Allow it to be taken in the format itself, however much it then cancels.

    β is rounded, which counts t times in βᵗ, and the power may be 5 ulps off: (10 + t) u βᵗ. And t βᵗ⁻¹ times
    an error of β, which is below 1. Where the format has 16 bits it is a number of the program's own and
    taken in float32, as by optax, or in float64, as by PyTorch: 1 − 0.999 would be 0 in bfloat16.
    """
    t, form = to_int(step), beta.format
    power = beta.value**t
    of_power = (format_of("float32") if form.has_16_bits else form).gamma(10 + t)
    error = of_power * np.abs(power) + form.gamma(2) * np.abs(1 - power)
    error = error + t * (beta.magnitude + beta.error) ** (t - 1) * beta.error
    return Bounded(np.asarray(1 - power), np.asarray(error), beta.format)


CORRECTION = Elementary(
    "1 − βᵗ",
    lambda beta, step: 1 - float(beta) ** to_int(step),  # a number of the program's own, in float64
    _correction_bounded,
    lambda beta, step: beta.map(lambda entry: 1 - entry ** to_int(step)),
)

FORMULAS = {
    "average": Formula(MOVING_AVERAGE, "{0} {1} + (1 − {0}) {2}"),
    "average of squares": Formula(AVERAGE_OF_SQUARES, "{0} {1} + (1 − {0}) ({2})²"),
    "correction": Formula(CORRECTION, "1 − {0}ᵗ"),
}
