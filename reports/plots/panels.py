"""Small panels beside and below each other, which share a legend and the labels of their scales."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox, TransformedBbox
from numpy.typing import ArrayLike, NDArray

from reports.plots.canvas import INK, WIDTH, Look, box, canvas, figure_of, fitted, looks, write
from reports.plots.plot import short

# A logarithmic scale reaches no further: near the ends of float64 its limits would overflow.
REACH: Final = (1e-300, 1e300)

MAX_TICKS: Final = 6

# The height of a line of the legend, and the distances around and between panels, in points.
LEGEND_LINE: Final = 12.0
RIGHT, BETWEEN, HEAD, FOOT = 8.0, 30.0, 32.0, 34.0


@dataclass(frozen=True)
class Scale:
    """From which number to which a panel reaches, and the texts of its ticks."""

    low: float
    high: float
    ticks: Mapping[float, str] = field(default_factory=dict)
    is_log: bool = False

    def fractions(self, numbers: ArrayLike) -> NDArray[np.float64]:
        """Return where numbers lie: 0 at the low end, 1 at the high one, a little beyond for all outside."""
        low, high, values = self.low, self.high, np.asarray(numbers, np.float64)
        if self.is_log:
            with np.errstate(divide="ignore"):  # the logarithm of 0 is below all others
                low, high, values = np.log10(low), np.log10(high), np.log10(np.clip(values, 0, None))
        return np.clip((values - low) / (high - low), -0.05, 1.05)


def tens(low: float, high: float) -> Scale:
    """Return a logarithmic scale with ticks at powers of ten, no more than there is room for."""
    low, high = np.clip((low, high), *REACH)
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    powers = [10.0**k for k in range(first, last + 1, max(1, -(-(last - first) // (MAX_TICKS - 1))))]
    return Scale(low, high, {power: power_of_ten(power) for power in powers}, is_log=True)


def power_of_ten(number: float) -> str:
    """Write a number in plain letters: 1, 10, 100, 10⁶; 0.1, 0.01, 10⁻⁶."""
    if not math.isfinite(number):
        return short(number)
    plain = {0.01: "0.01", 0.1: "0.1", 1: "1", 10: "10", 100: "100"}
    if number in plain:
        return plain[number]
    digits, exponent = f"{number:.0e}".split("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{raised}" if digits == "1" else f"{digits}·10{raised}"


@dataclass(frozen=True)
class Panel:
    """One panel of a `Sheet`, in points of its canvas, and how numbers become points of it."""

    axes: Axes
    x: float
    y: float
    width: float
    height: float
    across: Scale
    up: Scale

    def points(self, xs: ArrayLike, ys: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where points of the scales lie on the canvas."""
        left_to_right, bottom_to_top = self.across.fractions(xs), self.up.fractions(ys)
        return self.x + left_to_right * self.width, self.y + (1 - bottom_to_top) * self.height

    def curve(self, xs: ArrayLike, ys: ArrayLike, *, cut: bool = True, **style: Any) -> None:  # noqa: ANN401
        """Draw a curve; `cut` at the edges of the panel, where its markers would reach beyond."""
        line = Line2D(*self.points(xs, ys), **style)
        self.axes.add_artist(line)
        corners = Bbox.from_extents(self.x, self.y, self.x + self.width, self.y + self.height)
        line.set_clip_path(None)
        line.set_clip_box(TransformedBbox(corners, self.axes.transData) if cut else None)

    def bar(self, y: float, length: float, thickness: float, **style: Any) -> None:  # noqa: ANN401
        """Draw a bar from the left edge."""
        (left, right), (top, bottom) = self.points([0, length], [y - thickness / 2, y + thickness / 2])
        box(self.axes, left, top, right - left, bottom - top, **style)

    def write(self, x: float, y: float, text: str, **style: Any) -> None:  # noqa: ANN401
        """Write a text at a point of the scales."""
        (left,), (top,) = self.points([x], [y])
        write(self.axes, left, top, text, **style)

    def frame(self, title: str, *, label_across: bool, label_up: bool) -> None:
        """Draw the edges, the lines at the ticks, their labels, and the title above."""
        right, bottom = self.x + self.width, self.y + self.height
        self._lines(
            [((self.x, right), (bottom, bottom)), ((self.x, self.x), (self.y, bottom))], linewidth=0.6
        )
        columns = self.points(list(self.across.ticks), [self.up.low] * len(self.across.ticks))[0]
        rows = self.points([self.across.low] * len(self.up.ticks), list(self.up.ticks))[1]
        grid = [((x, x), (self.y, bottom)) for x in columns] + [((self.x, right), (y, y)) for y in rows]
        self._lines(grid, linewidth=0.5, alpha=0.2)
        write(self.axes, self.x, self.y - 3, title, weight="bold", va="bottom")
        for x, text in zip(columns, self.across.ticks.values(), strict=True) if label_across else ():
            write(self.axes, x, bottom + 3.5, text, size=7.5, ha="center", va="top")
        for y, text in zip(rows, self.up.ticks.values(), strict=True) if label_up else ():
            write(self.axes, self.x - 3.5, y, text, size=7.5, ha="right", va="center_baseline")

    def _lines(self, lines: Iterable[tuple[Sequence[float], Sequence[float]]], **style: Any) -> None:  # noqa: ANN401
        """Draw several straight lines as one path with gaps."""
        xs, ys = ([part for line in lines for part in (*line[which], math.nan)] for which in (0, 1))
        self.axes.add_artist(Line2D(xs, ys, color=INK, clip_on=False, zorder=1, **style))


