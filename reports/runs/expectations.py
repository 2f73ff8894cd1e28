"""What a case says of outcomes: printed numbers that it lists as wrong, and differences that it expects.

A printed number that is listed as wrong must be wrong.

An expectation is met if every program that states the quantity fails there first, with that verdict and at
that step; if at least one does; and if no program that hides it fails at an earlier line. Where it is to be
undecided, nothing may differ later. What is expected then passes, with the case's words as its explanation.
An expected difference that does not show fails, as pytest's strict xfail does.

An engine that its case does not name inherits what is expected of its framework, if it shows. One that states
fewer quantities cannot fail where it hides; it agrees, or fails first at a later line, where the expectation
is then taken to be met.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters import Adapter
from cases import Case, Problem
from cases.case import Published, Rejected
from cases.case_schema import Expectation
from reference import Finding, Subject, Verdict, judge_published, parts
from reference.findings import MAX_NAMED
from reference.parts import FailedPart
from reference.printed_numbers import JudgedArray, JudgedPrint
from reports.outcome import group_by, where
from reports.runs.comparison import largest_differences
from reports.runs.rows import PUBLISHED, Printed, Row, first_failure, order, places

VERDICTS: Final = {
    "differs": Verdict.DIFFERS,
    "errs": Verdict.ERROR,
    "undecided": Verdict.UNDECIDED,
    "no_equivalent": Verdict.NO_EQUIVALENT,
}
_TO_DO: Final = {
    "differs": "to differ at ",
    "errs": "to be in error at ",
    "undecided": "to be undecided at ",
    "no_equivalent": "to have no equivalent",
}
AGREES_NOW: Final = "agrees now: the framework changed its mind, or the case is out of date"
RUNS_NOW: Final = "runs now: the framework has gained one, or the case is out of date"


def expects(case: Case, dtype: str, adapter: Adapter) -> bool:
    """Whether a case expects of an adapter, or of the framework that it is an engine of, not to agree."""
    return any(case.expectation(name, dtype) for name in (adapter.name, adapter.framework))


def expectation_of(case: Case, dtype: str, adapter: Adapter, rows: Sequence[Row]) -> Expectation | None:
    """Return what is expected of an adapter that gave these rows; None where it is to agree."""
    own = case.expectation(adapter.name, dtype)
    expected = own or case.expectation(adapter.framework, dtype)
    if expected is None or expected is own or expected.kind == "no_equivalent":
        return expected
    if any(row.finding.quantity == expected.quantity for row in rows):
        return expected
    first = first_failure(rows)
    if first is None:
        return None
    if order(first) < (expected.step, places(case.problem(dtype))[expected.quantity]):
        return expected
    return expected.model_copy(update={expected.kind: first.finding.quantity, "step": first.finding.step})


def marked(expectation: Expectation | None, rows: Sequence[Row]) -> list[Row]:
    """Return an adapter's rows with those that its case expects marked, or with an error that contradicts it.

    The rows are those of all its programs and steps, on one case in one number format.
    """
    if expectation is None:
        return list(rows)
    contradiction = _contradiction(expectation, rows)
    if contradiction is not None:
        return [_error(expectation, *contradiction), *rows]
    shown = next((row for row in rows if _is_at(expectation, row)), None)
    explanation = f"Expected by its case: {expectation.description}."
    return [
        replace(row, expected=True, explanation=explanation) if _is_expected(row, shown) else row
        for row in rows
    ]


def _contradiction(expectation: Expectation, rows: Sequence[Row]) -> tuple[Row, str] | None:
    """Return a row that contradicts the expectation, with what it does in words, or None where it is met."""
    if expectation.kind == "no_equivalent":
        return _runs(rows)
    shown = [row for row in rows if _is_at(expectation, row)]
    for program in group_by(rows, lambda row: row.subject.program).values():
        failing = sorted((row for row in program if row.fails), key=order)
        here = next((row for row in program if row in shown), None)
        if here is not None and not failing:
            return here, AGREES_NOW
        first, weightiest = next(iter(failing), None), first_failure(failing)
        if first is None or weightiest is None:
            continue
        if here is None and shown and order(first) > order(shown[0]):
            continue  # it hides the quantity, and fails only after it
        if first is not here:
            return first, f"first fails{where(first)}"
        if weightiest is not here:
            return weightiest, f"then fails{where(weightiest)}"
        if here.finding.verdict is not VERDICTS[expectation.kind]:
            return here, f"first fails{where(here)}"
    return None if shown else _unseen(rows)


def _runs(rows: Sequence[Row]) -> tuple[Row, str] | None:
    """Return a program that takes a step although it should have no equivalent."""
    first = first_failure(rows)
    if first is not None:
        return first, f"runs, and fails{where(first)}"
    run = next((row for row in rows if row.finding.verdict is not Verdict.NO_EQUIVALENT), None)
    return None if run is None else (run, RUNS_NOW)


def _unseen(rows: Sequence[Row]) -> tuple[Row, str]:
    """Return what is where nothing fails, and no program states the quantity."""
    declining = next((row for row in rows if row.finding.verdict is Verdict.NO_EQUIVALENT), None)
    if declining is not None:
        return declining, f"has no equivalent: {declining.finding.reason}"
    return rows[0], "agrees in all that it states, and does not state that"


def _error(expectation: Expectation, by: Row, but: str) -> Row:
    """Return the error that comes before all other rows; what fails instead follows in its own words."""
    step = f", step {expectation.step}" if expectation.step > 1 else ""
    what = f"{_TO_DO[expectation.kind]}{expectation.quantity}{step}"
    why = ", ".join(filter(None, (expectation.cause, expectation.see)))
    finding = Finding(0, "", Verdict.ERROR, f"was expected {what} ({why}), but {but}")
    return Row(by.subject, finding, unexpected=True, explanation=by.sentence if by.fails else "")


def _is_expected(row: Row, shown: Row | None) -> bool:
    """Whether a row is what was expected (with none shown: to decline), or follows from it.

    From wrong numbers come wrong numbers, but no error, unless it is the expected one again; and no crash.
    """
    if shown is None or not row.fails:
        return shown is None
    if row.finding.verdict is Verdict.ERROR:
        return row.finding.quantity != "" and row.finding.reason == shown.finding.reason
    return True


def _is_at(expectation: Expectation, row: Row) -> bool:
    at = (expectation.step, expectation.quantity)
    return expectation.quantity != "" and (row.finding.step, row.finding.quantity) == at


def judge_case(case: Case, *, explain: bool = False) -> list[Printed]:
    """Judge the numbers published for a case, in the order computed.

    Numbers of one quantity that the case rejects for one reason are one entry, apart from its others. To
    `explain` the wrong ones takes a run for each known mistake.
    """
    published = case.published
    if published is None:
        return []
    problem = case.problem(published.computed_in or "float64")
    place, rejected = places(problem), {entry.step: entry.rejected for entry in published.steps}
    steps = list(judge_published(problem, published))
    explanations = _explanations(problem, published, steps) if explain else {}
    return [
        _printed(case, judged, place[name], part, explanations.get((step.step, name), ""))
        for step in steps
        for name, judged in step.arrays.items()
        for part in _parts(judged, rejected[step.step])
    ]


def _explanations(
    problem: Problem, published: Published, steps: Sequence[JudgedPrint]
) -> Mapping[tuple[int, str], str]:
    """Return what explains the wrong numbers, or why that is not known, by step and quantity."""
    part = f"the diagnosis of the printed numbers of {problem.case}"
    from reference.diagnosis import explain_published  # noqa: PLC0415 - loads all mistakes, seldom needed

    diagnoses = parts.tried(part, explain_published, problem, published, steps)
    if isinstance(diagnoses, FailedPart):
        wrong = [(judged.step, judged.quantity) for step in steps for judged in step.failures]
        return dict.fromkeys(wrong, f"Not diagnosed: {diagnoses}.")
    return {(one.finding.step, one.finding.quantity): str(one) for one in diagnoses}


@dataclass(frozen=True, eq=False)
class _Part:
    """Printed numbers of one quantity: all that are not rejected, or those rejected for one reason."""

    among: NDArray[np.bool_]
    reason: str = ""
    ambiguous: str = ""


def _parts(judged: JudgedArray, rejected: Sequence[Rejected]) -> Iterator[_Part]:
    """Give the numbers that the case does not reject, then those that it does, by reason."""
    own = [entry for entry in rejected if entry.quantity == judged.quantity]
    by_reason: dict[str, NDArray[np.bool_]] = {}
    for entry in own:
        listed = by_reason.setdefault(entry.reason, np.zeros(judged.wrong.shape, np.bool_))
        listed |= _meant(judged, entry, own)
    others = judged.printed.given & ~np.any([*by_reason.values(), np.zeros_like(judged.wrong)], axis=0)
    unclear = [entry.reason for entry in own if entry.index is None and not by_reason[entry.reason].any()]
    if others.any():
        yield _Part(others, ambiguous=_which(judged, unclear) if unclear else "")
    yield from (_Part(listed, reason) for reason, listed in by_reason.items() if listed.any())


def _meant(judged: JudgedArray, rejected: Rejected, own: Sequence[Rejected]) -> NDArray[np.bool_]:
    """Return the number that is meant: by a bare name the only one printed, or the only one not right."""
    meant = np.zeros(judged.wrong.shape, np.bool_)
    if rejected.index is not None:
        meant[rejected.index] = True
        return meant
    if judged.printed.given.sum() == 1:
        return judged.printed.given
    left = judged.printed.given & (judged.verdicts != Verdict.AGREES)
    for index in (entry.index for entry in own if entry.index is not None):
        left[index] = False
    return left if left.sum() == 1 else meant


def _which(judged: JudgedArray, reasons: Sequence[str]) -> str:
    """Say that it is not clear which number of an array is rejected, and how to say it."""
    wrong = np.argwhere(judged.printed.given & (judged.verdicts != Verdict.AGREES)).tolist()
    if not wrong:
        return f"is listed as rejected ({reasons[0]}), but agrees"
    names = ", ".join(f"{judged.quantity}{place}" for place in wrong[:MAX_NAMED])
    names += ", …" * (len(wrong) > MAX_NAMED)
    several = f"but {len(wrong)} of its numbers are not right: name each that is rejected, as {names}"
    return f"{judged.quantity} is listed as rejected ({reasons[0]}), {several}"


def _printed(case: Case, judged: JudgedArray, place: int, part: _Part, explanation: str) -> Printed:
    finding, stands, exact = judged.finding(part.among), judged.printed, judged.exact.derived.value
    index = finding.index or ()
    finding, expected = _against_the_list(finding, part)
    distance, relative = largest_differences(stands.value[part.among][None], exact[part.among][None])
    subject, apart = Subject(case.name, PUBLISHED, "", "printed"), (distance.item(), relative.item())
    explanation = explanation if finding.verdict is Verdict.DIFFERS else ""
    row = Row(subject, finding, place, *apart, expected=expected, explanation=explanation)
    return Printed(row, int(part.among.sum()), str(stands.text[index]), float(exact[index]))


def _against_the_list(finding: Finding, part: _Part) -> tuple[Finding, bool]:
    """Return the finding with the case's own words, and whether it is what the case expects."""
    verdict, reason = finding.verdict, part.ambiguous
    if part.reason and verdict is Verdict.DIFFERS:
        return replace(finding, reason=part.reason), True
    if part.reason and verdict is Verdict.AGREES:
        reason = "is listed as rejected, but agrees"
    elif part.reason:
        reason = f"{finding.reason}; it is listed as rejected ({part.reason})"
    if not reason:
        return finding, False
    verdict = Verdict.ERROR if verdict is Verdict.AGREES else verdict
    return replace(finding, verdict=verdict, reason=reason), False
