"""The heat map: each case by each adapter, and how much of the allowed rounding error it uses."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cases.dtypes import DTYPES, SIXTEEN_BITS
from reference import Verdict
from reports.pictures.frames import each_line, in_order, short, side_by_side
from reports.pictures.heat_cells import LINE, draw_cell, draw_key
from reports.pictures.picture import Picture
from reports.pictures.style import WIDTH, figure, fitted, style
from reports.pictures.svg import inline
from reports.runs.rows import PUBLISHED, Results, Row, first_failure, order
from reports.verdicts import agrees, grouped

TITLE = "How much of the allowed rounding error is used"

CAPTION = (
    "A line for each case, a column for each adapter in each number format. The number is the largest "
    "error of any quantity, in percent of the most that rounding alone may cause there: up to 100 agrees. "
    "The denser the tint, the larger the number, by its logarithm. ✗ differs or failed; ≠ differs, as the "
    "case says it must; ? is undecided; – has no equivalent, or did not run."
)

COLUMNS: Final = ["case", "dtype", "adapter", "state", "used", "log10"]

OTHERS: Final = {
    "expected": ("differs as its case says", "differ as their cases say"),
    "nothing": ("has no equivalent or did not run", "have no equivalent or did not run"),
    "undecided": ("is undecided", "are undecided"),
    "fails": ("fails", "fail"),
}

# The width of the cases' names, in points.
LABEL: Final = 128.0


def picture(results: Results) -> Picture | None:
    """Return the picture, or None where no case was run."""
    table = frame(results)
    if table.empty:
        return None
    told = alternative(table)
    with style():
        svg = inline(draw(table), "heat-map", TITLE, told)
    return Picture("heat-map", TITLE, CAPTION, told, svg, table, shown(table))


def frame(results: Results) -> pd.DataFrame:
    """Return a line for each case, number format and adapter.

    `state` is "agrees", "expected" (differs as its case says), "fails", "undecided" or "nothing" (no
    equivalent, or not run). `used` is the largest over all compared quantities where it agrees, and NaN
    elsewhere; `log10` of 0, an exact result, is −inf.
    """
    groups = grouped(row for row in results.rows if row.subject.adapter != PUBLISHED)
    lines = [(*group, *_cell(rows)) for group, rows in groups.items()]
    return pd.DataFrame(lines, columns=COLUMNS)


def _cell(rows: Sequence[Row]) -> tuple[str, float, float]:
    told = first_failure(rows) or min((row for row in rows if not agrees(row)), key=order, default=None)
    if told is not None:
        return _state(told), math.nan, math.nan
    used = max((row.finding.used for row in rows if row.compared), default=math.nan)
    return "agrees", used, math.log10(used) if used > 0 else -math.inf


def _state(row: Row) -> str:
    if row.finding.verdict in {Verdict.NOT_RUN, Verdict.NO_EQUIVALENT} and not row.unexpected:
        return "nothing"
    if row.fails:
        return "undecided" if row.finding.verdict is Verdict.UNDECIDED else "fails"
    return "expected"


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return a line for each case and number format: the part of the bound that is used, or the state."""
    cells = (
        short(line.used) if line.state == "agrees" else OTHERS[line.state][0] for line in each_line(table)
    )
    return side_by_side(table, ("case", "dtype"), "adapter", cells)


def alternative(table: pd.DataFrame) -> str:
    """Say how many cells agree, the largest, and where something fails."""
    agreeing = table[table["state"] == "agrees"]
    told = f"{len(agreeing):,} of {len(table):,} cells agree"
    if len(agreeing):
        worst = max(each_line(agreeing), key=lambda line: line.used)
        who = f"{worst.adapter} on {worst.case} in {worst.dtype}"
        told += f"; the largest of them uses {100 * worst.used:.4g} % of what rounding may cause ({who})"
    counts = table["state"].value_counts()
    rest = [f"{counts[state]:,} {_said(state, int(counts[state]))}" for state in OTHERS if state in counts]
    failing = list(each_line(table[table["state"] == "fails"]))
    first = [f"the first is {line.adapter} on {line.case} in {line.dtype}" for line in failing[:1]]
    return f"{told}. {'; '.join([*rest, *first])}.".replace(". .", ".")


def _said(state: str, count: int) -> str:
    """Say what the cells of one state do; of a single cell in the singular."""
    return OTHERS[state][count > 1]


def draw(table: pd.DataFrame) -> Figure:
    """Draw the formats of 64 and 32 bits, and below them those of 16: few cases run in those."""
    short = table["dtype"].isin(SIXTEEN_BITS)
    blocks = [part for part in (table[~short], table[short]) if len(part)]
    height = sum(_height(block) for block in blocks) + 2 * LINE
    drawn = figure(height)
    axes = drawn.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    top = 0.0
    for block in blocks:
        _draw_block(axes, block, top)
        top += _height(block)
    draw_key(axes, top + LINE / 2)
    return drawn


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
        axes.text(middle, top + LINE, dtype, ha="center", va="center", weight="bold")
    y = top + LINE
    for folder, cases in folders(block):
        y += 2 * LINE
        _draw_head(axes, y, folder, [adapter for _, adapter in columns])
        for case in cases:
            name = case.rpartition("/")[2]
            axes.text(6, y + LINE / 2, fitted(name, LABEL - 6, 7.5), va="center", size=7.5)
            for place, column in enumerate(columns):
                if (case, *column) in cells:
                    line = cells[case, *column]
                    draw_cell(axes, LABEL + width * place, y, width, line.state, line.used)
            y += LINE


def _draw_head(axes: Axes, y: float, folder: str, adapters: Sequence[str]) -> None:
    """Name the folder and the adapters above the cells; many adapters stand on two lines by turns."""
    width = (WIDTH - LABEL) / len(adapters)
    lines = 1 if all(fitted(name, width, 6.5) == name for name in adapters) else 2
    axes.text(0, y - LINE / 2 + 2, fitted(folder, LABEL, 8), va="center", weight="bold")
    for place, adapter in enumerate(adapters):
        above = y - LINE / 2 + 2 - (place % lines) * 0.75 * LINE
        last = lines > 1 and place == len(adapters) - 1  # centred, it would reach beyond the edge
        name = fitted(adapter, 1.5 * width if last else lines * width, 6.5)
        x, side = (WIDTH, "right") if last else (LABEL + width * (place + 0.5), "center")
        axes.text(x, above, name, ha=side, va="center", size=6.5)
