"""CSV and JSON for programs: no character of a text does anything where the file is opened."""

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Final

import pandas as pd

from cases.errors import printable
from reports.runs.parameter_drift import Drift
from reports.runs.rows import Row

# The columns of results.csv.
COLUMNS: Final = (
    "case", "adapter", "program", "dtype", "step", "steps", "quantity", "verdict", "used", "error",
    "tolerance", "digits", "ulps", "index", "claimed", "derived", "max_abs_diff", "max_rel_diff",
    "conventional", "reason", "truth", "explanation", "expected",
)  # fmt: skip

# The columns of drift.csv.
DRIFT_COLUMNS: Final = (
    "case", "dtype", "implementation", "against", "step", "difference", "ulps", "not known because",
)  # fmt: skip

# What a spreadsheet takes for the beginning of a formula.
FORMULA: Final = ("=", "+", "-", "@")

_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7e]")


def results(rows: Iterable[Row]) -> pd.DataFrame:
    """Return one line for each row, with every number as it is; None where nothing was compared."""
    return pd.DataFrame([_record(row) for row in rows], columns=list(COLUMNS), dtype=object)


def _record(row: Row) -> tuple[object, ...]:
    subject, found = row.subject, row.finding
    index = str([*found.index]) if found.index else ""
    numbers: tuple[object, ...] = (
        found.used, found.error, found.tolerance, found.digits, found.ulps, index,
        found.claimed, found.derived, row.max_abs_diff, row.max_rel_diff,
    )  # fmt: skip
    if not row.compared:
        numbers = (None,) * len(numbers)
    return (
        subject.case, subject.adapter, subject.program, subject.dtype, found.step or None, row.steps,
        found.quantity, str(found.verdict), *numbers, row.conventional, found.reason, found.truth,
        row.explanation, row.expected,
    )  # fmt: skip


def drifts(found: Sequence[Drift]) -> pd.DataFrame:
    """Return one line for each pair and step; where a difference is not known, the reason is given."""
    lines = [tuple(vars(drift).values()) for drift in found]
    return pd.DataFrame(lines, columns=list(DRIFT_COLUMNS), dtype=object)


def csv(frame: pd.DataFrame) -> str:
    """Return a frame as CSV: NaN is "nan", and an empty cell is one where there is nothing.

    Text that a spreadsheet would take for a formula has an apostrophe before it, and what cannot be printed
    is written as an escape.
    """
    return str(frame.apply(_column).to_csv(index=False, lineterminator="\n"))


def _column(column: pd.Series) -> pd.Series:
    """Return a column as it is written; numbers without NaN are written as they are."""
    if column.dtype.kind in "biu" or (column.dtype.kind == "f" and column.notna().all()):
        return column
    return column.astype(object).map(_cell)


def _cell(value: object) -> object:
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def to_json(value: object) -> str:
    """Return a value as JSON in one line, with what cannot be printed as JSON's own escapes."""
    return escaped(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def escaped(text: str) -> str:
    """Return a text of JSON with JSON's own escapes for what cannot be printed."""
    return _BEYOND_ASCII.sub(_in_json, text)


def _in_json(char: re.Match[str]) -> str:
    return char[0] if char[0].isprintable() else json.dumps(char[0])[1:-1]
