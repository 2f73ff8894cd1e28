"""Mistakes in weight decay: λ w added to the gradient (coupled), or taken off with the update (decoupled)."""

from dataclasses import replace
from typing import Any, TypeVar

from numpy.typing import NDArray

from cases import Problem, names
from reference.arithmetic import Bounded
from reference.formulas import descend, unchanged
from reference.line import Line
from reference.mistakes.mistake import Inexpressible, mistake
from reference.mistakes.rewiring import lines_of, rate_of, state_lines, update_lines
from reference.optimizers.adam import DESCEND_DECAYED
from reference.optimizers.decay import ADD_DECAY, add_decay
from reference.tape import tape

Array = TypeVar("Array", NDArray[Any], Bounded)

NO_DECAY = Inexpressible("there is no weight decay")


@mistake("the weight decay was added to the gradient, where it is decoupled")
def decay_coupled(problem: Problem) -> list[Line] | Inexpressible:
    """m and v of ∂L/∂w + λ w, and w = w − η m̂ / (√v̂ + ε): Adam for AdamW."""
    if problem.optimizer.name != "adamw":
        return Inexpressible("there is no decoupled weight decay")
    states = [_of_decayed(line, name) for name in problem.trained for line in _states(problem, name)]
    return states + [_without_decay(line) for line in update_lines(problem)]


def _states(problem: Problem, name: str) -> list[Line]:
    right = state_lines(problem, *problem.optimizer.states)
    return [right[names.state(kind, name)] for kind in problem.optimizer.states]


def _of_decayed(line: Line, w: str) -> Line:
    """Return the line of an average with ∂L/∂w + λ w in place of the gradient."""

    def averaged(beta: Array, before: Array, g: Array, w: Array, weight_decay: Array) -> Array:
        return line.formula(beta, before, add_decay(g, w, weight_decay))

    gradient = line.inputs[2]
    equation = line.equation.replace(f"({gradient})", gradient).replace(gradient, f"({gradient} + λ {w})")
    return replace(line, formula=averaged, inputs=(*line.inputs, w, "weight_decay"), equation=equation)


@mistake("the weight decay was taken off with the update, where it belongs to the gradient")
def decay_decoupled(problem: Problem) -> list[Line] | Inexpressible:
    """w = w − η (… + λ w), and nothing added to the gradient: AdamW for Adam."""
    rule = problem.optimizer
    if not names.decays(rule):
        return Inexpressible("there is no coupled weight decay")
    if not rule.states:
        return Inexpressible("without a state both are the same update")
    rate = rate_of(problem)
    gradients = [_as_it_was(line) for line in tape(problem) if line.formula is ADD_DECAY]
    return gradients + [_taken_off(line, rate) for line in update_lines(problem)]


def _taken_off(line: Line, rate: str) -> Line:
    def descended(*given: Array) -> Array:
        *right, eta, weight_decay = given
        return line.formula(*right) - eta * (weight_decay * right[0])

    inputs = (*line.inputs, rate, "weight_decay")
    return replace(line, formula=descended, inputs=inputs, equation=f"{line.equation} − η λ {line.inputs[0]}")


@mistake("the weight decay is missing")
def decay_missing(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂w as it is, or w = w − η m̂ / (√v̂ + ε)."""
    return _without(problem, problem.trained) or NO_DECAY


@mistake("the weight decay is missing from the biases")
def decay_missing_in_the_biases(problem: Problem) -> list[Line] | Inexpressible:
    """λ w for the weights alone, which many programs want, and this problem does not."""
    if not problem.optimizer.has("weight_decay"):
        return NO_DECAY
    biases = [name for name in problem.trained if name.startswith("b")]
    if len(biases) == len(problem.trained):
        return Inexpressible("no weights are trained")
    return _without(problem, biases) or Inexpressible("no bias is trained")


def _without(problem: Problem, parameters: tuple[str, ...] | list[str]) -> list[Line]:
    right, coupled = lines_of(problem), names.decays(problem.optimizer)
    if coupled:
        return [_as_it_was(right[names.decayed(name)]) for name in parameters]
    updated = [right[names.updated(name)] for name in parameters]
    return [_without_decay(line) for line in updated if line.formula is DESCEND_DECAYED]


def _as_it_was(line: Line) -> Line:
    return Line(line.name, unchanged, line.inputs[:1], line.inputs[0])


def _without_decay(line: Line) -> Line:
    w, direction, rate, _ = line.inputs
    return Line(line.name, descend, (w, direction, rate), f"{w} − η {direction}")


@mistake("the weight decay shrank a parameter that is not trained")
def decay_of_a_fixed_parameter(problem: Problem) -> list[Line] | Inexpressible:
    """w = w − η λ w: its gradient was set to 0, but it was left to the optimizer."""
    rule = problem.optimizer

    def shrunk(w: Array, eta: Array, weight_decay: Array) -> Array:
        return w - eta * (weight_decay * w)

    if not rule.has("weight_decay"):
        return NO_DECAY
    if rule.states and rule.name != "adamw":
        return Inexpressible("the optimizer keeps no state of a parameter that is not trained")
    return [
        Line(names.updated(w), shrunk, (w, rate_of(problem), "weight_decay"), f"{w} − η λ {w}")
        for w in problem.parameters
        if w in problem.not_trained
    ] or Inexpressible("every parameter is trained")
