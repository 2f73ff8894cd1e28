"""The heat map: each case by each adapter, and how much of the allowed rounding error it uses."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cases.protocol import DTYPES, SIXTEEN_BITS
from reports.outcome import Cell, Outcome, grouped
from reports.plots.canvas import INK, NEWS, TINT, WIDTH, box, canvas, figure_of, fitted, in_order, write
from reports.plots.plot import Plot, each_line, short, side_by_side
from reports.report import Report
from reports.runs.rows import PUBLISHED, Row

ABOUT: Final = (
    "A line for each case, a column for each adapter in each number format. The number is the largest "
    "error of any quantity, in percent of the most that rounding alone may cause there: up to 100 agrees. "
    "The denser the tint, the larger the number, by its logarithm. ✗ differs or failed; ≠ differs, as the "
    "case says it must; ? is undecided; – has no equivalent, or did not run."
)

COLUMNS: Final = ["case", "dtype", "adapter", "state", "used", "log10"]

# Any other outcome fails.
STATES: Final = {
    Outcome.EXPECTED: "expected",
    Outcome.NO_EQUIVALENT: "nothing",
    Outcome.NOT_RUN: "nothing",
    Outcome.UNDECIDED: "undecided",
}

# What is said of a cell, and of several.
OTHERS: Final = {
    "expected": ("differs as its case says", "differ as their cases say"),
    "nothing": ("has no equivalent or did not run", "have no equivalent or did not run"),
    "undecided": ("is undecided", "are undecided"),
    "fails": ("fails", "fail"),
}

# The width of the cases' names, in points.
LABEL: Final = 128.0


# The height of a cell, in points.
LINE: Final = 11.0

SIGNS: Final = {"fails": "✗", "expected": "≠", "undecided": "?", "nothing": "–"}

# The logarithm at which the tint is faintest, and the number of its steps.
FAINTEST, SHADES = -0.6, 6


def numbers(report: Report) -> pd.DataFrame:
    """Return a line for each case, number format and adapter.

    `state` is "agrees", "expected" (differs as its case says), "fails", "undecided" or "nothing" (no
    equivalent, or not run). `used` is the largest over all compared quantities where it agrees, and NaN
    elsewhere; `log10` of 0, an exact result, is −inf.
    """
    groups = grouped(row for row in report.results.rows if row.subject.adapter != PUBLISHED)
    lines = [(*group, *_state(rows)) for group, rows in groups.items()]
    return pd.DataFrame(lines, columns=COLUMNS)


def _state(rows: Sequence[Row]) -> tuple[str, float, float]:
    """Return `state`, `used` and `log10` of the rows of one cell."""
    cell = Cell.of(rows)
    if cell.outcome is not Outcome.AGREES:
        return STATES.get(cell.outcome, "fails"), math.nan, math.nan
    return "agrees", cell.used, math.log10(cell.used) if cell.used > 0 else -math.inf


def tabulate(table: pd.DataFrame) -> pd.DataFrame:
    """Return a line for each case and number format: the part of the bound that is used, or the state."""
    cells = (
        short(line.used) if line.state == "agrees" else OTHERS[line.state][0] for line in each_line(table)
    )
    return side_by_side(table, ("case", "dtype"), "adapter", cells)


def describe(table: pd.DataFrame) -> str:
    """Say how many cells agree, the largest, and where something fails."""
    agreeing = table[table["state"] == "agrees"]
    text = f"{len(agreeing):,} of {len(table):,} cells agree"
    if len(agreeing):
        worst = max(each_line(agreeing), key=lambda line: line.used)
        who = f"{worst.adapter} on {worst.case} in {worst.dtype}"
        text += f"; the largest of them uses {100 * worst.used:.4g} % of what rounding may cause ({who})"
    counts = table["state"].value_counts()
    rest = [f"{counts[state]:,} {_said(state, int(counts[state]))}" for state in OTHERS if state in counts]
    failing = list(each_line(table[table["state"] == "fails"]))
    first = [f"the first is {line.adapter} on {line.case} in {line.dtype}" for line in failing[:1]]
    return f"{text}. {'; '.join([*rest, *first])}.".replace(". .", ".")


def _said(state: str, count: int) -> str:
    """Say what the cells of one state do; of a single cell in the singular."""
    return OTHERS[state][count > 1]


def draw(table: pd.DataFrame) -> Figure:
    """Draw the formats of 64 and 32 bits, and below them those of 16: few cases run in those."""
    is_short = table["dtype"].isin(SIXTEEN_BITS)
    blocks = [part for part in (table[~is_short], table[is_short]) if len(part)]
    axes = canvas(sum(map(_height, blocks)) + 2 * LINE)
    top = 0.0
    for block in blocks:
        _draw_block(axes, block, top)
        top += _height(block)
    _draw_key(axes, top + LINE / 2)
    return figure_of(axes)


def folders(block: pd.DataFrame) -> Iterator[tuple[str, list[str]]]:
    """Give the cases of each folder together."""
    together: dict[str, list[str]] = {}
    for case in dict.fromkeys(block["case"]):
        together.setdefault(str(case).rpartition("/")[0], []).append(str(case))
    yield from together.items()


def _height(block: pd.DataFrame) -> float:
    return sum((len(cases) + 2) * LINE for _, cases in folders(block)) + 3 * LINE


def _columns(block: pd.DataFrame) -> list[tuple[str, str]]:
    """Return number formats and adapters, those of one format beside each other, the most exact first."""
    columns = dict.fromkeys(zip(block["dtype"], block["adapter"], strict=True))
    dtypes = list(in_order(block["dtype"], DTYPES))
    return sorted(columns, key=lambda column: dtypes.index(column[0]))


def _draw_block(axes: Axes, block: pd.DataFrame, top: float) -> None:
    """Draw the formats as a headline, and under each folder's name its cases."""
    columns = _columns(block)
    width = (WIDTH - LABEL) / len(columns)
    cells = {(line.case, line.dtype, line.adapter): line for line in each_line(block)}
    for dtype in dict.fromkeys(dtype for dtype, _ in columns):
        own = [place for place, column in enumerate(columns) if column[0] == dtype]
        middle = LABEL + width * (own[0] + own[-1] + 1) / 2
        write(axes, middle, top + LINE, dtype, ha="center", va="center", weight="bold")
    y = top + LINE
    for folder, cases in folders(block):
        y += 2 * LINE
        _draw_head(axes, y, folder, [adapter for _, adapter in columns])
        for case in cases:
            name = case.rpartition("/")[2]
            write(axes, 6, y + LINE / 2, fitted(name, LABEL - 6, 7.5), va="center", size=7.5)
            for place, column in enumerate(columns):
                if line := cells.get((case, *column)):
                    _draw_cell(axes, LABEL + width * place, y, width, line.state, line.used)
            y += LINE


