"""The histogram: how far all numbers are from the truth, by kind of quantity, program and number format."""

import math
from collections.abc import Sequence
from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from cases.dtypes import DTYPES
from reports.pictures.frames import in_order, side_by_side
from reports.pictures.panels import finish, panels, power_of_ten
from reports.pictures.picture import Picture
from reports.pictures.style import looks, style
from reports.pictures.svg import inline
from reports.runs.accuracy import BEYOND, EDGES, UNKNOWN
from reports.runs.rows import Results

TITLE = "How far the numbers are from the truth"

CAPTION = (
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
LEAST: Final = 1e-6

# Where the outline of an empty class runs: below what is drawn.
UNSEEN: Final = LEAST / 100

# The kinds in the order of computation; all others are the optimizer's own.
FORWARD: Final = ("z", "a", "loss", "dL/da", "da/dz", "dL/dz", "dL/dW", "dL/db", "W_new", "b_new")

OTHERS: Final = "optimizer"


def picture(results: Results) -> tuple[Picture, ...]:
    """Return a picture for each two number formats, none where nothing was counted."""
    table = frame(results)
    dtypes = list(in_order(table["dtype"], DTYPES))
    pairs = [dtypes[i : i + 2] for i in range(0, len(dtypes), 2)]
    return tuple(_picture(table[table["dtype"].isin(pair)], pair) for pair in pairs)


def _picture(table: pd.DataFrame, dtypes: Sequence[str]) -> Picture:
    title = f"{TITLE}: {' and '.join(dtypes)}"
    name, told = f"histogram-{dtypes[0]}", alternative(table)
    with style():
        svg = inline(draw(table), name, title, told)
    return Picture(name, title, CAPTION, told, svg, table, shown(table))


def frame(results: Results) -> pd.DataFrame:
    """Return a line for each class that is drawn and not empty, with its share of all numbers of its kind.

    "class" is 0 for what is exactly right and ±k for an error of more than CLASSES[k − 1] ulps and at most
    CLASSES[k]; ±`OUTSIDE` is beyond, and `OUTSIDE` + 1 has no distance. Kinds that an implementation shows
    none of have no line.
    """
    rows = [
        (
            one.dtype,
            one.implementation,
            one.kind if one.kind in FORWARD else OTHERS,
            drawn_class(one.bin),
            one.count,
        )
        for one in results.accuracy
    ]
    counted = pd.DataFrame(rows, columns=["dtype", "implementation", "kind", "class", "count"])
    by = (
        counted.groupby(["dtype", "implementation", "kind", "class"], sort=False)["count"].sum().reset_index()
    )
    totals = by.groupby(["dtype", "implementation", "kind"], sort=False)["count"].transform("sum")
    ends = [_ends(int(place)) for place in by["class"]]
    by["more than"], by["at most"] = [low for low, _ in ends], [high for _, high in ends]
    by["share"] = by["count"] / totals
    return by[COLUMNS]


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


def shown(table: pd.DataFrame) -> pd.DataFrame:
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


def alternative(table: pd.DataFrame) -> str:
    """Say how many numbers there are, how many are as near as can be, and who has the most far out."""
    count = table["count"]
    total = count.sum()
    nearest = count[table["at most"].abs() <= CLASSES[2]].sum()
    near = count[table["at most"].abs() <= CLASSES[4]].sum()
    none = count[table["at most"].isna()].sum()
    told = (
        f"Of {total:,} numbers {nearest / total:.0%} are within half a unit in the last place of the truth, "
        f"and {near / total:.0%} within two."
    )
    return f"{told} {none:,} are NaN or may have overflowed." if none else told


def draw(table: pd.DataFrame) -> Figure:
    """Draw a small picture for each kind and number format, all implementations in each."""
    kinds = list(in_order(table["kind"], (*FORWARD, OTHERS)))
    dtypes = list(in_order(table["dtype"], DTYPES))
    drawn, axes = panels(len(kinds), len(dtypes), height=46, gap=17, legend=table["implementation"])
    for kind, row in zip(kinds, axes, strict=True):
        for dtype, one in zip(dtypes, row, strict=True):
            part = table[(table["kind"] == kind) & (table["dtype"] == dtype)]
            _draw_panel(one, part, table)
            one.set_title(kind, loc="left", pad=3, weight="bold")
            one.tick_params(labelbottom=kind == kinds[-1], labelleft=dtype == dtypes[0])
    finish(drawn, axes, dtypes, "error in ulps", "share")
    return drawn


def _draw_panel(axes: Axes, part: pd.DataFrame, table: pd.DataFrame) -> None:
    last = OUTSIDE + 1 if (table["class"] > OUTSIDE).any() else OUTSIDE
    edges = [place - 0.5 for place in range(-OUTSIDE, last + 2)]
    for who, look in looks(table["implementation"]).items():
        mine = part[part["implementation"] == who].set_index("class")["share"]
        shares = [float(mine.get(place, UNSEEN)) for place in range(-OUTSIDE, last + 1)]
        if len(mine):
            axes.stairs(shares, edges, baseline=UNSEEN, **look.outline, label=who)
    axes.set_yscale("log")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(LEAST, 2)
    axes.set_yticks([1e-6, 1e-4, 1e-2, 1])
    axes.yaxis.set_major_formatter(FuncFormatter(power_of_ten))
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xticks(*_ticks(last))


def _ticks(last: int) -> tuple[list[float], list[str]]:
    """Return where the ends of some classes are drawn, and what they are in ulps."""
    ends = {2.5: "½", 4.5: "2", 6.5: "16", 8.5: "10⁶"}
    ticks = {**{-x: f"−{word}" for x, word in ends.items()}, 0.0: "0", **ends}
    if last > OUTSIDE:  # its word takes the room of its neighbour's
        ticks = {x: word for x, word in ticks.items() if x < OUTSIDE} | {float(last): "NaN"}
    return list(ticks), list(ticks.values())
