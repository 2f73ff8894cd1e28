"""Trainings of many steps: how the loss falls, and how far trainings drift from one without any rounding."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cases.protocol import DTYPES
from reports.plots.canvas import INK, REACH, Scale, Sheet, each_curve, each_part, in_order, looks, short, tens
from reports.plots.plot import Plot, each_line, side_by_side
from reports.report import Report
from reports.runs.parameter_drift import TRUTH
from reports.runs.step_batches import is_recorded

ABOUT_LOSSES: Final = (
    "Trainings of 20 steps or more. Across: the training step. Up: the loss before that step's update, on "
    "a logarithmic scale, as each program states it. η is the learning rate: where it is too small the "
    "loss hardly falls, and where it is too large it jumps. A single dark line stands for all programs, "
    "where their curves lie within its width; so it does for a number format that is not drawn. Where they "
    "part, the training itself has spread tiny roundings apart, which is no error."
)

ABOUT_DRIFT: Final = (
    "For information; no verdict rests on it. All start at the same numbers and run free, each with its "
    "own roundings. Across: the training step. Up: the largest difference of any parameter from the "
    "training without any rounding, in units in the last place (ulps) of the largest parameter; 0.1 or "
    "less stands on the lowest line. Both scales are logarithmic. Drawn are the cases in which the most "
    "steps were compared."
)

MIN_STEPS: Final = 20  # shorter trainings are not drawn
MAX_DESCRIBED: Final = 6  # of more trainings the text alternative names the first
TWO_DECADES: Final = 200  # each scale reaches at least so far down, so that a loss that hardly falls looks so
MAX_CASES: Final = 8
MIN_POINTS: Final = 5  # a shorter course is not drawn
MIN_ULPS: Final = 0.1
LOSS_HEIGHT, WIDTH_OF_ALL = 70.0, 1.6  # of a panel, and of the line that stands for all programs, in points


def learning_rates(report: Report) -> dict[str, float]:
    """Return each case's learning rate, at the first step and before any rounding to a number format."""
    cases = report.selection.cases
    return {case.name: case.file.optimizer.learning_rate.rounded("float64") for case in cases}


def losses(report: Report) -> pd.DataFrame:
    """Return a line for each loss of each training of many steps, those of one family by learning rate."""
    columns = ["case", "dtype", "implementation", "step", "loss"]
    table = pd.DataFrame(list(map(vars, report.results.losses)), columns=columns)
    longest = table.groupby("case")["step"].transform("max")
    table = table[longest >= MIN_STEPS].copy()
    table["rate"] = table["case"].map(learning_rates(report)).astype(float)
    table["family"] = table["case"].str.extract(r"^((?:.*/)?[^-]*)")  # the first word: training/rate-…
    ordered = table.sort_values(["family", "rate", "case"], kind="stable", ignore_index=True)
    return ordered[[*columns, "rate"]]


def tabulate_losses(table: pd.DataFrame) -> pd.DataFrame:
    """Return the losses at the steps 1, 2, 5, 10, … and at each implementation's last one."""
    last = table.groupby(["case", "dtype", "implementation"], sort=False)["step"].transform("max")
    shown = table[table["step"].map(is_recorded) | (table["step"] == last)]
    return side_by_side(shown, ("case", "dtype", "step"), "implementation", map(short, shown["loss"]))


def describe_losses(table: pd.DataFrame) -> str:
    """Say in which trainings the programs part, and from where to where each loss goes."""
    ranges = []
    for case, part in table.groupby("case", sort=False):
        begins = part[part["step"] == part["step"].min()]["loss"]
        ends = part.groupby(["dtype", "implementation"])["loss"].last()
        ranges.append(f"{case} from {begins.max():.2g} to {_range(ends)} in {part['step'].max():,} steps")
    more = f"; and {len(ranges) - MAX_DESCRIBED} more" if len(ranges) > MAX_DESCRIBED else ""
    together = f"{_partings(table)} " if len(looks(table["implementation"])) > 1 else ""
    return f"{together}The loss goes: {'; '.join(ranges[:MAX_DESCRIBED])}{more}."


