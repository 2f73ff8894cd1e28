"""Whole runs diagnosed: every finding of a claimant's steps or of a publication's numbers, explained."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reference import names
from reference.diagnosis.explain import explain, explain_in, format_allowed
from reference.diagnosis.explanation import Diagnosis
from reference.diagnosis.run import Run
from reference.diagnosis.situation import Situation
from reference.diagnosis.stated import stated_in_claim, stated_in_print
from reference.formats import PRINTED
from reference.known import exact_inputs
from reference.published import judge_published
from reference.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cases import Problem
    from cases.published import Published
    from reference.claims import JudgedStep
    from reference.diagnosis.explanation import Explanation
    from reference.findings import Finding


def diagnose(problem: Problem, judged: Iterable[JudgedStep]) -> Iterator[Diagnosis]:
    """Diagnose a claimant's run.

    Parameters
    ----------
    problem
        What the claimant was given.
    judged
        Its steps from the first on, as `judge` yields them.

    Yields
    ------
    A diagnosis of each finding with numbers that differ, or an array of the wrong shape or dtype, in order.
    """
    run: Run | None = None
    before: Situation | None = None
    for step in judged:
        run = run or Run(problem, exact_inputs(problem, format_allowed(problem, step.state)))
        known = before.after if before else run.known
        situation = Situation(problem, known, stated_in_claim(step.claim, problem.dtype), before)
        run.stated[step.step] = situation.stated
        for finding in step.failures:
            if finding.verdict is Verdict.DIFFERS or finding.quantity in situation.differing:
                yield _in_step_or_run(situation, run, finding)
        before = replace(situation, previous=None)  # so that a long run does not keep every step


def _in_step_or_run(situation: Situation, run: Run, finding: Finding) -> Diagnosis:
    """Explain a finding from its own step or, where earlier updates are hidden, from the run up to it."""
    told, previous = explain_in(situation, finding), situation.previous
    updated = map(names.updated, situation.problem.state)
    if told.explanations or previous is None or all(previous.is_shown(name) for name in updated):
        return told
    place = (finding.step, finding.quantity)
    return Diagnosis(finding, run.explanations([place])[place])


def explain_step(problem: Problem, judged: JudgedStep, finding: Finding) -> Diagnosis:
    """Diagnose one finding of one judged step, from that step and the one before it."""
    before = (judged.previous.claim, judged.previous.state) if judged.previous else None
    return explain(problem, judged.claim, judged.state, finding, previous=before)


def explain_published(
    problem: Problem, published: Published, judged: Iterable[JudgedStep] | None = None
) -> tuple[Diagnosis, ...]:
    """Diagnose published numbers.

    Each mistake is run from the inputs to the last printed number, because what is printed may come from a
    program whose intermediate values are not; what no run explains is tried line by line, on the printed
    numbers themselves.

    Parameters
    ----------
    problem
        The published example, in float64.
    published
        The printed numbers, by step.
    judged
        What `judge_published` yields, if it is at hand.

    Returns
    -------
    A diagnosis of each printed quantity that differs, in order.
    """
    steps = judge_published(problem, published) if judged is None else judged
    differing = [(step, one) for step in steps for one in step.failures if one.verdict is Verdict.DIFFERS]
    run = Run(problem, exact_inputs(problem, PRINTED))
    run.stated.update({entry.step: stated_in_print(entry.values) for entry in published.steps})
    told = run.explanations([(one.step, one.quantity) for _, one in differing])
    return tuple(
        Diagnosis(one, told[one.step, one.quantity] or _line_by_line(run, step, one))
        for step, one in differing
    )


def _line_by_line(run: Run, judged: JudgedStep, finding: Finding) -> tuple[Explanation, ...]:
    """Explain a printed number from those printed above it, each standing for itself."""
    known = {**run.known, **judged.state}
    return explain_in(Situation(run.problem, known, run.stated[judged.step]), finding).explanations
