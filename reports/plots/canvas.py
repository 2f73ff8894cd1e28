"""What all plots are drawn on: a figure measured in points, its style and panels, and its SVG.

A pair of matplotlib's axes with ticks takes some 30 ms, and a picture has up to 44 panels, so panels are
drawn into the figure itself.
"""

import math
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from io import StringIO
from typing import Any, Final, TypeAlias

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Bbox, TransformedBbox
from numpy.typing import ArrayLike, NDArray

from cases.errors import printable

WIDTH: Final = 460  # of every picture, in points: a telephone shows its 8-point text at little less than that

# Stands for the colour of text, light or dark; no other part has this colour.
INK: Final = "#010203"
LIGHT_INK, DARK_INK = "#1b1d1f", "#e6e7e9"
# The colour of a filled area. Where it is weaker it is more transparent, which suits both modes.
TINT: Final = "#2a78d0"
NEWS: Final = "#c9400f"

# These stand before all others, and have the same look in every picture of every report.
IMPLEMENTATIONS: Final = ("numpy", "torch", "jax plain", "jax observed")


@dataclass(frozen=True)
class Look:
    """How one implementation's curve is drawn: its colour, its line and its marker are its own."""

    color: str
    line: Any
    marker: str
    width: float = 1.3

    @property
    def outline(self) -> dict[str, Any]:
        return {"color": self.color, "linestyle": self.line, "linewidth": self.width}

    @property
    def curve(self) -> dict[str, Any]:
        return {**self.outline, "marker": self.marker, "markersize": 1.6 + 1.3 * self.width}


# Colours that differ for the colour-blind too, each with a contrast of 3:1 on white and on near-black.
LOOKS: Final = (
    Look("#2a78d0", "-", "o"),
    Look("#c9540f", (0, (5, 2)), "s"),
    Look("#12875c", (0, (1, 1.5)), "^"),
    Look("#b5489a", (0, (6, 2, 1, 2)), "D"),
    Look("#8f7000", (0, (3, 1, 1, 1, 1, 1)), "v"),
    Look("#7a7a7a", (0, (8, 3)), "P"),
    Look("#0f8b8d", (0, (2, 2)), "X"),
    Look("#6f62d6", (0, (4, 1, 1, 1)), "*"),
)

# A logarithmic scale reaches no further: near the ends of float64 its limits would overflow.
REACH: Final = (1e-300, 1e300)
MAX_TICKS: Final = 6
# The height of a line of the legend, and the distances around and between panels, in points.
LEGEND_LINE: Final = 12.0
LEGEND_NAME: Final = {columns: WIDTH / columns - 42 for columns in (2, 3, 4)}  # the room for each name
RIGHT, BETWEEN, HEAD, FOOT = 8.0, 30.0, 32.0, 34.0
DIGIT: Final = 5.0  # the width of a digit at a tick

STYLE: Final[Mapping[str, Any]] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a name with two dollar signs is no formula
    "svg.hashsalt": "backprop-parity",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.0,
    "text.color": INK,
    "savefig.facecolor": "none",
}


def style() -> AbstractContextManager[None]:
    """Draw in this style inside a `with`, whatever the user's own settings are, and leave those alone."""
    ours: Any = {**mpl.rcParamsDefault, **STYLE}  # matplotlib's own type names each of its settings
    kept = "backend", "toolbar", "interactive"
    return mpl.rc_context({name: value for name, value in ours.items() if not name.startswith(kept)})


def in_order(names: Iterable[str], first: Iterable[str]) -> Iterator[str]:
    """Give the names, each once, those of `first` before the others."""
    there = dict.fromkeys(names)
    yield from dict.fromkeys((*(name for name in first if name in there), *there))


def looks(implementations: Iterable[str]) -> dict[str, Look]:
    """Return each implementation's look, thinner than the one before: all curves in one place can be seen."""
    there = list(in_order(implementations, IMPLEMENTATIONS))
    places = {name: place for place, name in enumerate(dict.fromkeys((*IMPLEMENTATIONS, *there)))}
    widths = {name: max(2.6 - 0.45 * place, 1.1) for place, name in enumerate(there)}
    return {name: replace(LOOKS[places[name] % len(LOOKS)], width=widths[name]) for name in there}


# The left upper corner, the width and the height, in points.
Box: TypeAlias = tuple[float, float, float, float]


