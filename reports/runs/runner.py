"""Running a selection: all implementations of a case advance in lockstep, so that no run need be stored."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from itertools import chain, groupby
from typing import Any, TypeAlias

from adapters import Adapter, Unavailable
from cases import Case, Problem
from cases.protocol import Verdict
from reference import Claim, Finding, JudgedStep, Subject, judge, parts, training_steps
from reference.agreement import FindingsOfSteps
from reference.explanations import Diagnosis
from reference.findings import AgreeingFindings
from reference.parts import FailedPart
from reports import supervision
from reports.environment import Selection
from reports.runs.accuracy import AccuracyCounter, LostDigitsKeeper, added
from reports.runs.comparison import REFERENCE, UNKNOWN, Differences, Pair, PairCounter, plain_differences
from reports.runs.expectations import expectation_of, judge_case, marked
from reports.runs.parameter_drift import DriftMeter
from reports.runs.recorded import BitKeeper, LossKeeper
from reports.runs.rows import KEPT_STEPS, PUBLISHED, Results, Row, RowKeeper, first_failure, places
from reports.runs.step_batches import OptionalMeasure, Step, StepBatch, batched
from reports.supervision import Activity

# Lines wrong in their own right that are explained beside the first, or else named; more are counted.
MAX_OTHERS = 3

# Called before each case and number format (step 0), and after each step.
Watch: TypeAlias = Callable[[Case, str, int], None]

# What is measured, and no verdict: the field of `Results`, its name for a reader, what makes the measure.
MEASURES: dict[str, tuple[str, Callable[[Problem], Any]]] = {
    "pairs": ("the direct comparison", lambda _: PairCounter()),
    "drifts": ("the drift", DriftMeter),
    "accuracy": ("the accuracy", lambda _: AccuracyCounter()),
    "losses": ("the losses", LossKeeper),
    "bits": ("the bits", lambda _: BitKeeper()),
    "lost_digits": ("the lost digits", lambda _: LostDigitsKeeper()),
}


def run(selection: Selection, watch: Watch = lambda *_: None) -> Results:
    with parts.collected() as failed:
        results = joined([part for case in selection.cases for part in _each(case, selection, watch)])
    return replace(results, failed=tuple(failed))


def joined(several: Sequence[Results]) -> Results:
    """Put results one after the other; what is counted over all cases is added up."""
    names = [field.name for field in fields(Results)]
    together = {name: tuple(chain.from_iterable(getattr(part, name) for part in several)) for name in names}
    return Results(**together | {"accuracy": added(part.accuracy for part in several)})


def _each(case: Case, selection: Selection, watch: Watch) -> Iterator[Results]:
    """Give the results of one case in each number format, and then those of its printed numbers."""
    for dtype in (dtype for of, dtype in selection.runs if of is case):
        watch(case, dtype, 0)
        yield _in_one_format(case, dtype, selection, watch)
    if case.published:
        watch(case, "printed numbers", 0)
        yield _of_printed_numbers(case)


def _in_one_format(case: Case, dtype: str, selection: Selection, watch: Watch) -> Results:
    problem, adapters = case.problem(dtype), selection.adapters
    measures = {name: _measure(name, problem) for name in MEASURES}
    part = f"the judging of {case.name} in {dtype}"
    rows = parts.tried(part, _run_problem, case, problem, adapters, watch, [*measures.values()])
    if isinstance(rows, FailedPart):
        subjects = _before_the_run(problem, adapters)
        return Results(tuple(_not_judged(subject, rows) for subject in subjects))
    return Results(tuple(rows), **{name: measure.finished() for name, measure in measures.items()})


def _measure(name: str, problem: Problem) -> OptionalMeasure:
    part, make = MEASURES[name]
    return OptionalMeasure(f"{part} of {problem.case} in {problem.dtype}", partial(make, problem))


def _of_printed_numbers(case: Case) -> Results:
    part = f"the judging of the printed numbers of {case.name}"
    printed = parts.tried(part, judge_case, case, explain=True)
    if isinstance(printed, FailedPart):
        return Results((_not_judged(Subject(case.name, PUBLISHED, "", "printed"), printed),))
    return Results(rows=tuple(entry.row for entry in printed), printed=tuple(printed))


def _not_judged(subject: Subject, failed: FailedPart) -> Row:
    """Return the error of an implementation where the judging itself failed: that is no agreement."""
    return Row(subject, Finding(0, "", Verdict.ERROR, f"is not judged, because {failed}"))


def run_case(
    case: Case, dtype: str, adapters: Sequence[Adapter | Unavailable]
) -> tuple[list[Row], tuple[Pair, ...]]:
    """Run one case in one number format; return each program's rows together, and the pairs of programs."""
    problem = case.problem(dtype)
    pairs = _measure("pairs", problem)
    return _run_problem(case, problem, adapters, lambda *_: None, [pairs]), pairs.finished()


