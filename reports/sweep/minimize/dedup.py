"""Which findings of a sweep are the same, and a case on which each fails when it is run alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import pandas as pd

from adapters import Adapter, Unavailable
from cases import Problem
from reference import Verdict
from reports.runs.accuracy import kind
from reports.sweep.evaluate import FAILING, described
from reports.sweep.expected_regions import expected_alone
from reports.sweep.implementations import Implementation
from reports.sweep.plan import Plan, block_of

# How many cases of a group are run alone to find one that fails.
MAX_TRIED: Final = 5

# Among how many of its first cases the smallest are chosen.
MAX_COMPARED: Final = 200


@dataclass(frozen=True)
class Symptom:
    """The first failure of an implementation on a case, without its layer and its numbers.

    Attributes
    ----------
    kind
        Of the quantity: "dL/dW"; "" of the claim as a whole.
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
        """Whether it may have the same cause as another: what explains that one explains it too."""
        explained = other.explanations <= self.explanations if other.explanations else not self.explanations
        return self.kind == other.kind and explained


@dataclass(frozen=True)
class Failure:
    """A symptom, and the failure in a sentence with what explains it."""

    symptom: Symptom
    text: str


def failure(implementation: Implementation, problem: Problem) -> Failure | None:
    """Judge a program on one case; return its first failure, if that is no expected difference."""
    is_first, taken = True, []
    for step in implementation.judge(problem):
        taken.append(step)
        for finding in step.findings:
            if finding.verdict in FAILING:
                is_number = finding.verdict is Verdict.DIFFERS
                if is_number and expected_alone(implementation, problem, finding, taken):
                    return None
                explanations, text = described(implementation, problem, step, finding)
                if not is_number:
                    explanations = frozenset({re.sub(r"\d+", "", finding.reason)})
                return Failure(Symptom(kind(finding.quantity), explanations, is_first), text)
            is_first = is_first and finding.passes
    return None


@dataclass(frozen=True)
class Group:
    """Findings of one implementation, at one kind of line, with one explanation in their sentences.

    Attributes
    ----------
    how
        How the implementation was run when it failed.
    cases
        Their numbers, in order.
    """

    implementation: Implementation
    kind: str
    explanation: str
    how: str
    cases: tuple[int, ...]


def groups(findings: pd.DataFrame, adapters: Iterable[Adapter | Unavailable]) -> list[Group]:
    """Group findings by their sentences, those of the fewest explanations first.

    Of a stack only some have a sentence: the others of their kind are taken to be like them.
    """
    programs = {
        (adapter.name, program.name): Implementation(adapter, program)
        for adapter in adapters
        if isinstance(adapter, Adapter)
        for program in adapter.programs
    }
    marked = findings.assign(
        kind=findings["first"].map(kind), explanation=[_explanation(text) for text in findings["told"]]
    )
    found = []
    for key, rows in marked.groupby(["adapter", "program", "kind", "explanation"]):
        adapter, program, of, explanation = map(str, key)
        if (adapter, program) in programs:
            how, cases = str(rows["how"].iloc[0]), tuple(rows["case"].astype(int))
            found.append(Group(programs[adapter, program], of, explanation, how, cases))
    explained = {(group.implementation, group.kind) for group in found if group.explanation}
    left = [one for one in found if one.explanation or (one.implementation, one.kind) not in explained]
    return sorted(left, key=lambda group: (group.explanation.count("; or: "), group.cases))


def _explanation(text: str) -> str:
    """Return what follows a finding's sentence, or of an error the sentence itself, without its numbers."""
    sentence, _, explanation = text.rpartition("). ")
    return re.sub(r"\d+", "", explanation if sentence else re.sub(r" \(.*\)\.$", "", text))


@dataclass(frozen=True)
class FailingCase:
    """A case of a sweep by its number, and how an implementation fails on it when it is run alone."""

    case: int
    problem: Problem
    failure: Failure


def failing_alone(plan: Plan, group: Group) -> FailingCase | None:
    """Return a case of a group, a small one, on which the program fails when it is run alone."""
    sizes = {case: plan.structure(block_of(case)).numbers_per_case for case in group.cases[:MAX_COMPARED]}
    for case in sorted(sizes, key=lambda case: (sizes[case], case))[:MAX_TRIED]:
        problem = plan.problem(case)
        first = failure(group.implementation, problem)
        if first is not None:
            return FailingCase(case, problem, first)
    return None
