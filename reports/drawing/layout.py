"""The drawing of a tape in whole pixels: where each box stands, and which way each wire runs.

All of it is data, computed from the problem alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeAlias

from cases import Problem
from reports.drawing.grid import BACKWARD, FORWARD, SLOPE, UPDATE, Cell, Grid, grid
from reports.drawing.wires import Wire, spans, tracks, wires

Point: TypeAlias = tuple[int, int]

WIDTH: Final = 88
HEIGHT: Final = 36
LEFT: Final = 76  # room for "backward"
TOP: Final = 26  # room for the layers' names
TRACK: Final = 7
SIDE: Final = 12  # from a box to the first track beside it
LEAST: Final = 26  # between two boxes
APART: Final = 12  # more than that between forward, backward and update
ASIDE: Final = 9  # from the middle of a box's side to where wires through a gap begin and end


@dataclass(frozen=True)
class Box:
    """A box: its upper left corner, its size, and the quantities that it stands for."""

    names: tuple[str, ...]
    x: int
    y: int
    width: int
    height: int
    is_line: bool
    is_tall: bool


@dataclass(frozen=True)
class Edge:
    """A wire from one box to another, by their places: a line of horizontal and vertical pieces."""

    source: int
    target: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Layout:
    """A drawing without its words.

    Attributes
    ----------
    layers
        The layers shown, each with the x of its left side.
    bands
        The y of the rows beside which forward, backward and update are named.
    """

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    layers: tuple[tuple[int, int], ...]
    bands: tuple[int, int, int]
    hidden: int
    width: int
    height: int


def layout(problem: Problem) -> Layout:
    """Return the drawing of one training step of `problem`."""
    cells = grid(problem)
    return _Geometry(cells, wires(cells)).layout()


class _Geometry:
    """Pixels for a grid and its wires: a gap is as wide as its tracks need."""

    def __init__(self, cells: Grid, ways: tuple[Wire, ...]) -> None:
        self.grid, self.ways = cells, ways
        through = [way for way in ways if way.gap is not None]
        self.from_left = self._tracks(way for way in through if self._is_left(way))
        self.from_right = self._tracks(way for way in through if not self._is_left(way))
        across = [
            (self._key(way.channel, way), *self._columns(way)) for way in ways if way.channel is not None
        ]
        self.across = tracks(spans(across))
        gaps = [_room(gap, self.from_left, self.from_right) for gap in range(cells.columns - 1)]
        self.lefts = list(accumulate((WIDTH + gap for gap in gaps), initial=LEFT))
        apart = [APART if row in (SLOPE, UPDATE) else 0 for row in range(1, cells.rows)]
        rooms = [_room(row, self.across) for row in range(1, cells.rows)]
        self.tops = list(accumulate((HEIGHT + a + b for a, b in zip(apart, rooms, strict=True)), initial=TOP))
        self.boxes = tuple(map(self._box, cells.cells))

    def layout(self) -> Layout:
        starts = tuple((k, self.lefts[column]) for k, column in self.grid.layers)
        bands = self.tops[FORWARD], self.tops[BACKWARD], self.tops[UPDATE]
        edges = tuple(Edge(way.source, way.target, self._points(way)) for way in self.ways)
        width, height = self.lefts[-1] + WIDTH + 2, self.tops[-1] + HEIGHT + 18
        return Layout(self.boxes, edges, starts, bands, self.grid.hidden, width, height)

    def _tracks(self, ways: Iterable[Wire]) -> dict[tuple[int, int], int]:
        return tracks(spans((self._key(way.gap, way), *self._rows(way)) for way in ways))

    def _is_left(self, way: Wire) -> bool:
        """Whether a wire comes into its gap from the left: then it has a track left of all from the right."""
        return way.gap is not None and self.grid.cells[way.source].column <= way.gap

    @staticmethod
    def _key(gap: int | None, way: Wire) -> tuple[int, int]:
        return gap or 0, way.shared

    def _rows(self, way: Wire) -> tuple[float, float]:
        to = self.grid.cells[way.target].row if way.channel is None else way.channel - 0.5
        return self.grid.cells[way.source].row, to

    def _columns(self, way: Wire) -> tuple[float, float]:
        source, target = self.grid.cells[way.source].column, self.grid.cells[way.target].column
        return source if way.gap is None else way.gap + 0.5, target

    def _box(self, cell: Cell) -> Box:
        top = self.tops[0] if cell.is_tall else self.tops[cell.row]
        height = self.tops[-1] + HEIGHT - top if cell.is_tall else HEIGHT
        return Box(cell.names, self.lefts[cell.column], top, WIDTH, height, cell.is_line, cell.is_tall)

    def _points(self, way: Wire) -> tuple[Point, ...]:
        if way.channel is not None:
            return self._through_channel(way, way.channel)
        source, target = self.boxes[way.source], self.boxes[way.target]
        if way.gap is None:
            return _straight(source, target)
        x, down = self._track(way), ASIDE if target.y > source.y else -ASIDE
        start, end = _middle(source) + down, _middle(target) - down
        return (_side(source, x), start), (x, start), (x, end), (_side(target, x), end)

    def _through_channel(self, way: Wire, row: int) -> tuple[Point, ...]:
        source, target = self.boxes[way.source], self.boxes[way.target]
        y = self.tops[row] - SIDE - TRACK * self.across[self._key(row, way)]
        gathers = way.shared == way.target
        end: tuple[Point, ...] = ((_side(target, source.x), y),)
        if not target.is_tall:
            x = target.x + WIDTH // (2 if gathers else 4)
            end = (x, y), (x, target.y)
        if source.is_tall:
            return (_side(source, target.x), y), *end
        if way.gap is None:
            x = source.x + WIDTH // (4 if gathers else 2)
            return (x, source.y + HEIGHT), (x, y), *end
        x, start = self._track(way), _middle(source)
        return (_side(source, x), start), (x, start), (x, y), *end

    def _track(self, way: Wire) -> int:
        key, gap = self._key(way.gap, way), way.gap or 0
        if self._is_left(way):
            return self.lefts[gap] + WIDTH + SIDE + TRACK * self.from_left[key]
        return self.lefts[gap + 1] - SIDE - TRACK * self.from_right[key]


def _room(gap: int, *sides: dict[tuple[int, int], int]) -> int:
    """Return how wide a gap must be for its tracks, those from each of its sides."""
    given = sum(
        1 + max((track for (at, _), track in side.items() if at == gap), default=-1) for side in sides
    )
    return max(LEAST, 2 * SIDE + TRACK * (given - 1) + 2)


def _middle(box: Box) -> int:
    return box.y + HEIGHT // 2


def _side(box: Box, x: int) -> int:
    """Return the x of the side of a box that faces `x`."""
    return box.x if x < box.x + WIDTH // 2 else box.x + WIDTH


def _straight(source: Box, target: Box) -> tuple[Point, Point]:
    if source.x == target.x:
        x = source.x + WIDTH // 2
        return (
            ((x, source.y + HEIGHT), (x, target.y))
            if target.y > source.y
            else ((x, source.y), (x, target.y + HEIGHT))
        )
    y = _middle(target if source.is_tall else source)
    return (_side(source, target.x), y), (_side(target, source.x), y)
