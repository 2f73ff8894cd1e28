"""From the findings of a sweep to case files: each distinct one is reduced, written, and told."""

import platform
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from adapters import Adapter, Unavailable
from cases import Problem
from cases.dtypes import DTYPES
from cases.load import MAX_FILE_BYTES
from reports.sweep.implementations import Implementation
from reports.sweep.plan import Plan
from reports.sweep.shrinking.distinct import TRIED, Failing, Group, alone, groups
from reports.sweep.shrinking.document import document, widths_of
from reports.sweep.shrinking.shrink import SECONDS, numbers_of, shrink
from reports.sweep.shrinking.symptom import Symptom, failure


@dataclass(frozen=True)
class Found:
    """A distinct finding: its case file, if it has one, what is told of it, and whose it is.

    `adapter` is what a person types for that.
    """

    path: Path | None
    told: str
    adapter: str = ""


def write_found(
    plan: Plan,
    findings: pd.DataFrame,
    adapters: Iterable[Adapter | Unavailable],
    folder: Path,
    seconds: float = SECONDS,
) -> Iterator[Found]:
    """Reduce every distinct finding to a smallest case, and write that into a folder.

    Two findings are the same if they are of one implementation, at one kind of line, and if what explains the
    one is among what explains the other.

    Parameters
    ----------
    findings
        As `reports.sweep.summary.summarize` gives them.
    seconds
        What reducing one of them may take.

    Yields
    ------
    Each as soon as its file is written. One that only the program over a stack shows has no file, because a
    case file is run alone.
    """
    seen: list[tuple[Implementation, Symptom]] = []
    for group in groups(findings, adapters):
        failing = alone(plan, group)
        if failing is None:
            yield Found(None, _only_in_the_stack(plan, group))
            continue
        symptom = failing.failure.symptom
        if not any(who == group.implementation and symptom.shows(other) for who, other in seen):
            seen.append((group.implementation, symptom))
            yield _written(plan, group.implementation, failing, folder, seconds)


def _only_in_the_stack(plan: Plan, group: Group) -> str:
    cases = ", ".join(map(str, group.cases[:TRIED]))
    return (
        f"{group.implementation.name} fails at {group.kind or 'once'} only as swept, {group.how} (seed "
        f"{plan.seed}, cases {cases}): run alone it does not, or only as is known, so no case file shows it."
    )


def _written(plan: Plan, who: Implementation, failing: Failing, folder: Path, seconds: float) -> Found:
    """Reduce a failing case and write it."""
    symptom = failing.failure.symptom

    def still_fails(problem: Problem) -> bool:
        found = failure(who, problem)
        return found is not None and found.symptom.is_as_clear_as(symptom)

    name = re.sub("[^a-z0-9]+", "-", f"{who.name} {symptom.kind} {plan.seed} {failing.case}".lower()).strip(
        "-"
    )
    problem = replace(shrink(failing.problem, still_fails, seconds), case=name)
    again = failure(who, problem)
    told = again.told if again else f"{failing.failure.told} When it was run again, it did not fail."
    text = document(problem, _about(plan, who, failing, told))
    if len(text.encode()) > MAX_FILE_BYTES:
        return Found(None, f"{told} In {seconds:g} s it was not reduced to what a case file can hold.")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8", newline="\n")
    sizes = f"From {numbers_of(failing.problem)} numbers to {numbers_of(problem)}."
    return Found(path, f"{told} {sizes}", who.adapter.asked or who.adapter.name)


def _about(plan: Plan, who: Implementation, failing: Failing, told: str) -> str:
    """Say what a case is there to show, where it comes from, and with which versions it was seen."""
    adapter = who.adapter
    of = [f"seed {plan.seed}", f"case {failing.case}"]
    of += [f"--widths {'-'.join(map(str, plan.widths))}"] if plan.widths else []
    of += [f"--dtype {dtype}" for dtype in plan.dtypes] if plan.dtypes != DTYPES else []
    size = "-".join(map(str, widths_of(failing.problem)))
    versions = [f"{adapter.title} {adapter.version}".strip()]
    versions += [f"NumPy {np.__version__}", f"Python {platform.python_version()}"]
    return (
        f"It is there to show that {told} Found by a sweep ({', '.join(of)}) and reduced from {size}; "
        f"seen with {', '.join(versions)}."
    )
