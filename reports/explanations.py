"""What explains a failure: told once, where an implementation first fails."""

from collections.abc import Sequence
from dataclasses import replace

from cases import Problem
from reference import Finding, JudgedStep, Verdict, parts
from reference.diagnosis import explain_step, inherited
from reference.parts import FailedPart
from reports.rows import Row, first_failure


def explained(problem: Problem, judged: JudgedStep, rows: Sequence[Row]) -> list[Row]:
    """Return a step's rows with an explanation of the first that fails, if it is one of numbers or shapes.

    What fails on the way to it is named in its place; the rows are otherwise as they were.
    """
    first = first_failure(rows)
    return [replace(row, explanation=_told(problem, judged, row)) if row is first else row for row in rows]


def _told(problem: Problem, judged: JudgedStep, row: Row) -> str:
    before, who = parts.so_far(), row.subject
    part = f"the diagnosis of {who.implementation} on {who.case} in {who.dtype}"
    told = parts.tried(part, _explanation, problem, judged, row)
    failed = parts.so_far()[len(before) :]
    return " ".join(
        (*([told] if isinstance(told, str) and told else []), *(f"Not told: {one}." for one in failed))
    )


def _explanation(problem: Problem, judged: JudgedStep, row: Row) -> str:
    finding = row.finding
    diagnosis = explain_step(problem, judged, finding)
    if not diagnosis.explanations and finding.verdict is not Verdict.DIFFERS:
        return ""
    follows = str(inherited(problem, judged.claim, judged.state, finding.quantity))
    return f"{diagnosis} {follows}".strip()


def diagnosed(problem: Problem, judged: JudgedStep, finding: Finding) -> tuple[frozenset[str], str]:
    """Return the names of the mistakes that explain a finding, and what is told of it beside the verdict."""
    with parts.collected() as failed:
        found = parts.tried("the diagnosis", explain_step, problem, judged, finding)
    names, told = (frozenset[str](), "") if isinstance(found, FailedPart) else (found.names, str(found))
    return frozenset(names), f"{told} {parts.counted(failed)}".strip()
