"""Mistakes in what every optimizer begins with: the scheduled rate, clipping, weight decay."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from cases import Problem, names
from reference.arithmetic import Bounded, maximum
from reference.formulas import descend, unchanged
from reference.line import Line
from reference.mistakes.line_edits import (
    ALL_TRAINED,
    NO_STATE,
    ONE_STEP,
    Array,
    changed,
    lines_of,
    lines_with,
    negative,
    next_count,
    rate_of,
    rewired,
    update_lines,
)
from reference.mistakes.mistake import Inexpressible, Lines, mistake
from reference.optimizers.adam import DESCEND_DECAYED
from reference.optimizers.gradients import ADD_DECAY, COEFFICIENT, NORM, add_decay, clip, coefficient
from reference.tape import tape

NO_SCHEDULE = Inexpressible("there is no schedule")
NO_CLIPPING = Inexpressible("no gradient is clipped")
NO_DECAY = Inexpressible("there is no weight decay")

# What `torch.nn.utils.clip_grad_norm_` adds to the norm.
PYTORCH_CLIP_EPS = 1e-6


# The schedule of the learning rate.


@mistake("the schedule is one step ahead: the steps were counted from 1, not from 0")
def schedule_off_by_one(problem: Problem) -> Lines:
    """The rate of step t + 1 in step t."""
    return [
        changed(line, names.STEP, next_count, line.template.replace("({1} − 1)", "{1}"))
        for line in tape(problem)
        if line.name == names.RATE
    ] or NO_SCHEDULE


@mistake("the schedule was ignored: the learning rate stayed what it was at first")
def schedule_ignored(problem: Problem) -> Lines:
    """η in every step."""
    if problem.schedule is None:
        return NO_SCHEDULE
    if problem.steps == 1:
        return ONE_STEP
    return [Line(names.RATE, unchanged, (names.LEARNING_RATE,), "{0}")]


# Gradients clipped by their global norm.


@mistake("the gradients were not clipped")
def clipping_missing(problem: Problem) -> Lines:
    """∂L/∂w as it is."""
    return _of_gradients(problem, unchanged, (), "{0}")


@mistake("each element was clipped by itself, not the gradients by their norm")
def clipped_by_value(problem: Problem) -> Lines:
    """∂L/∂w cut off at −c and c."""

    def clipped(g: Array, most: Array) -> Array:
        return negative(maximum(negative(maximum(g, negative(most))), negative(most)))

    return _of_gradients(problem, clipped, ("max_norm",), "max(−{1}, min({1}, {0}))")


@mistake("each gradient was clipped by a norm of its own, not by that of all")
def norm_of_each_parameter(problem: Problem) -> Lines:
    """∂L/∂w · min(1, c / (‖∂L/∂w‖ + ε))."""

    def clipped(g: Array, max_norm: Array, eps: Array) -> Array:
        return clip(g, coefficient(NORM(g), max_norm, eps))

    if len(problem.trained) == 1:
        return Inexpressible("only one parameter is trained")
    return _of_gradients(problem, clipped, ("max_norm", "clip_eps"), "min(1, {1} / (‖{0}‖ + {2})) · {0}")


def _of_gradients(
    problem: Problem, formula: Callable[..., Any], others: tuple[str, ...], template: str
) -> Lines:
    """Return the line of every clipped gradient: a formula of the gradient and of others."""
    return [
        Line(line.name, formula, (line.inputs[0], *others), template) for line in lines_with(problem, clip)
    ] or NO_CLIPPING


@mistake("the gradients were clipped after the weight decay was added to them, not before")
def clipping_after_the_decay(problem: Problem) -> Lines:
    """The norm of ∂L/∂w + λ w, and that sum clipped."""
    if problem.clipping is None:
        return NO_CLIPPING
    if not problem.optimizer.adds_decay_to_gradient:
        return Inexpressible("no weight decay is added to the gradients")
    exchanged: dict[str, str] = {}
    for name in problem.trained:
        gradient, clipped, decayed = names.gradient(name), names.clipped(name), names.decayed(name)
        exchanged |= {gradient: decayed, clipped: gradient, decayed: clipped}
    first = {"norm", *map(names.clipped, problem.trained), *map(names.decayed, problem.trained)}
    after = {name: other for name, other in exchanged.items() if name.endswith("_decayed")}
    lines = [(line, rewired(line, exchanged if line.name in first else after)) for line in tape(problem)]
    return [line for right, line in lines if line.inputs != right.inputs]


@mistake("ε is missing from the norm by which the gradients were clipped")
def clip_eps_missing(problem: Problem) -> Lines:
    """min(1, c / norm)."""
    if problem.clipping and problem.clipping["clip_eps"] == 0:
        return Inexpressible("ε is 0")
    return _of_factor(
        problem, lambda total, max_norm, eps: coefficient(total, max_norm, 0 * eps), "min(1, {1} / {0})"
    )


@mistake("an ε of 1e-6 was added to the norm by which the gradients were clipped, as PyTorch does")
def clip_eps_added(problem: Problem) -> Lines:
    """min(1, c / (norm + 1e-6))."""

    def with_pytorchs(total: Array, max_norm: Array, eps: Array) -> Array:
        return coefficient(total, max_norm, _pytorch_eps(eps))

    if problem.clipping and problem.clipping["clip_eps"] != 0:
        return Inexpressible("an ε is stated")
    return _of_factor(problem, with_pytorchs, "min(1, {1} / ({0} + 1e-6))")


def _pytorch_eps(eps: Any) -> Any:  # noqa: ANN401 - a number of the program's own, or a bounded one
    if isinstance(eps, Bounded):
        return replace(eps, value=np.asarray(PYTORCH_CLIP_EPS))
    return PYTORCH_CLIP_EPS


@mistake("gradients whose norm is below the maximum were scaled up to it")
def scaled_up_to_the_maximum(problem: Problem) -> Lines:
    """c / (norm + ε), also where that is above 1."""
    return _of_factor(problem, lambda total, max_norm, eps: max_norm / (total + eps), "{1} / ({0} + {2})")


def _of_factor(problem: Problem, formula: Callable[..., Any], template: str) -> Lines:
    return [
        replace(line, formula=formula, template=template) for line in lines_with(problem, COEFFICIENT)
    ] or NO_CLIPPING


# Weight decay: λ w added to the gradient (coupled), or taken off with the update (decoupled).


@mistake("the weight decay is missing")
def decay_missing(problem: Problem) -> Lines:
    """∂L/∂w as it is, or w = w − η m̂ / (√v̂ + ε)."""
    return _without(problem, problem.trained) or NO_DECAY


@mistake("the weight decay is missing from the biases")
def decay_missing_in_the_biases(problem: Problem) -> Lines:
    """λ w for the weights alone, which many programs want, and this problem does not."""
    if not problem.optimizer.has("weight_decay"):
        return NO_DECAY
    biases = [name for name in problem.trained if name.startswith("b")]
    if len(biases) == len(problem.trained):
        return Inexpressible("no weights are trained")
    return _without(problem, biases) or Inexpressible("no bias is trained")


def _without(problem: Problem, parameters: tuple[str, ...] | list[str]) -> list[Line]:
    right = lines_of(problem)
    if problem.optimizer.adds_decay_to_gradient:
        return [_gradient_itself(right[names.decayed(name)]) for name in parameters]
    updated = [right[names.updated(name)] for name in parameters]
    return [_without_decay(line) for line in updated if line.formula is DESCEND_DECAYED]


def _gradient_itself(line: Line) -> Line:
    return Line(line.name, unchanged, line.inputs[:1], "{0}")


def _without_decay(line: Line) -> Line:
    w, direction, rate, _ = line.inputs
    return Line(line.name, descend, (w, direction, rate), "{0} − {2} {1}")


@mistake("the weight decay was added to the gradient, where it is decoupled")
def decay_coupled(problem: Problem) -> Lines:
    """m and v of ∂L/∂w + λ w, and w = w − η m̂ / (√v̂ + ε): Adam for AdamW."""
    if problem.optimizer.name != "adamw":
        return Inexpressible("there is no decoupled weight decay")
    right = lines_of(problem)
    averages = [
        _of_decayed(right[names.updated(names.state(kind, name))], name)
        for name in problem.trained
        for kind in problem.optimizer.states
    ]
    return averages + [_without_decay(line) for line in update_lines(problem)]


def _of_decayed(line: Line, w: str) -> Line:
    """Return the line of an average, of ∂L/∂w + λ w for the gradient."""

    def averaged(beta: Array, before: Array, g: Array, w: Array, weight_decay: Array) -> Array:
        return line.formula(beta, before, add_decay(g, w, weight_decay))

    template = line.template.replace("({2})", "{2}").replace("{2}", "({2} + {4} {3})")
    return replace(line, formula=averaged, inputs=(*line.inputs, w, "weight_decay"), template=template)


@mistake("the weight decay was taken off with the update, where it belongs to the gradient")
def decay_decoupled(problem: Problem) -> Lines:
    """w = w − η (… + λ w), and nothing added to the gradient: AdamW for Adam."""
    rule = problem.optimizer
    if not rule.adds_decay_to_gradient:
        return Inexpressible("there is no coupled weight decay")
    if not rule.states:
        return Inexpressible("without a state both are the same update")
    gradients = [_gradient_itself(line) for line in lines_with(problem, ADD_DECAY)]
    return gradients + [_taken_off(line, rate_of(problem)) for line in update_lines(problem)]


def _taken_off(line: Line, rate: str) -> Line:
    def descended(*given: Array) -> Array:
        *right, eta, weight_decay = given
        return line.formula(*right) - eta * (weight_decay * right[0])

    n = len(line.inputs)
    template = f"{line.template} − {{{n}}} {{{n + 1}}} {{0}}"
    return replace(line, formula=descended, inputs=(*line.inputs, rate, "weight_decay"), template=template)


@mistake("the weight decay shrank a parameter that is not trained")
def decay_of_a_fixed_parameter(problem: Problem) -> Lines:
    """w = w − η λ w: its gradient was set to 0, but it was left to the optimizer."""
    rule = problem.optimizer

    def shrunk(w: Array, eta: Array, weight_decay: Array) -> Array:
        return w - eta * (weight_decay * w)

    if not rule.has("weight_decay"):
        return NO_DECAY
    if rule.states and rule.name != "adamw":
        return NO_STATE
    return [
        Line(names.updated(w), shrunk, (w, rate_of(problem), "weight_decay"), "{0} − {1} {2} {0}")
        for w in problem.parameters
        if w in problem.not_trained
    ] or ALL_TRAINED
