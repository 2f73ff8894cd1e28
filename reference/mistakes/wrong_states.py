"""Mistakes in what an optimizer carries from step to step: the momentum, the averages, the sum of squares."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from cases import Problem, names
from reference.arithmetic import cast, to_int
from reference.line import Array, Line, descend
from reference.mistakes.mistake import (
    ONE_STEP,
    Lines,
    Mistake,
    changed,
    constant,
    lines_with,
    mistake,
    negative,
    placeholder,
    rate_of,
    rewired,
    rewritten,
    state_lines,
    update_lines,
)
from reference.optimizers import adam
from reference.optimizers.averages import MOVING_AVERAGE
from reference.optimizers.sgd import (
    ACCUMULATE,
    DESCEND_AHEAD,
    accumulate,
    accumulate_dampened,
    descend_ahead,
)
from reference.training import tape

NO_STATES = "the optimizer carries nothing from step to step"
NO_MOMENTUM = "there is no momentum"
NO_DAMPENING = "there is no dampening"
NO_NESTEROV = "the momentum is not Nesterov's"
NO_AVERAGE = "this optimizer averages no gradients"
NO_SQUARES = "this optimizer averages no squares"
NEGATIVE_ROOT = "the centered form would have the root of a negative number"

SUM_OF_SQUARES = adam.FORMULAS["sum of squares"].function


# Begun anew, or from another number.


@mistake("the momentum, or the average of the gradients, was begun anew in every step")
def momentum_not_carried_over(problem: Problem) -> Lines:
    return _begun_anew(problem, "m") or NO_AVERAGE


@mistake("the average, the sum or the maximum of the squared gradients was begun anew in every step")
def squares_not_carried_over(problem: Problem) -> Lines:
    """v = (1 − β₂) (∂L/∂w)², or what Adagrad starts from and one square."""
    return _begun_anew(problem, "v", "u") or NO_SQUARES


def _begun_anew(problem: Problem, *kinds: str) -> Lines:
    if problem.steps == 1:
        return ONE_STEP
    return [_from_the_start(problem, line) for line in state_lines(problem, *kinds)]


def _from_the_start(problem: Problem, line: Line) -> Line:
    state = _state_in(line)
    if problem.optimizer.has("initial_accumulator"):
        return rewired(line, {state: "initial_accumulator"})
    template = line.template.replace(placeholder(line, state), "0")
    return changed(line, state, lambda before: constant(before, np.zeros_like), template)


def _state_in(line: Line) -> str:
    return next(name for name in line.inputs if names.updated(name) == line.name)


def _begun_anew_at(k: int) -> Mistake:
    """Return the mistake that a new optimizer took over at step k: its state, and its count of the steps."""

    def begun_anew(problem: Problem) -> Lines:
        if not problem.optimizer.states:
            return NO_STATES
        if problem.steps < k:
            return f"there are fewer than {k} steps"
        states = {line.name for line in state_lines(problem, *problem.optimizer.states)}
        lines = [line for line in tape(problem) if line.name in states or _counts(line)]
        counted = [_recounted(line, k) if _counts(line) else line for line in lines]
        start = _rounded(problem, problem.optimizer.initial_state)
        return [_started_at(line, k, start) if line.name in states else line for line in counted]

    sentence = f"the optimizer's state was begun anew at step {k}, as after a resume without it"
    source = "NVlabs/stylegan2-ada-pytorch #108; OpenNMT/OpenNMT-py #617"
    return Mistake(f"state-begun-anew-at-step-{k}", sentence, begun_anew, source)


STATE_BEGUN_ANEW = tuple(map(_begun_anew_at, (2, 3)))


def _counts(line: Line) -> bool:
    return names.STEP in line.inputs and line.name != names.RATE


def _recounted(line: Line, k: int) -> Line:
    def count(step: Array) -> Array:
        return constant(step, lambda t: t - k + 1 if t >= k else t)

    return changed(line, names.STEP, count, line.template)


def _started_at(line: Line, k: int, start: float) -> Line:
    """Return a state's line that starts from this number in step k."""
    i = line.inputs.index(_state_in(line))

    def started(*given: Array) -> Array:
        *right, step = given
        if to_int(step) == k:
            right[i] = constant(right[i], lambda before: np.full_like(before, start))
        return line.formula(*right)

    template = f"{line.template}, with {{{i}}} = {start:g} in step {k}"
    return replace(line, formula=started, inputs=(*line.inputs, names.STEP), template=template)


