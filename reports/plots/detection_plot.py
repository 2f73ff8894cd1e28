"""Detection power: what this suite catches of known mistakes, and what the usual tools catch of the same."""

import math
from typing import Any, Final

import pandas as pd
from matplotlib.figure import Figure

from reports.detection import OURS, SUITE, TOOLS
from reports.detection.detection_tables import measured, objections
from reports.plots.canvas import INK, TINT, Scale, Sheet
from reports.plots.plot import Plot, each_line, side_by_side
from reports.report import Report

ABOUT: Final = (
    "Known mistakes are made on purpose, and each tool is asked about every one that changes any "
    "number. Bars of “caught” should be long: how many of those mistakes a tool objects to. Bars of "
    "“false alarms” should be short: how many correct claims it objects to. Tinted bars are this suite, "
    "with everything shown and with the outcome of a step only; hatched ones are the usual tools with "
    "their defaults. “Not asked” is a tool that does not run in that number format, or was not tried."
)


def numbers(report: Report) -> pd.DataFrame:
    """Return for each number format, tool and measure how many claims it objects to, of how many.

    The measures are what is caught of each kind of mistake, of those that change any number, and the false
    alarms. The share of none is NaN.
    """
    lines = []
    for dtype, tool, measure, answers in measured(report.power) if report.power else ():
        objecting, asked = objections(answers)
        lines.append((dtype, tool, measure, objecting, asked, objecting / asked if asked else math.nan))
    return pd.DataFrame(lines, columns=["dtype", "tool", "measure", "objections", "asked", "share"])


def tabulate(table: pd.DataFrame) -> pd.DataFrame:
    return side_by_side(table, ("dtype", "tool"), "measure", map(_share, each_line(table)))


def _share(line: Any) -> str:  # noqa: ANN401 - a line of the table
    return f"{line.objections:,} of {line.asked:,}" if line.asked else "not asked"


def describe(table: pd.DataFrame) -> str:
    """Say for each number format what this suite catches of each kind of mistake, and the best usual tool."""
    ours = table[(table["tool"] == SUITE) & (table["asked"] > 0)]
    return " ".join(
        f"{line.measure.capitalize()}, {line.dtype}: {SUITE} {_share(line)}{_best(table, line)}."
        for line in each_line(ours)
    )


def _best(table: pd.DataFrame, ours: Any) -> str:  # noqa: ANN401 - a line of the table
    """Name the usual tool that catches the largest share; of the false alarms, the one that gives most."""
    same = (table["dtype"] == ours.dtype) & (table["measure"] == ours.measure) & (table["asked"] > 0)
    others = each_line(table[same & table["tool"].isin(TOOLS)])
    most = max(others, key=lambda line: line.share, default=None)
    return f", and most of the usual tools {most.tool}, {_share(most)}" if most else ""


def draw(table: pd.DataFrame) -> Figure:
    parts = table.groupby(["dtype", "measure"], sort=False)
    sheet = Sheet(len(parts), [""], "share of those asked about", "", height=74, gap=26, left=120)
    ours: dict[str, Any] = {"facecolor": TINT, "alpha": 0.55}
    others: dict[str, Any] = {"facecolor": "none", "hatch": "////"}
    across = Scale(0, 1.2, {0: "0", 0.25: "25 %", 0.5: "50 %", 0.75: "75 %", 1: "100 %"})
    for row, ((dtype, measure), part) in enumerate(parts):
        up = Scale(len(part) - 0.5, -0.5, dict(enumerate(part["tool"])))
        panel = sheet.panel(row, 0, across, up, f"{measure} ({dtype})")
        for y, line in enumerate(each_line(part)):
            share = 0.0 if math.isnan(line.share) else line.share
            fill = ours if line.tool in OURS else others
            panel.bar(y, share, 0.7, edgecolor=INK, linewidth=0.6, **fill)
            panel.write(share + 0.01, y, _share(line), va="center", size=7)
    return sheet.figure


DETECTION: Final = Plot(
    "power", "What is caught, compared with the usual tools", ABOUT, numbers, draw, describe, tabulate
)
