"""Each failure as the page shows it: what is wrong, on which line, why, and how to see it again."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cases import SHIPPED, Case
from reference import parts, sentence, tape
from reference.parts import FailedPart
from reports import outcome
from reports.environment import Environment
from reports.outcome import group_by, verdict, where
from reports.page.case_sections import yaml
from reports.page.rendering import failure_anchor
from reports.runs.comparison import REFERENCE
from reports.runs.rows import PUBLISHED, Row

Numbers = tuple[tuple[str, str | FailedPart], ...]


@dataclass(frozen=True)
class Failure:
    """The first line that fails of one case, in one number format, by one adapter.

    Attributes
    ----------
    anchor
        Its own link.
    title
        In a few words: "differs at dL/dW1, step 2".
    sentence, explanation
        What was found, and what explains it, if anything does.
    formula
        The line of the tape: "dL/da1 = dL/dz2 W2"; "" where the claim as a whole is in error.
    numbers
        Claimed and derived, the tolerance, the error: each by name; none where nothing was compared.
    command, yaml
        What repeats it; the case as its file has it.
    """

    anchor: str
    row: Row
    title: str
    sentence: str
    explanation: str
    formula: str | FailedPart
    numbers: Numbers
    command: str | FailedPart
    yaml: str


def failures(
    rows: Iterable[Row], cases: Mapping[str, Case], made: Environment | None = None
) -> tuple[Failure, ...]:
    """Return every failure, in the order of the cases; `made` says how to repeat it."""
    return tuple(_failure(row, cases[row.subject.case], made) for row in outcome.failures(rows))


def alike(failing: Iterable[Failure]) -> dict[str, list[Failure]]:
    """Collect the failures that are worded alike: "torch differs at dL/dW1"."""
    return group_by(failing, lambda failure: f"{failure.row.subject.implementation} {failure.title}")


def _failure(row: Row, case: Case, made: Environment | None) -> Failure:
    dtype, adapter = row.subject.dtype, row.subject.adapter
    about = f"{adapter} on {case.name} in {dtype}"
    numbers = parts.tried(f"the numbers of {about}", _numbers, row)
    return Failure(
        failure_anchor(case.name, dtype, adapter),
        row,
        verdict(row) + where(row),
        f"{sentence(row.finding, row.subject)}.",
        row.explanation,
        parts.tried(f"the line of {about}", _formula, case, row.finding.quantity),
        (("numbers", numbers),) if isinstance(numbers, FailedPart) else numbers,
        parts.tried(f"the command that repeats {about}", repeat, case, dtype, adapter, made),
        yaml(case),
    )


def repeat(case: Case, dtype: str, adapter: str, made: Environment | None = None) -> str:
    """Return the build of one case in one number format by one adapter, quoted for a shell.

    What a person types for the adapter, and for the limits of its process, is taken from `made`. Printed
    numbers are judged in every build of their case, so any adapter will do.
    """
    words = ["python", "-m", "reports.build"]
    folder = case.path.parents[case.name.count("/")]
    if folder.resolve() != SHIPPED.resolve():
        words += ["--cases", str(folder)]
    words += ["--select", case.name]
    if adapter == PUBLISHED:
        return shlex.join([*words, "--adapter", REFERENCE])
    if made is not None and adapter in made.others:
        adapter = made.others[adapter].asked
    return shlex.join([*words, "--dtype", dtype, "--adapter", adapter, *(made.flags if made else ())])


def _formula(case: Case, quantity: str) -> str:
    lines = tape(case.problem(case.dtypes[0]))
    return next((f"{line.name} = {line.equation}" for line in lines if line.name == quantity), "")


def _numbers(row: Row) -> Numbers:
    found = row.finding
    if not row.compared:
        return ()
    claimed, derived = found.digits_told(row.subject.dtype)
    return (
        ("element", found.element),
        ("claimed", claimed),
        ("should be", f"{derived} ± {found.tolerance:.2g}"),
        ("off by", f"{found.error:.2g}, which is {found.ulps:.3g} ulps and {found.used:.3g} × the tolerance"),
    )
