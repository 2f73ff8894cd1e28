"""Small pictures beside and below each other, which share a legend and their scales' labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from reports.pictures.style import WIDTH, figure, fitted, looks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure


LINE: Final = 12.0
"""The height of a line of the legend, in points."""


def panels(
    rows: int, columns: int, *, height: float, gap: float, left: float = 38, legend: Iterable[str] = ()
) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure of small pictures, in points: each `height` high, with `gap` below it for words.

    `left` is the room for the labels of the first column; `legend` names the claimants.
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
    plain = {0.01: "0.01", 0.1: "0.1", 1: "1", 10: "10", 100: "100"}
    if number in plain:
        return plain[number]
    digits = f"{number:.0e}".split("e")
    raised = str(int(digits[1])).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{raised}" if digits[0] == "1" else f"{digits[0]}·10{raised}"


def in_tens(axis: Axis) -> None:
    """Label a logarithmic axis at powers of ten only, and at no more of them than there is room for."""
    axis.set_major_locator(LogLocator(numticks=6))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(power_of_ten))
