"""Adamax: Adam with the infinity norm in place of the root of the mean square.

Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 2; ε is added to |g|, as
in PyTorch and optax.
"""

from typing import Any, TypeVar

from numpy.typing import NDArray

from reference.arithmetic import Bounded, cast, maximum
from reference.line import Formula

Array = TypeVar("Array", NDArray[Any], Bounded)


def largest(beta: Array, u: Array, g: Array, eps: Array) -> Array:
    """u = max(β₂ u, |g| + ε)."""
    return maximum(cast(beta) * u, abs(g) + cast(eps))


def descend_over_largest(w: Array, m: Array, u: Array, c1: Array, eta: Array) -> Array:
    """w = w − η / (1 − β₁ᵗ) · m / u.

    As well (η/c₁) m / u (PyTorch) and ηm / (c₁u) (Keras): as many products and quotients, in another order.
    """
    return w - eta * ((m / c1) / u)


FORMULAS = {
    "decayed maximum": Formula(largest, "max({0} {1}, |{2}| + {3})"),
    "descend over maximum": Formula(descend_over_largest, "{0} − {4} / (1 − β₁ᵗ) {1} / {2}"),
}
