"""Whole runs diagnosed: every finding of a claimant's steps, explained."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reference import names
from reference.diagnosis.explain import explain, explain_in, format_allowed
from reference.diagnosis.explanation import Diagnosis
from reference.diagnosis.run import Run
from reference.diagnosis.situation import Situation
from reference.diagnosis.stated import stated_in_claim
from reference.known import exact_inputs
from reference.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cases import Problem
    from reference.claims import JudgedStep
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
