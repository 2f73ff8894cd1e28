"""Mistakes in the update of any optimizer: w = w − η · ∂L/∂w, or another direction for the gradient."""

from collections.abc import Callable
from typing import Any

from cases import Problem, names
from reference.formulas import descend, unchanged
from reference.line import Line
from reference.mistakes.line_edits import Array, changed, negative, placeholder, rate_of, update_lines
from reference.mistakes.mistake import Inexpressible, Lines, mistake

NOTHING_TRAINED = Inexpressible("no parameter is trained")


def at_another_rate(problem: Problem, change: Callable[[Any], Any], written: str) -> Lines:
    """Return the update's line for each trained parameter with a changed rate, `written` for − η."""
    lines = [(line, placeholder(line, rate_of(problem))) for line in update_lines(problem)]
    return [
        changed(
            line,
            rate_of(problem),
            change,
            line.template.replace(f"− {rate}", written.replace("η", rate)),
        )
        for line, rate in lines
    ] or NOTHING_TRAINED


@mistake("the learning rate was applied twice")
def rate_applied_twice(problem: Problem) -> Lines:
    """w = w − η² · ∂L/∂w."""

    def squared(eta: Array) -> Array:
        return eta * eta

    if problem.learning_rate == 1 and problem.schedule is None:
        return Inexpressible("the learning rate is 1")
    return at_another_rate(problem, squared, "− η η")


@mistake("the update has the wrong sign")
def update_with_the_wrong_sign(problem: Problem) -> Lines:
    """w = w + η · ∂L/∂w."""
    return at_another_rate(problem, negative, "+ η")


@mistake("the bias was not updated")
def bias_not_updated(problem: Problem) -> Lines:
    """b = b."""
    return [
        Line(names.updated(b), unchanged, (b,), "{0}") for b in problem.trained if b.startswith("b")
    ] or Inexpressible("no bias is trained")


@mistake("a parameter that is not trained was updated all the same")
def fixed_parameter_updated(problem: Problem) -> Lines:
    """w = w − η · ∂L/∂w for a w that the problem leaves as it is."""
    if not problem.not_trained:
        return Inexpressible("every parameter is trained")
    if problem.optimizer.states:
        return Inexpressible("the optimizer keeps no state of a parameter that is not trained")
    return [
        Line(names.updated(w), descend, (w, names.gradient(w), rate_of(problem)), "{0} − {2} {1}")
        for w in problem.parameters
        if w in problem.not_trained
    ]
