"""A line of the tape, and the one walk over its lines, in whatever arithmetic the inputs are of."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from cases.catalog import SYMBOLS
from cases.names import Quantity


@dataclass(frozen=True)
class Formula:
    """What an operation computes, and its equation with `{0}`, `{1}`, … for the inputs: "{0} {1}ᵀ + {2}"."""

    function: Callable[..., Any]
    template: str


@dataclass(frozen=True)
class Line:
    """One line of the tape: `name` = `formula`(`inputs`).

    `template` is the equation with `{0}`, `{1}`, … for the inputs: "{0} {1}ᵀ + {2}".
    """

    name: str
    formula: Callable[..., Any]
    inputs: tuple[str, ...]
    template: str

    @property
    def equation(self) -> str:
        """The equation with the names of the inputs: "x W1ᵀ + b1"."""
        return self.template.format(*(SYMBOLS.get(name, name) for name in self.inputs))


def line_of(quantity: Quantity, formulas: Mapping[str, Formula]) -> Line:
    """Attach the formula of its operation to a line of the skeleton."""
    formula = formulas[quantity.operation]
    return Line(quantity.name, formula.function, quantity.inputs, formula.template)


# Takes a line and its value as computed, and returns what later lines take for it.
Settle: TypeAlias = Callable[[Line, Any], Any]


def evaluate(lines: Iterable[Line], known: Mapping[str, Any], settle: Settle | None = None) -> dict[str, Any]:
    """Compute lines in order, each from `known` inputs and the lines above it.

    Parameters
    ----------
    known
        The inputs by name: all NumPy arrays, all `Bounded` numbers or all balls.
    settle
        Says what later lines take for a line: what is claimed, certified or printed. By default it is what
        was computed.

    Returns
    -------
    What was settled for each line, by name, in order.
    """
    values, settled = dict(known), {}
    with np.errstate(all="ignore"):  # an overflow is a value; a bound that becomes infinite or NaN is judged
        for line in lines:
            value = line.formula(*[values[name] for name in line.inputs])
            if settle is not None:
                value = settle(line, value)
            values[line.name] = settled[line.name] = value
    return settled


def leading_to(wanted: Iterable[str], lines: Sequence[Line]) -> tuple[Line, ...]:
    """Return the lines of these quantities and of all that they follow from, in the order of the tape."""
    needed = set(wanted)
    found: list[Line] = []
    for line in reversed(lines):
        if line.name in needed:
            needed.update(line.inputs)
            found.append(line)
    return tuple(reversed(found))
