"""How far each activation and its derivative are from the truth, over a range of z."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from reference.arithmetic import FORMATS
from reports.plots.canvas import INK, Scale, Sheet, each_curve, in_order, log_scale, looks, short
from reports.plots.plot import Plot, each_line, side_by_side
from reports.report import Report
from reports.runs.activation_errors import KINKS, REACH

ABOUT: Final = (
    "Across: the input z. Up: how far the activation, or its derivative (f'), is from certified truth, in "
    "units in the last place (ulps) of the number format, on a logarithmic scale; lower is better, and the "
    "lowest line is 0.1 or less. Each point is the worst of some six. At the dotted line no digit is right: "
    "mostly the number was rounded away to 0, which costs little where it is nearly 0. What lies higher is "
    "drawn at the upper edge, as at a kink, where frameworks take different slopes."
)

MIN_ULPS: Final = 0.1  # the lowest line
FAR_ULPS: Final = 1e12  # only the errors of float64 reach further
FEW_ULPS: Final = 4  # a function of which nobody is further off is not drawn
COLUMNS: Final = 2


def errors(report: Report) -> pd.DataFrame:
    """Return a line for each strip of the range, of each implementation's value and derivative."""
    columns = ["activation", "quantity", "dtype", "implementation", "z", "ulps"]
    return pd.DataFrame(list(map(vars, report.results.activations)), columns=columns)


@dataclass(frozen=True, eq=False)
class Course:
    """How far a function is off over the range, by every implementation that shows it."""

    name: str  # "gelu_erf'", of the derivative
    part: pd.DataFrame
    limit: float  # ulps from which on no digit is right

    @cached_property
    def lost(self) -> dict[str, NDArray[np.bool_]]:
        """For each implementation, in which strips no digit is right."""
        ulps = self.part["ulps"].fillna(math.inf)
        return {
            str(name): (ulps[rows.index] >= self.limit).to_numpy()
            for name, rows in self.part.groupby("implementation", sort=False)
        }

    @property
    def by(self) -> list[str]:
        """Who has no right digit somewhere."""
        return [name for name, lost in self.lost.items() if lost.any()]

    @property
    def is_everybodys(self) -> bool:
        return len(self.by) == len(self.lost)

    @property
    def worst(self) -> float:
        return float(self.part["ulps"].fillna(math.inf).max())

    def where(self, names: Sequence[str]) -> str:
        """Say where all of these have no right digit: "gelu_erf' (z = −13 to −6.7)"."""
        z = self.part[self.part["implementation"] == names[0]]["z"].to_numpy()
        lost = np.logical_and.reduce([self.lost[name] for name in names])
        runs = [[*run] for is_lost, run in groupby(range(len(z)), lambda strip: bool(lost[strip])) if is_lost]
        return f"{self.name} (z = {_listed(_range(z[run[0]], z[run[-1]]) for run in runs)})"


def courses(table: pd.DataFrame) -> list[Course]:
    """Return the functions, first those of which only some have no right digit, then by the worst."""
    limit = 0.5 / FORMATS[str(table["dtype"].iloc[0])].unit_roundoff  # the ulps of a number that became 0
    parts = table.groupby(["activation", "quantity"], sort=False)
    each = [
        Course(f"{name}{chr(39) * (which == 'derivative')}", part, limit) for (name, which), part in parts
    ]
    return sorted(each, key=lambda one: (not one.by or one.is_everybodys, -len(one.by), -one.worst))


def _range(low: float, high: float) -> str:
    """Write a range of z, "−13 to −6.7"; a single strip is named by its point."""
    ends = [f"{z:.0f}" if z in KINKS else f"{z:.2g}" for z in (low, high)]
    text = ends[0] if ends[0] == ends[1] else " to ".join(ends)
    return text.replace("-", "−")


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def describe(table: pd.DataFrame) -> str:
    """Say of what some have no right digit, by implementation, of what nobody has, and what all compute."""
    every, dtype = courses(table), table["dtype"].iloc[0]
    some = [one for one in every if one.by and not one.is_everybodys]
    names = in_order((name for one in some for name in one.by), looks(table["implementation"]))
    alone = [
        f"{_short(name)}’s {_listed(one.where([name]) for one in some if name in one.by)}" for name in names
    ]
    everybodys = [one.where(one.by) for one in every if one.by and one.is_everybodys and _meet(one)]
    near = [one.name for one in every if one.worst <= FEW_ULPS]
    nobody = "Nobody" if alone else f"In {dtype} nobody"
    texts = (
        alone and f"In {dtype} no digit is right of {'; of '.join(alone)}.",
        everybodys and f"{nobody} has a right digit of {_listed(everybodys)}.",
        near and f"Everybody computes {_listed(near)} to within {FEW_ULPS} units in the last place.",
    )
    return " ".join(text for text in texts if text) or "Some digits are lost, but nowhere all of them."


def _meet(one: Course) -> bool:
    """Whether there is a strip in which all that lose every digit do so."""
    return bool(np.logical_and.reduce([one.lost[name] for name in one.by]).any())


def _short(implementation: str) -> str:
    return implementation.removesuffix(" observed")


def tabulate(table: pd.DataFrame) -> pd.DataFrame:
    size = table["ulps"].fillna(math.inf)
    curves = ["activation", "quantity", "implementation"]
    worst = table.loc[size.groupby([table[name] for name in curves], sort=False).idxmax()]
    cells = (f"{short(line.ulps)} ulps at z = {short(line.z)}" for line in each_line(worst))
    return side_by_side(worst, ("activation", "quantity", "dtype"), "implementation", cells)


def draw(table: pd.DataFrame) -> Figure:
    """Draw what somebody is off by more than a few ulps; if nobody is, all of it."""
    every, names = courses(table), list(looks(table["implementation"]))
    shown = [one for one in every if one.worst > FEW_ULPS] or every
    limit = shown[0].limit
    ticks = (1e3, 1e7, 1e11, 1e15) if limit > FAR_ULPS else (10, 1e3, 1e5, 1e7)
    up = log_scale(MIN_ULPS, 10 * limit, (MIN_ULPS, *ticks))
    across = Scale(-REACH, REACH, {z: f"{z}".replace("-", "−") for z in range(-24, 25, 8)})
    rows = -(-len(shown) // COLUMNS)
    sheet = Sheet(rows, [""] * COLUMNS, "z", "ulps", height=46, gap=17, names=names, shared=True)
    for place, one in enumerate(shown):
        panel = sheet.panel(place // COLUMNS, place % COLUMNS, across, up, one.name)
        panel.curve([-REACH, REACH], [limit, limit], color=INK, linestyle=":", linewidth=0.8)
        for index, look, mine in each_curve(one.part, names):
            ulps = np.nan_to_num(mine["ulps"], nan=math.inf).clip(up.low, up.high)
            panel.curve(mine["z"], ulps, cut=False, **look.curve, markevery=(3 * index, 9))
    return sheet.figure


ACTIVATIONS: Final = Plot(
    "activations", "The activations and their derivatives against the truth", ABOUT, errors, draw, describe,
    tabulate,
)  # fmt: skip
