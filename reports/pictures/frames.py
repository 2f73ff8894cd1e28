"""What the pictures' tables have in common, and how a page shows them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import pandas as pd

from reports.outcome import NOTHING

# These stand before all others, and have the same look in every picture of every report.
FIRST: Final = ("numpy", "torch", "jax plain", "jax observed")


def each_line(table: pd.DataFrame) -> Iterator[Any]:
    """Give the lines of a table, each with its columns as attributes (pandas' types name no columns)."""
    yield from table.itertuples(index=False)


def in_order(names: Iterable[str], first: Iterable[str]) -> Iterator[str]:
    """Give the names, those that are named first before the others."""
    there = list(dict.fromkeys(names))
    wanted = [name for name in first if name in there]
    yield from (*wanted, *(name for name in there if name not in wanted))


def side_by_side(table: pd.DataFrame, lines: Sequence[str], who: str, told: Iterable[str]) -> pd.DataFrame:
    """Return a table as people read it: what is told of each line, with a column for each implementation.

    Parameters
    ----------
    table
        A line for each number.
    lines
        The columns that name a line of the new table; `who` is the one that names its columns.
    told
        What stands in a cell, for each line of `table`.
    """
    cells: dict[tuple[object, ...], dict[str, str]] = {}
    names = list(in_order(table[who], FIRST))
    keys = zip(*(table[name] for name in lines), strict=True)
    for key, column, word in zip(keys, table[who], told, strict=True):
        cells.setdefault(key, {})[column] = word
    rows = [(*key, *(said.get(name, NOTHING) for name in names)) for key, said in cells.items()]
    return pd.DataFrame(rows, columns=[*lines, *names])


def short(number: float) -> str:
    """Write a number in four digits at most; NaN and infinity are words."""
    return f"{number:.4g}" if math.isfinite(number) else {math.inf: "∞", -math.inf: "−∞"}.get(number, "NaN")
