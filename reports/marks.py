"""Markdown's marks, as GitHub reads them: tables, and text that is not to be read as Markdown."""

import re
from collections.abc import Iterable
from typing import Final

import pandas as pd

from cases.errors import printable

_MARKS: Final = str.maketrans(
    {mark: f"\\{mark}" for mark in "\\`*_[]~|"}
    | {"<": "&lt;", "&": "&amp;", "$": "<span>$</span>"}  # between two bare $ GitHub reads mathematics
)

# Text that would open a heading, a quotation, a list or a rule at the start of a line.
_OPENING: Final = re.compile(r"(\d{0,9})([-+=#>.)].*)", re.DOTALL)


def table(frame: pd.DataFrame) -> str:
    """Return a frame as a Markdown table (pandas' own needs a further package)."""
    return "\n".join((*table_head(frame), *table_rows(frame)))


def table_head(frame: pd.DataFrame) -> tuple[str, str]:
    """Return a table's first two lines: the names of its columns, and the rule beneath."""
    return _row(frame.columns), f"| {' | '.join(['---'] * len(frame.columns))} |"


def table_rows(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the other lines of a table."""
    return tuple(_row(values) for values in frame.itertuples(index=False, name=None))


def _row(values: Iterable[object]) -> str:
    return f"| {' | '.join(escape(str(value)) for value in values)} |"


def item(text: str) -> str:
    """Return text as a line of a list."""
    told = printable(text).strip()
    opening = _OPENING.match(told)
    return f"- {opening[1]}\\{escape(opening[2])}" if opening else f"- {escape(told)}"


def code(text: str) -> str:
    """Return text as code: between more backticks than stand together in it."""
    told = printable(text)
    longest = max(map(len, re.findall("`+", told)), default=0)
    fence, space = "`" * (longest + 1), " " if told.startswith("`") or told.endswith("`") else ""
    return f"{fence}{space}{told}{space}{fence}"


def escape(text: str) -> str:
    """Keep text from being read as Markdown."""
    return printable(text).translate(_MARKS)