def _run_problem(
    case: Case,
    problem: Problem,
    adapters: Sequence[Adapter | Unavailable],
    watch: Watch,
    measures: Sequence[OptionalMeasure],
) -> list[Row]:
    """Return each program's rows together; every measure is given each batch of steps."""
    rows = _before_the_run(problem, adapters)
    present = [adapter for adapter in adapters if isinstance(adapter, Adapter)]
    for batch in batched(problem, _with_reference(case, problem, present, watch)):
        _keep_rows(problem, batch, _differences(problem, batch), rows)
        for measure in measures:
            measure.add(batch)
    return _with_expectations(case, problem, rows, present)


def _keep_rows(
    problem: Problem,
    batch: StepBatch,
    differences: Mapping[Subject, Differences],
    rows: Mapping[Subject, RowKeeper],
) -> None:
    place = places(problem)
    for subject, apart in differences.items():
        numbered = enumerate(step[subject] for step in batch.steps)
        for agreeing, several in groupby(numbered, key=lambda one: _all_agree(one[1])):
            (i, judged), *others = several
            if agreeing is None:
                for k, one in ((i, judged), *others):
                    _keep_step(problem, subject, one, partial(_apart, differences=apart, i=k), rows[subject])
                continue
            steps = range(judged.step, judged.step + 1 + len(others))
            for findings in agreeing:
                of_steps = [part[i : i + len(steps)] for part in apart.get(findings.quantity, ())]
                rows[subject].merge_agreeing(subject, findings, steps, place[findings.quantity], of_steps)


def _all_agree(judged: JudgedStep) -> Sequence[FindingsOfSteps] | None:
    """Return the findings of the whole batch of a step that only counts among many; None of any other."""
    if judged.step > KEPT_STEPS and isinstance(judged.findings, AgreeingFindings):
        return judged.findings.by_quantity
    return None


def _keep_step(
    problem: Problem,
    subject: Subject,
    judged: JudgedStep,
    apart: Callable[[Finding], tuple[float, float]],
    keeper: RowKeeper,
) -> None:
    failures = judged.failures
    if judged.step > KEPT_STEPS and not failures:
        place = places(problem)
        for finding in judged.findings:
            keeper.merge(subject, finding, place[finding.quantity], apart(finding))
        return
    of_step = rows_of(problem, subject, judged, apart)
    if failures and keeper.is_worse(of_step):  # what comes later follows from it
        of_step = explained(problem, judged, of_step)
    keeper.add(of_step)


def _with_expectations(
    case: Case, problem: Problem, rows: Mapping[Subject, RowKeeper], present: Sequence[Adapter]
) -> list[Row]:
    """Return all rows; those of each adapter that is present are marked by what the case expects of it."""
    by_adapter: dict[str, list[Row]] = {}
    for subject, keeper in rows.items():
        by_adapter.setdefault(subject.adapter, []).extend(keeper.rows)
    for adapter in present:
        own = by_adapter[adapter.name]
        by_adapter[adapter.name] = marked(expectation_of(case, problem.dtype, adapter, own), own)
    return [*chain.from_iterable(by_adapter.values())]


def _before_the_run(problem: Problem, adapters: Sequence[Adapter | Unavailable]) -> dict[Subject, RowKeeper]:
    """Return no rows yet for each program, and for each adapter that cannot run the row that says so."""
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


def lockstep(problem: Problem, adapters: Sequence[Adapter]) -> Iterator[Step]:
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
        taken: dict[Subject, JudgedStep] = {}
        for subject, run in runs.items():
            supervision.note(Activity(subject.adapter, subject.program, subject.case, subject.dtype))
            if (step := next(run, None)) is not None:
                taken[subject] = step
        runs = {subject: run for subject, run in runs.items() if subject in taken}
        if taken:
            yield taken
    supervision.note(None)


def _with_reference(
    case: Case, problem: Problem, adapters: Sequence[Adapter], watch: Watch
) -> Iterator[tuple[Step, Claim]]:
    """Give each step with the NumPy reference's own claim, which runs unseen if it is not selected."""
    is_selected = any(adapter.name == REFERENCE for adapter in adapters)
    unseen = None if is_selected else training_steps(problem.copy())
    part = f"the plain differences of {problem.case} in {problem.dtype}"
    for step in lockstep(problem, adapters):
        claim = {} if unseen is None else parts.tried(part, next, unseen, {})
        yield step, {} if isinstance(claim, FailedPart) else claim
        watch(case, problem.dtype, max(judged.step for judged in step.values()))


def _differences(problem: Problem, batch: StepBatch) -> dict[Subject, Differences]:
    """Return each implementation's largest plain differences from the reference; none where that fails."""
    selected = Subject(problem.case, REFERENCE, "", problem.dtype)
    reference = batch.arrays.get(selected) or batch.unseen
    of_each: dict[Subject, Differences] = {}
    for subject, arrays in batch.arrays.items():
        part = f"the plain differences of {subject.implementation} on {subject.case} in {subject.dtype}"
        differences = parts.tried(part, plain_differences, arrays, reference)
        of_each[subject] = {} if isinstance(differences, FailedPart) else differences
    return of_each