@mistake("the sum of the squares was started at 0", source="PyTorch's Adagrad, whose default that is")
def sum_started_at_zero(problem: Problem) -> Lines:
    return _sum_started_at(problem, 0.0)


@mistake(
    "the sum of the squares was started at 0.1", source="Keras' and optax's Adagrad, whose default that is"
)
def sum_started_at_a_tenth(problem: Problem) -> Lines:
    return _sum_started_at(problem, 0.1)


def _sum_started_at(problem: Problem, start: float) -> Lines:
    if not problem.optimizer.has("initial_accumulator"):
        return "this optimizer has no sum of squares"
    if _rounded(problem, problem.optimizer.initial_state) == _rounded(problem, start):
        return f"it starts at {start:g}"
    return [_started_at(line, 1, _rounded(problem, start)) for line in lines_with(problem, SUM_OF_SQUARES)]


def _rounded(problem: Problem, number: float) -> float:
    return float(np.asarray(number, problem.dtype))


@mistake("the first gradient was averaged into the momentum, with 1 − μ before it")
def momentum_begun_as_an_average(problem: Problem) -> Lines:
    """m = (1 − μ) ∂L/∂w in the first step, and μ m + ∂L/∂w after it."""

    def begun(m: Array, g: Array, mu: Array, step: Array) -> Array:
        return (1 - mu) * g if to_int(step) == 1 else accumulate(m, g, mu)

    template = "{2} {0} + {1}, (1 − {2}) {1} in the first step"
    lines = [replace(line, inputs=(*line.inputs, names.STEP)) for line in lines_with(problem, ACCUMULATE)]
    return rewritten(lines, begun, template) or NO_MOMENTUM


# The momentum.


@mistake("the dampening was applied in the first step too")
def dampening_in_the_first_step(problem: Problem) -> Lines:
    lines, template = lines_with(problem, accumulate_dampened), "{2} {0} + (1 − {3}) {1}"
    return rewritten(lines, lambda m, g, mu, tau: mu * m + (1 - tau) * g, template, kept=4) or NO_DAMPENING


@mistake("the dampening is missing")
def dampening_missing(problem: Problem) -> Lines:
    return _after_the_first_step(problem, accumulate, "{2} {0} + {1}", kept=3)


@mistake("the gradient was multiplied by the dampening, not by what it leaves")
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
    if not problem.optimizer.has("momentum"):
        return NO_MOMENTUM
    momenta = state_lines(problem, "m")
    return [Line(line.name, formula, ("momentum", *line.inputs[:2]), template) for line in momenta]


@mistake("the momentum has the wrong sign: it was taken off the gradient")
def momentum_with_the_wrong_sign(problem: Problem) -> Lines:
    """m = ∂L/∂w − μ m."""
    if not problem.optimizer.has("momentum"):
        return NO_MOMENTUM
    if problem.steps == 1:
        return ONE_STEP
    lines = [(line, placeholder(line, "momentum")) for line in state_lines(problem, "m")]
    return [
        changed(line, _state_in(line), negative, line.template.replace(mu, f"−{mu}")) for line, mu in lines
    ]


@mistake("the update took the momentum, or the average of the gradients, as it was before this step")
def momentum_before_its_update(problem: Problem) -> Lines:
    """w = w − η m with the m of the step before, which is 0 in the first."""
    if lines_with(problem, DESCEND_AHEAD):
        return "with the momentum before the step Nesterov's is the ordinary one"
    return _before_their_update(problem, "m") or NO_AVERAGE


@mistake("the update took the average or the sum of the squares as it was before this step")
def squares_before_their_update(problem: Problem) -> Lines:
    rule = problem.optimizer
    if "centered" in rule.options:
        return NEGATIVE_ROOT
    if rule.get("eps", 1.0) == rule.initial_state == 0:
        return "the first step would divide by 0"
    return _before_their_update(problem, "v") or NO_SQUARES


def _before_their_update(problem: Problem, kind: str) -> list[Line]:
    states = [names.state(kind, w) for w in problem.trained]
    before = {names.updated(state): state for state in states}
    return [rewired(line, before) for line in tape(problem) if not before.keys().isdisjoint(line.inputs)]


@mistake(
    "the learning rate was applied inside the momentum, which keeps the rates of earlier steps",
    source="simpleNN #7",
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


# Nesterov's look-ahead.


@mistake("the look-ahead of Nesterov's momentum is missing, so that it is the ordinary one")
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
