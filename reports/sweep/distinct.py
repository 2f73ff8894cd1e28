"""Which findings of a sweep are the same; each distinct one is minimized, and written as a case file."""

from __future__ import annotations

import os.path
import platform
import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from rich.console import Console

from adapters import Adapter, Unavailable
from cases import Problem
from cases.errors import counted
from cases.load import MAX_FILE_BYTES
from cases.protocol import DTYPES
from reference import Verdict
from reports.options import typed
from reports.runs.accuracy import kind
from reports.sweep.case_text import document, widths
from reports.sweep.evaluate import FAILING, described
from reports.sweep.implementations import Implementation, expected_alone
from reports.sweep.minimize import MAX_SECONDS, input_size, minimize
from reports.sweep.plan import Plan, block_of
from reports.sweep.store import show_line

NUMBER: Final = re.compile(r"\d+")
MAX_TRIED: Final = 5  # how many cases of a group are run alone until one fails
MAX_COMPARED: Final = 200  # among how many of its first cases the smallest are chosen


@dataclass(frozen=True)
class Failure:
    """The first failure of an implementation on a case."""

    kind: str  # of the quantity, without its layer: "dL/dW"; "" of the claim as a whole
    explanations: frozenset[str]  # the mistakes that explain it; of an error the reason, without its numbers
    is_first: bool  # whether all that comes before it agrees: nothing is undecided
    text: str = ""  # a sentence, with what explains it

    def is_as_clear_as(self, other: Failure) -> bool:
        """Whether it is the same as another, and shows as well."""
        same = (self.kind, self.explanations) == (other.kind, other.explanations)
        return same and self.is_first >= other.is_first

    def shows(self, other: Failure) -> bool:
        """Whether it may have the same cause as another: what explains that one explains it too."""
        explained = other.explanations <= self.explanations if other.explanations else not self.explanations
        return self.kind == other.kind and explained


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
                    explanations = frozenset({NUMBER.sub("", finding.reason)})
                return Failure(kind(finding.quantity), explanations, is_first, text)
            is_first = is_first and finding.passes
    return None


@dataclass(frozen=True)
class Group:
    """Findings of one implementation at one kind of line, with one explanation in their sentences."""

    implementation: Implementation
    kind: str
    explanation: str
    how: str  # the implementation was run
    cases: tuple[int, ...]  # their numbers, in order


def groups(findings: pd.DataFrame, adapters: Iterable[Adapter | Unavailable]) -> list[Group]:
    """Group findings by their sentences, those of the fewest explanations first.

    Of a stack only some have a sentence: the others of their kind are taken to be like them.
    """
    present = [adapter for adapter in adapters if isinstance(adapter, Adapter)]
    programs = {(one.name, of.name): Implementation(one, of) for one in present for of in one.programs}
    marked = findings.assign(
        kind=findings["first"].map(kind), explanation=findings["sentence"].map(_explanation)
    )
    made = []
    for key, rows in marked.groupby(["adapter", "program", "kind", "explanation"]):
        adapter, program, of, explanation = map(str, key)
        if owner := programs.get((adapter, program)):
            cases = tuple(rows["case"].astype(int))
            made.append(Group(owner, of, explanation, str(rows["how"].iloc[0]), cases))
    explained = {(group.implementation, group.kind) for group in made if group.explanation}
    left = [one for one in made if one.explanation or (one.implementation, one.kind) not in explained]
    return sorted(left, key=lambda group: (group.explanation.count("; or: "), group.cases))


def _explanation(text: str) -> str:
    """Return the sentence after a finding's, or of an error its own, without numbers; and without a hint."""
    sentence, _, explanation = text.rpartition("). ")
    explanation, *_ = explanation.split(". ")
    return NUMBER.sub("", explanation if sentence else re.sub(r" \(.*\)\.$", "", text))


@dataclass(frozen=True)
class Minimized:
    """A distinct finding: its case file, if it has one, and what is said of it."""

    path: Path | None
    text: str
    adapter: str = ""  # as a person types it


