"""Adagrad: the gradient over the root of the sum of its squares so far.

Source: Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
Optimization" (2011).
"""

from typing import Any, TypeVar

from numpy.typing import NDArray

from reference.arithmetic import Bounded
from reference.line import Formula
from reference.optimizers.rmsprop import descend_over_root, descend_over_root_inside

Array = TypeVar("Array", NDArray[Any], Bounded)


def add_square(v: Array, g: Array) -> Array:
    """v = v + g²."""
    return v + g * g


FORMULAS = {
    "sum of squares": Formula(add_square, "{0} + ({1})²"),
    "descend over root": Formula(descend_over_root, "{0} − {4} {1} / (√{2} + {3})"),
    "descend over root, ε inside": Formula(descend_over_root_inside, "{0} − {4} {1} / √({2} + {3})"),
}
