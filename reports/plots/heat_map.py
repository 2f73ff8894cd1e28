"""The heat map: each case by each adapter, and how much of the allowed rounding error it uses."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

import pandas as pd
from matplotlib.figure import Figure

from cases.protocol import DTYPES, SIXTEEN_BITS
from reports.outcome import Outcome, group_by
from reports.plots.canvas import INK, NEWS, TINT, WIDTH, Canvas, fitted, in_order, short
from reports.plots.plot import Plot, each_line, side_by_side
from reports.report import Report

ABOUT: Final = (
    "A line for each case, a column for each adapter in each number format. The number is the largest "
    "error of any quantity, in percent of the most that rounding alone may cause there: up to 100 agrees. "
    "The denser the tint, the larger the number, by its logarithm. ✗ differs or failed; ≠ differs, as the "
    "case says it must; ? is undecided; – has no equivalent, or did not run."
)

# Any other outcome fails.
STATES: Final = {
    Outcome.AGREES: "agrees", Outcome.EXPECTED: "expected", Outcome.UNDECIDED: "undecided",
    Outcome.NO_EQUIVALENT: "nothing", Outcome.NOT_RUN: "nothing",
}  # fmt: skip

# What is said of a cell, and of several.
OTHERS: Final = {
    "expected": ("differs as its case says", "differ as their cases say"),
    "nothing": ("has no equivalent or did not run", "have no equivalent or did not run"),
    "undecided": ("is undecided", "are undecided"),
    "fails": ("fails", "fail"),
}
SIGNS: Final = {"fails": "✗", "expected": "≠", "undecided": "?", "nothing": "–"}

# The width of the cases' names, and the height of a cell, in points.
LABEL, LINE = 128.0, 11.0
FAINTEST, SHADES = -0.6, 6  # the logarithm at which the tint is faintest, and the number of its steps


def numbers(report: Report) -> pd.DataFrame:
    """Return a line for each case, number format and adapter.

    `state` is "agrees" or of `OTHERS`. `used` is the largest over all compared quantities where it agrees,
    and NaN elsewhere.
    """
    lines = []
    for group, cell in report.cells.items():
        used = cell.used if cell.outcome is Outcome.AGREES else math.nan
        lines.append((*group, STATES.get(cell.outcome, "fails"), used))
    return pd.DataFrame(lines, columns=["case", "dtype", "adapter", "state", "used"])


def tabulate(table: pd.DataFrame) -> pd.DataFrame:
    """Return a line for each case and number format: the part of the bound that is used, or the state."""
    cells = (OTHERS[line.state][0] if line.state in OTHERS else short(line.used) for line in each_line(table))
    return side_by_side(table, ("case", "dtype"), "adapter", cells)


def describe(table: pd.DataFrame) -> str:
    agreeing = table[table["state"] == "agrees"]
    text = f"{len(agreeing):,} of {len(table):,} cells agree"
    if len(agreeing):
        worst = max(each_line(agreeing), key=lambda line: line.used)
        where = f"{worst.adapter} on {worst.case} in {worst.dtype}"
        text += f"; the largest of them uses {100 * worst.used:.4g} % of what rounding may cause ({where})"
    counts = Counter(table["state"])
    there = {state: words for state, words in OTHERS.items() if counts[state]}
    rest = [f"{counts[state]:,} {words[counts[state] > 1]}" for state, words in there.items()]
    failing = each_line(table[table["state"] == "fails"].head(1))
    rest += [f"the first is {line.adapter} on {line.case} in {line.dtype}" for line in failing]
    return f"{text}. {'; '.join(rest)}.".replace(". .", ".")


def draw(table: pd.DataFrame) -> Figure:
    """Draw the formats of 64 and 32 bits, and below them those of 16: few cases run in those."""
    is_short = table["dtype"].isin(SIXTEEN_BITS)
    blocks = [part for part in (table[~is_short], table[is_short]) if len(part)]
    canvas, top = Canvas(sum(map(_height, blocks)) + 2 * LINE), 0.0
    for block in blocks:
        _draw_block(canvas, block, top)
        top += _height(block)
    _draw_key(canvas, top + LINE / 2)
    return canvas.figure


def folders(block: pd.DataFrame) -> dict[str, list[str]]:
    return group_by(dict.fromkeys(block["case"]), lambda case: str(case).rpartition("/")[0])


def _height(block: pd.DataFrame) -> float:
    return sum((len(cases) + 2) * LINE for cases in folders(block).values()) + 3 * LINE


def _draw_block(canvas: Canvas, block: pd.DataFrame, top: float) -> None:
    dtypes = list(in_order(block["dtype"], DTYPES))  # the most exact first
    pairs = dict.fromkeys(zip(block["dtype"], block["adapter"], strict=True))
    columns = sorted(pairs, key=lambda pair: dtypes.index(pair[0]))
    width = (WIDTH - LABEL) / len(columns)
    cells = {(line.case, line.dtype, line.adapter): line for line in each_line(block)}
    for dtype in dtypes:
        own = [index for index, column in enumerate(columns) if column[0] == dtype]
        middle = LABEL + width * (own[0] + own[-1] + 1) / 2
        canvas.write(middle, top + LINE, dtype, ha="center", va="center", weight="bold")
    y = top + LINE
    for folder, cases in folders(block).items():
        y += 2 * LINE
        _draw_head(canvas, y, folder, [adapter for _, adapter in columns])
        for case in cases:
            name = case.rpartition("/")[2]
            canvas.write(6, y + LINE / 2, fitted(name, LABEL - 6, 7.5), va="center", size=7.5)
            for index, column in enumerate(columns):
                if line := cells.get((case, *column)):
                    _draw_cell(canvas, LABEL + width * index, y, width, line.state, line.used)
            y += LINE


def _draw_head(canvas: Canvas, y: float, folder: str, adapters: Sequence[str]) -> None:
    """Name the folder and the adapters above the cells; many adapters stand on two lines by turns."""
    width = (WIDTH - LABEL) / len(adapters)
    lines = 1 if all(fitted(name, width, 6.5) == name for name in adapters) else 2
    canvas.write(0, y - LINE / 2 + 2, fitted(folder, LABEL, 8), va="center", weight="bold")
    for index, adapter in enumerate(adapters):
        above = y - LINE / 2 + 2 - (index % lines) * 0.75 * LINE
        is_last = lines > 1 and index == len(adapters) - 1  # centred, it would reach beyond the edge
        name = fitted(adapter, 1.5 * width if is_last else lines * width, 6.5)
        x, side = (WIDTH, "right") if is_last else (LABEL + width * (index + 0.5), "center")
        canvas.write(x, above, name, ha=side, va="center", size=6.5)


def _draw_cell(canvas: Canvas, x: float, y: float, width: float, state: str, used: float) -> None:
    """Draw one cell, `LINE` points high: its tint and number, or the sign of its state."""
    if state == "agrees":
        style = {"facecolor": TINT, "alpha": shade(used), "linewidth": 0}
    elif state == "fails":
        style = {"facecolor": "none", "edgecolor": NEWS, "hatch": "////", "linewidth": 1.2}
    else:
        style = {"facecolor": "none", "edgecolor": INK, "linestyle": (0, (2, 1)), "linewidth": 0.7}
    if state != "nothing":
        canvas.box(x + 0.5, y + 0.5, width - 1, LINE - 1, **style)
    text = percent(used) if state == "agrees" else SIGNS[state]
    weight = "bold" if state in {"fails", "expected"} else "normal"
    canvas.write(x + width / 2, y + LINE / 2, text, ha="center", va="center", size=7, weight=weight)


def shade(used: float) -> float:
    """Return how dense the tint is, in steps: by the logarithm, from a quarter up to 1."""
    part = (math.log10(used) - FAINTEST) / -FAINTEST if used > 0 else 0.0
    return round(0.06 + 0.54 * math.ceil(SHADES * min(max(part, 0), 1)) / SHADES, 3)


def percent(used: float) -> str:
    """Write a part of 1 as a whole percentage; only 0 is "0". NaN and infinity are words."""
    if not math.isfinite(100 * used):
        return short(used)
    return "<1" if 0 < used < 0.01 else f"{round(100 * used)}"  # noqa: PLR2004 - a percent


def _draw_key(canvas: Canvas, y: float) -> None:
    for index, used in enumerate((0.0, 0.25, 0.35, 0.5, 0.7, 1.0)):
        _draw_cell(canvas, 26 * index, y, 26, "agrees", used)
    canvas.write(160, y + LINE / 2, "% of the bound", va="center", size=7)
    x = 236.0
    for state, text in (("fails", "fails"), ("expected", "expected difference"), ("undecided", "undecided")):
        _draw_cell(canvas, x, y, 18, state, math.nan)
        canvas.write(x + 21, y + LINE / 2, text, va="center", size=7)
        x += 28 + 4.4 * len(text)


HEAT_MAP: Final = Plot(
    "heat-map", "How much of the allowed rounding error is used", ABOUT, numbers, draw, describe, tabulate
)
