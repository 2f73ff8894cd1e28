"""Running a selection: all claimants of a case advance in lockstep, so that no step need be stored."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from adapters import Adapter, Unavailable
from reference import Finding, JudgedStep, Subject, judge, tape, training_steps
from reports import running
from reports.accuracy import AccuracyCounter
from reports.bits import BitKeeper, Bits
from reports.drift import Drift, DriftMeter
from reports.expectations import settled
from reports.explanations import explained
from reports.inherited import expectation_of
from reports.long_runs import RowKeeper
from reports.losses import Loss, LossKeeper
from reports.pairs import PairCounter
from reports.published import judge_case
from reports.rows import Pair, Printed, Results, Row
from reports.running import Doing
from reports.side_by_side import SideBySide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from cases import Case, Problem

REFERENCE = "numpy"
"""The adapter that plain differences are measured from; it is judged like the others."""

Follower: TypeAlias = "Callable[[Mapping[Subject, JudgedStep]], None]"
"""Is given each step of all claimants of a case, for what is told beside the verdicts."""

NOTHING: Mapping[str, NDArray[Any]] = MappingProxyType({})

UNKNOWN = math.nan, math.nan
"""The differences where there is nothing to compare."""


@dataclass(frozen=True)
class Selection:
    """What to run; `dtypes` narrows each case's own, and empty means all of them."""

    cases: tuple[Case, ...]
    adapters: tuple[Adapter | Unavailable, ...]
    dtypes: tuple[str, ...] = ()

    @property
    def runs(self) -> tuple[tuple[Case, str], ...]:
        """Each case in each number format."""
        return tuple((case, dtype) for case in self.cases for dtype in case.dtypes if self._wants(dtype))

    def _wants(self, dtype: str) -> bool:
        return not self.dtypes or dtype in self.dtypes


def run(selection: Selection, watch: Callable[[Case, str, int], None] = lambda *_: None) -> Results:
    """Run and judge everything; `watch` is called before each case and dtype (step 0) and after each step."""
    rows: list[Row] = []
    pairs: list[Pair] = []
    printed: list[Printed] = []
    drifts: list[Drift] = []
    losses: list[Loss] = []
    bits: list[Bits] = []
    accuracy = AccuracyCounter()
    for case in selection.cases:
        for dtype in (dtype for one, dtype in selection.runs if one is case):
            watch(case, dtype, 0)
            problem = case.problem(dtype)
            meter, losing, keeper = DriftMeter(problem), LossKeeper(problem), BitKeeper()
            follow = meter.add, losing.add, keeper.add, accuracy.add
            found, counted = run_case(case, dtype, selection.adapters, watch, follow)
            drifts += meter.finished()
            losses += losing.finished()
            bits += keeper.finished()
            rows += found
            pairs += counted
        if case.published:
            watch(case, "printed numbers", 0)
        judged = judge_case(case, explain=True)
        rows += [one.row for one in judged]
        printed += judged
    return Results(
        tuple(rows),
        tuple(pairs),
        tuple(printed),
        tuple(drifts),
        accuracy.rows,
        tuple(losses),
        bits=tuple(bits),
    )


def run_case(
    case: Case,
    dtype: str,
    adapters: Sequence[Adapter | Unavailable],
    watch: Callable[[Case, str, int], None] = lambda *_: None,
    follow: Sequence[Follower] = (),
) -> tuple[list[Row], list[Pair]]:
    """Run one case in one number format; return each claimant's rows together, and the pairs of claimants.

    Each of `follow` is given each step of all claimants, for what is told beside the verdicts.
    """
    problem = case.problem(dtype)
    rows = _before_the_run(problem, adapters)
    counter = PairCounter(case.name, dtype)
    present = [adapter for adapter in adapters if isinstance(adapter, Adapter)]
    for judged, baseline in _beside_the_reference(problem, present):
        for subject, step in judged.items():
            found = list(rows_of(problem, subject, step, baseline))
            if step.failures and not rows[subject].has_failed:  # what comes later follows from it
                found = explained(problem, step, found)
            rows[subject].add(found)
        counter.add({who: step.claim for who, step in judged.items() if who.adapter != REFERENCE})
        for told in follow:
            told(judged)
        watch(case, dtype, max((step.step for step in judged.values()), default=problem.steps))
    return _settled(case, dtype, rows, present), counter.pairs


