"""The way that each wire takes from an input to a line: straight, or through a gap between columns or rows.

A wire that runs along a gap has a track of its own there; wires from one source share theirs, and so do those
into one line that gathers from all layers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reports.drawing.grid import PARAMETERS, UPDATE, Cell, Grid


@dataclass(frozen=True)
class Wire:
    """A wire between two cells, by their places in the grid.

    Attributes
    ----------
    gap
        The gap between two columns that it runs down or up, counted by the column on its left; None if it
        needs none.
    channel
        The row above which it runs from column to column; None if it needs no such channel.
    shared
        Whose tracks it takes: its source's, or its target's if that gathers from all layers.
    """

    source: int
    target: int
    gap: int | None = None
    channel: int | None = None
    shared: int = -1


def wires(grid: Grid) -> tuple[Wire, ...]:
    """Return the way of every wire of a grid."""
    starts = {column for _, column in grid.layers}
    return tuple(_wire(grid, starts, *pair) for pair in grid.wires)


def _wire(grid: Grid, starts: set[int], source: int, target: int) -> Wire:
    one, other = grid.cells[source], grid.cells[target]
    if _serves_all(one) != _serves_all(other):
        bottom = other.row > one.row and not one.is_tall and _is_free(grid, one.column, one.row, other.row)
        gap = None if one.is_tall or bottom else _gap(one, starts, outer=False)
        channel = one.row if other.is_tall else other.row
        return Wire(source, target, gap, channel, target if _serves_all(other) else source)
    if one.column == other.column:
        if _is_free(grid, one.column, *sorted((one.row, other.row))):
            return Wire(source, target, shared=source)
        return Wire(source, target, _gap(one, starts, outer=one.row == PARAMETERS), shared=source)
    if one.row == other.row or one.is_tall or other.is_tall:
        return Wire(source, target, shared=source)
    return Wire(source, target, min(one.column, other.column), shared=source)


def _serves_all(cell: Cell) -> bool:
    return cell.column == 0 and cell.row >= UPDATE


def _is_free(grid: Grid, column: int, above: int, below: int) -> bool:
    """Whether no cell stands in a column between two rows."""
    return not any(cell.column == column and above < cell.row < below for cell in grid.cells)


def _gap(cell: Cell, starts: set[int], *, outer: bool) -> int:
    """Return the gap beside a cell: to the next layer, or between z and a of its own."""
    is_left = cell.column in starts
    return cell.column - (is_left if outer else not is_left) if cell.column else 0


def tracks(spans: Mapping[tuple[int, int], tuple[float, float]]) -> dict[tuple[int, int], int]:
    """Give each (gap, owner) the first track of its gap that is free over its whole span."""
    given: dict[tuple[int, int], int] = {}
    ends: dict[tuple[int, int], float] = {}
    for key in sorted(spans, key=lambda key: (spans[key], key)):
        start, end = spans[key]
        track = 0
        while ends.get((key[0], track), -1.0) >= start:
            track += 1
        ends[key[0], track] = end
        given[key] = track
    return given


def spans(keys: Iterable[tuple[tuple[int, int], float, float]]) -> dict[tuple[int, int], tuple[float, float]]:
    """Return for each (gap, owner) how far its wires reach together."""
    found: dict[tuple[int, int], tuple[float, float]] = {}
    for key, one, other in keys:
        low, high = found.get(key, (one, one))
        found[key] = min(low, one, other), max(high, one, other)
    return found
