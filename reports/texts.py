"""Text from cases and adapters in files for programs: no character of it does anything where it is opened."""

import json
import math
import re
from typing import Final

import pandas as pd

from cases.errors import printable

# What a spreadsheet takes for the beginning of a formula.
FORMULA: Final = ("=", "+", "-", "@")

_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7e]")


def csv(frame: pd.DataFrame) -> str:
    """Return a frame as CSV: NaN is "nan", and an empty cell is one where there is nothing.

    Text that a spreadsheet would take for a formula has an apostrophe before it, and what cannot be printed
    is written as an escape.
    """
    return str(frame.apply(_column).to_csv(index=False, lineterminator="\n"))


def _column(column: pd.Series) -> pd.Series:
    """Return a column as its cells are told; numbers without NaN are told as they are."""
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
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _BEYOND_ASCII.sub(_in_json, text)


def _in_json(found: re.Match[str]) -> str:
    if found[0].isprintable():
        return found[0]
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