@dataclass(frozen=True)
class Sheet:
    """A figure of panels, each so many points high with a gap below for words, and a legend above them.

    Attributes
    ----------
    rows, heads
        How many panels stand below each other, and what stands above each column of them.
    across, up
        What the scales show.
    left
        The room for the labels of the first column.
    names
        The implementations of the legend.
    shared
        Whether all panels have the same scales, which are then labelled at the left and at the bottom only.
    """

    rows: int
    heads: Sequence[str]
    across: str
    up: str
    height: float
    gap: float
    left: float = 38.0
    names: Sequence[str] = ()
    shared: bool = False
    axes: Axes = field(init=False)

    def __post_init__(self) -> None:
        total = self._top + self.rows * (self.height + self.gap) - self.gap + FOOT
        object.__setattr__(self, "axes", canvas(total))
        _legend(self.axes, looks(self.names))
        for column, head in enumerate(self.heads):
            middle = self._x(column) + self._width / 2
            write(self.axes, middle, self._top - 20, head, ha="center", va="bottom", weight="bold")
        if self.up:
            write(self.axes, 0, self._top - 20, f"↑ {self.up}", va="top", size=7)
        write(self.axes, WIDTH / 2, total - 3, f"{self.across} →", ha="center", va="bottom")

    @property
    def figure(self) -> Figure:
        """The figure that all is drawn on."""
        return figure_of(self.axes)

    @property
    def _top(self) -> float:
        return HEAD + LEGEND_LINE * legend_lines(self.names)

    @property
    def _width(self) -> float:
        columns = len(self.heads)
        return (WIDTH - self.left - RIGHT - (columns - 1) * BETWEEN) / columns

    def _x(self, column: int) -> float:
        return self.left + column * (self._width + BETWEEN)

    def panel(self, row: int, column: int, across: Scale, up: Scale, title: str = "") -> Panel:
        """Return a panel with its frame; rows and columns count from 0."""
        y = self._top + row * (self.height + self.gap)
        panel = Panel(self.axes, self._x(column), y, self._width, self.height, across, up)
        is_last, is_first = row == self.rows - 1, column == 0
        panel.frame(title, label_across=is_last or not self.shared, label_up=is_first or not self.shared)
        return panel


def legend_columns(names: Iterable[str]) -> int:
    """Return how many names of a legend stand beside each other."""
    longest = max(names, key=len, default="")
    return next((count for count in (4, 3) if fitted(longest, _room(count), 8) == longest), 2)


def legend_lines(names: Iterable[str]) -> int:
    names = set(names)
    return -(-len(names) // legend_columns(names))


def _room(columns: int) -> float:
    """Return how many points a name of the legend has, beside the line that it explains."""
    return WIDTH / columns - 42


def _legend(axes: Axes, looks_of: Mapping[str, Look]) -> None:
    columns = legend_columns(looks_of)
    for place, (name, look) in enumerate(looks_of.items()):
        x, y = WIDTH / columns * (place % columns), LEGEND_LINE * (place // columns + 0.5)
        axes.add_artist(Line2D((x, x + 13, x + 26), (y, y, y), **look.curve, markevery=(1, 2), clip_on=False))
        write(axes, x + 32, y, fitted(name, _room(columns), 8), va="center_baseline")


def each_part(
    table: pd.DataFrame, rows: tuple[str, Iterable[str]], columns: tuple[str, Iterable[str]]
) -> Iterator[tuple[int, int, pd.DataFrame]]:
    """Give each panel's row, column and lines of a table, one of whose columns has `rows`, one `columns`."""
    parts = dict(list(table.groupby([rows[0], columns[0]])))
    for row, row_value in enumerate(rows[1]):
        for column, column_value in enumerate(columns[1]):
            yield row, column, parts.get((row_value, column_value), table[:0])


def each_curve(part: pd.DataFrame, names: Iterable[str]) -> Iterator[tuple[int, Look, pd.DataFrame]]:
    """Give each implementation that has lines in a panel: its index, its look, and its lines."""
    for index, (name, look) in enumerate(looks(names).items()):
        mine = part[part["implementation"] == name]
        if len(mine):
            yield index, look, mine
