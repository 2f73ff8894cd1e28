"""How a comparison comes out: one `Outcome` for each row, and one `Cell` for the rows of a table's cell."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Self, TypeVar

from cases.errors import printable
from reference import Verdict
from reports.runs.rows import PUBLISHED, Row, first_failure, order

# Stands in a table where there is nothing to say.
NOTHING: Final = "–"

# Tints from 0 to 1, the whole tolerance.
TINTS: Final = 4

# A case, a number format, an adapter.
Group = tuple[str, str, str]

Item = TypeVar("Item")
Key = TypeVar("Key")


class Outcome(Enum):
    """How one comparison, or several together, come out.

    Attributes
    ----------
    text
        In words; an expected difference is worded by what it would be otherwise.
    rank
        2 counts against the run, 1 is known not to agree, 0 is neither.
    css_class
        Of a table's cell; one that agrees is tinted by the part of the tolerance that is used.
    """

    AGREES = "agrees", 0, ""
    EXPECTED = "as expected", 1, "known"
    NO_EQUIVALENT = "no equivalent", 1, ""
    NOT_RUN = "not run", 0, "news"
    UNDECIDED = "undecided", 2, "news"
    DIFFERS = "differs", 2, "news"
    OUTSIDE = "outside its case's tolerance", 2, "news"  # its own rtol and atol; the bound is kept
    ERROR = "error", 2, "news"
    UNEXPECTED = "not as its case expects", 2, "news"

    def __init__(self, text: str, rank: int, css_class: str) -> None:
        self.text, self.rank, self.css_class = text, rank, css_class


_OF_VERDICT: Final = {verdict: Outcome[verdict.name] for verdict in Verdict}


def outcome(row: Row) -> Outcome:
    """Return how one row comes out, by its verdict and by what its case expects."""
    if row.unexpected:
        return Outcome.UNEXPECTED
    judged = _judged(row)
    return Outcome.EXPECTED if row.expected and judged is not Outcome.NO_EQUIVALENT else judged


def _judged(row: Row) -> Outcome:
    """Return how a row comes out whatever its case expects."""
    outside = row.finding.verdict is Verdict.AGREES and row.conventional == "outside"
    return Outcome.OUTSIDE if outside else _OF_VERDICT[row.finding.verdict]


def agrees(row: Row) -> bool:
    """Whether a row is plain agreement, and not expected to be anything else."""
    return row.passes and not row.expected


def verdict(row: Row) -> str:
    """Word the verdict on one row: "differs", "differs as expected", "not as its case expects"."""
    if row.unexpected:
        return Outcome.UNEXPECTED.text
    text = _judged(row).text
    return f"{text} {Outcome.EXPECTED.text}" if row.expected and row.finding.quantity else text


def where(row: Row) -> str:
    """Name the line of a row and its step: " at dL/dW1, step 2"; nothing of a whole claim's first step."""
    at = f" at {printable(row.finding.quantity)}" if row.finding.quantity else ""
    return at + at_step(row)


def at_step(row: Row) -> str:
    """Name the step of a row, unless it is the first."""
    return f", step {row.finding.step}" if row.finding.step > 1 else ""


@dataclass(frozen=True)
class Cell:
    """How the rows of one cell come out together; its text is what every table shows.

    Attributes
    ----------
    used, digits
        Where it agrees, the largest part that is used of any tolerance, and the fewest decimal digits that
        any comparison certifies; else those of `row`.
    row
        The row that decides: the first failure, else the first that is no plain agreement, else the one that
        uses most of its tolerance.
    """

    outcome: Outcome
    used: float
    digits: float
    row: Row

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Self:
        """Return how rows come out together.

        A failure outweighs what is expected or not compared, and that outweighs agreement.
        """
        not_agreeing = (row for row in rows if not agrees(row))
        wrong = first_failure(rows) or min(not_agreeing, key=order, default=None)
        if wrong is not None:
            return cls(outcome(wrong), wrong.finding.used, wrong.finding.digits, wrong)
        compared = [row for row in rows if row.compared]
        worst = max(compared, key=lambda row: row.finding.used)
        digits = min(row.finding.digits for row in compared)
        return cls(Outcome.AGREES, worst.finding.used, digits, worst)

    def __str__(self) -> str:
        """Say it in a few words: "agrees 0.42 (14.9)", "differs at dL/dW1", "not run"."""
        return self.state if self.outcome is Outcome.AGREES else self.state + where(self.row)

    @property
    def state(self) -> str:
        """The same without the line: "agrees 0.42 (14.9)", "differs"."""
        if self.outcome is not Outcome.AGREES:
            return verdict(self.row)
        return f"agrees {self.used:.2f} ({self.digits:.1f})" if self.digits < math.inf else "agrees exactly"

    @property
    def css_class(self) -> str:
        """Its class on the page: t0 to t3 by the part of the tolerance that is used, news, known, or ""."""
        if self.outcome is not Outcome.AGREES:
            return self.outcome.css_class
        return f"t{int(max(self.used, 0.0) * TINTS) if self.used < 1 else TINTS - 1}"


class LineCell(Cell):
    """The same in a table that names the line of the tape: "0.42", "differs, step 2"."""

    def __str__(self) -> str:
        return f"{self.used:.2f}" if self.outcome is Outcome.AGREES else verdict(self.row) + at_step(self.row)


class PrintedCell(Cell):
    """The verdict on printed numbers: "agrees", "differs, as its case says"."""

    def __str__(self) -> str:
        said = ", as its case says" if self.row.expected else ""
        return f"{self.row.finding.verdict}{said}"

    @property
    def css_class(self) -> str:
        return self.outcome.css_class


def badness(row: Row) -> tuple[bool, bool, float]:
    """Return how bad a row is, to sort by: a failure, then what is no plain agreement, then what is used."""
    used = row.finding.used
    return row.fails, not agrees(row), math.inf if math.isnan(used) else used


def group_by(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """Collect items that have the same key, in the order of each key's first item."""
    groups: dict[Key, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def grouped(rows: Iterable[Row]) -> dict[Group, list[Row]]:
    """Collect the rows of each case, number format and adapter, over all programs and steps."""
    return group_by(rows, lambda row: (row.subject.case, row.subject.dtype, row.subject.adapter))


def by_case(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Collect the rows of each case, those of printed numbers left out."""
    judged = (row for row in rows if row.subject.adapter != PUBLISHED)
    return group_by(judged, lambda row: row.subject.case)


def failures(rows: Iterable[Row]) -> list[Row]:
    """Return for each case, number format and adapter that fails its first failing line."""
    return [row for row in map(first_failure, grouped(rows).values()) if row is not None]


def expected_differences(rows: Iterable[Row]) -> list[Row]:
    """Return for each case, number format and adapter the first line that differs as its case expects."""
    expected = [row for row in rows if row.expected and row.subject.adapter != PUBLISHED]
    groups = grouped(row for row in expected if row.finding.verdict is not Verdict.NO_EQUIVALENT).values()
    return [min(group, key=order) for group in groups]


def without_equivalent(rows: Iterable[Row]) -> list[Row]:
    """Return for each case, number format and adapter that declines the line that says so."""
    groups = grouped(row for row in rows if row.finding.verdict is Verdict.NO_EQUIVALENT).values()
    return [group[0] for group in groups]
