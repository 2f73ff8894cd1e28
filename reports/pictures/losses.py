"""Loss against step: trainings of many steps, all implementations in each picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cases.dtypes import DTYPES
from reports.pictures.frames import in_order, short, side_by_side
from reports.pictures.panels import drawable, finish, in_tens, panels
from reports.pictures.picture import Picture
from reports.pictures.style import looks, style
from reports.pictures.svg import inline
from reports.runs.rows import Results
from reports.runs.step_batches import is_recorded

TITLE = "How the loss falls, or does not"

CAPTION = (
    "Trainings of 20 steps or more. Across: the training step. Up: the loss before that step's update, on "
    "a logarithmic scale, as each program states it. η is the learning rate: where it is too small the "
    "loss hardly falls, and where it is too large it jumps. Where the curves lie on each other the "
    "programs train alike; where they part, the training itself has spread tiny roundings apart, which is "
    "no error."
)

COLUMNS: Final = ["case", "dtype", "implementation", "step", "loss", "rate"]

# Shorter trainings are not drawn.
LEAST_STEPS: Final = 20

# Of more trainings the text alternative tells the first.
TOLD: Final = 6

# Each scale reaches at least so far down, so that a loss that hardly falls looks so.
TWO_DECADES: Final = 200


def picture(results: Results, rates: Mapping[str, float] | None = None) -> Picture | None:
    """Return the picture, or None where no training is long enough; `rates` are learning rates by case."""
    table = frame(results, rates)
    if table.empty:
        return None
    told = alternative(table)
    with style():
        svg = inline(draw(table), "losses", TITLE, told)
    return Picture("losses", TITLE, CAPTION, told, svg, table, shown(table))


def frame(results: Results, rates: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Return a line for each loss of each training of many steps, those of one family by learning rate.

    Cases are of one family whose names begin with the same word: training/rate-….
    """
    rows = [(one.case, one.dtype, one.implementation, one.step, one.loss) for one in results.losses]
    table = pd.DataFrame(rows, columns=COLUMNS[:-1])
    longest = table.groupby("case")["step"].transform("max")
    table = table[longest >= LEAST_STEPS].copy()
    table["rate"] = [(rates or {}).get(case, np.nan) for case in table["case"]]
    table["family"] = table["case"].str.extract(r"^((?:.*/)?[^-]*)")
    return table.sort_values(["family", "rate", "case"], kind="stable")[COLUMNS].reset_index(drop=True)


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return the losses at the steps 1, 2, 5, 10, … and at each implementation's last one."""
    last = table.groupby(["case", "dtype", "implementation"], sort=False)["step"].transform("max")
    told = table[table["step"].map(is_recorded) | (table["step"] == last)]
    return side_by_side(told, ("case", "dtype", "step"), "implementation", map(short, told["loss"]))


def alternative(table: pd.DataFrame) -> str:
    """Say for each training where its loss begins and ends."""
    told = []
    for case, part in table.groupby("case", sort=False):
        first, last = part["step"].min(), part["step"].max()
        begins, ends = (
            part[part["step"] == first]["loss"],
            part.groupby(["dtype", "implementation"])["loss"].last(),
        )
        told.append(f"{case} from {begins.max():.2g} to {_range(ends)} in {last:,} steps")
    more = f"; and {len(told) - TOLD} more" if len(told) > TOLD else ""
    return f"The loss goes: {'; '.join(told[:TOLD])}{more}."


def _range(numbers: pd.Series[float]) -> str:
    least, most = f"{numbers.min():.2g}", f"{numbers.max():.2g}"
    return least if least == most else f"{least}–{most}"


def draw(table: pd.DataFrame) -> Figure:
    """Draw for each case its number formats beside each other."""
    cases, dtypes = list(dict.fromkeys(table["case"])), list(in_order(table["dtype"], DTYPES))
    drawn, axes = panels(len(cases), len(dtypes), height=70, gap=28, legend=table["implementation"])
    for case, row in zip(cases, axes, strict=True):
        whole = table[table["case"] == case]
        for dtype, one in zip(dtypes, row, strict=True):
            _draw_panel(one, whole, dtype, table)
            one.tick_params(labelleft=dtype == dtypes[0])
        rate = whole["rate"].iloc[0]
        told = "" if np.isnan(rate) else f", η = {rate:g}"
        row[0].set_title(f"{case}{told}", loc="left", pad=3, weight="bold")
    finish(drawn, axes, dtypes, "step", "loss")
    return drawn


def _draw_panel(axes: Axes, whole: pd.DataFrame, dtype: str, table: pd.DataFrame) -> None:
    part = whole[whole["dtype"] == dtype]
    if part.empty:
        axes.set_axis_off()
        return
    for place, (who, look) in enumerate(looks(table["implementation"]).items()):
        mine = part[part["implementation"] == who]
        if len(mine):
            every = max(len(mine) // 8, 1)
            axes.plot(
                mine["step"],
                drawable(mine["loss"]),
                **look.curve,
                markevery=(place * every // 4, every),
                label=who,
            )
    losses = drawable(whole["loss"])
    finite = losses[np.isfinite(losses) & (losses > 0)]
    top, least = (1.4 * finite.max(), 0.7 * finite.min()) if len(finite) else (1.0, 1.0)
    in_tens(axes, min(least, top / TWO_DECADES), top)
    axes.set_xlim(0, whole["step"].max())
