"""Stochastic gradient descent: the document's update, with momentum if it is stated.

The momentum is PyTorch's and optax's: the rate stands outside the buffer, m = μ m + g and w = w − η m.
Dampening is PyTorch's, which leaves it out in the first step.

Source: Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep
learning" (2013); PyTorch's documentation of `torch.optim.SGD`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from reference import names
from reference.formulas import descend
from reference.line import Line
from reference.operations import cast, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cases import Rule
    from reference.bounded import Bounded

    Array = TypeVar("Array", NDArray[Any], Bounded)


def accumulate(m: Array, g: Array, mu: Array) -> Array:
    """m = μ m + g."""
    m_new: Array = cast(mu) * m + g
    return m_new


def accumulate_dampened(m: Array, g: Array, mu: Array, tau: Array, step: Array) -> Array:
    """m = g in the first step, then μ m + (1 − τ) g."""
    if whole(step) == 1:
        return g
    m_new: Array = cast(mu) * m + (1 - tau) * g
    return m_new


def descend_ahead(w: Array, g: Array, m: Array, mu: Array, eta: Array) -> Array:
    """w = w − η (g + μ m), Nesterov's momentum, with m already updated."""
    w_new: Array = w - eta * (g + cast(mu) * m)
    return w_new


def lines(parameter: str, gradient: str, rule: Rule) -> list[Line]:
    """Return the lines of one parameter's update."""
    new, m = names.updated(parameter), names.state("m", parameter)
    if "m" not in rule.states:
        inputs = (parameter, gradient, names.LEARNING_RATE)
        return [Line(new, descend, inputs, f"{parameter} − η {gradient}")]
    m_new = names.updated(m)
    if "nesterov" in rule.options:
        ahead = (parameter, gradient, m_new, "momentum", names.LEARNING_RATE)
        update = Line(new, descend_ahead, ahead, f"{parameter} − η ({gradient} + μ {m_new})")
    else:
        update = Line(new, descend, (parameter, m_new, names.LEARNING_RATE), f"{parameter} − η {m_new}")
    return [_buffer(m, gradient, rule), update]


def _buffer(m: str, gradient: str, rule: Rule) -> Line:
    name = names.updated(m)
    if rule.has("dampening"):
        inputs = (m, gradient, "momentum", "dampening", names.STEP)
        equation = f"μ {m} + (1 − τ) {gradient}, without τ in the first step"
        return Line(name, accumulate_dampened, inputs, equation)
    return Line(name, accumulate, (m, gradient, "momentum"), f"μ {m} + {gradient}")
