"""Mistakes in the update of any optimizer: w = w − η · ∂L/∂w, or what stands in place of the gradient."""

from collections.abc import Callable
from typing import Any, TypeVar

from numpy.typing import NDArray

from cases import Problem, names
from reference.arithmetic import Bounded
from reference.formulas import descend, unchanged
from reference.line import Line
from reference.mistakes.mistake import Inexpressible, mistake
from reference.mistakes.operations import negative
from reference.mistakes.rewiring import changed, rate_of, update_lines

Array = TypeVar("Array", NDArray[Any], Bounded)

NOTHING_TRAINED = Inexpressible("no parameter is trained")


@mistake("the learning rate was applied twice")
def rate_applied_twice(problem: Problem) -> list[Line] | Inexpressible:
    """w = w − η² · ∂L/∂w."""

    def squared(eta: Array) -> Array:
        return eta * eta

    if problem.learning_rate == 1 and problem.schedule is None:
        return Inexpressible("the learning rate is 1")
    return at_another_rate(problem, squared, "− η η") or NOTHING_TRAINED


@mistake("the update has the wrong sign")
def update_with_the_wrong_sign(problem: Problem) -> list[Line] | Inexpressible:
    """w = w + η · ∂L/∂w."""
    return at_another_rate(problem, negative, "+ η") or NOTHING_TRAINED


@mistake("the bias was not updated")
def bias_not_updated(problem: Problem) -> list[Line] | Inexpressible:
    """b = b."""
    biases = [name for name in problem.trained if name.startswith("b")]
    lines = [Line(names.updated(b), unchanged, (b,), b) for b in biases]
    return lines or Inexpressible("no bias is trained")


@mistake("a parameter that is not trained was updated all the same")
def fixed_parameter_updated(problem: Problem) -> list[Line] | Inexpressible:
    """w = w − η · ∂L/∂w for a w that the problem leaves as it is."""
    if not problem.not_trained:
        return Inexpressible("every parameter is trained")
    if problem.optimizer.states:
        return Inexpressible("the optimizer keeps no state of a parameter that is not trained")
    return [
        Line(names.updated(w), descend, (w, names.gradient(w), rate_of(problem)), f"{w} − η dL/d{w}")
        for w in problem.parameters
        if w in problem.not_trained
    ]


def at_another_rate(problem: Problem, change: Callable[[Any], Any], written: str) -> list[Line]:
    """Return the update's line for each trained parameter, with a changed rate."""
    return [
        changed(line, rate_of(problem), change, line.equation.replace("− η", written))
        for line in update_lines(problem)
    ]
