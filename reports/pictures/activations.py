"""The error of each activation and of its derivative over a range of z, all programs in each picture."""

import math
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from reference.formats import FORMATS
from reports.pictures.frames import each_line, short, side_by_side
from reports.pictures.panels import finish, panels, power_of_ten
from reports.pictures.picture import Picture
from reports.pictures.style import INK, looks, style
from reports.pictures.svg import inline
from reports.runs.rows import Results

TITLE = "The activations and their derivatives against the truth"

CAPTION = (
    "Across: the input z. Up: how far the activation (left) or its derivative (right) is from certified "
    "truth, in units in the last place (ulps) of {dtype}, on a logarithmic scale. Lower is better; what "
    "is exact, or off by 0.1 or less, stands on the lowest line. Each point is the worst of some six. At "
    "the dotted line no digit is right: the number was rounded away to 0, which costs little in absolute "
    "terms where it is nearly 0. What lies higher is drawn at the upper edge, as the slopes at a kink, of "
    "which frameworks take different ones."
)

COLUMNS: Final = ["activation", "quantity", "dtype", "implementation", "z", "ulps"]

# Ulps: the lowest line.
LEAST: Final = 0.1


def picture(results: Results) -> Picture | None:
    """Return the picture, or None where nothing was measured."""
    table = frame(results)
    if table.empty:
        return None
    told, caption = alternative(table), CAPTION.format(dtype=table["dtype"].iloc[0])
    with style():
        svg = inline(draw(table), "activations", TITLE, told)
    return Picture("activations", TITLE, caption, told, svg, table, shown(table))


def frame(results: Results) -> pd.DataFrame:
    """Return a line for each strip of the range, of each implementation's value and derivative."""
    rows = [
        (one.activation, one.quantity, one.dtype, one.implementation, one.z, one.ulps)
        for one in results.activations
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return the largest error of each curve, and where it is."""
    size = table["ulps"].fillna(math.inf)
    curves = ["activation", "quantity", "implementation"]
    worst = table.loc[size.groupby([table[name] for name in curves], sort=False).idxmax()]
    cells = (f"{short(line.ulps)} ulps at z = {short(line.z)}" for line in each_line(worst))
    return side_by_side(worst, ("activation", "quantity", "dtype"), "implementation", cells)


def alternative(table: pd.DataFrame) -> str:
    """Name the activations that all compute to within a few ulps, and those of which somebody loses all."""
    limit = lost(table)
    worst = table.assign(ulps=table["ulps"].fillna(math.inf)).groupby(["activation", "quantity"], sort=False)
    largest = worst["ulps"].max()
    few = 4
    near = [name for name, which in largest.index if which == "value" and largest[name, which] <= few]
    gone = [f"{name} ({which})" for name, which in largest.index if largest[name, which] >= limit]
    told = f"Everybody computes {', '.join(near)} to within {few} units in the last place" if near else ""
    none = f"somebody loses every digit somewhere of {', '.join(gone)}" if gone else ""
    sentence = "; ".join(part for part in (told, none) if part) or "Errors of some digits, none of all"
    return f"{sentence[0].upper()}{sentence[1:]}."


def lost(table: pd.DataFrame) -> float:
    """Return the least error in ulps of a number that was rounded away to 0: 2²³ or more in float32."""
    return 0.5 / FORMATS[str(table["dtype"].iloc[0])].unit_roundoff


def draw(table: pd.DataFrame) -> Figure:
    """Draw for each activation its value beside its derivative."""
    names = list(dict.fromkeys(table["activation"]))
    drawn, axes = panels(len(names), 2, height=46, gap=17, legend=table["implementation"])
    for name, row in zip(names, axes, strict=True):
        for which, one in zip(("value", "derivative"), row, strict=True):
            part = table[(table["activation"] == name) & (table["quantity"] == which)]
            _draw_panel(one, part, table)
            one.set_title(name if which == "value" else f"{name}'", loc="left", pad=3, weight="bold")
            if part.empty:
                one.text(0.5, 0.5, "shown by nobody", transform=one.transAxes, ha="center", va="center")
            one.tick_params(labelbottom=name == names[-1], labelleft=which == "value")
    finish(drawn, axes, ("value", "derivative"), "z", "ulps")
    return drawn


def _draw_panel(axes: Axes, part: pd.DataFrame, table: pd.DataFrame) -> None:
    top = 10 * lost(table)
    for place, (who, look) in enumerate(looks(table["implementation"]).items()):
        mine = part[part["implementation"] == who]
        shown = np.clip(mine["ulps"].fillna(math.inf), LEAST, top)
        axes.plot(mine["z"], shown, **look.curve, markevery=(3 * place, 9), label=who, clip_on=False)
    axes.axhline(lost(table), color=INK, linestyle=":", linewidth=0.8)
    axes.set_yscale("log")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(LEAST, top)
    axes.set_yticks([LEAST, 10, 1e3, 1e5, 1e7] if top < 1e12 else [LEAST, 1e3, 1e7, 1e11, 1e15])  # noqa: PLR2004
    axes.yaxis.set_major_formatter(FuncFormatter(power_of_ten))
    axes.set_xlim(-24, 24)
    axes.set_xticks([-24, -16, -8, 0, 8, 16, 24])
