"""Running a selection: all implementations of a case advance in lockstep, so that no step need be stored."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import chain
from types import MappingProxyType
from typing import Any, TypeAlias

from numpy.typing import NDArray

from adapters import Adapter, Unavailable
from cases import Case, Problem
from reference import Finding, JudgedStep, Subject, Verdict, judge, parts, tape, training_steps
from reference.parts import FailedPart
from reports import running
from reports.accuracy import AccuracyCounter, added
from reports.bits import BitKeeper
from reports.drift import DriftMeter
from reports.environment import Selection
from reports.expectations import settled
from reports.explanations import explained
from reports.following import Following
from reports.inherited import expectation_of
from reports.long_runs import RowKeeper
from reports.losses import LossKeeper
from reports.lost_digits import LostDigitsKeeper
from reports.pairs import PairCounter
from reports.published import judge_case
from reports.rows import PUBLISHED, Pair, Results, Row
from reports.running import Doing
from reports.side_by_side import SideBySide

# The adapter that plain differences are measured from; it is judged like the others.
REFERENCE = "numpy"

# Is given each step of all implementations of a case, for what is told beside the verdicts.
Follower: TypeAlias = Callable[[Mapping[Subject, JudgedStep]], None]

NOTHING: Mapping[str, NDArray[Any]] = MappingProxyType({})

# The differences where there is nothing to compare.
UNKNOWN = math.nan, math.nan


def run(selection: Selection, watch: Callable[[Case, str, int], None] = lambda *_: None) -> Results:
    """Run and judge everything; `watch` is called before each case and dtype (step 0) and after each step."""
    with parts.collected() as failed:
        found = joined([results for case in selection.cases for results in _each(case, selection, watch)])
    return replace(found, failed=tuple(failed))


def _each(case: Case, selection: Selection, watch: Callable[[Case, str, int], None]) -> Iterator[Results]:
    """Give what one case comes to in each number format, and then its printed numbers."""
    for dtype in (dtype for one, dtype in selection.runs if one is case):
        watch(case, dtype, 0)
        yield _run_in_one_format(case, dtype, selection, watch)
    if case.published:
        watch(case, "printed numbers", 0)
    judged = parts.tried(f"the judging of the printed numbers of {case.name}", judge_case, case, explain=True)
    if isinstance(judged, FailedPart):
        yield Results((_not_judged(Subject(case.name, PUBLISHED, "", "printed"), judged),))
    else:
        yield Results(rows=tuple(one.row for one in judged), printed=tuple(judged))


def _not_judged(subject: Subject, failed: FailedPart) -> Row:
    """Return what is told of an implementation where the judging itself failed: that it is no agreement."""
    return Row(subject, Finding(0, "", Verdict.ERROR, f"is not judged, because {failed}"))


def _run_in_one_format(
    case: Case, dtype: str, selection: Selection, watch: Callable[[Case, str, int], None]
) -> Results:
    problem, about = case.problem(dtype), f"of {case.name} in {dtype}"
    drift = Following(f"the drift {about}", lambda: DriftMeter(problem))
    losses = Following(f"the losses {about}", lambda: LossKeeper(problem))
    bits = Following(f"the bits {about}", BitKeeper)
    accuracy = Following(f"the accuracy {about}", AccuracyCounter)
    lost_digits = Following(f"the lost digits {about}", LostDigitsKeeper)

    def follow(judged: Mapping[Subject, JudgedStep]) -> None:
        for one in (drift, losses, bits, accuracy, lost_digits):
            one.add(judged)

    found = parts.tried(f"the judging {about}", run_case, case, dtype, selection.adapters, watch, [follow])
    if isinstance(found, FailedPart):
        return Results(tuple(_not_judged(one, found) for one in _before_the_run(problem, selection.adapters)))
    rows, pairs = found
    return Results(
        tuple(rows),
        tuple(pairs),
        drifts=tuple(drift.finished()),
        accuracy=tuple(accuracy.finished()),
        losses=tuple(losses.finished()),
        bits=tuple(bits.finished()),
        lost_digits=tuple(lost_digits.finished()),
    )


def joined(several: Sequence[Results]) -> Results:
    """Put results one after the other; what is counted over all cases is added up."""
    together = {
        field.name: tuple(chain.from_iterable(getattr(one, field.name) for one in several))
        for field in fields(Results)
    }
    return Results(**together | {"accuracy": added([one.accuracy for one in several])})


def run_case(
    case: Case,
    dtype: str,
    adapters: Sequence[Adapter | Unavailable],
    watch: Callable[[Case, str, int], None] = lambda *_: None,
    follow: Sequence[Follower] = (),
) -> tuple[list[Row], list[Pair]]:
    """Run one case in one number format; return each program's rows together, and the pairs of programs.

    Each of `follow` is given each step of all implementations, for what is told beside the verdicts.
    """
    problem = case.problem(dtype)
    rows = _before_the_run(problem, adapters)
    counter = Following(
        f"the direct comparison of {case.name} in {dtype}", lambda: PairCounter(case.name, dtype)
    )
    present = [adapter for adapter in adapters if isinstance(adapter, Adapter)]
    for judged, baseline in _beside_the_reference(problem, present):
        for subject, step in judged.items():
            found = list(rows_of(problem, subject, step, baseline))
            if step.failures and rows[subject].is_worse(found):  # what comes later follows from it
                found = explained(problem, step, found)
            rows[subject].add(found)
        counter.add({who: step.claim for who, step in judged.items() if who.adapter != REFERENCE})
        for told in follow:
            told(judged)
        watch(case, dtype, max((step.step for step in judged.values()), default=problem.steps))
    return _settled(case, dtype, rows, present), list(counter.finished())


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
            part = f"the plain differences of {problem.case} in {problem.dtype}"
            beside = parts.tried(part, next, unseen, NOTHING)
            yield judged, NOTHING if isinstance(beside, FailedPart) else beside
        else:
            yield judged, judged[selected].claim if selected in judged else NOTHING


def rows_of(
    problem: Problem, subject: Subject, judged: JudgedStep, baseline: Mapping[str, NDArray[Any]] = NOTHING
) -> Iterator[Row]:
    """Give the rows of one judged step, with the plain differences from `baseline`, if there is one."""
    places = {line.name: place for place, line in enumerate(tape(problem))}
    part = f"the plain differences of {subject.implementation} on {problem.case} in {problem.dtype}"
    found = parts.tried(part, _differences, judged.claim, baseline, problem.dtype)
    differences = {} if isinstance(found, FailedPart) else found
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
