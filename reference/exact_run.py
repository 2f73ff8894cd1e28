"""The exact run that printed numbers are compared with: the training from the inputs as they are written.

It runs in balls, which widen from step to step. Where they have become too wide, the whole is repeated with
twice as many bits (Ziv, as in `reference.certified`). Plain descent loses none; Adam one or two a step, and
what would need more than `MAX_BITS` is run twice without radii instead.

Numbers that a program printed are those of its number format: there the exact run is every quantity's
certified value, with all that a correct program may be off by (`reference.certified`).
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

import numpy as np

from cases import Problem, names
from cases.case import Published, PublishedArray, Written
from reference.arithmetic import BITS, PRINTED, Ball, Bounded, Real, format_of, precision
from reference.certified import exact_balls, forward_steps
from reference.line import evaluate, leading_to
from reference.training import advance, exact_inputs, initial_values, tape

# Bits that are worked with below a ball's radius.
GUARD_BITS: Final = 64

# With more a step takes too long. Adam needs this many after some 2,000 steps.
MAX_BITS: Final = 4096

# So many times the difference of two runs bounds the error of the finer; it has 160 bits more.
MISTRUST: Final = 2**16

# Bits that a state keeps: what is derived from it, in float64, then owes nothing to its ball.
SPARE: Final = 96

# What an exact number may be uncertain by, in half units of the last printed place.
NEGLIGIBLE: Final = 2.0**-20


@dataclass(frozen=True, eq=False)
class ExactStep:
    """One step of the exact run, with all that it is computed from, by name: data, numbers, state.

    The `balls` of the same quantities, of `bits` bits, are none where a program's own roundings are allowed.
    `open_by` says what may leave the values open, and `truth` what they are, as `Finding.truth` has it:
    "certified", or "two runs" where balls take too long.
    """

    before: Mapping[str, Bounded]
    values: Mapping[str, Bounded]
    balls: Mapping[str, Ball] = field(default_factory=dict)
    bits: int = BITS
    open_by: str = "what a correct program may be off by"
    truth: str = "certified"

    @property
    def is_program(self) -> bool:
        """Whether a program's own roundings are allowed."""
        return not self.balls

    def distance(self, name: str, printed: PublishedArray) -> tuple[Real, Real]:
        """Return each printed number's distance from the exact one, and what that is uncertain by."""
        value = self.values[name]
        if name in self.balls:
            with precision(self.bits):
                apart = Ball.of_fractions(printed.exact) - self.balls[name]
            high, low, radius = apart.split()
            beyond = np.isinf(high)  # a ball that is finite, and beyond float64
            return np.abs(high), np.where(beyond, 0.0, np.abs(low) + radius)
        bound = np.broadcast_to(value.error, printed.value.shape)
        return np.abs((printed.value - value.value) - value.low), bound


def exact_run(problem: Problem, published: Published) -> dict[int, ExactStep]:
    """Return the steps of which something is printed, by number; the problem is as in `judge_published`."""
    steps = [entry.step for entry in published.steps]
    if published.computed_in is not None:
        return _allowed(problem, steps)
    bits, before = BITS, 0
    settled = bool(_rounded(published))  # no bits make narrower what the inputs leave open
    while bits <= MAX_BITS:
        run, ended = _run(problem, published, bits, to_the_end=settled)
        if settled or not ended:
            return run
        settled, before = ended == before, ended  # more bits did not help: the run is at a kink there
        bits = BITS if settled else 2 * bits
    return _by_two_runs(problem, published, steps)


def _run(
    problem: Problem, published: Published, bits: int, *, to_the_end: bool
) -> tuple[dict[int, ExactStep], int]:
    """Run to the last step, or until a ball is too wide; return the steps, and the one where it was, or 0."""
    run: dict[int, ExactStep] = {}
    entries = {entry.step: entry for entry in published.steps}
    for step, known, values in certified_at(problem, entries, published.inputs, bits):
        if not to_the_end and not _width_of_state(problem, known) <= -SPARE:
            return run, step
        if step in entries:
            run[step] = _of_balls(problem, published, step, known, values, bits)
            printed = entries[step].values.items()
            if not to_the_end and not all(_is_sharp(run[step], *item) for item in printed):
                return run, step
    return run, 0


