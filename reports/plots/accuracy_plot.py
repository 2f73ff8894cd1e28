"""The histogram: how far all numbers are from the truth, by kind of quantity, program and number format."""

import math
from collections.abc import Collection
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cases.protocol import DEFAULT_DTYPES, DTYPES, SIXTEEN_BITS
from reports.plots.canvas import in_order, looks
from reports.plots.panels import Scale, Sheet, each_curve, each_part, power_of_ten
from reports.plots.plot import Plot, side_by_side
from reports.report import Report
from reports.runs.accuracy import BEYOND, EDGES, UNKNOWN

ABOUT: Final = (
    "Every number that was compared with certified truth, not only the worst: each against what follows "
    "exactly from the same program's numbers on the lines above it. Across: the error in units in the "
    "last place (ulps), left too small, right too large; “0” is exactly right, and within ½ nothing "
    "nearer can be written. Up: what share of the numbers has such an error; each line across is a "
    "hundredth of the one above it. A last step at the right, “NaN”, has no distance: what was claimed "
    "is NaN, or the truth may overflow. Far out are numbers of which rounding leaves little, as a "
    "saturated unit's derivative, and the expected differences between the frameworks. A program that "
    "shows nothing inside a step, as “jax plain”, is judged over many lines at once, and so is further "
    "off."
)

COLUMNS: Final = ["dtype", "implementation", "kind", "class", "more than", "at most", "count", "share"]

# Ends of the classes that are drawn, from those of `EDGES`.
CLASSES: Final = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 16.0, 1024.0, 2.0**20)

# The class of all that is further off; after it on the right comes the one that has no distance.
OUTSIDE: Final = len(CLASSES)

# The lowest share that is drawn.
MIN_SHARE: Final = 1e-6

# Where the outline of an empty class runs: below what is drawn.
UNSEEN: Final = MIN_SHARE / 100

# The kinds in the order of computation; all others are the optimizer's own.
FORWARD: Final = ("z", "a", "loss", "dL/da", "da/dz", "dL/dz", "dL/dW", "dL/db", "W_new", "b_new")

OTHERS: Final = "optimizer"


def numbers(report: Report, dtypes: Collection[str] = DTYPES) -> pd.DataFrame:
    """Return a line for each class that is drawn and not empty, with its share of all numbers of its kind.

    "class" is 0 for what is exactly right and ±k for an error of more than CLASSES[k − 1] ulps and at most
    CLASSES[k]; ±`OUTSIDE` is beyond, and `OUTSIDE` + 1 has no distance. Kinds that an implementation shows
    none of have no line.
    """
    rows = [
        (one.dtype, one.implementation, _shown_kind(one.kind), drawn_class(one.bin), one.count)
        for one in report.results.accuracy
        if one.dtype in dtypes
    ]
    key = ["dtype", "implementation", "kind"]
    counted = pd.DataFrame(rows, columns=[*key, "class", "count"])
    by = counted.groupby([*key, "class"], sort=False)["count"].sum().reset_index()
    by["share"] = by["count"] / by.groupby(key, sort=False)["count"].transform("sum")
    ends = [_ends(int(one)) for one in by["class"]]
    by["more than"], by["at most"] = [low for low, _ in ends], [high for _, high in ends]
    return by[COLUMNS]


def _shown_kind(kind: str) -> str:
    return kind if kind in FORWARD else OTHERS


def drawn_class(counted: int) -> int:
    """Return the class that is drawn for one that was counted."""
    if counted == UNKNOWN:
        return OUTSIDE + 1
    if abs(counted) == BEYOND:
        return int(math.copysign(OUTSIDE, counted))
    within = next(place for place, end in enumerate(CLASSES) if EDGES[abs(counted)] <= end)
    return int(math.copysign(within, counted))


def _ends(place: int) -> tuple[float, float]:
    """Return between what |errors| a class lies, with the sign of the errors; NaN where there is none."""
    if place == OUTSIDE + 1:
        return math.nan, math.nan
    ends = (*CLASSES, math.inf)
    low, high = ends[max(abs(place) - 1, 0)], ends[abs(place)]
    return (low, high) if place >= 0 else (-low, -high)


