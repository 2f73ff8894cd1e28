"""The cells of the heat map, and the key that tells what they mean."""

import math
from typing import Final

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from reports.pictures.frames import short
from reports.pictures.style import INK, NEWS, TINT

# The height of a cell, in points.
LINE: Final = 11.0

SIGNS: Final = {"fails": "✗", "expected": "≠", "undecided": "?", "nothing": "–"}

# The logarithm at which the tint is faintest, and the number of its steps.
LEAST, SHADES = -0.6, 6


def draw_cell(axes: Axes, x: float, y: float, width: float, state: str, used: float) -> None:
    """Draw one cell, `LINE` points high: its tint and number, or the sign of its state."""
    box = Rectangle((x + 0.5, y + 0.5), width - 1, LINE - 1, clip_on=False, facecolor="none")
    if state == "agrees":
        box.set(facecolor=TINT, alpha=shade(used), linewidth=0)
    elif state == "fails":
        box.set(edgecolor=NEWS, hatch="////", linewidth=1.2)
    else:
        box.set(edgecolor=INK, linestyle=(0, (2, 1)), linewidth=0 if state == "nothing" else 0.7)
    axes.add_patch(box)
    word = percent(used) if state == "agrees" else SIGNS[state]
    weight = "bold" if state in {"fails", "expected"} else "normal"
    axes.text(x + width / 2, y + LINE / 2, word, ha="center", va="center", size=7, weight=weight)


def shade(used: float) -> float:
    """Return how dense the tint is, in steps: by the logarithm, from a quarter up to 1."""
    part = (math.log10(used) - LEAST) / -LEAST if used > 0 else 0.0
    return round(0.06 + 0.54 * math.ceil(SHADES * min(max(part, 0), 1)) / SHADES, 3)


def percent(used: float) -> str:
    """Write a part of 1 as a whole percentage; only 0 is "0". NaN and infinity are words."""
    if not math.isfinite(100 * used):
        return short(used)
    return "<1" if 0 < used < 0.01 else f"{round(100 * used)}"  # noqa: PLR2004 - a percent


def draw_key(axes: Axes, y: float) -> None:
    """Show what the tints and signs mean."""
    x = 0.0
    for used in (0.0, 0.25, 0.35, 0.5, 0.7, 1.0):
        draw_cell(axes, x, y, 26, "agrees", used)
        x += 26
    axes.text(x + 4, y + LINE / 2, "% of the bound", va="center", size=7)
    x = 236
    for state, word in {
        "fails": "fails",
        "expected": "expected difference",
        "undecided": "undecided",
    }.items():
        draw_cell(axes, x, y, 18, state, math.nan)
        axes.text(x + 21, y + LINE / 2, word, va="center", size=7)
        x += 28 + 4.4 * len(word)
