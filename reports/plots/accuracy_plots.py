"""How far all numbers that were compared are from the truth."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import pandas as pd
from matplotlib.figure import Figure

from cases.protocol import DEFAULT_DTYPES, DTYPES, SIXTEEN_BITS
from reports.plots.canvas import (
    INK,
    NEWS,
    TINT,
    WIDTH,
    Box,
    Canvas,
    Panel,
    Scale,
    Sheet,
    each_part,
    fitted,
    in_order,
    looks,
)
from reports.plots.plot import Plot
from reports.report import Report
from reports.runs.accuracy import BEYOND, EDGES, UNKNOWN

ABOUT: Final = (
    "Every number that was compared with certified truth, not only the worst: each against what follows "
    "exactly from the same program's numbers on the lines above it. A bar for each kind of quantity and "
    "each program: which share of its numbers is off by at most ½, 1, 2 or 16 units in the last place "
    "(ulps) of the number format, or by more; within ½ nothing nearer can be written. At the right end of a "
    "bar is the share within 2. Far off are numbers of which rounding leaves little, as a saturated unit's "
    "derivative, and the known differences between the frameworks. A program that shows nothing inside a "
    "step, as “jax plain”, is judged over many lines at once, and so is further off."
)

# The upper ends of the classes that are drawn, of those of `EDGES`, with their words. After them comes what
# is further off, and then what has no distance.
CLASSES: Final = {0.5: "½", 1.0: "1", 2.0: "2", 16.0: "16"}
NEAREST: Final = [*CLASSES].index(2.0)  # the last class of at most 2 ulps
FURTHER: Final = len(CLASSES)
NO_DISTANCE: Final = FURTHER + 1
CLASS_NAMES: Final = (
    *(f"≤ {words}" for words in CLASSES.values()),
    f"> {[*CLASSES.values()][-1]}",
    "NaN or ∞",
)

# How a class is filled: the tint fades as numbers are further off, and turns to another colour beyond 2 ulps.
FILLS: Final[tuple[dict[str, Any], ...]] = (
    {"facecolor": TINT, "alpha": 0.9},
    {"facecolor": TINT, "alpha": 0.55},
    {"facecolor": TINT, "alpha": 0.25},
    {"facecolor": NEWS, "alpha": 0.35},
    {"facecolor": NEWS, "alpha": 0.9},
    {"facecolor": "none", "edgecolor": INK, "linewidth": 0.6},
)

# The kinds in the order of computation; all others are the optimizer's own.
FORWARD: Final = ("z", "a", "loss", "dL/da", "da/dz", "dL/dz", "dL/dW", "dL/db", "W_new", "b_new")
OTHERS: Final = "optimizer"

# The height of a bar's line and of its bar, and the room at the left for a program's name, in points.
LINE, BAR, LEFT = 9.5, 7.0, 72.0
KEY: Final = 16.0


def counts(report: Report, dtypes: Collection[str] = DTYPES) -> pd.DataFrame:
    """Return a line for each class that is not empty, with its share of all numbers of its kind.

    "class" counts `CLASS_NAMES` from 0.
    """
    columns, key = ["dtype", "implementation", "kind", "bin", "count"], ["dtype", "implementation", "kind"]
    counted = pd.DataFrame(list(map(vars, report.results.accuracy)), columns=columns)
    counted = counted[counted["dtype"].isin(dtypes)]
    counted["kind"] = counted["kind"].where(counted["kind"].isin(FORWARD), OTHERS)
    counted["class"] = [drawn_class(counted_in) for counted_in in counted["bin"]]
    by = counted.groupby([*key, "class"], sort=False)["count"].sum().reset_index()
    by["share"] = by["count"] / by.groupby(key, sort=False)["count"].transform("sum")
    return by


def drawn_class(counted: int) -> int:
    if counted == UNKNOWN:
        return NO_DISTANCE
    if abs(counted) == BEYOND:
        return FURTHER
    return next((index for index, end in enumerate(CLASSES) if EDGES[abs(counted)] <= end), FURTHER)


def tabulate(table: pd.DataFrame) -> pd.DataFrame:
    """Return a line for each bar: how many numbers, and which share of them is in each class."""
    lines = []
    keys = ["dtype", "kind", "implementation"]
    for key, part in table.groupby(keys, sort=False):
        shares = dict(zip(part["class"], part["share"], strict=True))
        cells = (_percent(shares.get(drawn, 0.0)) for drawn in range(len(CLASS_NAMES)))
        lines.append((*key, f"{part['count'].sum():,}", *cells))
    names = list(looks(table["implementation"]))
    ranks = {"dtype": DTYPES.index, "kind": (*FORWARD, OTHERS).index, "implementation": names.index}
    ordered = sorted(
        lines, key=lambda line: [rank(value) for rank, value in zip(ranks.values(), line, strict=False)]
    )
    columns = ["dtype", "quantity", "program", "numbers", *(f"{name} ulps" for name in CLASS_NAMES[:-1])]
    return pd.DataFrame(ordered, columns=[*columns, CLASS_NAMES[-1]])


def _percent(share: float) -> str:
    """Write a share as a whole percentage; only all is 100, and only none is 0."""
    percent = round(100 * share)
    if share < 1 and percent == 100:  # noqa: PLR2004 - a percent
        return ">99 %"
    return "<1 %" if share > 0 and percent == 0 else f"{percent} %"


def describe(table: pd.DataFrame) -> str:
    """Say which share is nearly as near as can be, of all and of each program."""
    dtypes = " and ".join(in_order(table["dtype"], DTYPES))
    by_program = table["count"].where(table["class"] <= NEAREST, 0).groupby(table["implementation"]).sum()
    total, of_each = table["count"].sum(), table.groupby("implementation")["count"].sum()
    nearest = _percent(table["count"][table["class"] == 0].sum() / total)
    each = [f"{name} {_percent(by_program[name] / of_each[name])}" for name in looks(of_each.index)]
    near = _percent(by_program.sum() / total)
    text = (
        f"{near} of the {total:,} numbers in {dtypes} are within 2 units in the last place of the truth. "
        f"By program: {', '.join(each)}. Within half a unit: {nearest}."
    )
    none = table["count"][table["class"] == NO_DISTANCE].sum()
    return f"{text} {none:,} are NaN or may have overflowed." if none else text


def draw(table: pd.DataFrame) -> Figure:
    kinds, dtypes = list(in_order(table["kind"], (*FORWARD, OTHERS))), list(in_order(table["dtype"], DTYPES))
    names = list(looks(table["implementation"]))
    sheet = Sheet(
        len(kinds), dtypes, "share of the numbers", "", height=LINE * len(names), gap=17, left=LEFT,
        shared=True, key=KEY,
    )  # fmt: skip
    across = Scale(0, 1.16, {0: "0", 0.25: "25 %", 0.5: "50 %", 0.75: "75 %", 1: "100 %"})
    up = Scale(len(names) - 0.5, -0.5)
    boxes: dict[int, list[Box]] = {}
    for row, column, part in each_part(table, ("kind", kinds), ("dtype", dtypes)):
        panel = sheet.panel(row, column, across, up, kinds[row])
        for y, name in enumerate(names):
            if column == 0:
                panel.write(-0.015, y, fitted(name, LEFT, 7.5), ha="right", va="center_baseline", size=7.5)
            for drawn, box in _bar(panel, y, part[part["implementation"] == name].sort_values("class")):
                boxes.setdefault(drawn, []).append(box)
    _draw_boxes(sheet.canvas, boxes)
    return sheet.figure


def _bar(panel: Panel, y: float, classes: pd.DataFrame) -> Iterator[tuple[int, Box]]:
    """Give the box of each class, one beside the other, and write the share within 2 ulps behind them."""
    left = 0.0
    for drawn, share in zip(classes["class"], classes["share"], strict=True):
        yield drawn, panel.box(left, left + share, y, BAR / LINE)
        left += share
    if len(classes):
        near = classes["share"][classes["class"] <= NEAREST].sum()
        panel.write(1.015, y, _percent(near), va="center_baseline", size=7.5)


def _draw_boxes(canvas: Canvas, boxes: Mapping[int, Sequence[Box]]) -> None:
    """Draw the parts of all bars, and above them what each fill stands for."""
    canvas.write(0, BAR / 2, "ulps:", va="center_baseline")
    for place, (drawn, parts) in enumerate(sorted(boxes.items())):
        x = LEFT / 2 + place * (WIDTH - LEFT / 2) / len(CLASS_NAMES)
        canvas.boxes([*parts, (x, 0.0, BAR * 2, BAR)], **{"linewidth": 0, **FILLS[drawn]})
        canvas.write(x + 2.5 * BAR, BAR / 2, CLASS_NAMES[drawn], va="center_baseline")


def _bars(name: str, of: str, dtypes: Collection[str]) -> Plot:
    title = f"How far the numbers are from the truth: {of}"
    return Plot(name, title, ABOUT, partial(counts, dtypes=dtypes), draw, describe, tabulate)


HISTOGRAM: Final = _bars("histogram-float64", "float64 and float32", DEFAULT_DTYPES)
HISTOGRAM_OF_16_BITS: Final = _bars("histogram-bfloat16", "bfloat16 and float16", SIXTEEN_BITS)
