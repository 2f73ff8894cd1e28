"""CSV and JSON for programs: no character of a text does anything where the file is opened."""

import json
import re
from collections.abc import Iterable, Sequence
from csv import writer
from functools import lru_cache
from io import StringIO
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

FORMULA: Final = ("=", "+", "-", "@")  # what a spreadsheet takes for the beginning of a formula
_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7e]")


def results(rows: Iterable[Row]) -> pd.DataFrame:
    """Return one line for each row, with every number as it is; None where nothing was compared."""
    return pd.DataFrame([_record(row) for row in rows], columns=list(COLUMNS), dtype=object)


def _record(row: Row) -> tuple[object, ...]:
    subject, finding = row.subject, row.finding
    index = str([*finding.index]) if finding.index else ""
    numbers: tuple[object, ...] = (
        finding.used, finding.error, finding.tolerance, finding.digits, finding.ulps, index,
        finding.claimed, finding.derived, row.max_abs_diff, row.max_rel_diff,
    )  # fmt: skip
    if not row.compared:
        numbers = (None,) * len(numbers)
    return (
        subject.case, subject.adapter, subject.program, subject.dtype, finding.step or None, row.steps,
        finding.quantity, str(finding.verdict), *numbers, row.conventional, finding.reason, finding.truth,
        row.explanation, row.expected,
    )  # fmt: skip


def drifts(courses: Sequence[Drift]) -> pd.DataFrame:
    """Return one line for each pair and step; where a difference is not known, the reason is given."""
    lines = [tuple(vars(drift).values()) for drift in courses]
    return pd.DataFrame(lines, columns=list(DRIFT_COLUMNS), dtype=object)


def csv(frame: pd.DataFrame) -> str:
    """Return a frame as CSV: NaN is "nan", and an empty cell is one where there is nothing.

    Text that a spreadsheet would take for a formula has an apostrophe before it, and what cannot be printed
    is written as an escape.
    """
    file = StringIO()
    lines = writer(file, lineterminator="\n")
    lines.writerow(frame.columns)
    columns = ([_text(cell) if isinstance(cell, str) else cell for cell in frame[name]] for name in frame)
    lines.writerows(zip(*columns, strict=True))
    return file.getvalue()


@lru_cache(10_000)
def _text(text: str) -> str:
    plain = printable(text)
    return f"'{plain}" if plain.startswith(FORMULA) else plain


def to_json(value: object) -> str:
    """Return a value as JSON in one line, with what cannot be printed as JSON's own escapes."""
    return escaped(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def escaped(text: str) -> str:
    """Return a text of JSON with JSON's own escapes for what cannot be printed."""
    return _BEYOND_ASCII.sub(
        lambda char: char[0] if char[0].isprintable() else json.dumps(char[0])[1:-1], text
    )
