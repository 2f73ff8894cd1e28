"""The tables of one case, one for each number format: each line of the tape by each implementation."""

from collections.abc import Iterable, Sequence
from typing import Final

import pandas as pd

from cases import Case
from reference import tape
from reports.outcome import NOTHING, LineCell, at_step, badness, group_by
from reports.rows import Row

# Stands for the quantity where a verdict is on everything that a program claims.
WHOLE: Final = "(the whole claim)"

BEFORE: Final = ("quantity", "formula")
# The columns before and after those of the implementations.
AFTER: Final = ("worst by", "element", "claimed", "should be", "ulps")

# Ulps from which on they are written with a power of ten.
MANY_ULPS: Final = 10_000


def quantities(case: Case, rows: Iterable[Row]) -> dict[str, pd.DataFrame]:
    """Return for each number format a table of the quantities in the order of computation.

    Each implementation has a `LineCell` for the worst of all its steps. Then the worst of these, with its
    numbers.
    """
    formulas = {line.name: line.equation for line in tape(case.problem(case.dtypes[0]))}
    by_dtype = group_by(rows, lambda row: row.subject.dtype)
    return {dtype: _table(by_dtype[dtype], formulas) for dtype in case.dtypes if dtype in by_dtype}


def _table(rows: Sequence[Row], formulas: dict[str, str]) -> pd.DataFrame:
    worst: dict[str, dict[str, Row]] = {}
    for row in sorted(rows, key=lambda row: row.place):
        by = worst.setdefault(row.finding.quantity, {})
        implementation = row.subject.implementation
        if implementation not in by or badness(row) > badness(by[implementation]):
            by[implementation] = row
    implementations = tuple(dict.fromkeys(row.subject.implementation for row in rows))
    table = [_line(name, formulas.get(name, ""), by, implementations) for name, by in worst.items()]
    return pd.DataFrame(table, columns=[*BEFORE, *implementations, *AFTER])


def _line(
    name: str, formula: str, by: dict[str, Row], implementations: Sequence[str]
) -> tuple[LineCell | str, ...]:
    cells = (LineCell.of([by[who]]) if who in by else NOTHING for who in implementations)
    return name or WHOLE, formula, *cells, *_numbers(max(by.values(), key=badness))


def _numbers(row: Row) -> tuple[str, ...]:
    by, found = row.subject.implementation + at_step(row), row.finding
    if not row.compared:
        return by, NOTHING, found.reason, NOTHING, NOTHING
    claimed, derived = found.digits_told(row.subject.dtype)
    index = str([*found.index]) if found.index else ""
    ulps = f"{found.ulps:.2f}" if found.ulps < MANY_ULPS else f"{found.ulps:.1e}"
    return by, index, claimed, f"{derived} ± {found.tolerance:.2g}", ulps
