"""RMSprop, also centered, and Adagrad: the gradient over the root of the mean, or the sum, of its squares.

Sources: Tieleman and Hinton, "Lecture 6.5 - rmsprop" (2012); Graves, "Generating Sequences With Recurrent
Neural Networks" (2013), section 2.3, for the centered form; Duchi, Hazan and Singer, "Adaptive Subgradient
Methods for Online Learning and Stochastic Optimization" (2011), for Adagrad.
"""

from reference.arithmetic import cast, sqrt
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
}
