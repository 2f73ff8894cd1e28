"""Text from cases and adapters in files for programs: no character of it does anything where it is opened."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Final

from cases.defects import printable

if TYPE_CHECKING:
    import pandas as pd

FORMULA: Final = ("=", "+", "-", "@")
"""What a spreadsheet takes for the beginning of a formula."""

_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f]")


def csv(frame: pd.DataFrame) -> str:
    """Return a frame as CSV: NaN is "nan", and an empty cell is one where there is nothing.

    Text that a spreadsheet would take for a formula has an apostrophe before it, and what cannot be printed
    is written as an escape.
    """
    return str(frame.map(_cell).to_csv(index=False, lineterminator="\n"))


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
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]
