"""Adagrad: the gradient over the root of the sum of its squares so far.

Source: Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
Optimization" (2011).
"""

from typing import Any, TypeVar

from numpy.typing import NDArray

from cases import Rule, names
from reference.arithmetic import Bounded
from reference.line import Line
from reference.optimizers.rmsprop import descend_over_root, descend_over_root_inside

Array = TypeVar("Array", NDArray[Any], Bounded)


def add_square(v: Array, g: Array) -> Array:
    """v = v + g²."""
    return v + g * g


def lines(parameter: str, gradient: str, rule: Rule) -> list[Line]:
    """Return the lines of one parameter's update."""
    v, new = names.state("v", parameter), names.updated(parameter)
    v_new = names.updated(v)
    inside = "eps_in_sqrt" in rule.options
    root = f"√({v_new} + ε)" if inside else f"(√{v_new} + ε)"
    formula = descend_over_root_inside if inside else descend_over_root
    inputs = (parameter, gradient, v_new, "eps", names.LEARNING_RATE)
    return [
        Line(v_new, add_square, (v, gradient), f"{v} + ({gradient})²"),
        Line(new, formula, inputs, f"{parameter} − η {gradient} / {root}"),
    ]
