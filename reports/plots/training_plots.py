"""Trainings of many steps: how the loss falls, and how far trainings drift from one without any rounding."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cases.protocol import DTYPES
from reports.plots.canvas import REACH, Scale, Sheet, each_curve, each_part, in_order, looks, short, tens
from reports.plots.plot import Plot, each_line, side_by_side
from reports.report import Report
from reports.runs.parameter_drift import TRUTH
from reports.runs.step_batches import is_recorded

ABOUT_LOSSES: Final = (
    "Trainings of 20 steps or more. Across: the training step. Up: the loss before that step's update, on "
    "a logarithmic scale, as each program states it. η is the learning rate: where it is too small the "
    "loss hardly falls, and where it is too large it jumps. Where the curves lie on each other the "
    "programs train alike; where they part, the training itself has spread tiny roundings apart, which is "
    "no error."
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
    ranges = []
    for case, part in table.groupby("case", sort=False):
        begins = part[part["step"] == part["step"].min()]["loss"]
        ends = part.groupby(["dtype", "implementation"])["loss"].last()
        ranges.append(f"{case} from {begins.max():.2g} to {_range(ends)} in {part['step'].max():,} steps")
    more = f"; and {len(ranges) - MAX_DESCRIBED} more" if len(ranges) > MAX_DESCRIBED else ""
    return f"The loss goes: {'; '.join(ranges[:MAX_DESCRIBED])}{more}."


def _range(losses: pd.Series) -> str:
    least, most = f"{losses.min():.2g}", f"{losses.max():.2g}"
    return least if least == most else f"{least}–{most}"


def draw_losses(table: pd.DataFrame) -> Figure:
    cases, dtypes, names = _names(table)
    sheet = Sheet(len(cases), dtypes, "step", "loss", height=70, gap=28, names=names)
    by_case = dict(list(table.groupby("case")))
    for row, column, part in each_part(table, ("case", cases), ("dtype", dtypes)):
        if len(part):
            whole, rate = by_case[cases[row]], part["rate"].iloc[0]
            title = cases[row] if np.isnan(rate) else f"{cases[row]}, η = {rate:g}"
            across, up = _even_steps(int(whole["step"].max())), _loss_scale(whole["loss"])
            panel = sheet.panel(row, column, across, up, title * (column == 0))
            for index, look, mine in each_curve(part, names):
                every = max(len(mine) // 8, 1)
                panel.curve(mine["step"], mine["loss"], **look.curve, markevery=(index * every // 4, every))
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
    ends = table.groupby(["case", "dtype", "implementation"], sort=False).last().reset_index().dropna()
    if ends.empty:
        return "Every course ends in NaN."
    lines = (pick(each_line(ends), key=lambda line: line.ulps) for pick in (min, max))
    extremes = (f"{one.ulps:.2g} ulps ({one.implementation} on {one.case} in {one.dtype})" for one in lines)
    return f"After the last step that is compared the drift is between {' and '.join(extremes)}."


def draw_drift(table: pd.DataFrame) -> Figure:
    cases, dtypes, names = _names(table)
    sheet = Sheet(len(cases), dtypes, "step", "ulps", height=62, gap=28, names=names)
    last = table.groupby("case")["step"].max()
    for row, column, part in each_part(table, ("case", cases), ("dtype", dtypes)):
        if len(part):
            across, up = _powers_of_steps(int(last[cases[row]])), _drift_scale(part["ulps"])
            panel = sheet.panel(row, column, across, up, cases[row] * (column == 0))
            for _, look, mine in each_curve(part, names):
                panel.curve(mine["step"], mine["ulps"].clip(lower=MIN_ULPS), cut=False, **look.curve)
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
