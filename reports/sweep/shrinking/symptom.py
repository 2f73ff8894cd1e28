"""What is wrong with an implementation on one case, in the words by which failures are told apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cases import Problem
from cases.stacks import stacked
from reference import Finding, JudgedStep, Subject, Verdict, judge, sentence
from reference.stacks import MalformedError, followed, stack_of_one
from reports.power.results import kind
from reports.runs.runner import diagnosed
from reports.sweep.implementations import Implementation
from reports.sweep.known import known
from reports.sweep.trial import recomputed


@dataclass(frozen=True)
class Symptom:
    """The first failure of an implementation on a case, whatever its place and its numbers.

    Attributes
    ----------
    kind
        Of the quantity, without its layer: "dL/dW"; "" of the claim as a whole.
    explanations
        The mistakes that explain it by name; of an error the reason, without its numbers.
    is_first
        Whether all that comes before it agrees: nothing is undecided.
    """

    kind: str
    explanations: frozenset[str]
    is_first: bool

    def is_as_clear_as(self, other: Symptom) -> bool:
        """Whether it is the same as another, and shows as well."""
        same = (self.kind, self.explanations) == (other.kind, other.explanations)
        return same and self.is_first >= other.is_first

    def shows(self, other: Symptom) -> bool:
        """Whether it may be of the same cause as another: what explains that one explains it too."""
        explained = other.explanations <= self.explanations if other.explanations else not self.explanations
        return self.kind == other.kind and explained


@dataclass(frozen=True)
class Failure:
    """A symptom, and the sentence that tells the failure with what explains it."""

    symptom: Symptom
    told: str


def failure(implementation: Implementation, problem: Problem) -> Failure | None:
    """Judge a program's own program on one case; return its first failure that is no expected difference."""
    program = implementation.program
    steps = judge(
        problem, program.run, implementation.promises(problem.depth), accumulators=program.accumulators
    )
    is_first, taken = True, []
    for step in steps:
        taken.append(step)
        for finding in step.findings:
            if finding.verdict in {Verdict.DIFFERS, Verdict.ERROR}:
                return _told(implementation, problem, taken, finding, is_first=is_first)
            is_first = is_first and finding.passes
    return None


def _told(
    implementation: Implementation,
    problem: Problem,
    steps: Sequence[JudgedStep],
    finding: Finding,
    *,
    is_first: bool,
) -> Failure | None:
    explanations, told = frozenset({re.sub(r"\d+", "", finding.reason)}), ""
    if finding.verdict is Verdict.DIFFERS:
        if _is_known(implementation, problem, steps, finding):
            return None
        explanations, told = diagnosed(problem, steps[-1], finding)
    subject = Subject(problem.case, implementation.adapter.name, implementation.program.name, problem.dtype)
    symptom = Symptom(kind(finding.quantity), explanations, is_first)
    return Failure(symptom, f"{sentence(finding, subject)}. {told}".strip())


def _is_known(
    implementation: Implementation, problem: Problem, steps: Sequence[JudgedStep], finding: Finding
) -> bool:
    """Whether it is an expected difference, by the program's own numbers, or bounds on what it hides."""
    by, stack = implementation.adapter.framework or implementation.adapter.name, stacked([problem])
    claims = [stack_of_one(step.claim) for step in steps]
    try:
        *_, values = followed(stack, claims, implementation.program.accumulators)
    except MalformedError:  # what else it states is none of a network's
        return False
    (case,) = known(by, stack, finding.quantity, values, shown=implementation.shows_all)
    if case or not implementation.program.is_compiled:
        return bool(case)
    return bool(recomputed(implementation, stack, claims)[0])
