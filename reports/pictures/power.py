"""Detection power: what this suite catches of known mistakes, and what the usual tools catch of the same."""

import math
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.detection import Power
from reports.detection.answers import OURS, SUITE, TOOLS
from reports.detection.detection_tables import measured, objections
from reports.pictures.frames import each_line, side_by_side
from reports.pictures.panels import finish, panels
from reports.pictures.picture import Picture
from reports.pictures.style import INK, TINT, style
from reports.pictures.svg import inline

TITLE = "What is caught, beside the usual tools"

CAPTION = (
    "Known mistakes are made on purpose, and each tool is asked about every one that changes any "
    "number. Bars of “caught” should be long: how many of those mistakes a tool objects to. Bars of "
    "“false alarms” should be short: how many correct claims it objects to. Tinted bars are this suite, "
    "with everything shown and with the outcome of a step only; hatched ones are the usual tools with "
    "their defaults. “Not asked” is a tool that does not run in that number format, or was not tried."
)

COLUMNS: Final = ["dtype", "tool", "measure", "objections", "asked", "share"]


def picture(power: Power | None) -> Picture | None:
    """Return the picture, or None where power was not measured."""
    if power is None or (table := frame(power)).empty:
        return None
    told = alternative(table)
    with style():
        svg = inline(draw(table), "power", TITLE, told)
    return Picture("power", TITLE, CAPTION, told, svg, table, shown(table))


def frame(power: Power) -> pd.DataFrame:
    """Return for each number format, tool and measure how many claims it objects to, of how many.

    The measures are what is caught of each kind of mistake, of those that change any number, and the false
    alarms. The share of none is NaN.
    """
    lines = []
    for dtype, tool, measure, answers in measured(power):
        part, whole = objections(answers)
        lines.append((dtype, tool, measure, part, whole, part / whole if whole else math.nan))
    return pd.DataFrame(lines, columns=COLUMNS)


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return a line for each number format and tool, with a column for each measure."""
    return side_by_side(table, ("dtype", "tool"), "measure", map(_share, each_line(table)))


def _share(line: Any) -> str:  # noqa: ANN401 - a line of the table
    return f"{line.objections:,} of {line.asked:,}" if line.asked else "not asked"


def alternative(table: pd.DataFrame) -> str:
    """Say for each number format what this suite catches of each kind of mistake, and the best usual tool."""
    told = [
        f"{line.measure.capitalize()}, {line.dtype}: {_count(line)}{_best(table, line)}."
        for line in each_line(table[table["tool"] == SUITE])
        if line.asked
    ]
    return " ".join(told)


def _best(table: pd.DataFrame, ours: Any) -> str:  # noqa: ANN401 - a line of the table
    """Name the usual tool that catches the largest share; of the false alarms, the one that gives most."""
    same = (table["dtype"] == ours.dtype) & (table["measure"] == ours.measure) & (table["asked"] > 0)
    others = list(each_line(table[same & table["tool"].isin(TOOLS)]))
    if not others:
        return ""
    most = max(others, key=lambda line: line.share)
    return f", and most of the usual tools {most.tool}, {_count(most)}"


def _count(line: Any) -> str:  # noqa: ANN401 - a line of the table
    who = f"{SUITE} " if line.tool == SUITE else ""
    return f"{who}{line.objections:,} of {line.asked:,}"


def draw(table: pd.DataFrame) -> Figure:
    """Draw bars: for each number format and measure a small picture, and in it a bar for each tool."""
    dtypes, measures = (list(dict.fromkeys(table[name])) for name in ("dtype", "measure"))
    rows = [(dtype, measure) for dtype in dtypes for measure in measures]
    drawn, axes = panels(len(rows), 1, height=74, gap=26, left=120)
    for (dtype, measure), (one,) in zip(rows, axes, strict=True):
        _draw_panel(one, table[(table["dtype"] == dtype) & (table["measure"] == measure)])
        one.set_title(f"{measure} ({dtype})", loc="left", pad=3, weight="bold")
    finish(drawn, axes, [""], "share of those asked about", "")
    return drawn


def _draw_panel(axes: Axes, part: pd.DataFrame) -> None:
    for place, line in enumerate(each_line(part)):
        share = 0.0 if math.isnan(line.share) else line.share
        ours = line.tool in OURS
        axes.barh(
            place, share, height=0.7, facecolor=TINT if ours else "none", alpha=0.55 if ours else None,
            edgecolor=INK, hatch="" if ours else "////", linewidth=0.6,
        )  # fmt: skip
        axes.text(share + 0.01, place, _share(line), va="center", size=7)
    axes.set_yticks(range(len(part)), list(part["tool"]))
    axes.set_ylim(len(part) - 0.5, -0.5)
    axes.set_xlim(0, 1.2)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    axes.grid(visible=False, axis="y")
