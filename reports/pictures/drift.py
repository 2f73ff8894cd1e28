"""Drift against step: how far free-running trainings come from the training without any rounding."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from cases.dtypes import DTYPES
from reports.pictures.frames import each_line, in_order, short, side_by_side
from reports.pictures.panels import drawable, finish, in_tens, panels
from reports.pictures.picture import Picture
from reports.pictures.style import looks, style
from reports.pictures.svg import inline
from reports.runs.parameter_drift import TRUTH
from reports.runs.rows import Results

TITLE = "How far trainings drift from the truth"

CAPTION = (
    "For information; no verdict rests on it. All start at the same numbers and run free, each with its "
    "own roundings. Across: the training step. Up: the largest difference of any parameter from the "
    "training without any rounding, in units in the last place (ulps) of the largest parameter; 0.1 or "
    "less stands on the lowest line. Both scales are logarithmic. Drawn are the cases in which the most "
    "steps were compared."
)

COLUMNS: Final = ["case", "dtype", "implementation", "step", "ulps"]

# Cases that are drawn.
MOST: Final = 8

# A shorter course is not drawn.
LEAST_POINTS: Final = 5

LEAST: Final = 0.1


def picture(results: Results) -> Picture | None:
    """Return the picture, or None where no training of several steps has a certified course."""
    table = frame(results)
    if table.empty:
        return None
    told = alternative(table)
    with style():
        svg = inline(draw(table), "drift", TITLE, told)
    return Picture("drift", TITLE, CAPTION, told, svg, table, shown(table))


def frame(results: Results) -> pd.DataFrame:
    """Return the courses against certified truth of the cases in which most steps were compared.

    A step of which the truth is not known is left out; NaN stands where an implementation's own numbers are
    NaN.
    """
    rows = [
        (one.case, one.dtype, one.implementation, one.step, one.ulps)
        for one in results.drifts
        if one.against == TRUTH and not one.not_known
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    points = table.groupby("case")["step"].nunique()
    longest = points[points >= LEAST_POINTS].sort_values(ascending=False, kind="stable").head(MOST)
    return table[table["case"].isin(longest.index)].reset_index(drop=True)


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return the drift in ulps at each step that is drawn."""
    return side_by_side(table, ("case", "dtype", "step"), "implementation", map(short, table["ulps"]))


def alternative(table: pd.DataFrame) -> str:
    """Say who has drifted least and most at the end, and where."""
    ends = table.groupby(["case", "dtype", "implementation"], sort=False).last().reset_index().dropna()
    if ends.empty:
        return "Every course ends in NaN."
    least, most = (pick(each_line(ends), key=lambda line: line.ulps) for pick in (min, max))
    told = (
        f"{line.ulps:.2g} ulps ({line.implementation} on {line.case} in {line.dtype})"
        for line in (least, most)
    )
    return f"After the last step that is compared the drift is between {' and '.join(told)}."


def draw(table: pd.DataFrame) -> Figure:
    """Draw for each case its number formats beside each other."""
    cases, dtypes = list(dict.fromkeys(table["case"])), list(in_order(table["dtype"], DTYPES))
    drawn, axes = panels(len(cases), len(dtypes), height=62, gap=28, legend=table["implementation"])
    for case, row in zip(cases, axes, strict=True):
        whole = table[table["case"] == case]
        for dtype, one in zip(dtypes, row, strict=True):
            _draw_panel(one, whole, dtype, table)
        row[0].set_title(case, loc="left", pad=3, weight="bold")
    finish(drawn, axes, dtypes, "step", "ulps")
    return drawn


def _draw_panel(axes: Axes, whole: pd.DataFrame, dtype: str, table: pd.DataFrame) -> None:
    part = whole[whole["dtype"] == dtype]
    if part.empty:
        axes.set_axis_off()
        return
    for who, look in looks(table["implementation"]).items():
        mine = part[part["implementation"] == who]
        axes.plot(mine["step"], drawable(mine["ulps"].clip(lower=LEAST)), **look.curve, label=who)
    axes.set_xscale("log")
    ulps = drawable(part["ulps"])
    largest = ulps[np.isfinite(ulps)].max()
    in_tens(axes, LEAST, max(10 * LEAST, 3 * largest) if largest > 0 else 10)
    last = int(whole["step"].max())
    tens = [10**k for k in range(len(str(last)))]
    axes.set_xticks([*(ten for ten in tens if 2 * ten < last), last], minor=False)
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:g}"))
    axes.set_xlim(0.9, 1.15 * last)
