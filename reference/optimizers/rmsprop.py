"""RMSprop, also centered: the gradient over the root of its mean square.

Source: Tieleman and Hinton, "Lecture 6.5 - rmsprop" (2012); Graves, "Generating Sequences With Recurrent
Neural Networks" (2013), section 2.3, for the centered form.
"""

from typing import Any, TypeVar

from numpy.typing import NDArray

from cases import Rule, names
from reference.bounded import Bounded
from reference.line import Line
from reference.operations import cast, sqrt
from reference.optimizers.averages import AVERAGE_OF_SQUARES, MOVING_AVERAGE

Array = TypeVar("Array", NDArray[Any], Bounded)


def descend_over_root(w: Array, g: Array, v: Array, eps: Array, eta: Array) -> Array:
    """w = w − η g / (√v + ε).

    As well (ηg) / (√v + ε) (TensorFlow, Keras), g · (1 / (√v + ε)) (optax) and (η / (√v + ε)) g: a product, a
    quotient or a reciprocal and its product, which the bound counts as 2.
    """
    return w - eta * (g / (sqrt(v) + cast(eps)))


def descend_over_root_inside(w: Array, g: Array, v: Array, eps: Array, eta: Array) -> Array:
    """w = w − η g / √(v + ε): the form with ε inside the root."""
    return w - eta * (g / sqrt(v + cast(eps)))


def descend_centered(w: Array, g: Array, v: Array, m: Array, eps: Array, eta: Array) -> Array:
    """w = w − η g / (√(v − m²) + ε)."""
    return descend_over_root(w, g, v - m * m, eps, eta)


def descend_centered_inside(w: Array, g: Array, v: Array, m: Array, eps: Array, eta: Array) -> Array:
    """w = w − η g / √(v − m² + ε)."""
    return descend_over_root_inside(w, g, v - m * m, eps, eta)


def lines(parameter: str, gradient: str, rule: Rule) -> list[Line]:
    """Return the lines of one parameter's update."""
    v, m, new = names.state("v", parameter), names.state("m", parameter), names.updated(parameter)
    v_new, m_new = names.updated(v), names.updated(m)
    found = [Line(v_new, AVERAGE_OF_SQUARES, ("alpha", v, gradient), "{0} {1} + (1 − {0}) ({2})²")]
    inside = "eps_in_sqrt" in rule.options
    if "m" in rule.states:
        found.append(Line(m_new, MOVING_AVERAGE, ("alpha", m, gradient), "{0} {1} + (1 − {0}) {2}"))
        formula: Any = descend_centered_inside if inside else descend_centered
        inputs: tuple[str, ...] = (parameter, gradient, v_new, m_new, "eps", names.LEARNING_RATE)
        variance, eps, rate = "{2} − {3}²", "{4}", "{5}"
    else:
        formula = descend_over_root_inside if inside else descend_over_root
        inputs = (parameter, gradient, v_new, "eps", names.LEARNING_RATE)
        variance, eps, rate = "{2}", "{3}", "{4}"
    root = f"√({variance} + {eps})" if inside else f"(√({variance}) + {eps})"
    return [*found, Line(new, formula, inputs, f"{{0}} − {rate} {{1}} / {root}")]
