"""What the pictures' tables have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd


def each_line(table: pd.DataFrame) -> Iterator[Any]:
    """Give the lines of a table, each with its columns as attributes (pandas' types name no columns)."""
    yield from table.itertuples(index=False)


def in_order(names: Iterable[str], first: Iterable[str]) -> Iterator[str]:
    """Give the names, those that are named first before the others."""
    there = list(dict.fromkeys(names))
    wanted = [name for name in first if name in there]
    yield from (*wanted, *(name for name in there if name not in wanted))
