"""What a plot is, the picture that it makes of a report, and how tables of numbers are shown."""

import base64
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from cases.errors import printable
from reports.outcome import NOTHING
from reports.plots.canvas import IMPLEMENTATIONS, in_order, style, svg
from reports.report import Report


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture of a report; `name` is what its link begins with: "losses".

    `alternative` says what is to be seen, in a sentence or two, from the numbers. `caption` has that, too,
    and then what the axes and signs mean, to somebody who has seen none of this before. `svg` is a file,
    which is dark where its reader prefers that.
    `table` has the numbers it is drawn from; `shown` has few lines of them, rounded, for people to read.
    """

    name: str
    title: str
    caption: Markup
    alternative: str
    svg: str
    table: pd.DataFrame
    shown: pd.DataFrame

    @property
    def source(self) -> str:
        """The drawing as the address of an image in a page that loads nothing."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg.encode()).decode('ascii')}"


@dataclass(frozen=True)
class Plot:
    """How a picture is made.

    `numbers` returns what `draw` draws, a table without lines where there is nothing to draw; `about`,
    `describe` and `tabulate` give what stands in the picture's `caption`, its `alternative`, and `shown`.
    """

    name: str
    title: str
    about: str
    numbers: Callable[[Report], pd.DataFrame]
    draw: Callable[[pd.DataFrame], Figure]
    describe: Callable[[pd.DataFrame], str]
    tabulate: Callable[[pd.DataFrame], pd.DataFrame]

    def picture(self, report: Report) -> Picture | None:
        numbers = self.numbers(report)
        if numbers.empty:
            return None
        with style():
            drawn = svg(self.draw(numbers))
        shows = printable(self.describe(numbers))
        first, end, rest = shows.partition(". ")
        caption = Markup("<strong>{}</strong>{} {}").format(first + end, rest, self.about)
        return Picture(self.name, self.title, caption, shows, drawn, numbers, self.tabulate(numbers))


def each_line(table: pd.DataFrame) -> Iterator[Any]:
    """Give the lines of a table, each with its columns as attributes (pandas' types name no columns)."""
    yield from table.itertuples(index=False)


def side_by_side(
    table: pd.DataFrame, lines: Sequence[str], column: str, cells: Iterable[str]
) -> pd.DataFrame:
    """Return a table as people read it: `lines` name a line of it, and `column` its further columns.

    `cells` has what is shown for each line of `table`.
    """
    by_line: dict[tuple[object, ...], dict[str, str]] = {}
    keys = zip(*(table[name] for name in lines), strict=True)
    for key, name, cell in zip(keys, table[column], cells, strict=True):
        by_line.setdefault(key, {})[name] = cell
    names = list(in_order(table[column], IMPLEMENTATIONS))
    rows = [(*key, *(shown.get(name, NOTHING) for name in names)) for key, shown in by_line.items()]
    return pd.DataFrame(rows, columns=[*lines, *names])
