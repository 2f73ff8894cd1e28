"""RMSprop, also centered: the gradient over the root of its mean square.

Source: Tieleman and Hinton, "Lecture 6.5 - rmsprop" (2012); Graves, "Generating Sequences With Recurrent
Neural Networks" (2013), section 2.3, for the centered form.
"""

from typing import Any, TypeVar

from numpy.typing import NDArray

from cases import Rule, names
from reference.arithmetic import Bounded, cast, sqrt
from reference.line import Line
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
    found = [Line(v_new, AVERAGE_OF_SQUARES, ("alpha", v, gradient), f"α {v} + (1 − α) ({gradient})²")]
    inside = "eps_in_sqrt" in rule.options
    if "m" in rule.states:
        found.append(Line(m_new, MOVING_AVERAGE, ("alpha", m, gradient), f"α {m} + (1 − α) {gradient}"))
        formula: Any = descend_centered_inside if inside else descend_centered
        inputs: tuple[str, ...] = (parameter, gradient, v_new, m_new, "eps", names.LEARNING_RATE)
        variance = f"{v_new} − {m_new}²"
    else:
        formula = descend_over_root_inside if inside else descend_over_root
        inputs, variance = (parameter, gradient, v_new, "eps", names.LEARNING_RATE), v_new
    root = f"√({variance} + ε)" if inside else f"(√({variance}) + ε)"
    return [*found, Line(new, formula, inputs, f"{parameter} − η {gradient} / {root}")]
