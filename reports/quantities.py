"""The tables of one case, one for each number format: each line of the tape by each implementation."""

import math
from collections.abc import Iterable, Sequence

import pandas as pd

from cases import Case
from reference import tape
from reports.runs.rows import Row
from reports.tables import NOTHING
from reports.verdicts import agrees, at_step, verdict

# Stands for the quantity where a verdict is on everything that a program claims.
WHOLE = "(the whole claim)"

BEFORE = ("quantity", "formula")
# The columns before and after those of the implementations.
AFTER = ("worst by", "element", "claimed", "should be", "ulps")


def quantities(case: Case, rows: Iterable[Row]) -> dict[str, pd.DataFrame]:
    """Return for each number format a table of the quantities in the order of computation.

    For each implementation stands the worst of all its steps: the part of the tolerance that is used where it
    agrees, else the verdict. Then the worst of these, with its numbers.
    """
    formulas = {line.name: line.equation for line in tape(case.problem(case.dtypes[0]))}
    by_dtype: dict[str, list[Row]] = {}
    for row in rows:
        by_dtype.setdefault(row.subject.dtype, []).append(row)
    return {dtype: _table(by_dtype[dtype], formulas) for dtype in case.dtypes if dtype in by_dtype}


def _table(rows: Sequence[Row], formulas: dict[str, str]) -> pd.DataFrame:
    worst: dict[str, dict[str, Row]] = {}
    for row in sorted(rows, key=lambda row: row.place):
        by = worst.setdefault(row.finding.quantity, {})
        who = row.subject.implementation
        if who not in by or badness(row) > badness(by[who]):
            by[who] = row
    implementations = tuple(dict.fromkeys(row.subject.implementation for row in rows))
    table = [_line(name, formulas.get(name, ""), by, implementations) for name, by in worst.items()]
    return pd.DataFrame(table, columns=[*BEFORE, *implementations, *AFTER])


def badness(row: Row) -> tuple[bool, bool, float]:
    """Return how bad a row is, to sort by: a failure, then what is no plain agreement, then what is used."""
    used = row.finding.used
    return row.fails, not agrees(row), math.inf if math.isnan(used) else used


def _line(name: str, formula: str, by: dict[str, Row], implementations: Sequence[str]) -> tuple[str, ...]:
    cells = (_cell(by[who]) if who in by else NOTHING for who in implementations)
    return name or WHOLE, formula, *cells, *_numbers(max(by.values(), key=badness))


def _cell(row: Row) -> str:
    return f"{row.finding.used:.2f}" if agrees(row) else verdict(row) + at_step(row)


def _numbers(row: Row) -> tuple[str, ...]:
    who, found = row.subject.implementation + at_step(row), row.finding
    if not row.compared:
        return who, NOTHING, found.reason, NOTHING, NOTHING
    claimed, derived = found.digits_told(row.subject.dtype)
    ulps = f"{found.ulps:.2f}" if found.ulps < MANY else f"{found.ulps:.1e}"
    return (
        who,
        str([*found.index]) if found.index else "",
        claimed,
        f"{derived} ± {found.tolerance:.2g}",
        ulps,
    )


# Ulps from which on they are told by their power of ten.
MANY = 10_000
