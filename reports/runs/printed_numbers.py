"""Judging what somebody printed: a printed number that its case lists as wrong must be found wrong."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cases import Case
from cases.published import Rejected
from reference import Finding, Subject, Verdict, judge_published, parts
from reference.diagnosis import explain_published
from reference.judged_print import JudgedArray
from reference.parts import FailedPart
from reference.patterns import NAMED
from reports.runs.comparison import largest_differences
from reports.runs.rows import PUBLISHED, Printed, Row, places


def judge_case(case: Case, *, explain: bool = False) -> list[Printed]:
    """Judge the numbers published for a case, in the order computed.

    Numbers of one quantity that the case rejects for one reason are told together, apart from its others.

    Parameters
    ----------
    explain
        Whether to look for the mistakes behind the wrong ones, which takes a run for each mistake.
    """
    published = case.published
    if published is None:
        return []
    problem = case.problem(published.computed_in or "float64")
    place = places(problem)
    entries = {entry.step: entry for entry in published.steps}
    steps = list(judge_published(problem, published))
    what = f"the diagnosis of the printed numbers of {case.name}"
    told = parts.tried(what, explain_published, problem, published, steps) if explain else ()
    if isinstance(told, FailedPart):
        wrong = [(one.step, one.quantity) for judged in steps for one in judged.failures]
        explanations = dict.fromkeys(wrong, f"Not told: {told}.")
    else:
        explanations = {(one.finding.step, one.finding.quantity): str(one) for one in told}
    subject = Subject(case.name, PUBLISHED, "", "printed")
    found = [
        _printed(subject, judged, place[name], part)
        for step in steps
        for name, judged in step.arrays.items()
        for part in _parts(judged, entries[step.step].rejected)
    ]
    return [_with(one, explanations) for one in found]


@dataclass(frozen=True, eq=False)
class _Part:
    """Printed numbers of one quantity that are told together: all that are not rejected, or one reason's."""

    among: NDArray[np.bool_]
    reason: str = ""
    ambiguous: str = ""


def _parts(judged: JudgedArray, rejected: Sequence[Rejected]) -> Iterator[_Part]:
    """Give the numbers that the case does not reject, then those that it does, by reason."""
    own = [one for one in rejected if one.quantity == judged.quantity]
    by_reason: dict[str, NDArray[np.bool_]] = {}
    for one in own:
        listed = by_reason.setdefault(one.reason, np.zeros(judged.wrong.shape, np.bool_))
        listed |= _meant(judged, one, own)
    others = judged.printed.given & ~np.any([*by_reason.values(), np.zeros_like(judged.wrong)], axis=0)
    unclear = [one.reason for one in own if one.index is None and not by_reason[one.reason].any()]
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
    for index in (one.index for one in own if one.index is not None):
        left[index] = False
    return left if left.sum() == 1 else meant


def _which(judged: JudgedArray, reasons: Sequence[str]) -> str:
    """Say that it is not clear which number of an array is rejected, and how to say it."""
    wrong = np.argwhere(judged.printed.given & (judged.verdicts != Verdict.AGREES)).tolist()
    if not wrong:
        return f"is listed as rejected ({reasons[0]}), but agrees"
    names = ", ".join(f"{judged.quantity}{place}" for place in wrong[:NAMED]) + ", …" * (len(wrong) > NAMED)
    several = f"but {len(wrong)} of its numbers are not right: name each that is rejected, as {names}"
    return f"{judged.quantity} is listed as rejected ({reasons[0]}), {several}"


def _with(printed: Printed, explanations: Mapping[tuple[int, str], str]) -> Printed:
    finding = printed.row.finding
    told = explanations.get((finding.step, finding.quantity), "")
    explanation = told if finding.verdict is Verdict.DIFFERS else ""
    return replace(printed, row=replace(printed.row, explanation=explanation))


def _printed(subject: Subject, judged: JudgedArray, place: int, part: _Part) -> Printed:
    finding, stands, exact = judged.finding(part.among), judged.printed, judged.exact.derived.value
    index = finding.index or ()
    told, expected = _against_the_list(finding, part)
    differences = largest_differences(stands.value[part.among], exact[part.among])
    row = Row(subject, told, place, *differences, expected=expected)
    return Printed(row, int(part.among.sum()), str(stands.text[index]), float(exact[index]))


def _against_the_list(finding: Finding, part: _Part) -> tuple[Finding, bool]:
    """Return the finding with the case's own words, and whether it is what the case expects."""
    if part.ambiguous:
        agrees = finding.verdict is Verdict.AGREES
        return replace(
            finding, verdict=Verdict.ERROR if agrees else finding.verdict, reason=part.ambiguous
        ), False
    if not part.reason:
        return finding, False
    if finding.verdict is Verdict.DIFFERS:
        return replace(finding, reason=part.reason), True
    if finding.verdict is Verdict.AGREES:
        return replace(finding, verdict=Verdict.ERROR, reason="is listed as rejected, but agrees"), False
    return replace(finding, reason=f"{finding.reason}; it is listed as rejected ({part.reason})"), False
