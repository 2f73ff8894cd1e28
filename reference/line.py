"""A line of the tape, and which lines are needed for what follows from them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

# How an input is written in an equation, where that is not its name.
SYMBOLS: Final = {
    "learning_rate": "η",
    "rate": "η",
    "step": "t",
    "momentum": "μ",
    "dampening": "τ",
    "weight_decay": "λ",
    "eps": "ε",
    "alpha": "α",
    "beta1": "β₁",
    "beta2": "β₂",
    "max_norm": "c",
    "clip_eps": "ε",
    "every": "k",
    "factor": "γ",
    "over": "T",
    "final": "f",
}


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


def leading_to(wanted: Iterable[str], lines: Sequence[Line]) -> tuple[Line, ...]:
    """Return the lines of these quantities and of all that they follow from, in the order of the tape."""
    needed = set(wanted)
    found: list[Line] = []
    for line in reversed(lines):
        if line.name in needed:
            needed.update(line.inputs)
            found.append(line)
    return tuple(reversed(found))
