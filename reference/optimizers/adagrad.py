"""Adagrad: the gradient over the root of the sum of its squares so far.

Source: Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
Optimization" (2011).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from reference import names
from reference.line import Line
from reference.optimizers.rmsprop import descend_over_root, descend_over_root_inside

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cases import Rule
    from reference.bounded import Bounded

    Array = TypeVar("Array", NDArray[Any], Bounded)


def add_square(v: Array, g: Array) -> Array:
    """v = v + g²."""
    v_new: Array = v + g * g
    return v_new


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
