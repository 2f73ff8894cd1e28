"""Adam, and AdamW, whose weight decay is decoupled from the gradient.

Sources: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1; Loshchilov and
Hutter, "Decoupled Weight Decay Regularization" (2019), algorithm 2, with the rate η before λ as in PyTorch
and optax.
"""

from typing import Any, TypeVar

from numpy.typing import NDArray

from cases import Rule, names
from reference.arithmetic import Ball, Bounded, Elementary, cast, sqrt
from reference.formulas import DESCEND
from reference.line import Line
from reference.optimizers.averages import AVERAGE_OF_SQUARES, CORRECTION, MOVING_AVERAGE

Array = TypeVar("Array", NDArray[Any], Bounded, Ball)

C1, C2 = "correction1", "correction2"


def direction(m: Array, v: Array, c1: Array, c2: Array, eps: Array) -> Array:
    """m̂ / (√v̂ + ε), with m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ).

    All is positive but m, so roundings only add up: with η there are 9 in a row, where a quotient may be a
    product with the reciprocal, and a correction's own error. Other forms have no more, with c = 1 − βᵗ:

    - (η/c₁) m / (√v/√c₂ + ε) (PyTorch), m / (√v/(√c₂ η/c₁) + ε/(η/c₁)) (its capturable form): 9
    - (η√c₂/c₁) m / (√v + ε√c₂) (Kingma and Ba, end of section 2; TensorFlow and Keras with ε for ε√c₂): 8
    """
    return (m / c1) / (sqrt(v / c2) + cast(eps))


def direction_inside(m: Array, v: Array, c1: Array, c2: Array, eps: Array) -> Array:
    """m̂ / √(v̂ + ε): the form with ε inside the root."""
    return (m / c1) / sqrt(v / c2 + cast(eps))


def descend_decayed(w: Array, direction: Array, eta: Array, decay: Array) -> Array:
    """w = w − η (m̂ / (√v̂ + ε) + λ w)."""
    return w - eta * (direction + cast(decay) * w)


def _decayed_bounded(w: Bounded, direction: Bounded, eta: Bounded, decay: Bounded) -> Bounded:
    """Also cover the forms that take ηλw off on its own, before the direction or after it.

    (1 − ηλ)w − ηd (PyTorch), (w − ηλw) − ηd (PyTorch's fused kernel, Keras), (w − ηd) − ηλw: the roundings of
    coupled decay in `reference.formulas`, of w, d and λw. optax has the formula.
    """
    w_new = descend_decayed(w, direction, eta, decay)
    addends = direction.most + cast(decay).most * w.most
    return w_new.regrouped(eta.most * addends, sums=2)


DESCEND_DECAYED = Elementary("w − η (d + λ w)", descend_decayed, _decayed_bounded, descend_decayed)


def scalars() -> list[Line]:
    """Return the corrections 1 − β₁ᵗ and 1 − β₂ᵗ, one for all parameters."""
    return [
        Line(C1, CORRECTION, ("beta1", names.STEP), "1 − β₁ᵗ"),
        Line(C2, CORRECTION, ("beta2", names.STEP), "1 − β₂ᵗ"),
    ]


def lines(parameter: str, gradient: str, rule: Rule) -> list[Line]:
    """Return the lines of one parameter's update."""
    m, v, new = names.state("m", parameter), names.state("v", parameter), names.updated(parameter)
    m_new, v_new = names.updated(m), names.updated(v)
    way = names.state("direction", parameter)
    inside = "eps_in_sqrt" in rule.options
    root = "√(v̂ + ε)" if inside else "(√v̂ + ε)"
    formula = direction_inside if inside else direction
    if rule.name == "adamw":
        inputs: tuple[str, ...] = (parameter, way, names.LEARNING_RATE, "weight_decay")
        update = Line(new, DESCEND_DECAYED, inputs, f"{parameter} − η ({way} + λ {parameter})")
    else:
        update = Line(new, DESCEND, (parameter, way, names.LEARNING_RATE), f"{parameter} − η {way}")
    return [
        Line(m_new, MOVING_AVERAGE, ("beta1", m, gradient), f"β₁ {m} + (1 − β₁) {gradient}"),
        Line(v_new, AVERAGE_OF_SQUARES, ("beta2", v, gradient), f"β₂ {v} + (1 − β₂) ({gradient})²"),
        Line(way, formula, (m_new, v_new, C1, C2, "eps"), f"m̂ / {root}"),
        update,
    ]
