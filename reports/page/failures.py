"""Each failure as the page tells it: what is wrong, on which line, why, and how to see it again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cases import Case
from reference import parts, sentence, tape
from reference.parts import FailedPart
from reports.environment import Environment
from reports.page.anchors import failure_anchor
from reports.page.commands import repeat
from reports.page.sources import yaml
from reports.runs.rows import Row, first_failure
from reports.verdicts import grouped, verdict, where

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
    told, explanation
        The sentence, and what explains it, if anything does.
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
    told: str
    explanation: str
    formula: str | FailedPart
    numbers: Numbers
    command: str | FailedPart
    yaml: str


def failures(
    rows: Iterable[Row], cases: Mapping[str, Case], made: Environment | None = None
) -> tuple[Failure, ...]:
    """Return every failure, in the order of the cases; `made` tells how to repeat it."""
    first = ((group, first_failure(found)) for group, found in grouped(rows).items())
    return tuple(
        _failure(*group, row, cases[row.subject.case], made) for group, row in first if row is not None
    )


def together(failing: Iterable[Failure]) -> dict[str, list[Failure]]:
    """Collect the failures that are told in the same words: "torch differs at dL/dW1"."""
    alike: dict[str, list[Failure]] = {}
    for one in failing:
        alike.setdefault(f"{one.row.subject.implementation} {one.title}", []).append(one)
    return alike


def _failure(name: str, dtype: str, adapter: str, row: Row, case: Case, made: Environment | None) -> Failure:
    about = f"{adapter} on {name} in {dtype}"
    numbers = parts.tried(f"the numbers of {about}", _numbers, row)
    return Failure(
        failure_anchor(name, dtype, adapter),
        row,
        verdict(row) + where(row),
        f"{sentence(row.finding, row.subject)}.",
        row.explanation,
        parts.tried(f"the line of {about}", _formula, case, row.finding.quantity),
        (("numbers", numbers),) if isinstance(numbers, FailedPart) else numbers,
        parts.tried(f"the command that repeats {about}", repeat, case, dtype, adapter, made),
        yaml(case),
    )


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
