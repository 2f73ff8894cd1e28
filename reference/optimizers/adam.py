"""Updates by the gradient over a root: RMSprop, Adagrad, Adam, AdamW and Adamax.

Sources: Tieleman and Hinton, "Lecture 6.5 - rmsprop" (2012); Graves, "Generating Sequences With Recurrent
Neural Networks" (2013), section 2.3, for the centered form; Duchi, Hazan and Singer, "Adaptive Subgradient
Methods for Online Learning and Stochastic Optimization" (2011), for Adagrad, which has the sum of the squares
for their mean; Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1, and 2 for
Adamax, where ε is added to |g| as in PyTorch and optax; Loshchilov and Hutter, "Decoupled Weight Decay
Regularization" (2019), algorithm 2, for AdamW, with the rate η before λ as in PyTorch and optax.
"""

from reference.arithmetic import Bounded, Elementary, cast, maximum, sqrt
from reference.arithmetic.elementary import Array
from reference.line import Formula


def descend_over_root(w: Array, g: Array, v: Array, eps: Array, eta: Array) -> Array:
    """w − η g / (√v + ε).

    As well (ηg) / (√v + ε) (TensorFlow, Keras), g · (1 / (√v + ε)) (optax) and (η / (√v + ε)) g: a product, a
    quotient or a reciprocal and its product, which the bound counts as 2.
    """
    return w - eta * (g / (sqrt(v) + cast(eps)))


def descend_over_root_inside(w: Array, g: Array, v: Array, eps: Array, eta: Array) -> Array:
    return w - eta * (g / sqrt(v + cast(eps)))


def descend_centered(w: Array, g: Array, v: Array, m: Array, eps: Array, eta: Array) -> Array:
    return descend_over_root(w, g, v - m * m, eps, eta)


def descend_centered_inside(w: Array, g: Array, v: Array, m: Array, eps: Array, eta: Array) -> Array:
    return descend_over_root_inside(w, g, v - m * m, eps, eta)


def direction(m: Array, v: Array, c1: Array, c2: Array, eps: Array) -> Array:
    """m̂ / (√v̂ + ε), with m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ).

    All is positive but m, so roundings only add up: with η there are 9 in a row, where a quotient may be a
    product with the reciprocal, and a correction's own error. Other forms have no more, with c = 1 − βᵗ:

    - (η/c₁) m / (√v/√c₂ + ε) (PyTorch), m / (√v/(√c₂ η/c₁) + ε/(η/c₁)) (its capturable form): 9
    - (η√c₂/c₁) m / (√v + ε√c₂) (Kingma and Ba, end of section 2; TensorFlow and Keras with ε for ε√c₂): 8
    """
    return (m / c1) / (sqrt(v / c2) + cast(eps))


def direction_inside(m: Array, v: Array, c1: Array, c2: Array, eps: Array) -> Array:
    return (m / c1) / sqrt(v / c2 + cast(eps))


def descend_decayed(w: Array, direction: Array, eta: Array, decay: Array) -> Array:
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


def descend_over_largest(w: Array, m: Array, u: Array, c1: Array, eta: Array) -> Array:
    """w − η / (1 − β₁ᵗ) · m / u.

    As well (η/c₁) m / u (PyTorch) and ηm / (c₁u) (Keras): as many products and quotients, in another order.
    """
    return w - eta * ((m / c1) / u)


FORMULAS = {
    "sum of squares": Formula(lambda v, g: v + g * g, "{0} + ({1})²"),
    "descend over root": Formula(descend_over_root, "{0} − {4} {1} / (√{2} + {3})"),
    "descend over root, ε inside": Formula(descend_over_root_inside, "{0} − {4} {1} / √({2} + {3})"),
    "descend over mean root": Formula(descend_over_root, "{0} − {4} {1} / (√({2}) + {3})"),
    "descend over mean root, ε inside": Formula(descend_over_root_inside, "{0} − {4} {1} / √({2} + {3})"),
    "descend over deviation": Formula(descend_centered, "{0} − {5} {1} / (√({2} − {3}²) + {4})"),
    "descend over deviation, ε inside": Formula(
        descend_centered_inside, "{0} − {5} {1} / √({2} − {3}² + {4})"
    ),
    "direction": Formula(direction, "m̂ / (√v̂ + {4})"),
    "direction, ε inside": Formula(direction_inside, "m̂ / √(v̂ + {4})"),
    "descend with decay": Formula(DESCEND_DECAYED, "{0} − {2} ({1} + {3} {0})"),
    "decayed maximum": Formula(
        lambda beta, u, g, eps: maximum(cast(beta) * u, abs(g) + cast(eps)), "max({0} {1}, |{2}| + {3})"
    ),
    "descend over maximum": Formula(descend_over_largest, "{0} − {4} / (1 − β₁ᵗ) {1} / {2}"),
}