def _by_two_runs(
    problem: Problem, published: Published, steps: Sequence[int], bits: int = BITS
) -> dict[int, ExactStep]:
    """Return the steps where balls would need too many bits: by their middles, of two runs.

    Balls widen as if every error were carried on by the worst case; the training itself mostly forgets it. So
    the second run, of twice the bits, shows what roundings have done to the first. Its own error is taken to
    be at most `MISTRUST` times their difference.
    """
    run: dict[int, ExactStep] = {}
    pair = (certified_at(problem, steps, published.inputs, each, middles=True) for each in (2 * bits, bits))
    for (step, known, values), (_, near_known, near_values) in zip(*pair, strict=True):
        if step in steps:
            with precision(2 * bits):
                before = {name: ball.widened(near_known[name], MISTRUST) for name, ball in known.items()}
                after = {name: ball.widened(near_values[name], MISTRUST) for name, ball in values.items()}
            estimated = _of_balls(problem, published, step, before, after, 2 * bits)
            run[step] = replace(estimated, truth="two runs")
    printed = ((run[entry.step], *item) for entry in published.steps for item in entry.values.items())
    if all(_is_sharp(*item) for item in printed) or 8 * bits > MAX_BITS:
        return run
    return _by_two_runs(problem, published, steps, 4 * bits)


def certified_at(
    problem: Problem,
    steps: Collection[int],
    inputs: Mapping[str, Written],
    bits: int = BITS,
    *,
    middles: bool = False,
) -> Iterator[tuple[int, dict[str, Ball], dict[str, Ball]]]:
    """Train in balls to the last of these steps, from inputs as they are written.

    Yielded are each step's number, what is known before it, and its quantities: all of them where it was
    asked for, else what leads to the next step. As the balls widen, fewer bits are worked with: digits far
    below their radius mean nothing. With `middles` each step starts from those alone: nothing is certified.
    """
    every, known = tape(problem), exact_balls(initial_values(problem))
    needed = leading_to(map(names.updated, problem.state), every)
    with precision(bits):
        known |= {name: Ball.of_fractions(one.value, one.half_unit) for name, one in inputs.items()}
    for step in range(1, max(steps) + 1):
        if bits > BITS and not middles:
            width = _width_of_state(problem, known)
            bits = max(BITS, min(bits, GUARD_BITS - int(max(width, -bits))))
        with precision(bits):
            values = evaluate(every if step in steps else needed, known)
        yield step, known, values
        known = advance(known, values, problem)
        if middles:
            known |= {name: known[name].middle() for name in problem.state}


def _width_of_state(problem: Problem, known: Mapping[str, Ball]) -> float:
    return max((known[name].width() for name in problem.state), default=-math.inf)


def _rounded(published: Published) -> set[str]:
    """Return the inputs that are known to their printed digits only."""
    return {name for name, one in published.inputs.items() if one.half_unit is not None}


def _is_sharp(step: ExactStep, name: str, printed: PublishedArray) -> bool:
    _, uncertain = step.distance(name, printed)
    return bool((uncertain <= NEGLIGIBLE * printed.half_unit)[printed.given & (printed.half_unit > 0)].all())


def _of_balls(
    problem: Problem,
    published: Published,
    step: int,
    known: Mapping[str, Ball],
    values: Mapping[str, Ball],
    bits: int,
) -> ExactStep:
    """Take balls as numbers with a bound; the rules' numbers, and data that is exact, as they are."""
    rounded = _rounded(published)
    before = exact_inputs(problem, PRINTED) | {names.STEP: Bounded.exact(float(step), PRINTED)}
    with precision(bits):
        before |= {name: _start(known[name]) for name in known.keys() & {*problem.state, *rounded}}
        bounded = {name: _bounded(ball) for name, ball in values.items()}
    open_by = "rounding the inputs to what is printed" if rounded else "a kink that the exact run is at"
    return ExactStep(before, bounded, values, bits, open_by)


def _bounded(ball: Ball) -> Bounded:
    high, low, radius = ball.split()
    return Bounded(high, np.where(np.isfinite(radius), radius, np.inf), PRINTED.certified, low=low)


def _start(ball: Ball) -> Bounded:
    number = _bounded(ball).in_format(PRINTED)
    return number if np.any(number.error) else Bounded.exact(number.value, PRINTED)


def _allowed(problem: Problem, steps: Sequence[int]) -> dict[int, ExactStep]:
    run, form = {}, format_of(problem.dtype)
    for step, (known, values) in enumerate(islice(forward_steps(problem), max(steps)), start=1):
        if step in steps:
            run[step] = ExactStep({name: one.in_format(form) for name, one in known.items()}, values)
    return run
