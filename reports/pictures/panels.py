"""Small pictures beside and below each other, which share a legend and their scales' labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, Locator, NullLocator

from reports.pictures.frames import short
from reports.pictures.style import WIDTH, figure, fitted, looks

# A logarithmic axis reaches no further: near the ends of float64 its limits would overflow.
REACH: Final = (1e-300, 1e300)

# A logarithmic axis has at most so many words.
TICKS: Final = 6

# The height of a line of the legend, in points.
LINE: Final = 12.0


def panels(
    rows: int, columns: int, *, height: float, gap: float, left: float = 38, legend: Iterable[str] = ()
) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure of small pictures, in points: each `height` high, with `gap` below it for words.

    `left` is the room for the labels of the first column; `legend` names the implementations.
    """
    words = set(legend)
    lines = -(-len(words) // beside(words))
    right, between, head, foot = 8.0, 30.0, 32.0 + LINE * lines, 34.0
    total = head + rows * (height + gap) - gap + foot
    width = (WIDTH - left - right - (columns - 1) * between) / columns
    drawn = figure(total)

    def place(row: int, column: int) -> tuple[float, float, float, float]:
        x, y = left + column * (width + between), head + row * (height + gap)
        return x / WIDTH, 1 - (y + height) / total, width / WIDTH, height / total

    return drawn, [[drawn.add_axes(place(row, column)) for column in range(columns)] for row in range(rows)]


def beside(words: Iterable[str]) -> int:
    """Return how many words of a legend stand beside each other."""
    longest = max(words, key=len, default="")
    return next((count for count in (4, 3) if fitted(longest, _room(count), 8) == longest), 2)


def _room(columns: int) -> float:
    """Return how many points a word of the legend has, beside the line that it explains."""
    return WIDTH / columns - 42


def finish(drawn: Figure, axes: Sequence[Sequence[Axes]], heads: Sequence[str], across: str, up: str) -> None:
    """Put the legend and the columns' heads above all small pictures, and what is told across and up."""
    handles: dict[str, Artist] = {}
    for one in (one for row in axes for one in row):
        handles |= {word: handle for handle, word in zip(*one.get_legend_handles_labels(), strict=True)}
    if words := list(looks(handles)):
        columns = beside(words)
        drawn.legend(
            [handles[word] for word in words], [fitted(word, _room(columns), 8) for word in words],
            loc="upper left", ncols=min(len(words), columns), borderaxespad=0.1, columnspacing=1.5,
            labelspacing=0.25,
        )  # fmt: skip
    for word, one in zip(heads, axes[0], strict=True):
        box = one.get_position()
        drawn.text((box.x0 + box.x1) / 2, box.y1 + 20 / _points(drawn), word, ha="center", weight="bold")
    if up:
        top = axes[0][0].get_position().y1
        drawn.text(0, top + 20 / _points(drawn), f"↑ {up}", va="top", size=7)
    drawn.text(0.5, 3 / _points(drawn), f"{across} →", ha="center", va="bottom")


def _points(drawn: Figure) -> float:
    return 72 * float(drawn.get_size_inches()[1])


def power_of_ten(number: float, _: object = None) -> str:
    """Write a tick of a logarithmic axis in plain letters: 1, 10, 100, 10⁶; 0.1, 0.01, 10⁻⁶."""
    if not math.isfinite(number):
        return short(number)
    plain = {0.01: "0.01", 0.1: "0.1", 1: "1", 10: "10", 100: "100"}
    if number in plain:
        return plain[number]
    digits = f"{number:.0e}".split("e")
    raised = str(int(digits[1])).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{raised}" if digits[0] == "1" else f"{digits[0]}·10{raised}"


def drawable(numbers: pd.Series[float]) -> pd.Series[float]:
    """Return what stands for these numbers on a logarithmic axis: what lies beyond `REACH` is at its edge."""
    is_there = np.isfinite(numbers) & (numbers > 0)
    return numbers.where(~is_there, numbers.clip(*REACH))


class Tens(Locator):
    """Powers of ten, no more than there is room for, anywhere in `REACH` (a `LogLocator` overflows there)."""

    def __call__(self) -> list[float]:
        """Return the ticks of the axis as it is."""
        return self.tick_values(*self.axis.get_view_interval()) if self.axis else []

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        """Return the ticks between two numbers."""
        low, high = sorted((vmin, vmax))
        first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
        return [10.0**k for k in range(first, last + 1, max(1, -(-(last - first) // (TICKS - 1))))]


def in_tens(axes: Axes, low: float, high: float) -> None:
    """Make the upright axis logarithmic between two numbers; label it at powers of ten that have room."""
    axes.set_autoscaley_on(False)  # the limits that any numbers ask for may overflow
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(Tens())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(power_of_ten))
