"""Adam, and AdamW, whose weight decay is decoupled from the gradient.

Sources: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1; Loshchilov and
Hutter, "Decoupled Weight Decay Regularization" (2019), algorithm 2, with the rate η before λ as in PyTorch
and optax.
"""

from typing import Any, TypeVar

from numpy.typing import NDArray

from reference.arithmetic import Ball, Bounded, Elementary, cast, sqrt
from reference.line import Formula

Array = TypeVar("Array", NDArray[Any], Bounded, Ball)


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
    coupled decay in `reference.line`, of w, d and λw. optax has the formula.
    """
    w_new = descend_decayed(w, direction, eta, decay)
    addends = direction.most + cast(decay).most * w.most
    return w_new.regrouped(eta.most * addends, sums=2)


DESCEND_DECAYED = Elementary("w − η (d + λ w)", descend_decayed, _decayed_bounded, descend_decayed)


FORMULAS = {
    "direction": Formula(direction, "m̂ / (√v̂ + {4})"),
    "direction, ε inside": Formula(direction_inside, "m̂ / √(v̂ + {4})"),
    "descend with decay": Formula(DESCEND_DECAYED, "{0} − {2} ({1} + {3} {0})"),
}
