"""The exact run beside printed numbers: the training from the inputs as they are written.

It runs in balls. What a ball's radius gains from step to step is measured over the first steps, and the bits
are chosen so that enough of them are left at the last. That is verified; where it was too few, or where a
ball holds both sides of a kink, the whole is repeated with twice the bits (Ziv, as in `reference.nearest`).

Numbers that a program printed are those of its number format: there the exact run is every quantity's
certified value, with all that a correct program may be off by (`reference.allowance`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np

from reference import names
from reference.allowance import allowed_steps
from reference.balls import BITS, Ball, precision
from reference.bounded import EXACT, Bounded
from reference.certification import with_low
from reference.formats import PRINTED, format_of
from reference.known import exact_inputs
from reference.trajectory import certified_at

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from cases import Problem
    from cases.published import Published, PublishedArray
    from reference.bounded import Real
    from reference.formats import Format

PROBE: Final = 200
"""Steps over whose second half the growth of the radius is measured; shorter runs are simply run."""

SPARE: Final = 96
"""Bits that a state keeps: what is derived from it, in float64, then owes nothing to its ball."""

DOUBLINGS: Final = 3
"""After so many a ball that is still wide is one at a kink."""

NEGLIGIBLE: Final = 2.0**-20
"""What an exact number may be uncertain by, in half units of the last printed place."""


@dataclass(frozen=True, eq=False)
class ExactStep:
    """One step of the exact run.

    Attributes
    ----------
    before
        All that the step is computed from, by name: data, numbers, state.
    values
        Every quantity of the step.
    balls
        The same quantities' balls, of so many `bits`; none where a program's own roundings are allowed.
    """

    before: Mapping[str, Bounded]
    values: Mapping[str, Bounded]
    balls: Mapping[str, Ball] = field(default_factory=dict)
    bits: int = BITS

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
            return np.abs(high), np.abs(low) + radius
        return np.abs((printed.value - value.value) - value.low), np.broadcast_to(
            value.error, printed.value.shape
        )


def exact_run(problem: Problem, published: Published) -> dict[int, ExactStep]:
    """Return the steps of the exact run of which something is printed, by number.

    Parameters
    ----------
    problem
        The published example, in the format that printed it, or in float64.
    """
    steps = [entry.step for entry in published.steps]
    if published.computed_in is not None:
        return _allowed(problem, steps)
    bits = _predicted_bits(problem, published, max(steps))
    for doubling in range(DOUBLINGS + 1):
        found, sharp = _run(problem, published, steps, bits << doubling, last_try=doubling == DOUBLINGS)
        if sharp:
            break
    return found


def _predicted_bits(problem: Problem, published: Published, last: int) -> int:
    """Return the bits that leave `SPARE` of them at the last step, as the first steps have it."""
    if last <= PROBE or _is_rounded(published):
        return BITS
    widths = []
    for _, known, _ in certified_at(problem, [PROBE], published.inputs):
        widths.append(_width(problem, known))
        if widths[-1] >= 0:
            break
    end = len(widths) - 2 if widths[-1] >= 0 else len(widths) - 1
    middle = end // 2
    growth = (widths[end] - widths[middle]) / (end - middle) if end > middle else 0.0
    return BITS + math.ceil(max(0.0, growth) * last) if math.isfinite(growth) else BITS


def _run(
    problem: Problem, published: Published, steps: Collection[int], bits: int, *, last_try: bool
) -> tuple[dict[int, ExactStep], bool]:
    """Return the steps with that many bits, and whether those are enough; without the later steps if not."""
    found: dict[int, ExactStep] = {}
    entries = {entry.step: entry for entry in published.steps}
    last_try |= _is_rounded(published)
    for step, known, values in certified_at(problem, steps, published.inputs, bits):
        if not last_try and not _width(problem, known) <= -SPARE:
            return found, False
        if step in steps:
            found[step] = _of_balls(problem, published, step, known, values, bits)
            told = entries[step].values.items()
            if not last_try and not all(_is_sharp(found[step], name, printed) for name, printed in told):
                return found, False
    return found, True


def _is_rounded(published: Published) -> bool:
    """Whether the inputs themselves are known to their printed digits only: no bits make that narrower."""
    return any(one.half_unit is not None for one in published.inputs.values())


def _width(problem: Problem, known: Mapping[str, Ball]) -> float:
    return max((known[name].width() for name in problem.state), default=-math.inf)


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
    rounded = {name for name, one in published.inputs.items() if one.half_unit is not None}
    before = exact_inputs(problem, PRINTED) | {names.STEP: Bounded.exact(float(step), PRINTED)}
    with precision(bits):
        before |= {name: _start(known[name]) for name in known.keys() & {*problem.state, *rounded}}
        quantities = {name: ball for name, ball in values.items() if name not in before}
        return ExactStep(
            before, {name: _bounded(ball) for name, ball in quantities.items()}, quantities, bits
        )


def _bounded(ball: Ball) -> Bounded:
    high, low, radius = ball.split()
    return Bounded(high, np.where(np.isfinite(radius), radius, np.inf), PRINTED.certified, low=low)


def _start(ball: Ball) -> Bounded:
    high, low, radius = ball.split()
    error = np.abs(low) + np.where(np.isfinite(radius), radius, np.inf)
    return Bounded(high, error if error.any() else EXACT, PRINTED)


def _allowed(problem: Problem, steps: Collection[int]) -> dict[int, ExactStep]:
    form = format_of(problem.dtype)
    run = enumerate(islice(allowed_steps(problem), max(steps)), start=1)
    return {
        step: ExactStep({name: _uncertified(one, form) for name, one in known.items()}, values)
        for step, (known, values) in run
        if step in steps
    }


def _uncertified(number: Bounded, form: Format) -> Bounded:
    return Bounded(number.value, with_low(number), form)
