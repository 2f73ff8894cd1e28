"""A line of the tape, and which lines are needed for what follows from them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cases.names import LEARNING_RATE, RATE, Quantity

# How equations write the numbers of the rules.
SYMBOLS: Final = {
    LEARNING_RATE: "η",
    RATE: "η",
    "beta1": "β₁",
    "beta2": "β₂",
    "alpha": "α",
    "momentum": "μ",
    "dampening": "τ",
    "weight_decay": "λ",
}


@dataclass(frozen=True)
class Formula:
    """What an operation computes, and its equation with {0}, {1}, … for its inputs."""

    function: Callable[..., Any]
    equation: str


@dataclass(frozen=True)
class Line:
    """One line of the tape: `name` = `formula`(`inputs`), written out in `equation`."""

    name: str
    formula: Callable[..., Any]
    inputs: tuple[str, ...]
    equation: str


def line_of(quantity: Quantity, formulas: Mapping[str, Formula]) -> Line:
    """Attach the formula of its operation to a line of the skeleton."""
    formula = formulas[quantity.operation]
    written = (SYMBOLS.get(name, name) for name in quantity.inputs)
    return Line(quantity.name, formula.function, quantity.inputs, formula.equation.format(*written))


def leading_to(wanted: Iterable[str], lines: Sequence[Line]) -> tuple[Line, ...]:
    """Return the lines of these quantities and of all that they follow from, in the order of the tape."""
    needed = set(wanted)
    found: list[Line] = []
    for line in reversed(lines):
        if line.name in needed:
            needed.update(line.inputs)
            found.append(line)
    return tuple(reversed(found))
