"""Markdown's marks: tables, and text that is not to be read as Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cases.defects import printable

if TYPE_CHECKING:
    import pandas as pd


_BLOCK: Final = re.compile(r"^(?=#{1,6}\s|[-+]\s|>|[-=]+$)|^(\d+)(?=[.)]\s)")
"""Where a text begins as a heading, a list or a quotation does."""


def table(frame: pd.DataFrame) -> str:
    """Return a frame as a Markdown table (pandas' own needs a further package)."""
    rows = [list(frame.columns), ["---"] * len(frame.columns), *frame.itertuples(index=False, name=None)]
    return "\n".join("| " + " | ".join(escape(str(value)) for value in row) + " |" for row in rows)


def escape(text: str) -> str:
    """Keep text from being read as Markdown or as HTML."""
    shown = printable(text).replace("&", "&amp;").replace("<", "&lt;")
    for mark in "\\|*_`~[]":
        shown = shown.replace(mark, f"\\{mark}")
    return _BLOCK.sub(r"\1\\", shown)


def code(text: str) -> str:
    """Return text as code, fenced by more backticks than it has in a row."""
    shown = printable(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    return f"{fence} {shown} {fence}" if "`" in shown else f"{fence}{shown}{fence}"
