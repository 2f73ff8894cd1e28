"""Which findings of a sweep are the same, and a case on which each fails when run alone."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import pandas as pd

from adapters import Adapter, Unavailable
from cases import Problem
from cases.stacks import unstacked
from reports.accuracy import kind
from reports.sweep.blocks import block_of
from reports.sweep.draw import Drawing
from reports.sweep.implementations import Implementation
from reports.sweep.plan import Plan, numbers_of
from reports.sweep.shrinking.symptom import Failure, failure

# So many cases of a group are run alone to find one that fails.
TRIED: Final = 5

# Among so many of its first cases the smallest are sought.
LOOKED_AT: Final = 200


@dataclass(frozen=True)
class Group:
    """Findings of one implementation, at one kind of line, with one explanation, as they were told.

    Attributes
    ----------
    cases
        Their numbers, in order.
    how
        How the implementation was run when it failed.
    """

    implementation: Implementation
    kind: str
    explanation: str
    how: str
    cases: tuple[int, ...]


def groups(findings: pd.DataFrame, adapters: Iterable[Adapter | Unavailable]) -> list[Group]:
    """Put findings together as they are told, those of the fewest explanations first.

    Of a stack only some are told: the others of their kind are taken to be like them.
    """
    programs = {
        (adapter.name, program.name): Implementation(adapter, program)
        for adapter in adapters
        if isinstance(adapter, Adapter)
        for program in adapter.programs
    }
    marked = findings.assign(
        kind=findings["first"].map(kind),
        explanation=[_explanation(told) for told in findings["told"]],
    )
    found = []
    for key, rows in marked.groupby(["adapter", "program", "kind", "explanation"]):
        adapter, program, of, text = map(str, key)
        if (adapter, program) in programs:
            how, cases = str(rows["how"].iloc[0]), tuple(rows["case"].astype(int))
            found.append(Group(programs[adapter, program], of, text, how, cases))
    told = {(group.implementation, group.kind) for group in found if group.explanation}
    left = [group for group in found if group.explanation or (group.implementation, group.kind) not in told]
    return sorted(left, key=lambda group: (group.explanation.count("; or: "), group.cases))


def _explanation(told: str) -> str:
    """Return what follows a finding's sentence, or of an error the sentence itself, without its numbers."""
    sentence, _, explanation = told.rpartition("). ")
    words = explanation if sentence else re.sub(r" \(.*\)\.$", "", told)
    return re.sub(r"\d+", "", words)


@dataclass(frozen=True)
class Failing:
    """A case of a sweep by its number, and the failure of an implementation's own program on it."""

    case: int
    problem: Problem
    failure: Failure


def alone(plan: Plan, group: Group) -> Failing | None:
    """Return a case of a group, a small one, on which the program's own program fails when run alone."""
    sizes = {case: numbers_of(plan.structure(block_of(case).number)) for case in group.cases[:LOOKED_AT]}
    for case in sorted(sizes, key=lambda case: (sizes[case], case))[:TRIED]:
        problem = problem_of(plan, case)
        first = failure(group.implementation, problem)
        if first is not None:
            return Failing(case, problem, first)
    return None


def problem_of(plan: Plan, case: int) -> Problem:
    """Draw one case of a sweep."""
    block = block_of(case)
    place = case - block.start
    drawing = Drawing(plan.seed, block.number, range(place, place + 1), plan.structure(block.number))
    return unstacked(drawing.problem(), 0, f"sweep of seed {plan.seed}, case {case}")
