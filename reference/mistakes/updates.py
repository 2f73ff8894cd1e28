"""Mistakes in the update: w = w − η · ∂L/∂w."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from reference import names
from reference.formulas import descend, unchanged
from reference.line import Line
from reference.mistakes.mistake import Inexpressible, mistake
from reference.names import LEARNING_RATE as RATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from cases import Problem
    from reference.bounded import Bounded

    Array = TypeVar("Array", NDArray[Any], Bounded)

NOTHING_TRAINED = Inexpressible("no parameter is trained")


@mistake("the learning rate was applied twice")
def rate_applied_twice(problem: Problem) -> list[Line] | Inexpressible:
    """w = w − η · (η · ∂L/∂w)."""

    def descend_twice(w: Array, dL_dw: Array, eta: Array) -> Array:
        w_new: Array = w - eta * (eta * dL_dw)
        return w_new

    if problem.learning_rate == 1:
        return Inexpressible("the learning rate is 1")
    return updates(trained(problem), descend_twice, "{} − η η {}") or NOTHING_TRAINED


@mistake("the update has the wrong sign")
def update_with_the_wrong_sign(problem: Problem) -> list[Line] | Inexpressible:
    """w = w + η · ∂L/∂w."""

    def ascend(w: Array, dL_dw: Array, eta: Array) -> Array:
        w_new: Array = w + eta * dL_dw
        return w_new

    return updates(trained(problem), ascend, "{} + η {}") or NOTHING_TRAINED


@mistake("the bias was not updated")
def bias_not_updated(problem: Problem) -> list[Line] | Inexpressible:
    """b = b."""
    biases = [name for name in trained(problem) if name.startswith("b")]
    lines = [Line(names.updated(b), unchanged, (b,), b) for b in biases]
    return lines or Inexpressible("no bias is trained")


@mistake("a parameter that is not trained was updated all the same")
def fixed_parameter_updated(problem: Problem) -> list[Line] | Inexpressible:
    """w = w − η · ∂L/∂w for a w that the problem leaves as it is."""
    fixed = [name for name in problem.parameters if name in problem.not_trained]
    return updates(fixed, descend, "{} − η {}") or Inexpressible("every parameter is trained")


def trained(problem: Problem) -> list[str]:
    """Return the names of the parameters that the update changes."""
    return [name for name in problem.parameters if name not in problem.not_trained]


def updates(parameters: Iterable[str], formula: Callable[..., Any], equation: str) -> list[Line]:
    """Return the update's line for each parameter: a formula of w, ∂L/∂w and η."""
    gradients = {name: names.gradient(name) for name in parameters}
    return [
        Line(names.updated(name), formula, (name, gradient, RATE), equation.format(name, gradient))
        for name, gradient in gradients.items()
    ]
