"""Mistakes in the schedule of the learning rate."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cases import Problem, names
from reference.arithmetic import Bounded, to_int
from reference.line import Array, Line, unchanged
from reference.mistakes.mistake import (
    ONE_EXAMPLE,
    ONE_STEP,
    Lines,
    Mistake,
    changed,
    constant,
    lines_named,
    mistake,
    next_count,
)
from reference.optimizers.schedules import BY_STEPS, COSINE

NO_SCHEDULE = "there is no schedule"
NO_STEPS = "the rate does not fall by steps"
NO_COSINE = "the rate does not fall along a cosine"
SAME_RATES = "in these steps the rate is the same"

# How many roundings a rate may have that is no product of a few factors, as a power with a fraction has not.
POWER_ROUNDINGS = 12

# How many roundings each step adds to a rate that is computed from that of the step before.
STEP_ROUNDINGS = 8


@mistake(
    "the schedule is one step ahead: the steps were counted from 1, not from 0",
    source="PyTorch before 1.1, where `scheduler.step()` came first; pytorch/torchtune #2010; "
    "huggingface/pytorch-image-models #2753",
)
def schedule_off_by_one(problem: Problem) -> Lines:
    return _at_another_step(problem, next_count, "{1}")


@mistake(
    "the schedule is one step behind: the first two steps have the same rate",
    source="verl-project/verl #3674",
)
def schedule_one_step_behind(problem: Problem) -> Lines:
    """The rate of step max(t − 1, 1): the rate of a step is set after its update."""
    return _at_another_step(problem, _counted(lambda t: max(t - 1, 1)), "max({1} − 2, 0)")


@mistake(
    "the schedule was counted in examples, not in steps",
    source="ludwig-ai/ludwig #1044, of decay by the batch",
)
def schedule_counted_in_examples(problem: Problem) -> Lines:
    """The rate of step (t − 1) N + 1: it was advanced N times in each step."""
    examples = len(problem.x)
    if problem.schedule and examples == 1:
        return ONE_EXAMPLE
    return _at_another_step(problem, _counted(lambda t: (t - 1) * examples + 1), f"{examples} ({{1}} − 1)")


def _begun_anew_at(k: int) -> Mistake:
    """Return the mistake that the rate of step t ≥ k is that of step t − k + 1."""

    def begun_anew(problem: Problem) -> Lines:
        later = _counted(lambda t: t - k + 1 if t >= k else t)
        return _at_another_step(problem, later, f"({{1}} − 1, from step {k} on less {k - 1})")

    sentence = f"the schedule was begun anew at step {k}, as after a resume without it"
    source = "NVlabs/stylegan2-ada-pytorch #108, where the optimizer is begun anew"
    return Mistake(f"schedule-begun-anew-at-step-{k}", sentence, begun_anew, source)


SCHEDULE_BEGUN_ANEW = tuple(map(_begun_anew_at, (2, 3)))


def _counted(count: Callable[[int], int]) -> Callable[[Array], Array]:
    return lambda step: constant(step, lambda _: float(count(to_int(step))))


def _at_another_step(problem: Problem, change: Callable[[Any], Any], written: str) -> Lines:
    """Return the rate's line with another count of the step; `written` for t − 1."""

    def at_another_step(line: Line) -> Line:
        return changed(line, names.STEP, change, line.template.replace("({1} − 1)", written))

    return _with_another_rate(problem, at_another_step)


def _with_another_rate(problem: Problem, change: Callable[[Line], Line]) -> Lines:
    """Return the changed line of the rate, or that the rate stays the same in every step of the problem."""
    for right in lines_named(problem, [names.RATE]):
        wrong = change(right)
        steps = range(1, problem.steps + 1)
        differs = any(_rate(problem, right, step) != _rate(problem, wrong, step) for step in steps)
        return [wrong] if differs else SAME_RATES
    return NO_SCHEDULE


def _rate(problem: Problem, line: Line, step: int) -> float:
    known = {**problem.constants, names.STEP: step}
    return float(line.formula(*(known[name] for name in line.inputs)))


@mistake(
    "the schedule was ignored: the learning rate stayed what it was at first",
    source="macournoyer/neuralconvo #47, where the optimizer's state is made anew",
)
def schedule_ignored(problem: Problem) -> Lines:
    if problem.schedule is None:
        return NO_SCHEDULE
    return ONE_STEP if problem.steps == 1 else [Line(names.RATE, unchanged, (names.LEARNING_RATE,), "{0}")]


@mistake("the schedule was applied twice")
def schedule_applied_twice(problem: Problem) -> Lines:
    """η s², where the rate is η s."""

    def twice(line: Line) -> Line:
        def formula(eta: Array, *others: Array) -> Array:
            rate = line.formula(eta, *others)
            return rate * (rate / eta)

        return replace(line, formula=formula, template=f"({line.template})² / {{0}}")

    return _with_another_rate(problem, twice)


