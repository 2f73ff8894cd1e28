"""How far numbers are from the truth: all that were compared, and each activation over a range of z."""

import math
from collections.abc import Collection
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cases.protocol import DEFAULT_DTYPES, DTYPES, SIXTEEN_BITS
from reports.plots.canvas import Scale, Sheet, each_curve, each_part, in_order, log_scale, looks
from reports.plots.plot import Plot, side_by_side
from reports.report import Report
from reports.runs.accuracy import BEYOND, EDGES, UNKNOWN

ABOUT_HISTOGRAM: Final = (
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

# The ends of the classes that are drawn, from those of `EDGES`, and their words.
CLASSES: Final = {
    0.0: "0", 0.25: "¼", 0.5: "½", 1.0: "1", 2.0: "2", 4.0: "4", 16.0: "16", 1024.0: "1024", 2.0**20: "2²⁰",
}  # fmt: skip
ENDS: Final = (*CLASSES, math.inf)

# The class of all that is further off; after it on the right comes the one that has no distance.
OUTSIDE: Final = len(CLASSES)

MIN_SHARE: Final = 1e-6  # the lowest share that is drawn
UNSEEN: Final = MIN_SHARE / 100  # where the outline of an empty class runs
# The kinds in the order of computation; all others are the optimizer's own.
FORWARD: Final = ("z", "a", "loss", "dL/da", "da/dz", "dL/dz", "dL/dW", "dL/db", "W_new", "b_new")
OTHERS: Final = "optimizer"


def counts(report: Report, dtypes: Collection[str] = DTYPES) -> pd.DataFrame:
    """Return a line for each class that is drawn and not empty, with its share of all numbers of its kind.

    "class" is 0 for what is exactly right and ±k for an error of more than ENDS[k − 1] ulps and at most
    ENDS[k]; ±`OUTSIDE` is beyond, and `OUTSIDE` + 1 has no distance.
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
        return OUTSIDE + 1
    if abs(counted) == BEYOND:
        return int(math.copysign(OUTSIDE, counted))
    within = next(index for index, end in enumerate(CLASSES) if EDGES[abs(counted)] <= end)
    return int(math.copysign(within, counted))


def class_text(drawn: int) -> str:
    """Return which errors a class has, in words: "+ ½ to 1 ulps", "− 1 to 2 ulps", "exact"."""
    if drawn in (0, OUTSIDE + 1):
        return "exact" if drawn == 0 else "NaN, or the truth may overflow"
    words, sign = (*CLASSES.values(),), "−" if drawn < 0 else "+"
    if abs(drawn) == OUTSIDE:
        return f"{sign} more than {words[-1]}"
    return f"{sign} {words[abs(drawn) - 1]} to {words[abs(drawn)]} ulps"


def tabulate_counts(table: pd.DataFrame) -> pd.DataFrame:
    named = table.assign(quantity=table["kind"], error=table["class"].map(class_text))
    ranks = {"dtype": DTYPES, "kind": (*FORWARD, OTHERS)}
    ordered = named.sort_values(
        ["dtype", "kind", "class"],
        key=lambda column: column.map(ranks[column.name].index) if column.name in ranks else column,
    )
    cells = [f"{count:,}" for count in ordered["count"]]
    return side_by_side(ordered, ("dtype", "quantity", "error"), "implementation", cells)


def describe_counts(table: pd.DataFrame) -> str:
    """Say how many numbers there are, how many are as near as can be, and of how many that is not known."""
    count, drawn = table["count"], table["class"].abs()
    total, none = count.sum(), count[drawn > OUTSIDE].sum()
    nearest, near = (count[drawn <= ENDS.index(ulps)].sum() / total for ulps in (0.5, 2.0))
    text = (
        f"Of {total:,} numbers {nearest:.0%} are within half a unit in the last place of the truth, "
        f"and {near:.0%} within two."
    )
    return f"{text} {none:,} are NaN or may have overflowed." if none else text


def draw_counts(table: pd.DataFrame) -> Figure:
    kinds = list(in_order(table["kind"], (*FORWARD, OTHERS)))
    dtypes = list(in_order(table["dtype"], DTYPES))
    names = list(looks(table["implementation"]))
    last = OUTSIDE + 1 if (table["class"] > OUTSIDE).any() else OUTSIDE
    edges = np.arange(-OUTSIDE, last + 2) - 0.5
    up = log_scale(MIN_SHARE, 2, (1e-6, 1e-4, 1e-2, 1))
    sheet = Sheet(len(kinds), dtypes, "error in ulps", "share", height=46, gap=17, names=names, shared=True)
    for row, column, part in each_part(table, ("kind", kinds), ("dtype", dtypes)):
        panel = sheet.panel(row, column, _classes(last), up, kinds[row])
        for _, look, mine in each_curve(part, names):
            shares = dict(zip(mine["class"], mine["share"], strict=True))
            steps = [UNSEEN, *(shares.get(drawn, UNSEEN) for drawn in range(-OUTSIDE, last + 1)), UNSEEN]
            panel.curve(np.repeat(edges, 2), np.repeat(steps, 2)[1:-1], **look.outline)
    return sheet.figure


def _classes(last: int) -> Scale:
    """Return the scale of the classes, with ticks at the ends of some of them, in ulps."""
    ends = {2.5: "½", 4.5: "2", 6.5: "16", 8.5: "10⁶"}
    ticks = {**{-x: f"−{text}" for x, text in ends.items()}, 0.0: "0", **ends}
    if last > OUTSIDE:  # its text takes the room of its neighbour's
        ticks = {x: text for x, text in ticks.items() if x < OUTSIDE} | {float(last): "NaN"}
    return Scale(-OUTSIDE - 0.5, last + 0.5, ticks)


def _histogram(name: str, of: str, dtypes: Collection[str]) -> Plot:
    title = f"How far the numbers are from the truth: {of}"
    numbers = partial(counts, dtypes=dtypes)
    return Plot(name, title, ABOUT_HISTOGRAM, numbers, draw_counts, describe_counts, tabulate_counts)


HISTOGRAM: Final = _histogram("histogram-float64", "float64 and float32", DEFAULT_DTYPES)
HISTOGRAM_OF_16_BITS: Final = _histogram("histogram-bfloat16", "bfloat16 and float16", SIXTEEN_BITS)
