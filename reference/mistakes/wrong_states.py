"""Mistakes in what an optimizer carries from step to step: the momentum, the averages, the sum of squares."""

from dataclasses import replace

import numpy as np

from cases import Problem, names
from reference.arithmetic import to_int
from reference.line import Array, Line
from reference.mistakes.mistake import (
    ONE_STEP,
    Lines,
    Mistake,
    changed,
    constant,
    lines_with,
    mistake,
    placeholder,
    rewired,
    state_lines,
    zeros,
)
from reference.optimizers import adam
from reference.optimizers.sgd import DESCEND_AHEAD
from reference.training import tape

NO_STATES = "the optimizer carries nothing from step to step"
NO_AVERAGE = "this optimizer averages no gradients"
NO_SQUARES = "this optimizer averages no squares"


def centered(problem: Problem) -> str:
    negative_root = "the centered form would have the root of a negative number"
    return negative_root if "centered" in problem.optimizer.options else ""


SUM_OF_SQUARES = adam.FORMULAS["sum of squares"].function


# Begun anew, or from another number.


@mistake(
    "the momentum, or the average of the gradients, was begun anew in every step",
    source="deeplearning4j/nd4j #2116, in review",
)
def momentum_not_carried_over(problem: Problem) -> Lines:
    return _begun_anew(problem, "m") or NO_AVERAGE


@mistake(
    "the average, the sum or the maximum of the squared gradients was begun anew in every step",
    unless=centered,
)
def squares_not_carried_over(problem: Problem) -> Lines:
    """v = (1 − β₂) (∂L/∂w)², or what Adagrad starts from and one square."""
    return _begun_anew(problem, "v", "u") or NO_SQUARES


def _begun_anew(problem: Problem, *kinds: str) -> Lines:
    if problem.steps == 1:
        return ONE_STEP
    return [_from_the_start(problem, line) for line in state_lines(problem, *kinds)]


def _from_the_start(problem: Problem, line: Line) -> Line:
    state = state_in(line)
    if problem.optimizer.has("initial_accumulator"):
        return rewired(line, {state: "initial_accumulator"})
    template = line.template.replace(placeholder(line, state), "0")
    return changed(line, state, zeros, template)


def state_in(line: Line) -> str:
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
    i = line.inputs.index(state_in(line))

    def started(*given: Array) -> Array:
        *right, step = given
        if to_int(step) == k:
            right[i] = constant(right[i], lambda before: np.full_like(before, start))
        return line.formula(*right)

    template = f"{line.template}, with {{{i}}} = {start:g} in step {k}"
    return replace(line, formula=started, inputs=(*line.inputs, names.STEP), template=template)


@mistake("the sum of the squares was started at 0", source="pytorch/pytorch #6616: PyTorch's default")
def sum_started_at_zero(problem: Problem) -> Lines:
    return _sum_started_at(problem, 0.0)


@mistake(
    "the sum of the squares was started at 0.1",
    source="tensorflow/tensorflow #37819: the default of TensorFlow and optax",
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


# Taken before it is updated.


@mistake("the update took the momentum, or the average of the gradients, as it was before this step")
def momentum_before_its_update(problem: Problem) -> Lines:
    """w = w − η m with the m of the step before, which is 0 in the first."""
    if lines_with(problem, DESCEND_AHEAD):
        return "with the momentum before the step Nesterov's is the ordinary one"
    return _before_their_update(problem, "m") or NO_AVERAGE


@mistake("the update took the average or the sum of the squares as it was before this step", unless=centered)
def squares_before_their_update(problem: Problem) -> Lines:
    rule = problem.optimizer
    if rule.get("eps", 1.0) == rule.initial_state == 0:
        return "the first step would divide by 0"
    return _before_their_update(problem, "v") or NO_SQUARES


def _before_their_update(problem: Problem, kind: str) -> list[Line]:
    states = [names.state(kind, w) for w in problem.trained]
    before = {names.updated(state): state for state in states}
    return [rewired(line, before) for line in tape(problem) if not before.keys().isdisjoint(line.inputs)]
