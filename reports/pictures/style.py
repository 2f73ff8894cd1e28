"""How the pictures look: one style for all, of which no part is told by colour alone."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from reports.pictures.frames import FIRST, in_order

# Stands for the colour of the text around the picture, light or dark; no other part has this colour.
INK: Final = "#010203"

# Of every picture, in points: a telephone shows its 8-point text at little less than that.
WIDTH: Final = 460

# The colour of a filled area. Where it is weaker it is more transparent, which suits both modes.
TINT: Final = "#2a78d0"

NEWS: Final = "#c9400f"


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
    "axes.titlesize": 8.0,
    "axes.labelsize": 8.0,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.2,
    "grid.linewidth": 0.5,
    "axes.linewidth": 0.6,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


def style() -> AbstractContextManager[None]:
    """Draw in this style inside a `with`, whatever the user's own settings are, and leave those alone."""
    ours: Any = {**mpl.rcParamsDefault, **STYLE}  # matplotlib's own type names each of its settings
    kept = "backend", "toolbar", "interactive"
    return mpl.rc_context({name: value for name, value in ours.items() if not name.startswith(kept)})


def looks(implementations: Iterable[str]) -> dict[str, Look]:
    """Return each program's look, in one order everywhere; after more than there are, they begin again.

    Each is thinner than the one before, so that of curves that lie on each other all can be seen.
    """
    there = list(in_order(implementations, FIRST))
    places = {who: place for place, who in enumerate(dict.fromkeys((*FIRST, *there)))}
    widths = {who: max(2.6 - 0.45 * place, 1.1) for place, who in enumerate(there)}
    return {who: replace(LOOKS[places[who] % len(LOOKS)], width=widths[who]) for who in there}


def fitted(word: str, room: float, size: float) -> str:
    """Cut a word that is too long for so many points; a letter is some 0.56 of its size wide."""
    letters = int(room / (0.56 * size))
    return word if len(word) <= letters else f"{word[: max(letters - 1, 1)]}…"


def figure(height: float) -> Figure:
    """Return an empty figure, `WIDTH` points wide and so many points high."""
    return Figure(figsize=(WIDTH / 72, height / 72))
