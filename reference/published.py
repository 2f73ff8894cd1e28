"""Published numbers as a claim: each printed number held against the exact run and the numbers printed above it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from reference import names
from reference.bounded import Bounded
from reference.claims import JudgedStep
from reference.exact import NEGLIGIBLE, exact_run
from reference.judged_print import JudgedArray, judge_array
from reference.tape import tape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cases import Problem
    from cases.published import Published, PublishedArray, PublishedStep
    from reference.bounded import Real
    from reference.exact import ExactStep


@dataclass(frozen=True)
class JudgedPrint(JudgedStep):
    """One training step of which numbers are printed.

    Attributes
    ----------
    arrays
        Each printed quantity with a verdict on each of its numbers, by name, in the order computed.
    exact
        The exact run's step.
    """

    arrays: Mapping[str, JudgedArray] = field(default_factory=dict)
    exact: ExactStep | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Standing:
    """What later lines take for a printed array: each number ± what it leaves open; NaN where none is printed."""

    value: Real
    error: Real

    def instead_of(self, derived: Bounded) -> Bounded:
        """Put the printed numbers in the place of the derived ones."""
        given = ~np.isnan(self.value)
        value = np.where(given, self.value, derived.value)
        return Bounded(value, np.where(given, self.error, derived.error), derived.format)


def judge_published(problem: Problem, published: Published) -> Iterator[JudgedPrint]:
    """Judge published numbers as a claim.

    A printed number stands for every number that rounds to it. It agrees if the exact value, of the run from
    the inputs alone, is one of those; or if it follows from the numbers printed above it in the same step, each
    known to half a unit in its last place, and those leave at most its own last digit open. What crosses to the
    next step is the state: as printed, where it was printed of the step before, else the exact one.

    Parameters
    ----------
    problem
        The published example, in float64 or in the format that computed the numbers.
    published
        The printed numbers, by step.

    Yields
    ------
    One judged step for each training step that has printed numbers, with the state that leads to it.
    """
    run, before = exact_run(problem, published), None
    for entry in published.steps:
        exact = run[entry.step]
        crossing = before if before and before.step == entry.step - 1 else None
        judged = _judge_step(problem, entry, exact, {} if crossing is None else _crossed(problem, crossing))
        yield judged
        before = judged


def _crossed(problem: Problem, before: JudgedPrint) -> dict[str, Standing]:
    """Return the state that was printed of the step before, by the names it has in this one."""
    updated = {name: before.arrays.get(names.updated(name)) for name in problem.state}
    return {name: _standing(one) for name, one in updated.items() if one is not None}


def _standing(judged: JudgedArray) -> Standing:
    return Standing(judged.printed.value, judged.left_open)


def _judge_step(
    problem: Problem, entry: PublishedStep, exact: ExactStep, crossed: Mapping[str, Standing]
) -> JudgedPrint:
    known = dict(exact.before)
    known |= {name: standing.instead_of(known[name]) for name, standing in crossed.items()}
    above = Above(problem, known, exact, frozenset(name for name in crossed if not known[name].is_exact))
    arrays = {}
    for line in tape(problem):
        derived = above.derive(line.name)
        if line.name in entry.values:
            arrays[line.name] = judged = _judge(entry, line.name, entry.values[line.name], above, derived)
            above.take(line.name, _standing(judged))
    findings = tuple(judged.finding() for judged in arrays.values())
    state = {name: known[name] for name in (*problem.state, names.STEP)}
    return JudgedPrint(entry.step, findings=findings, state=state, arrays=arrays, exact=exact)
