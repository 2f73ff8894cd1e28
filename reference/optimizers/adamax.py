"""Adamax: Adam with the infinity norm in place of the root of the mean square.

Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 2; ε is added to |g|, as
in PyTorch and optax.
"""

from typing import Any, TypeVar

from numpy.typing import NDArray

from cases import Rule, names
from reference.arithmetic import Bounded, cast, maximum
from reference.line import Line
from reference.optimizers.averages import CORRECTION, MOVING_AVERAGE

Array = TypeVar("Array", NDArray[Any], Bounded)

C1 = "correction1"


def largest(beta: Array, u: Array, g: Array, eps: Array) -> Array:
    """u = max(β₂ u, |g| + ε)."""
    return maximum(cast(beta) * u, abs(g) + cast(eps))


def descend_over_largest(w: Array, m: Array, u: Array, c1: Array, eta: Array) -> Array:
    """w = w − η / (1 − β₁ᵗ) · m / u.

    As well (η/c₁) m / u (PyTorch) and ηm / (c₁u) (Keras): as many products and quotients, in another order.
    """
    return w - eta * ((m / c1) / u)


def scalars() -> list[Line]:
    """Return the correction 1 − β₁ᵗ, one for all parameters."""
    return [Line(C1, CORRECTION, ("beta1", names.STEP), "1 − β₁ᵗ")]


def lines(parameter: str, gradient: str, rule: Rule) -> list[Line]:  # noqa: ARG001 - as every optimizer
    """Return the lines of one parameter's update."""
    m, u, new = names.state("m", parameter), names.state("u", parameter), names.updated(parameter)
    m_new, u_new = names.updated(m), names.updated(u)
    inputs = (parameter, m_new, u_new, C1, names.LEARNING_RATE)
    return [
        Line(m_new, MOVING_AVERAGE, ("beta1", m, gradient), f"β₁ {m} + (1 − β₁) {gradient}"),
        Line(u_new, largest, ("beta2", u, gradient, "eps"), f"max(β₂ {u}, |{gradient}| + ε)"),
        Line(new, descend_over_largest, inputs, f"{parameter} − η / (1 − β₁ᵗ) {m_new} / {u_new}"),
    ]
