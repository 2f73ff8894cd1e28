"""Judging what somebody printed: a printed number that its case lists as wrong must be found wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from reference import Finding, Subject, Verdict, judge_published, parts, tape, training_steps
from reference.diagnosis import explain_published
from reference.parts import FailedPart
from reports.differences import largest_differences
from reports.rows import PUBLISHED, Printed, Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from cases import Case
    from cases.published import PublishedArray, PublishedStep


def judge_case(case: Case, *, explain: bool = False) -> list[Printed]:
    """Judge the numbers published for a case, each from the printed numbers above it, in that order.

    Parameters
    ----------
    explain
        Whether to look for the mistakes behind the wrong ones, which takes a run for each mistake.
    """
    published = case.published
    if published is None:
        return []
    problem = case.problem("float64")
    places = {line.name: place for place, line in enumerate(tape(problem))}
    last = max(entry.step for entry in published.steps)
    exact = enumerate(training_steps(replace(problem, steps=last, until=None)), start=1)
    entries = {entry.step: entry for entry in published.steps}
    found: list[Printed] = []
    steps = list(judge_published(problem, published))
    part = f"the diagnosis of the printed numbers of {case.name}"
    told = parts.tried(part, explain_published, problem, published, steps) if explain else ()
    if isinstance(told, FailedPart):
        wrong = [(one.step, one.quantity) for judged in steps for one in judged.failures]
        explanations = dict.fromkeys(wrong, f"Not told: {told}.")
    else:
        explanations = {(one.finding.step, one.finding.quantity): str(one) for one in told}
    subject = Subject(case.name, PUBLISHED, "", "printed")
    for judged in steps:
        truth = next(values for step, values in exact if step == judged.step)
        entry = entries[judged.step]
        found += [_printed(subject, finding, places, entry, truth) for finding in judged.findings]
    return [_with(one, explanations) for one in found]


def _with(printed: Printed, explanations: Mapping[tuple[int, str], str]) -> Printed:
    finding = printed.row.finding
    explanation = explanations.get((finding.step, finding.quantity), "")
    return replace(printed, row=replace(printed.row, explanation=explanation))


def _printed(
    subject: Subject,
    finding: Finding,
    places: Mapping[str, int],
    entry: PublishedStep,
    truth: Mapping[str, NDArray[Any]],
) -> Printed:
    name = finding.quantity
    stands, exact = entry.values[name], truth[name]
    index = _shown(finding, stands)
    told, expected = _against_the_list(finding, entry.rejected.get(name))
    given = ~np.isnan(stands.value)
    differences = largest_differences(stands.value[given], exact[given])
    row = Row(subject, told, places[name], *differences, expected=expected)
    return Printed(row, int(given.sum()), str(stands.text[index]), float(exact[index]))


def _shown(finding: Finding, stands: PublishedArray) -> tuple[int, ...]:
    """Return the element to show: the one nearest its limit, or the first that was printed."""
    if finding.index is not None and stands.text[finding.index] is not None:
        return finding.index
    return tuple(int(i) for i in np.argwhere(~np.isnan(stands.value))[0])


def _against_the_list(finding: Finding, listed: str | None) -> tuple[Finding, bool]:
    """Return the finding with the case's own words, and whether it is what the case expects."""
    if listed is None:
        return finding, False
    if finding.verdict is Verdict.DIFFERS:
        return replace(finding, reason=listed), True
    if finding.verdict is Verdict.AGREES:
        return replace(finding, verdict=Verdict.ERROR, reason="is listed as rejected, but agrees"), False
    return replace(finding, reason=f"{finding.reason}; it is listed as rejected ({listed})"), False