def _partings(table: pd.DataFrame) -> str:
    """Say where the programs' curves part, and by how much at most."""
    parted = [panel for panel in _panels(table) if panel.parts]
    if not parted:
        return "All programs train alike: no curve can be told from another."
    each = [f"{panel.case} in {panel.dtypes[0]}, by up to {panel.apart}" for panel in parted]
    named = f"{'; '.join(each[:MAX_DESCRIBED])}{'; …' if len(each) > MAX_DESCRIBED else ''}"
    return f"All programs train alike, but for {named}."


def _range(losses: pd.Series) -> str:
    least, most = f"{losses.min():.2g}", f"{losses.max():.2g}"
    return least if least == most else f"{least}–{most}"


@dataclass(frozen=True, eq=False)
class LossPanel:
    """One training as it is drawn: in the first of its number formats, which stands for others alike."""

    case: str
    dtypes: tuple[str, ...]
    losses: pd.DataFrame  # a column for each implementation, a line for each step
    up: Scale
    title: str

    @property
    def parts(self) -> bool:
        """Whether a curve can be told from another."""
        return _visible(self.losses, self.up)

    @property
    def apart(self) -> str:
        """The largest difference of two programs' losses, in percent of the larger: "12 % at step 40"."""
        largest, least = self.losses.max(axis=1), self.losses.min(axis=1)
        with np.errstate(all="ignore"):  # what is not finite, or 0, has no percentage
            apart = ((largest - least) / largest.abs()).replace([np.inf, -np.inf], np.nan).dropna()
        return (
            f"{100 * apart.max():.2g} % at step {apart.idxmax():,}" if len(apart) else "more than any number"
        )


def _visible(curves: pd.DataFrame, up: Scale) -> bool:
    """Whether curves are more than a line's width apart somewhere, or some have no number where others do."""
    heights = LOSS_HEIGHT * up.fractions(curves.to_numpy())
    unknown = np.isnan(heights)
    return bool(
        (unknown.any(axis=1) != unknown.all(axis=1)).any()
        or (np.nan_to_num(np.ptp(heights, axis=1)) > WIDTH_OF_ALL).any()
    )


def _panels(table: pd.DataFrame) -> Iterator[LossPanel]:
    """Give the panels: a number format has its own unless its curves are those of the format before."""
    for case, whole in table.groupby("case", sort=False):
        up, shown = _loss_scale(whole["loss"]), dict[str, list[str]]()
        curves = {
            str(dtype): part.pivot_table("loss", "step", "implementation", sort=False, dropna=False)
            for dtype, part in whole.groupby("dtype", sort=False)
        }
        for dtype in in_order(curves, DTYPES):
            alike = (
                first
                for first in shown
                if not _visible(pd.concat([curves[first], curves[dtype]], axis=1), up)
            )
            shown.setdefault(next(alike, dtype), []).append(dtype)
        rate = whole["rate"].iloc[0]
        title = str(case) if np.isnan(rate) else f"{case}, η = {rate:g}"
        for first, dtypes in shown.items():
            which = f", {first}" if len(shown) > 1 else ""
            yield LossPanel(str(case), tuple(dtypes), curves[first], up, title + which)


