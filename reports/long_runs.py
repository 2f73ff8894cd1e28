"""The rows of a long run: memory does not grow with the number of steps, and no count is lost."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from reports.rows import Row, severity

# A quantity, its verdict, what its truth is, and whether the case's own tolerance holds.
Key: TypeAlias = tuple[str, str, str, bool | None]

# Every row of so many steps is kept; of all further steps one row stands for each quantity.
KEPT_STEPS = 100


class RowKeeper:
    """The rows of one implementation, as a report tells them.

    Rows of the first `KEPT_STEPS` steps are kept as they are, and so are those of the step that fails first
    and, where that is undecided, of the first that is decided.
    Of the others one row stands for each quantity with one verdict and one kind of truth: see `Merged`.
    """

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._kept = list(rows)
        self._merged: dict[Key, Merged] = {}
        self._worst = 0

    @property
    def rows(self) -> list[Row]:
        """What has been kept so far."""
        return [*self._kept, *(merged.row for merged in self._merged.values())]

    def add(self, rows: Sequence[Row]) -> None:
        """Take the rows of one step."""
        if self.is_worse(rows) or (rows and rows[0].finding.step <= KEPT_STEPS):
            self._kept += rows
        else:
            self._merge(rows)
        self._worst = max(self._worst, *map(severity, rows), 0)

    def is_worse(self, rows: Sequence[Row]) -> bool:
        """Whether a step fails more severely than every step before it; what comes later follows from it."""
        return any(severity(row) > self._worst for row in rows)

    def _merge(self, rows: Sequence[Row]) -> None:
        for row in rows:
            found = row.finding
            key = found.quantity, found.verdict, found.truth, found.conventional
            if key in self._merged:
                self._merged[key].add(row)
            else:
                self._merged[key] = Merged(row)


@dataclass
class Merged:
    """The rows of one quantity over many steps, of which the one with the largest `used` is told.

    It tells that step's numbers, beside the fewest digits and the largest plain differences of all the steps
    that it stands for.
    """

    worst: Row
    steps: int = 0
    digits: float = math.inf
    max_abs_diff: float = math.nan
    max_rel_diff: float = math.nan

    def __post_init__(self) -> None:
        """Count the first of them."""
        self.add(self.worst)

    def add(self, row: Row) -> None:
        """Count one more; NaN, which is never within, is worse than any number."""
        found, worst = row.finding.used, self.worst.finding.used
        if found > worst or (math.isnan(found) and not math.isnan(worst)):
            self.worst = row
        self.steps += 1
        self.digits = min(self.digits, row.finding.digits)
        self.max_abs_diff = _larger(self.max_abs_diff, row.max_abs_diff)
        self.max_rel_diff = _larger(self.max_rel_diff, row.max_rel_diff)

    @property
    def row(self) -> Row:
        """The one row that stands for all."""
        found = self.worst.finding
        finding = replace(found, digits=self.digits) if self.worst.compared else found
        return replace(
            self.worst,
            finding=finding,
            steps=self.steps,
            max_abs_diff=self.max_abs_diff,
            max_rel_diff=self.max_rel_diff,
        )


def _larger(one: float, other: float) -> float:
    """Return the larger of two, the first of equals; NaN stands for nothing known."""
    return other if other > one or math.isnan(one) else one
