"""The error of each activation and of its derivative over a range of z, all programs in each panel."""

import math
from typing import Final

import pandas as pd
from matplotlib.figure import Figure

from reference.arithmetic import FORMATS
from reports.plots.canvas import INK, looks
from reports.plots.panels import Scale, Sheet, each_curve, each_part, power_of_ten
from reports.plots.plot import Plot, each_line, short, side_by_side
from reports.report import Report

ABOUT: Final = (
    "Across: the input z. Up: how far the activation (left) or its derivative (right) is from certified "
    "truth, in units in the last place (ulps) of the number format, on a logarithmic scale. Lower is better; "
    "what is exact, or off by 0.1 or less, stands on the lowest line. Each point is the worst of some six. "
    "At the dotted line no digit is right: the number was rounded away to 0, which costs little in absolute "
    "terms where it is nearly 0. What lies higher is drawn at the upper edge, as the slopes at a kink, of "
    "which frameworks take different ones."
)

COLUMNS: Final = ["activation", "quantity", "dtype", "implementation", "z", "ulps"]

# Ulps: the lowest line.
MIN_ULPS: Final = 0.1


def numbers(report: Report) -> pd.DataFrame:
    """Return a line for each strip of the range, of each implementation's value and derivative."""
    rows = [
        (one.activation, one.quantity, one.dtype, one.implementation, one.z, one.ulps)
        for one in report.results.activations
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def tabulate(table: pd.DataFrame) -> pd.DataFrame:
    """Return the largest error of each curve, and where it is."""
    size = table["ulps"].fillna(math.inf)
    curves = ["activation", "quantity", "implementation"]
    worst = table.loc[size.groupby([table[name] for name in curves], sort=False).idxmax()]
    cells = (f"{short(line.ulps)} ulps at z = {short(line.z)}" for line in each_line(worst))
    return side_by_side(worst, ("activation", "quantity", "dtype"), "implementation", cells)


def describe(table: pd.DataFrame) -> str:
    """Name the activations that all compute to within a few ulps, and those of which somebody loses all."""
    limit = lost(table)
    worst = table.assign(ulps=table["ulps"].fillna(math.inf)).groupby(["activation", "quantity"], sort=False)
    largest = worst["ulps"].max()
    few = 4
    near = [name for name, which in largest.index if which == "value" and largest[name, which] <= few]
    gone = [f"{name} ({which})" for name, which in largest.index if largest[name, which] >= limit]
    whole = f"Everybody computes {', '.join(near)} to within {few} units in the last place" if near else ""
    none = f"somebody loses every digit somewhere of {', '.join(gone)}" if gone else ""
    sentence = "; ".join(part for part in (whole, none) if part) or "Errors of some digits, none of all"
    return f"{sentence[0].upper()}{sentence[1:]}."


def lost(table: pd.DataFrame) -> float:
    """Return the least error in ulps of a number that was rounded away to 0: 2²³ or more in float32."""
    return 0.5 / FORMATS[str(table["dtype"].iloc[0])].unit_roundoff


def draw(table: pd.DataFrame) -> Figure:
    """Draw for each activation its value beside its derivative."""
    functions, names = list(dict.fromkeys(table["activation"])), list(looks(table["implementation"]))
    which, limit = ("value", "derivative"), lost(table)
    up, across = _up(10 * limit), Scale(-24, 24, {z: f"{z}".replace("-", "−") for z in range(-24, 25, 8)})
    sheet = Sheet(len(functions), which, "z", "ulps", height=46, gap=17, names=names, shared=True)
    for row, column, part in each_part(table, ("activation", functions), ("quantity", which)):
        panel = sheet.panel(row, column, across, up, functions[row] + "'" * column)
        panel.curve([-24, 24], [limit, limit], color=INK, linestyle=":", linewidth=0.8)
        if part.empty:
            panel.write(0, math.sqrt(up.low * up.high), "shown by nobody", ha="center", va="center")
        for index, look, mine in each_curve(part, names):
            ulps = mine["ulps"].fillna(math.inf).clip(up.low, up.high)
            panel.curve(mine["z"], ulps, cut=False, **look.curve, markevery=(3 * index, 9))
    return sheet.figure


def _up(top: float) -> Scale:
    double = 1e12  # only the ulps of float64 reach further
    ticks = (MIN_ULPS, 10, 1e3, 1e5, 1e7) if top < double else (MIN_ULPS, 1e3, 1e7, 1e11, 1e15)
    return Scale(MIN_ULPS, top, {tick: power_of_ten(tick) for tick in ticks}, is_log=True)


ACTIVATIONS: Final = Plot(
    "activations",
    "The activations and their derivatives against the truth",
    ABOUT,
    numbers,
    draw,
    describe,
    tabulate,
)
