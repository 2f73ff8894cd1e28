"""Judging printed numbers: one that its case lists as wrong must be found wrong."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cases import Case, Problem
from cases.published_values import Published, Rejected
from reference import Finding, Subject, Verdict, judge_published, parts
from reference.diagnosis import explain_published
from reference.parts import FailedPart
from reference.printed_array import MAX_NAMED, JudgedArray
from reference.printed_numbers import JudgedPrint
from reports.runs.comparison import largest_differences
from reports.runs.rows import PUBLISHED, Printed, Row, places


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
    found = parts.tried(part, explain_published, problem, published, steps)
    if isinstance(found, FailedPart):
        wrong = [(judged.step, judged.quantity) for step in steps for judged in step.failures]
        return dict.fromkeys(wrong, f"Not told: {found}.")
    return {(one.finding.step, one.finding.quantity): str(one) for one in found}


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
    apart = largest_differences(stands.value[part.among][None], exact[part.among][None])
    row = Row(
        Subject(case.name, PUBLISHED, "", "printed"),
        finding,
        place,
        *(largest.item() for largest in apart),
        expected=expected,
        explanation=explanation if finding.verdict is Verdict.DIFFERS else "",
    )
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