class Canvas:
    """A figure of `WIDTH` by `height` points, whose points are counted from its left upper corner."""

    def __init__(self, height: float) -> None:
        self.figure = Figure(figsize=(WIDTH / 72, height / 72))
        inches = Affine2D().scale(1 / 72, -1 / 72).translate(0, height / 72)
        self.points = inches + self.figure.dpi_scale_trans

    def add(self, artist: Artist) -> None:
        artist.set_transform(self.points)
        self.figure.add_artist(artist)

    def write(self, x: float, y: float, text: str, **style: Any) -> None:  # noqa: ANN401 - matplotlib's
        """Write a text; what no screen can show, as in a case's name, is written as an escape."""
        self.add(Text(x, y, printable(text), **style))

    def box(self, x: float, y: float, width: float, height: float, **style: Any) -> None:  # noqa: ANN401
        self.add(Rectangle((x, y), width, height, **style))

    def boxes(self, boxes: Iterable[Box], **style: Any) -> None:  # noqa: ANN401
        """Draw many boxes of one style as a single path, which takes a quarter of their bytes."""
        each = (
            Path.unit_rectangle().transformed(Affine2D().scale(*box[2:]).translate(*box[:2])) for box in boxes
        )
        self.add(PathPatch(Path.make_compound_path(*each), **style))


def fitted(text: str, room: float, size: float) -> str:
    """Cut a text that is too long for its room in points; a letter is some 0.56 of its size wide."""
    letters = int(room / (0.56 * size))
    return text if len(text) <= letters else f"{text[: max(letters - 1, 1)]}…"


def short(number: float, digits: int = 4) -> str:
    """Write a number in so many digits at most; NaN and infinity are words."""
    return (
        f"{number:.{digits}g}"
        if math.isfinite(number)
        else {math.inf: "∞", -math.inf: "−∞"}.get(number, "NaN")
    )


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


def log_scale(low: float, high: float, ticks: Iterable[float]) -> Scale:
    return Scale(low, high, {tick: power_of_ten(tick) for tick in ticks}, is_log=True)


