"""What all plots are drawn on: a figure measured in points, its style, and the SVG that comes of it.

A figure has one pair of axes over all of it. matplotlib takes some 30 ms for a pair with ticks, and a picture
has up to 44 panels, so panels are drawn into that one pair (`reports.plots.panels`).
"""

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from io import StringIO
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cases.errors import printable

# Of every picture, in points: a telephone shows its 8-point text at little less than that.
WIDTH: Final = 460

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
        """Keywords of a matplotlib line."""
        return {"color": self.color, "linestyle": self.line, "linewidth": self.width}

    @property
    def curve(self) -> dict[str, Any]:
        """Keywords of a matplotlib curve with markers."""
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
    there = list(dict.fromkeys(names))
    wanted = [name for name in first if name in there]
    yield from (*wanted, *(name for name in there if name not in wanted))


def looks(implementations: Iterable[str]) -> dict[str, Look]:
    """Return each implementation's look; after more than there are, they begin again.

    Each is thinner than the one before, so that of curves that lie on each other all can be seen.
    """
    there = list(in_order(implementations, IMPLEMENTATIONS))
    places = {name: place for place, name in enumerate(dict.fromkeys((*IMPLEMENTATIONS, *there)))}
    widths = {name: max(2.6 - 0.45 * place, 1.1) for place, name in enumerate(there)}
    return {name: replace(LOOKS[places[name] % len(LOOKS)], width=widths[name]) for name in there}


def canvas(height: float) -> Axes:
    """Return axes of `WIDTH` by `height` points, from the left upper corner of a figure of their own."""
    figure = Figure(figsize=(WIDTH / 72, height / 72))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    return axes


def figure_of(axes: Axes) -> Figure:
    """Return the figure of a canvas."""
    figure = axes.figure
    assert isinstance(figure, Figure)  # noqa: S101 - `canvas` makes no other
    return figure


def write(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:  # noqa: ANN401 - matplotlib's
    """Write a text; what no screen can show, as in a case's name, is written as an escape."""
    axes.text(x, y, printable(text), **style)


def fitted(text: str, room: float, size: float) -> str:
    """Cut a text that is too long for so many points; a letter is some 0.56 of its size wide."""
    letters = int(room / (0.56 * size))
    return text if len(text) <= letters else f"{text[: max(letters - 1, 1)]}…"


def box(axes: Axes, x: float, y: float, width: float, height: float, **style: Any) -> None:  # noqa: ANN401
    """Draw a rectangle from its left upper corner."""
    axes.add_artist(Rectangle((x, y), width, height, clip_on=False, **style))


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
    return _COORDINATE.sub(lambda found: f"{float(found[0]):.1f}", " ".join(text.split()))