def _draw_head(axes: Axes, y: float, folder: str, adapters: Sequence[str]) -> None:
    """Name the folder and the adapters above the cells; many adapters stand on two lines by turns."""
    width = (WIDTH - LABEL) / len(adapters)
    lines = 1 if all(fitted(name, width, 6.5) == name for name in adapters) else 2
    write(axes, 0, y - LINE / 2 + 2, fitted(folder, LABEL, 8), va="center", weight="bold")
    for place, adapter in enumerate(adapters):
        above = y - LINE / 2 + 2 - (place % lines) * 0.75 * LINE
        is_last = lines > 1 and place == len(adapters) - 1  # centred, it would reach beyond the edge
        name = fitted(adapter, 1.5 * width if is_last else lines * width, 6.5)
        x, side = (WIDTH, "right") if is_last else (LABEL + width * (place + 0.5), "center")
        write(axes, x, above, name, ha=side, va="center", size=6.5)


def _draw_cell(axes: Axes, x: float, y: float, width: float, state: str, used: float) -> None:
    """Draw one cell, `LINE` points high: its tint and number, or the sign of its state."""
    if state == "agrees":
        style = {"facecolor": TINT, "alpha": shade(used), "linewidth": 0}
    elif state == "fails":
        style = {"facecolor": "none", "edgecolor": NEWS, "hatch": "////", "linewidth": 1.2}
    else:
        style = {"facecolor": "none", "edgecolor": INK, "linestyle": (0, (2, 1)), "linewidth": 0.7}
    if state != "nothing":
        box(axes, x + 0.5, y + 0.5, width - 1, LINE - 1, **style)
    text = percent(used) if state == "agrees" else SIGNS[state]
    weight = "bold" if state in {"fails", "expected"} else "normal"
    write(axes, x + width / 2, y + LINE / 2, text, ha="center", va="center", size=7, weight=weight)


def shade(used: float) -> float:
    """Return how dense the tint is, in steps: by the logarithm, from a quarter up to 1."""
    part = (math.log10(used) - FAINTEST) / -FAINTEST if used > 0 else 0.0
    return round(0.06 + 0.54 * math.ceil(SHADES * min(max(part, 0), 1)) / SHADES, 3)


def percent(used: float) -> str:
    """Write a part of 1 as a whole percentage; only 0 is "0". NaN and infinity are words."""
    if not math.isfinite(100 * used):
        return short(used)
    return "<1" if 0 < used < 0.01 else f"{round(100 * used)}"  # noqa: PLR2004 - a percent


def _draw_key(axes: Axes, y: float) -> None:
    """Show what the tints and signs mean."""
    for place, used in enumerate((0.0, 0.25, 0.35, 0.5, 0.7, 1.0)):
        _draw_cell(axes, 26 * place, y, 26, "agrees", used)
    write(axes, 160, y + LINE / 2, "% of the bound", va="center", size=7)
    x = 236.0
    for state, text in {
        "fails": "fails",
        "expected": "expected difference",
        "undecided": "undecided",
    }.items():
        _draw_cell(axes, x, y, 18, state, math.nan)
        write(axes, x + 21, y + LINE / 2, text, va="center", size=7)
        x += 28 + 4.4 * len(text)


HEAT_MAP: Final = Plot(
    "heat-map", "How much of the allowed rounding error is used", ABOUT, numbers, draw, describe, tabulate
)