def draw_losses(table: pd.DataFrame) -> Figure:
    panels, names = list(_panels(table)), list(looks(table["implementation"]))
    drawn_apart = len(names) == 1 or any(one.parts for one in panels)
    sheet = Sheet(
        -(-len(panels) // 2), ["", ""], "step", "loss", height=LOSS_HEIGHT, gap=28, names=names * drawn_apart
    )
    for place, one in enumerate(panels):
        across = _even_steps(int(one.losses.index.max()))
        panel = sheet.panel(place // 2, place % 2, across, one.up, one.title)
        if len(one.losses.columns) > 1 and not one.parts:
            panel.curve(one.losses.index, one.losses.iloc[:, 0], color=INK, linewidth=WIDTH_OF_ALL)
            continue
        for index, (name, look) in enumerate(looks(names).items()):
            if name in one.losses:
                every = max(len(one.losses) // 8, 1)
                marks = (index * every // 4, every)
                panel.curve(one.losses.index, one.losses[name], **look.curve, markevery=marks)
    return sheet.figure


def _names(table: pd.DataFrame) -> tuple[list[str], list[str], list[str]]:
    dtypes = in_order(table["dtype"], DTYPES)
    return list(dict.fromkeys(table["case"])), list(dtypes), list(looks(table["implementation"]))


def _even_steps(last: int) -> Scale:
    """Return a scale of steps with round ticks, at most five."""
    widths = (10**k * factor for k in range(9) for factor in (1, 2, 5))
    width = next(width for width in widths if 4 * width >= last)
    return Scale(0, last, {step: f"{step}" for step in range(0, last + 1, width)})


def _loss_scale(losses: pd.Series) -> Scale:
    there = losses[np.isfinite(losses) & (losses > 0)].clip(*REACH)
    top, least = (1.4 * there.max(), 0.7 * there.min()) if len(there) else (1.0, 1.0)
    return tens(min(least, top / TWO_DECADES), top)


TITLE: Final = "How the loss falls, or does not"
LOSSES: Final = Plot("losses", TITLE, ABOUT_LOSSES, losses, draw_losses, describe_losses, tabulate_losses)


def drifts(report: Report) -> pd.DataFrame:
    """Return the courses against certified truth of the cases in which most steps were compared.

    A step of which the truth is not known is left out; the ulps of numbers that are NaN are NaN.
    """
    known = [vars(drift) for drift in report.results.drifts if drift.against == TRUTH and not drift.not_known]
    table = pd.DataFrame(known, columns=["case", "dtype", "implementation", "step", "ulps"])
    points = table.groupby("case")["step"].nunique()
    longest = points[points >= MIN_POINTS].sort_values(ascending=False, kind="stable").head(MAX_CASES)
    return table[table["case"].isin(longest.index)].reset_index(drop=True)


def tabulate_drift(table: pd.DataFrame) -> pd.DataFrame:
    return side_by_side(table, ("case", "dtype", "step"), "implementation", map(short, table["ulps"]))


def describe_drift(table: pd.DataFrame) -> str:
    """Name the largest drift of each training at the last step that was compared."""
    ends = table.groupby(["case", "dtype", "implementation"], sort=False).last().reset_index().dropna()
    if ends.empty:
        return "Every course ends in NaN."
    worst = ends.loc[ends.groupby("case", sort=False)["ulps"].idxmax()]
    largest = (
        f"{one.case} {short(one.ulps, 2)} ulps ({one.implementation}, {one.dtype})"
        for one in each_line(worst)
    )
    return f"The largest drift at the last step that was compared: {'; '.join(largest)}."


def draw_drift(table: pd.DataFrame) -> Figure:
    cases, dtypes, names = _names(table)
    sheet = Sheet(len(cases), dtypes, "step", "ulps", height=62, gap=28, names=names)
    last = table.groupby("case")["step"].max()
    for row, column, part in each_part(table, ("case", cases), ("dtype", dtypes)):
        if len(part):
            across, up = _powers_of_steps(int(last[cases[row]])), _drift_scale(part["ulps"])
            panel = sheet.panel(row, column, across, up, cases[row] * (column == 0))
            for index, look, mine in each_curve(part, names):
                ulps, marks = mine["ulps"].clip(lower=MIN_ULPS), (index % len(mine), 4)
                panel.curve(mine["step"], ulps, cut=False, **look.curve, markevery=marks)
    return sheet.figure


def _powers_of_steps(last: int) -> Scale:
    powers = [10**k for k in range(len(str(last)))]
    ticks = [*(power for power in powers if 2 * power < last), last]
    return Scale(0.9, 1.15 * last, {step: f"{step}" for step in ticks}, is_log=True)


def _drift_scale(ulps: pd.Series) -> Scale:
    largest = ulps[np.isfinite(ulps)].clip(*REACH).max()
    return tens(MIN_ULPS, max(10 * MIN_ULPS, 3 * largest) if largest > 0 else 10)


DRIFT_TITLE: Final = "How far trainings drift from the truth"
DRIFT: Final = Plot("drift", DRIFT_TITLE, ABOUT_DRIFT, drifts, draw_drift, describe_drift, tabulate_drift)