def tens(low: float, high: float) -> Scale:
    """Return a logarithmic scale with ticks at powers of ten, no more than there is room for."""
    low, high = np.clip((low, high), *REACH)
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    every = max(1, -(-(last - first) // (MAX_TICKS - 1)))
    return log_scale(low, high, (10.0**k for k in range(first, last + 1, every)))


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

    canvas: Canvas
    x: float
    y: float
    width: float
    height: float
    across: Scale
    up: Scale

    def points(self, xs: ArrayLike, ys: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        left_to_right, bottom_to_top = self.across.fractions(xs), self.up.fractions(ys)
        return self.x + left_to_right * self.width, self.y + (1 - bottom_to_top) * self.height

    def curve(self, xs: ArrayLike, ys: ArrayLike, *, cut: bool = True, **style: Any) -> None:  # noqa: ANN401
        line = Line2D(*self.points(xs, ys), **style)
        if cut:
            corners = Bbox.from_extents(self.x, self.y, self.x + self.width, self.y + self.height)
            line.set_clip_box(TransformedBbox(corners, self.canvas.points))
        self.canvas.add(line)

    def box(self, left: float, right: float, y: float, thickness: float) -> Box:
        """Return the box that reaches from one number to another, in points of the canvas."""
        xs, ys = self.points([left, right], [y - thickness / 2, y + thickness / 2])
        return float(xs[0]), float(ys.min()), float(xs[1] - xs[0]), float(np.ptp(ys))

    def bar(self, y: float, length: float, thickness: float, **style: Any) -> None:  # noqa: ANN401
        self.canvas.box(*self.box(0, length, y, thickness), **style)

    def write(self, x: float, y: float, text: str, **style: Any) -> None:  # noqa: ANN401
        (left,), (top,) = self.points([x], [y])
        self.canvas.write(left, top, text, **style)

    def frame(self, title: str, *, label_across: bool, label_up: bool) -> None:
        """Draw the edges, the lines at the ticks, their labels, and the title above."""
        right, bottom = self.x + self.width, self.y + self.height
        edges = ((self.x, right), (bottom, bottom)), ((self.x, self.x), (self.y, bottom))
        self._lines(edges, linewidth=0.6)
        columns = self.points(list(self.across.ticks), [self.up.low] * len(self.across.ticks))[0]
        rows = self.points([self.across.low] * len(self.up.ticks), list(self.up.ticks))[1]
        grid = [((x, x), (self.y, bottom)) for x in columns] + [((self.x, right), (y, y)) for y in rows]
        self._lines(grid, linewidth=0.5, alpha=0.2)
        self.canvas.write(self.x, self.y - 3, title, weight="bold", va="bottom")
        for x, text in zip(columns, self.across.ticks.values(), strict=True) if label_across else ():
            beyond = x + len(text) * DIGIT / 2 > WIDTH  # centred, it would reach beyond the edge
            at, side = (WIDTH, "right") if beyond else (x, "center")
            self.canvas.write(at, bottom + 3.5, text, size=7.5, ha=side, va="top")
        for y, text in zip(rows, self.up.ticks.values(), strict=True) if label_up else ():
            self.canvas.write(self.x - 3.5, y, text, size=7.5, ha="right", va="center_baseline")

    def _lines(self, lines: Iterable[tuple[Sequence[float], Sequence[float]]], **style: Any) -> None:  # noqa: ANN401
        xs, ys = ([part for line in lines for part in (*line[which], math.nan)] for which in (0, 1))
        self.canvas.add(Line2D(xs, ys, color=INK, zorder=1, **style))


@dataclass
class Sheet:
    """A figure of panels, `rows` of them below each other, in a column for each of `heads`.

    Each is `height` points high with a gap below for words; at the `left` of all is room for labels, and
    above them a legend of `names`, below `key` points for another. If the scales, of what `across` and `up`
    say, are `shared`, they are labelled at the left and at the bottom only.
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
    key: float = 0.0

    def __post_init__(self) -> None:
        self.width = (WIDTH - self.left - RIGHT - (len(self.heads) - 1) * BETWEEN) / len(self.heads)
        self.top = HEAD + self.key + LEGEND_LINE * -(-len(set(self.names)) // legend_columns(self.names))
        total = self.top + self.rows * (self.height + self.gap) - self.gap + FOOT
        self.canvas = Canvas(total)
        self.figure = self.canvas.figure
        self._draw_legend()
        for column, head in enumerate(self.heads):
            middle = self._x(column) + self.width / 2
            self.canvas.write(middle, self.top - 20, head, ha="center", va="bottom", weight="bold")
        if self.up:
            self.canvas.write(0, self.top - 20, f"↑ {self.up}", va="top", size=7)
        self.canvas.write(WIDTH / 2, total - 3, f"{self.across} →", ha="center", va="bottom")

    def _x(self, column: int) -> float:
        return self.left + column * (self.width + BETWEEN)

    def _draw_legend(self) -> None:
        columns = legend_columns(self.names)
        for index, (name, look) in enumerate(looks(self.names).items()):
            x, y = WIDTH / columns * (index % columns), self.key + LEGEND_LINE * (index // columns + 0.5)
            self.canvas.add(Line2D((x, x + 13, x + 26), (y, y, y), **look.curve, markevery=(1, 2)))
            self.canvas.write(x + 32, y, fitted(name, LEGEND_NAME[columns], 8), va="center_baseline")

    def panel(self, row: int, column: int, across: Scale, up: Scale, title: str = "") -> Panel:
        """Return a panel with its frame; rows and columns count from 0."""
        y = self.top + row * (self.height + self.gap)
        panel = Panel(self.canvas, self._x(column), y, self.width, self.height, across, up)
        is_last, is_first = row == self.rows - 1, column == 0
        panel.frame(title, label_across=is_last or not self.shared, label_up=is_first or not self.shared)
        return panel


def legend_columns(names: Iterable[str]) -> int:
    """Return how many names of a legend stand next to each other."""
    longest = max(names, key=len, default="")
    return next((count for count in (4, 3) if fitted(longest, LEGEND_NAME[count], 8) == longest), 2)


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


# The colour of text is the reader's choice, and the letters are those of the page.
COLOURS: Final = (
    f":root{{color:{LIGHT_INK}}}@media screen and (prefers-color-scheme:dark){{:root{{color:{DARK_INK}}}}}"
    "text{font-family:system-ui,sans-serif!important}"
)
_STYLE: Final = '<style type="text/css">'
# Numbers inside a tag, where a tenth of a point is the finest that can be seen.
_COORDINATE: Final = re.compile(r"(?<!: )(?<![\d.])-?\d+\.\d{2,}(?=[^<>]*>)")


def svg(figure: Figure) -> str:
    """Return a figure as SVG: the same text for the same numbers, dark where its reader prefers that."""
    file = StringIO()
    with warnings.catch_warnings():  # a reader's font has letters that the one which measures here has not
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = file.getvalue().replace(INK, "currentColor").replace(_STYLE, _STYLE + COLOURS, 1)
    return _COORDINATE.sub(lambda number: f"{float(number[0]):.1f}", " ".join(text.split()))