def write_minimized(
    plan: Plan,
    findings: pd.DataFrame,
    adapters: Iterable[Adapter | Unavailable],
    folder: Path,
    seconds: float = MAX_SECONDS,
) -> Iterator[Minimized]:
    """Minimize every distinct finding, each for some seconds; give each as soon as its case file is written.

    Two findings are the same if they are of one implementation, at one kind of line, and if what explains the
    one is among what explains the other. One that only the program over a stack shows has no file, because a
    case file is run alone.
    """
    seen: list[tuple[Implementation, Failure]] = []
    for group in groups(findings, adapters):
        failing = _failing_alone(plan, group)
        if failing is None:
            cases = ", ".join(map(str, group.cases[:MAX_TRIED]))
            swept = f"only as swept, {group.how} (seed {plan.seed}, cases {cases})"
            alone = "run alone it does not, or only as is known, so no case file shows it."
            what = f"{group.implementation.name} fails at {group.kind or 'once'}"
            yield Minimized(None, f"{what} {swept}: {alone}")
            continue
        problem, first = failing
        if not any(owner == group.implementation and first.shows(other) for owner, other in seen):
            seen.append((group.implementation, first))
            yield _written(plan, group.implementation, problem, first, folder, seconds)


def _failing_alone(plan: Plan, group: Group) -> tuple[Problem, Failure] | None:
    """Return a case of a group, a small one, on which the program fails when it is run alone."""
    sizes = {case: plan.structure(block_of(case)).numbers_per_case for case in group.cases[:MAX_COMPARED]}
    for case in sorted(sizes, key=lambda case: (sizes[case], case))[:MAX_TRIED]:
        problem = plan.problem(case)
        if first := failure(group.implementation, problem):
            return problem, first
    return None


def _written(
    plan: Plan, implementation: Implementation, given: Problem, first: Failure, folder: Path, seconds: float
) -> Minimized:

    def still_fails(problem: Problem) -> bool:
        now = failure(implementation, problem)
        return now is not None and now.is_as_clear_as(first)

    number, adapter = given.case.rpartition(" ")[2], implementation.adapter
    words = f"{implementation.name} {first.kind} {plan.seed} {number}"
    name = re.sub("[^a-z0-9]+", "-", words.lower()).strip("-")
    problem = replace(minimize(given, still_fails, seconds), case=name)
    again = failure(implementation, problem)
    said = again.text if again else f"{first.text} When it was run again, it did not fail."
    text = document(problem, f"It is there to show that {said} {_origin(plan, number, adapter, given)}")
    if len(text.encode()) > MAX_FILE_BYTES:
        return Minimized(None, f"{said} In {seconds:g} s it was not reduced to what a case file can hold.")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8", newline="\n")
    sizes = f"From {input_size(given)} numbers to {input_size(problem)}."
    return Minimized(path, f"{said} {sizes}", adapter.asked or adapter.name)


def _origin(plan: Plan, number: str, adapter: Adapter, given: Problem) -> str:
    """Say where a case comes from, and with which versions it was seen."""
    of = [f"seed {plan.seed}", f"case {number}"]
    of += [f"--widths {'-'.join(map(str, plan.widths))}"] if plan.widths else []
    of += [f"--dtype {dtype}" for dtype in plan.dtypes] if plan.dtypes != DTYPES else []
    versions = [f"{adapter.title} {adapter.version}".strip(), f"NumPy {np.__version__}"]
    return (
        f"Found by a sweep ({', '.join(of)}) and reduced from {'-'.join(map(str, widths(given)))}; "
        f"seen with {', '.join(versions)}, Python {platform.python_version()}."
    )


def show_minimized(findings: Iterable[Minimized], folder: Path, flags: Iterable[str], out: Console) -> None:
    """Show each distinct finding as it is written, and how to see it again; `flags` are for the limits."""
    written: list[Minimized] = []
    for finding in findings:
        show_line(f"{finding.path or 'no case file'}: {finding.text}", out)
        written += [] if finding.path is None else [finding]
    if written:
        again = f"to see {'it' if len(written) == 1 else 'them'} again: {command(written, folder, flags)}"
        show_line(f"{counted(len(written), 'case')} written; {again}", out)


def command(written: Iterable[Minimized], folder: Path, flags: Iterable[str]) -> str:
    """Return the command that shows findings again, quoted for a shell: by their adapters, and no others."""
    stems = [file.path.stem for file in written if file.path is not None]
    adapters = dict.fromkeys(file.adapter for file in written)
    words = [*typed("reports.build"), "--cases", str(folder)]
    words += [word for name in adapters for word in ("--adapter", name)]
    common = os.path.commonprefix(stems)  # noqa: RUF071 - of names, not of paths
    if common in stems[1:] or common in stems[:-1]:  # a case's whole name would mean that case alone
        common += "*"
    return shlex.join([*words, *(["--select", common] if common else []), *flags])