@mistake(
    "the schedule's factor of each step was applied to the rate of the step before, not to the first one"
)
def schedule_compounded(problem: Problem) -> Lines:
    """η s₁ s₂ … sₜ, with sₜ = γ^⌊(t − 1) / k⌋: `rate = rate * factor(t)`.

    With t = q k + r the exponent is k q (q − 1) / 2 + q r.
    """

    def falls(step: Array, every: Array) -> float:
        k = to_int(every)
        whole, rest = divmod(to_int(step), k)
        return float(k * whole * (whole - 1) // 2 + whole * rest)

    def compounded(eta: Array, step: Array, every: Array, factor: Array) -> Array:
        count = constant(step, lambda _: falls(step, every) + 1)
        return BY_STEPS(eta, count, constant(every, lambda _: 1), factor)

    return _by_steps(problem, compounded, "{0} {3}^Σ ⌊(i − 1) / {2}⌋, i = 1 … {1}")


@mistake(
    "the learning rate was divided by the factor of its fall, or the cosine has the wrong sign: it rises"
)
def schedule_rising(problem: Problem) -> Lines:
    """η γ^−⌊(t − 1) / k⌋; and η (f + (1 − f) ½ (1 − cos)), which is η (1 + f) less the right rate."""
    if problem.schedule and problem.schedule.name == "step":

        def inverted(eta: Array, step: Array, every: Array, factor: Array) -> Array:
            return BY_STEPS(eta, step, every, constant(factor, lambda gamma: 1 / gamma))

        return _by_steps(problem, inverted, "{0} {3}^−⌊({1} − 1) / {2}⌋")

    def risen(eta: Array, step: Array, over: Array, final: Array) -> Array:
        return eta * constant(final, lambda f: 1 + f) - COSINE(eta, step, over, final)

    template = "{0} ({3} + (1 − {3}) ½ (1 − cos π ({1} − 1)/{2}))"
    return _along_cosine(problem, risen, template) if problem.schedule else NO_SCHEDULE


@mistake(
    "the rate falls in every step, not only after every few steps",
    source="TensorFlow's ExponentialDecay, whose `staircase` is off by default",
)
def staircase_missing(problem: Problem) -> Lines:
    """η γ^((t − 1) / k), without ⌊ ⌋."""

    def smooth(eta: Array, step: Array, every: Array, factor: Array) -> Any:  # noqa: ANN401 - as it is given
        share = (to_int(step) - 1) / to_int(every)
        rate: Any = eta * constant(factor, lambda gamma: gamma**share)
        if isinstance(rate, Bounded):
            return rate.widened(rate.format.gamma(POWER_ROUNDINGS) * rate.magnitude)
        return rate

    return _by_steps(problem, smooth, "{0} {3}^(({1} − 1) / {2})")


@mistake(
    "the share of the first rate at which the schedule ends was taken as a rate itself",
    source="PyTorch's `eta_min`, where optax's cosine has `alpha`, a share",
)
def final_share_taken_as_a_rate(problem: Problem) -> Lines:
    """f + (η − f) ½ (1 + cos …)."""

    def absolute(eta: Array, step: Array, over: Array, final: Array) -> Array:
        least = constant(final, lambda f: f / float(eta.value if isinstance(eta, Bounded) else eta))
        return COSINE(eta, step, over, least)

    return _along_cosine(problem, absolute, "{3} + ({0} − {3}) ½ (1 + cos π ({1} − 1)/{2})")


@mistake(
    "the rate rises again after the end of the cosine",
    source="PyTorch's CosineAnnealingLR, after `T_max` steps",
)
def cosine_rising_after_its_end(problem: Problem) -> Lines:
    """cos π (t − 1) / T, whose share (t − 1) / T is not at most 1."""

    def reflected(step: Array, over: Array) -> float:
        last = to_int(over)
        done = (to_int(step) - 1) % (2 * last)
        return float(min(done, 2 * last - done) + 1)

    def risen(eta: Any, step: Any, over: Any, final: Any) -> Any:  # noqa: ANN401 - arrays or bounded numbers
        rate = COSINE(eta, constant(step, lambda _: reflected(step, over)), over, final)
        if isinstance(rate, Bounded):  # PyTorch multiplies a rate of the step before
            return rate.widened(rate.format.gamma(STEP_ROUNDINGS * to_int(step)) * eta.magnitude)
        return rate

    return _along_cosine(problem, risen, "{0} ({3} + (1 − {3}) ½ (1 + cos π ({1} − 1)/{2})), not ended")


@mistake("the cosine ends one step too early")
def cosine_one_step_short(problem: Problem) -> Lines:
    """cos π (t − 1) / (T − 1), so that the last of T steps has the final rate."""
    if problem.schedule and problem.schedule.get("over") == 1:
        return "the rate falls in a single step"

    def short(eta: Array, step: Array, over: Array, final: Array) -> Array:
        return COSINE(eta, step, constant(over, lambda steps: steps - 1), final)

    return _along_cosine(problem, short, "{0} ({3} + (1 − {3}) ½ (1 + cos π ({1} − 1)/({2} − 1)))")


def _by_steps(problem: Problem, formula: Callable[..., Any], template: str) -> Lines:
    return _with_formula(problem, "step", NO_STEPS, formula, template)


def _along_cosine(problem: Problem, formula: Callable[..., Any], template: str) -> Lines:
    return _with_formula(problem, "cosine", NO_COSINE, formula, template)


def _with_formula(
    problem: Problem, schedule: str, otherwise: str, formula: Callable[..., Any], template: str
) -> Lines:
    if problem.schedule is None or problem.schedule.name != schedule:
        return otherwise
    return _with_another_rate(problem, lambda line: replace(line, formula=formula, template=template))