def _settled(
    case: Case, dtype: str, rows: Mapping[Subject, RowKeeper], present: Sequence[Adapter]
) -> list[Row]:
    """Return all rows, those of each adapter that is present beside what the case expects of it."""
    together: dict[str, list[Row]] = {}
    for subject, found in rows.items():
        together.setdefault(subject.adapter, []).extend(found.rows)
    expected = {
        adapter.name: expectation_of(case, dtype, adapter, together[adapter.name]) for adapter in present
    }
    return [row for name, found in together.items() for row in settled(expected.get(name), found)]


def _before_the_run(problem: Problem, adapters: Sequence[Adapter | Unavailable]) -> dict[Subject, RowKeeper]:
    """Return no rows yet for each program, and for each adapter that cannot run the one that says so."""
    rows: dict[Subject, RowKeeper] = {}
    for adapter in adapters:
        if isinstance(adapter, Unavailable):
            subject = _subject(problem, adapter)
            rows[subject] = RowKeeper([Row(subject, Finding(0, "", adapter.verdict, adapter.reason))])
        else:
            rows |= {_subject(problem, adapter, program.name): RowKeeper() for program in adapter.programs}
    return rows


def _subject(problem: Problem, adapter: Adapter | Unavailable, program: str = "") -> Subject:
    return Subject(problem.case, adapter.name, program, problem.dtype)


def lockstep(problem: Problem, adapters: Sequence[Adapter]) -> Iterator[dict[Subject, JudgedStep]]:
    """Advance every program of every adapter step by step, until the last has ended.

    One that ends before the others is left out from there on: near the threshold of `until`, roundings decide
    which step is the last.
    """
    runs = {
        _subject(problem, adapter, program.name): judge(
            problem, program.run, program.promises(problem.depth), accumulators=program.accumulators
        )
        for adapter in adapters
        for program in adapter.programs
    }
    while runs:
        judged = {subject: _step(subject, run) for subject, run in runs.items()}
        taken = {subject: step for subject, step in judged.items() if step is not None}
        runs = {subject: run for subject, run in runs.items() if subject in taken}
        if taken:
            yield taken
    running.now(None)


def _step(subject: Subject, run: Iterator[JudgedStep]) -> JudgedStep | None:
    """Return the next step of one training, or None at its end."""
    running.now(Doing(subject.adapter, subject.program, subject.case, subject.dtype))
    return next(run, None)


def _beside_the_reference(
    problem: Problem, adapters: Sequence[Adapter]
) -> Iterator[tuple[dict[Subject, JudgedStep], Mapping[str, NDArray[Any]]]]:
    """Give each step's claims with the NumPy reference's own, which runs unseen if it is not selected."""
    selected = Subject(problem.case, REFERENCE, "", problem.dtype)
    is_selected = any(adapter.name == REFERENCE for adapter in adapters)
    unseen = None if is_selected else training_steps(problem.copy())
    for judged in lockstep(problem, adapters):
        if unseen is not None:
            yield judged, next(unseen, NOTHING)
        else:
            yield judged, judged[selected].claim if selected in judged else NOTHING


def rows_of(
    problem: Problem, subject: Subject, judged: JudgedStep, baseline: Mapping[str, NDArray[Any]] = NOTHING
) -> Iterator[Row]:
    """Give the rows of one judged step, with the plain differences from `baseline`, if there is one."""
    places = {line.name: place for place, line in enumerate(tape(problem))}
    differences = _differences(judged.claim, baseline, problem.dtype)
    for finding in judged.findings:
        place = places.get(finding.quantity, len(places)) if finding.quantity else -1
        apart = UNKNOWN if finding.index is None else differences.get(finding.quantity, UNKNOWN)
        yield Row(subject, finding, place, *apart)


def _differences(
    claim: Mapping[str, Any], baseline: Mapping[str, NDArray[Any]], dtype: str
) -> Mapping[str, tuple[float, float]]:
    """Return the largest plain differences of each quantity that both state."""
    both = SideBySide.of(claim, baseline, dtype)
    return {} if both is None else both.largest_differences()
