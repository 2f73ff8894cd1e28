"""The tint of a cell, which repeats what its words say: no cell needs it to be read."""

import re
from typing import Final

from reports.drawing.told import level

NEWS: Final = ("differs", "undecided", "error", "not run", "outside", "not as its case expects")
EXPECTED: Final = (" as expected", ", as its case says")
_USED: Final = re.compile(r"(?:agrees )?(\d+\.\d\d)\b")


def is_news(cell: object) -> bool:
    """Whether a table's cell says something that a reader must not overlook."""
    told = str(cell)
    return not is_expected(told) and told.startswith(NEWS)


def is_expected(told: str) -> bool:
    """Whether a cell says that something is as its case says it must be."""
    return any(words in told for words in EXPECTED)


def tint(cell: object) -> str:
    """Return the class of a cell: t0 to t3 by the part of the tolerance that is used, news, known, or ""."""
    told = str(cell)
    if is_news(told):
        return "news"
    if is_expected(told):
        return "known"
    if told.startswith("agrees exactly"):
        return "t0"
    used = _USED.match(told)
    return f"t{level(float(used[1]))}" if used else ""
