"""Mistakes in the direction of an update: gradients of another size, or their signs; and the schedule."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np

from cases import Problem, names
from reference.arithmetic import Bounded, Elementary, for_each_element
from reference.line import Array, Line
from reference.mistakes.mistake import (
    Lines,
    changed,
    constant,
    lines_named,
    lines_with,
    mistake,
    rewritten,
)
from reference.mistakes.wrong_clipping import NO_CLIPPING, PYTORCH_CLIP_EPS
from reference.mistakes.wrong_cross_entropy import SOFTMAX
from reference.mistakes.wrong_schedules import NO_SCHEDULE, NO_STEPS
from reference.mistakes.wrong_updates import NONE_TRAINED
from reference.optimizers.gradients import NORM, clip, coefficient
from reference.training import tape, training_steps

ONE_PARAMETER = "only one parameter is trained"

# The gradients, where none is clipped.


def _clipped(problem: Problem) -> str:
    return "the gradients are clipped" if problem.clipping else ""


def _of_other_gradients(
    problem: Problem, change: Callable[..., Any], written: str, others: Callable[[str], Iterable[str]]
) -> Lines:
    """Return each line that takes a parameter's gradient, changed; `change` takes it and `others`, too."""
    return [
        _with_another_gradient(line, own, tuple(map(names.gradient, others(name))), change, written)
        for name, own in zip(problem.trained, map(names.gradient, problem.trained), strict=True)
        for line in tape(problem)
        if own in line.inputs
    ] or NONE_TRAINED


def _with_another_gradient(
    line: Line, own: str, more: tuple[str, ...], change: Callable[..., Any], written: str
) -> Line:
    at, kept = line.inputs.index(own), len(line.inputs)

    def formula(*given: Any) -> Any:  # noqa: ANN401 - arrays or bounded numbers, as the right formula's
        right = list(given[:kept])
        right[at] = change(right[at], *given[kept:])
        return line.formula(*right)

    template = line.template.replace(f"{{{at}}}", written.format(f"{{{at}}}"))
    return replace(line, formula=formula, inputs=(*line.inputs, *more), template=template)


def _size_counts(problem: Problem) -> str:
    """Say why the size of the gradients does not count, as far as ε does not show it."""
    divided = {"v", "u"} & set(problem.optimizer.states)
    return _clipped(problem) or ("this optimizer divides out how large they are" if divided else "")


def _over_the_norm(g: Array, *others: Array) -> Array:
    norm = NORM(*(others or (g,)))
    return g / for_each_element(norm, g)


def _first_gradients(problem: Problem) -> list[Any]:
    """Return the gradients of the first step, of what is trained, in float64."""
    first = next(training_steps(problem))
    return [first[names.gradient(name)].astype(np.float64) for name in problem.trained]


@mistake(
    "the gradients were divided by the norm of all of them, however large",
    source="DL4J's `constrainGradientToUnitNorm`; deeplearning4j/deeplearning4j #807",
    unless=_size_counts,
)
def gradients_over_their_norm(problem: Problem) -> Lines:
    """g / ‖g‖ for g, which keeps the direction of steepest descent alone."""
    if not any(map(np.any, _first_gradients(problem))):
        return "every gradient of the first step is 0"
    return _of_other_gradients(problem, _over_the_norm, "{}/‖g‖", lambda _: problem.trained)


@mistake("each gradient was divided by its own norm, however large", unless=_size_counts)
def each_gradient_over_its_norm(problem: Problem) -> Lines:
    if len(problem.trained) == 1:
        return ONE_PARAMETER
    if not all(map(np.any, _first_gradients(problem))):
        return "a gradient of the first step is 0, and has no direction"
    return _of_other_gradients(problem, _over_the_norm, "{0}/‖{0}‖", lambda _: ())


@mistake(
    "the gradients were clipped to a norm of 1, where no clipping is asked for",
    source="Transformers' Trainer, whose `max_grad_norm` is 1 by default",
    unless=_clipped,
)
def clipped_to_a_norm_of_1(problem: Problem) -> Lines:
    """min(1, 1 / (‖g‖ + 1e-6)) g, the default of many training loops."""
    squares = sum(float(np.vdot(g, g)) for g in _first_gradients(problem))
    if squares <= 1:
        return "the gradients of the first step have no norm above 1"

    def clipped(g: Array, *gradients: Array) -> Array:
        norm = NORM(*gradients)
        most = constant(norm, lambda _: 1.0)
        return clip(g, coefficient(norm, most, constant(norm, lambda _: PYTORCH_CLIP_EPS)))

    return _of_other_gradients(problem, clipped, "min(1, 1/(‖g‖ + 1e-6)) {}", lambda _: problem.trained)


def _sign_bounded(g: Bounded) -> Bounded:
    certain = g.magnitude > g.error
    return Bounded(np.sign(g.value), np.where(certain | (g.magnitude + g.error == 0), 0.0, 2.0), g.format)


SIGN = Elementary("sign({0})", np.sign, _sign_bounded, SOFTMAX.balls)


@mistake("only the sign of each gradient was used", unless=_size_counts)
def sign_of_the_gradient(problem: Problem) -> Lines:
    """sign(g) for g, as in Rprop and signSGD."""
    return _of_other_gradients(problem, SIGN, "sign({})", lambda _: ())


@mistake("the norm by which the gradients were clipped is the sum of the norms of each")
def sum_of_norms(problem: Problem) -> Lines:
    """Σ ‖gᵢ‖ for √ Σ ‖gᵢ‖²."""
    if problem.clipping and len(problem.trained) == 1:
        return ONE_PARAMETER

    def total(*gradients: Array) -> Array:
        return reduce(lambda a, b: a + b, [NORM(g) for g in gradients])

    return rewritten(lines_with(problem, NORM), total, "Σ ‖dL/dW‖ + ‖dL/db‖") or NO_CLIPPING


# The schedule.


@mistake("the schedule is one period ahead: the rate falls already before the first period is over")
def schedule_one_period_ahead(problem: Problem) -> Lines:
    """η γ^(⌊(t − 1) / k⌋ + 1)."""
    if problem.schedule is None:
        return NO_SCHEDULE
    if problem.schedule.name != "step":
        return NO_STEPS
    every = problem.schedule["every"]
    if every == 1:
        return "a period is one step"

    def later(step: Array) -> Array:
        return constant(step, lambda count: count + every)

    return [
        changed(line, names.STEP, later, line.template.replace("⌋", "⌋ + 1"))
        for line in lines_named(problem, [names.RATE])
    ]