def tabulate(table: pd.DataFrame) -> pd.DataFrame:
    """Return how many numbers there are in each class that is not empty, by implementation."""
    named = table.assign(quantity=table["kind"], error=[words_of(int(place)) for place in table["class"]])
    ranks = {"dtype": DTYPES, "kind": (*FORWARD, OTHERS)}
    ordered = named.sort_values(
        ["dtype", "kind", "class"],
        key=lambda column: column.map(ranks[column.name].index) if column.name in ranks else column,
    )
    cells = [f"{count:,}" for count in ordered["count"]]
    return side_by_side(ordered, ("dtype", "quantity", "error"), "implementation", cells)


def words_of(place: int) -> str:
    """Say in words which errors a class has: "½ to 1 ulps", "−2 to −1 ulps", "exact"."""
    words = ("0", "¼", "½", "1", "2", "4", "16", "1024", "2²⁰")
    if place in (0, OUTSIDE + 1):
        return "exact" if place == 0 else "NaN, or the truth may overflow"
    sign = "−" if place < 0 else "+"
    if abs(place) == OUTSIDE:
        return f"{sign} more than {words[-1]}"
    return f"{sign} {words[abs(place) - 1]} to {words[abs(place)]} ulps"


def describe(table: pd.DataFrame) -> str:
    """Say how many numbers there are, how many are as near as can be, and who has the most far out."""
    count = table["count"]
    total = count.sum()
    nearest = count[table["at most"].abs() <= CLASSES[2]].sum()
    near = count[table["at most"].abs() <= CLASSES[4]].sum()
    none = count[table["at most"].isna()].sum()
    text = (
        f"Of {total:,} numbers {nearest / total:.0%} are within half a unit in the last place of the truth, "
        f"and {near / total:.0%} within two."
    )
    return f"{text} {none:,} are NaN or may have overflowed." if none else text


def draw(table: pd.DataFrame) -> Figure:
    """Draw a panel for each kind and number format, all implementations in each."""
    kinds = list(in_order(table["kind"], (*FORWARD, OTHERS)))
    dtypes = list(in_order(table["dtype"], DTYPES))
    names = list(looks(table["implementation"]))
    last = OUTSIDE + 1 if (table["class"] > OUTSIDE).any() else OUTSIDE
    edges = np.arange(-OUTSIDE, last + 2) - 0.5
    across, up = (
        _across(last),
        Scale(MIN_SHARE, 2, {x: power_of_ten(x) for x in (1e-6, 1e-4, 1e-2, 1)}, is_log=True),
    )
    sheet = Sheet(len(kinds), dtypes, "error in ulps", "share", height=46, gap=17, names=names, shared=True)
    for row, column, part in each_part(table, ("kind", kinds), ("dtype", dtypes)):
        panel = sheet.panel(row, column, across, up, kinds[row])
        for _, look, mine in each_curve(part, names):
            shares = dict(zip(mine["class"], mine["share"], strict=True))
            steps = [UNSEEN, *(shares.get(place, UNSEEN) for place in range(-OUTSIDE, last + 1)), UNSEEN]
            panel.curve(np.repeat(edges, 2), np.repeat(steps, 2)[1:-1], **look.outline)
    return sheet.figure


def _across(last: int) -> Scale:
    """Return the scale of the classes, with ticks at the ends of some of them, in ulps."""
    ends = {2.5: "½", 4.5: "2", 6.5: "16", 8.5: "10⁶"}
    ticks = {**{-x: f"−{text}" for x, text in ends.items()}, 0.0: "0", **ends}
    if last > OUTSIDE:  # its text takes the room of its neighbour's
        ticks = {x: text for x, text in ticks.items() if x < OUTSIDE} | {float(last): "NaN"}
    return Scale(-OUTSIDE - 0.5, last + 0.5, ticks)


def _histogram(name: str, of: str, dtypes: tuple[str, ...]) -> Plot:
    title = f"How far the numbers are from the truth: {of}"
    return Plot(name, title, ABOUT, partial(numbers, dtypes=dtypes), draw, describe, tabulate)


HISTOGRAM: Final = _histogram("histogram-float64", "float64 and float32", DEFAULT_DTYPES)
HISTOGRAM_OF_16_BITS: Final = _histogram("histogram-bfloat16", "bfloat16 and float16", SIXTEEN_BITS)
