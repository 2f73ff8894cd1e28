"""A line of the tape, and which lines are needed for what follows from them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Line:
    """One line of the tape: `name` = `formula`(`inputs`), written out in `equation`."""

    name: str
    formula: Callable[..., Any]
    inputs: tuple[str, ...]
    equation: str


def leading_to(wanted: Iterable[str], lines: Sequence[Line]) -> tuple[Line, ...]:
    """Return the lines of these quantities and of all that they follow from, in the order of the tape."""
    needed = set(wanted)
    found: list[Line] = []
    for line in reversed(lines):
        if line.name in needed:
            needed.update(line.inputs)
            found.append(line)
    return tuple(reversed(found))
