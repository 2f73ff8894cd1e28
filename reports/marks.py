"""Markdown's marks: tables, and text that is not to be read as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cases.defects import printable

if TYPE_CHECKING:
    import pandas as pd


def table(frame: pd.DataFrame) -> str:
    """Return a frame as a Markdown table (pandas' own needs a further package)."""
    rows = [list(frame.columns), ["---"] * len(frame.columns), *frame.itertuples(index=False, name=None)]
    return "\n".join("| " + " | ".join(escape(str(value)) for value in row) + " |" for row in rows)


def escape(text: str) -> str:
    """Keep text from being read as Markdown."""
    for mark in "\\|*_`<[]":
        text = text.replace(mark, f"\\{mark}") if mark != "<" else text.replace(mark, "&lt;")
    return printable(text)
