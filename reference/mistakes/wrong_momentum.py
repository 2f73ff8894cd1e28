"""Mistakes in the momentum: how it takes up the gradient, and Nesterov's look-ahead."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cases import Problem, names
from reference.arithmetic import cast, to_int
from reference.line import Array, Line, descend
from reference.mistakes.mistake import (
    ONE_STEP,
    Lines,
    changed,
    lines_with,
    mistake,
    negative,
    placeholder,
    rate_of,
    rate_of_one,
    rewritten,
    state_lines,
    update_lines,
)
from reference.mistakes.wrong_states import state_in
from reference.optimizers.averages import MOVING_AVERAGE
from reference.optimizers.sgd import ACCUMULATE, DESCEND_AHEAD, accumulate, accumulate_dampened, descend_ahead

NO_MOMENTUM = "there is no momentum"
NO_DAMPENING = "there is no dampening"
NO_NESTEROV = "the momentum is not Nesterov's"


def no_momentum(problem: Problem) -> str:
    return "" if problem.optimizer.has("momentum") else NO_MOMENTUM


def never_used(problem: Problem) -> str:
    """Say why no momentum of an earlier step is used."""
    return no_momentum(problem) or (ONE_STEP if problem.steps == 1 else "")


@mistake("the momentum began with 1 − μ times the first gradient, not with that gradient")
def momentum_begun_as_an_average(problem: Problem) -> Lines:
    """m = (1 − μ) ∂L/∂w in the first step, and μ m + ∂L/∂w after it."""

    def begun(m: Array, g: Array, mu: Array, step: Array) -> Array:
        return (1 - mu) * g if to_int(step) == 1 else accumulate(m, g, mu)

    template = "{2} {0} + {1}, (1 − {2}) {1} in the first step"
    lines = [replace(line, inputs=(*line.inputs, names.STEP)) for line in lines_with(problem, ACCUMULATE)]
    return rewritten(lines, begun, template) or NO_MOMENTUM


# The momentum.


@mistake(
    "the gradient was dampened by μ after the first step, where no dampening is asked for",
    source="torch/optim #163; intel/BigDL #1499",
)
def dampening_added(problem: Problem) -> Lines:
    """μ m + (1 − μ) ∂L/∂w after step 1, the default of torch.optim in Lua."""
    lines = lines_with(problem, ACCUMULATE)
    if lines and problem.steps == 1:
        return ONE_STEP

    def dampened(m: Array, g: Array, mu: Array, step: Array) -> Array:
        return accumulate_dampened(m, g, mu, mu, step)

    template = "{2} {0} + (1 − {2}) {1}, without 1 − {2} in the first step"
    counted = [replace(line, inputs=(*line.inputs, names.STEP)) for line in lines]
    return rewritten(counted, dampened, template) or NO_MOMENTUM


@mistake("the dampening was applied in the first step too", source="ml-explore/mlx #473")
def dampening_in_the_first_step(problem: Problem) -> Lines:
    lines, template = lines_with(problem, accumulate_dampened), "{2} {0} + (1 − {3}) {1}"
    return rewritten(lines, lambda m, g, mu, tau: mu * m + (1 - tau) * g, template, kept=4) or NO_DAMPENING


@mistake("the dampening is missing")
def dampening_missing(problem: Problem) -> Lines:
    return _after_the_first_step(problem, accumulate, "{2} {0} + {1}", kept=3)


@mistake("the gradient was multiplied by the dampening τ, not by 1 − τ")
def dampening_swapped(problem: Problem) -> Lines:
    """μ m + τ ∂L/∂w for μ m + (1 − τ) ∂L/∂w."""
    if problem.optimizer.get("dampening") == 1 / 2:
        return "the dampening is ½"

    def swapped(m: Array, g: Array, mu: Array, tau: Array, step: Array) -> Array:
        return g if to_int(step) == 1 else cast(mu) * m + cast(tau) * g

    return _after_the_first_step(problem, swapped, "{2} {0} + {3} {1}, without {3} in the first step", kept=5)


def _after_the_first_step(problem: Problem, formula: Callable[..., Any], template: str, kept: int) -> Lines:
    lines = lines_with(problem, accumulate_dampened)
    if lines and problem.steps == 1:
        return "there is only one step, and the first has no dampening"
    return rewritten(lines, formula, template, kept) or NO_DAMPENING


@mistake(
    "the momentum was taken as an average, with 1 − μ before the gradient",
    source="HIPS/autograd #289; Andrew Ng's course",
)
def momentum_as_an_average(problem: Problem) -> Lines:
    """m = μ m + (1 − μ) ∂L/∂w: every update is shorter by the factor 1 − μ."""
    rule = problem.optimizer
    if rule.has("dampening") and rule["dampening"] == rule["momentum"]:
        return "the dampening is μ, so that it is an average from the second step on"
    return _averaged_momentum(problem, MOVING_AVERAGE, "{0} {1} + (1 − {0}) {2}")


@mistake("the momentum was multiplied by 1 − μ, and the gradient by μ")
def momentum_swapped(problem: Problem) -> Lines:
    """m = (1 − μ) m + μ ∂L/∂w."""
    return _averaged_momentum(problem, swapped_average, "(1 − {0}) {1} + {0} {2}")


def swapped_average(beta: Array, m: Array, g: Array) -> Array:
    return (1 - beta) * m + cast(beta) * g


def _averaged_momentum(problem: Problem, formula: Callable[..., Any], template: str) -> Lines:
    momenta = state_lines(problem, "m") if problem.optimizer.has("momentum") else []
    return [
        Line(line.name, formula, ("momentum", *line.inputs[:2]), template) for line in momenta
    ] or NO_MOMENTUM


@mistake("the momentum has the wrong sign: it was taken off the gradient", unless=never_used)
def momentum_with_the_wrong_sign(problem: Problem) -> Lines:
    """m = ∂L/∂w − μ m."""
    lines = [(line, placeholder(line, "momentum")) for line in state_lines(problem, "m")]
    return [
        changed(line, state_in(line), negative, line.template.replace(mu, f"−{mu}")) for line, mu in lines
    ]


@mistake(
    "the learning rate was applied inside the momentum, which keeps the rates of earlier steps",
    source="simpleNN #7; pytorch/pytorch #1099, of other frameworks",
)
def rate_inside_the_momentum(problem: Problem) -> Lines:
    """m = μ m + η ∂L/∂w and w = w − m: the same update only as long as η is."""
    if not problem.optimizer.has("momentum"):
        return NO_MOMENTUM
    if problem.schedule is None:
        return "as long as the rate stays the same, so does the update"
    if problem.steps == 1:
        return ONE_STEP
    momenta = [_with_rate_inside(line, rate_of(problem)) for line in state_lines(problem, "m")]
    return momenta + list(map(_without_rate, update_lines(problem)))


def _with_rate_inside(line: Line, rate: str) -> Line:
    def accumulated(m: Array, g: Array, *others: Array) -> Array:
        return line.formula(m, others[-1] * g, *others[:-1])

    template = line.template.replace("{1}", f"{{{len(line.inputs)}}} {{1}}")
    return replace(line, formula=accumulated, inputs=(*line.inputs, rate), template=template)


def _without_rate(line: Line) -> Line:
    if line.formula is DESCEND_AHEAD:
        template = "{0} − ({4} {1} + {3} {2})"
        return replace(line, formula=lambda w, g, m, mu, eta: w - (eta * g + mu * m), template=template)
    return Line(line.name, lambda w, m: w - m, line.inputs[:2], "{0} − {1}")


@mistake(
    "the momentum was multiplied by the learning rate once more",
    source="BRML/climin #29, of Adadelta",
    unless=never_used,
)
def momentum_times_the_rate(problem: Problem) -> Lines:
    """m = η μ m + ∂L/∂w."""
    momenta = state_lines(problem, "m")
    return rate_of_one(problem) or [_with_momentum_times(line, rate_of(problem)) for line in momenta]


def _with_momentum_times(line: Line, rate: str) -> Line:
    def accumulated(m: Array, *others: Array) -> Array:
        return line.formula(others[-1] * m, *others[:-1])

    template = line.template.replace("{0}", f"{{{len(line.inputs)}}} {{0}}")
    return replace(line, formula=accumulated, inputs=(*line.inputs, rate), template=template)


# Nesterov's look-ahead.


@mistake(
    "the look-ahead of Nesterov's momentum is missing, so that it is the ordinary one",
    source="hiroyuki-kasai/SGDLibrary #8",
)
def look_ahead_missing(problem: Problem) -> Lines:
    """w = w − η m for w − η (∂L/∂w + μ m)."""
    ahead = [(line.name, line.inputs) for line in lines_with(problem, DESCEND_AHEAD)]
    lines = [Line(name, descend, (w, m, rate), "{0} − {2} {1}") for name, (w, _, m, _, rate) in ahead]
    return lines or NO_NESTEROV


@mistake("the look-ahead of Nesterov's momentum was made, where the ordinary one is asked for")
def look_ahead_added(problem: Problem) -> Lines:
    """w = w − η (∂L/∂w + μ m) for w − η m."""
    if not problem.optimizer.has("momentum"):
        return NO_MOMENTUM
    if lines_with(problem, DESCEND_AHEAD):
        return "the momentum is Nesterov's"
    gradients = {line.name: line.inputs[1] for line in state_lines(problem, "m")}
    updates = [(line.name, line.inputs) for line in update_lines(problem)]
    return [
        Line(name, descend_ahead, (w, gradients[m], m, "momentum", rate), "{0} − {4} ({1} + {3} {2})")
        for name, (w, m, rate) in updates
    ]


@mistake("the look-ahead of Nesterov's momentum was made twice", source="oysteijo/simd_neuralnet #17")
def look_ahead_twice(problem: Problem) -> Lines:
    """w = w − η (∂L/∂w + μ (∂L/∂w + μ m))."""

    def twice(w: Array, g: Array, m: Array, mu: Array, eta: Array) -> Array:
        return descend_ahead(w, g, g + cast(mu) * m, mu, eta)

    return _other_look_ahead(problem, twice, "{0} − {4} ({1} + {3} ({1} + {3} {2}))")


@mistake("the momentum has the wrong sign in Nesterov's look-ahead", source="PaddlePaddle/Paddle #12231")
def look_ahead_with_the_wrong_sign(problem: Problem) -> Lines:
    """w = w − η ∂L/∂w + η μ m: the brackets are missing from w − η (∂L/∂w + μ m)."""

    def subtracted(w: Array, g: Array, m: Array, mu: Array, eta: Array) -> Array:
        return descend_ahead(w, g, negative(m), mu, eta)

    return _other_look_ahead(problem, subtracted, "{0} − {4} {1} + {4} {3} {2}")


def _other_look_ahead(problem: Problem, formula: Callable[..., Any], template: str) -> Lines:
    return rewritten(lines_with(problem, DESCEND_AHEAD), formula, template) or NO_NESTEROV