def rows_of(
    problem: Problem,
    subject: Subject,
    judged: JudgedStep,
    apart: Callable[[Finding], tuple[float, float]] = lambda _: UNKNOWN,
) -> list[Row]:
    """Return the rows of one judged step; `apart` gives the largest plain differences of a finding."""
    place = places(problem)
    ranks = {"": -1} | place
    return [
        Row(subject, finding, ranks.get(finding.quantity, len(place)), *apart(finding))
        for finding in judged.findings
    ]


def _apart(finding: Finding, differences: Differences, i: int) -> tuple[float, float]:
    """Return the largest plain differences of a finding's quantity, where numbers were compared."""
    if finding.index is None or finding.quantity not in differences:
        return UNKNOWN
    absolute, relative = differences[finding.quantity]
    return absolute.item(i), relative.item(i)


def explained(problem: Problem, judged: JudgedStep, rows: Sequence[Row]) -> list[Row]:
    """Return a step's rows with an explanation of what fails first, and of what is wrong in its own right.

    The first also says which those are. What fails on the way to it is named in its place; the rows are
    otherwise as they were.
    """
    first = first_failure(rows)
    if first is None:
        return list(rows)
    before, subject = parts.so_far(), first.subject
    part = f"the diagnosis of {subject.implementation} on {subject.case} in {subject.dtype}"
    made = parts.tried(part, _diagnosed_rows, problem, judged, rows, first)
    failed = [f"Not diagnosed: {part}." for part in parts.so_far()[len(before) :]]
    return [
        replace(row, explanation=_joined(row.explanation, *failed)) if row.finding is first.finding else row
        for row in (rows if isinstance(made, FailedPart) else made)
    ]


def _diagnosed_rows(problem: Problem, judged: JudgedStep, rows: Sequence[Row], first: Row) -> list[Row]:
    from reference.diagnosis import explain_step, inherited  # noqa: PLC0415 - loads all mistakes, seldom needed

    diagnoses = [one for one in explain_step(problem, judged) if one.explanations or _is_number(one.finding)]
    own = [one for one in diagnoses if not one.follows and one.names != ("right-itself",)]
    others = [one for one in own if one.finding != first.finding]
    made = []
    for row in rows:
        diagnosis = _of(row.finding, diagnoses if row is first else others)
        text = _words(diagnosis)
        if row is first and (text or _is_number(row.finding)):
            follows = inherited(problem, judged.claim, judged.state, row.finding.quantity)
            text = _joined(text or str(diagnosis), str(follows))
        text = _joined(text, _beside_the_first(others)) if row is first else text
        made.append(replace(row, explanation=text, causes=diagnosis.explanations))
    return made


def _is_number(finding: Finding) -> bool:
    """Whether numbers differ: of another dtype or shape the finding itself says what is wrong."""
    return finding.verdict is Verdict.DIFFERS


def _of(finding: Finding, diagnoses: Iterable[Diagnosis]) -> Diagnosis:
    return next((diagnosis for diagnosis in diagnoses if diagnosis.finding == finding), Diagnosis(finding))


def _words(diagnosis: Diagnosis) -> str:
    """Return what explains a finding, and what else to look at; "" where there is neither."""
    has_any = diagnosis.explanations or diagnosis.hint
    return _joined(str(diagnosis), diagnosis.hint) if has_any else ""


def _beside_the_first(others: Sequence[Diagnosis]) -> str:
    """Say what is wrong in its own right beside the line that fails first, and what explains it."""
    explained = [one for one in others if one.explanations][:MAX_OTHERS]
    left = [one.finding.quantity for one in others if one not in explained]
    if len(left) > MAX_OTHERS:
        left[MAX_OTHERS:] = [f"{len(left) - MAX_OTHERS} more"]
    named = " and ".join(filter(None, (", ".join(left[:-1]), *left[-1:])))
    are = "are wrong in their own right" if len(left) > 1 else "is wrong in its own right"
    return _joined(
        *(f"{one.finding.quantity} is wrong in its own right, too. {_words(one)}" for one in explained),
        f"{named} {are}, too." if left else "",
    )


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def diagnosed(problem: Problem, judged: JudgedStep, finding: Finding) -> tuple[frozenset[str], str]:
    """Return the names of the mistakes that explain a finding, and the diagnosis in words."""
    from reference.diagnosis import explain_step  # noqa: PLC0415 - the same

    with parts.collected() as failed:
        diagnoses = parts.tried("the diagnosis", explain_step, problem, judged)
    if isinstance(diagnoses, FailedPart):
        return frozenset(), parts.counted(failed)
    diagnosis = _of(finding, diagnoses)
    return frozenset(diagnosis.names), _joined(_words(diagnosis) or str(diagnosis), parts.counted(failed))
