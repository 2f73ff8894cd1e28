"""The tape's lines in the document's notation: ∂L/∂z₂ for dL/dz2, ŷ for the last activation, numbers put in.

A network of single units and one example is written with w and products of numbers, any other with matrices.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from cases import Problem, names
from cases.published_values import PublishedStep
from reference import Line, tape

# What stands for a quantity in an equation of the tape.
NAME: Final = re.compile(
    r"dL/d[azWb]\d+(?:_clipped|_decayed)?|da\d+/dz\d+|(?:(?:[muv]|direction)_)?[Wb]\d+(?:_new)?"
    r"|[za]\d+|\b(?:loss|norm|clip|rate|x|y|N)\b|[ηβμλε][₁₂]?"
)

SYMBOLS: Final = {
    "η": names.LEARNING_RATE,
    "μ": "momentum",
    "λ": "weight_decay",
    "ε": "eps",
    "β₁": "beta1",
    "β₂": "beta2",
}

_FACTORS: Final = re.compile(rf"({NAME.pattern}|\)) (?={NAME.pattern}|\()")
_OPEN: Final = re.compile(r"['αγδκτᵗ\u0302]|\b[tnpkc]\b")
_POWER: Final = re.compile(r"\^\(((?:[^()]|\([^()]*\))*)\)")
_SUBSCRIPTS: Final = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_KINDS: Final = {"clipped": "clipped", "decayed": "with decay", "new": "new"}


@dataclass(frozen=True)
class Notation:
    """How a network is written.

    Attributes
    ----------
    depth
        The number of layers.
    scalar
        Whether every quantity is a single number.
    """

    depth: int
    scalar: bool

    def name(self, name: str) -> str:
        """Return a quantity's name: "∂L/∂w₁" for dL/dW1, "w₁ (new)" for W1_new."""
        stem, _, kind = name.rpartition("_")
        if kind in _KINDS and stem:
            return f"{self.name(stem)} ({_KINDS[kind]})"
        if name.startswith("dL/d"):
            return f"∂L/∂{self.name(name[4:])}"
        if "/" in name:
            return f"σ'({self.name(name.partition('/d')[2])})"
        if name == names.a(self.depth):
            return "ŷ"
        told = {"loss": "L"}.get(name, name).translate(_SUBSCRIPTS)
        return told.replace("W", "w") if self.scalar else told

    def formula(self, line: Line) -> str:
        """Return what a line is computed by: "w₁ · x + b₁", "σ(z₁) = 1 / (1 + e^(−z₁))"."""
        forms = (NAME.sub(lambda found: self.name(found[0]), form) for form in self._forms(line))
        return " = ".join(forms).replace("dL/d", "∂L/∂")

    def put_in(self, line: Line, numbers: Mapping[str, str]) -> str:
        """Return the same with numbers for names: "0.4 · 0.5 + 0.1"; "" if not all of them are known."""
        if not self.scalar:
            return ""
        form = self._forms(line)[-1]
        told = NAME.sub(lambda found: _number(found, numbers, line), form)
        return "" if told == form or _OPEN.search(told) or NAME.search(told) else told

    def _forms(self, line: Line) -> list[str]:
        """Return a line's equation with the names of the tape, and what an activation in it stands for."""
        activation = re.fullmatch(r"(\w+)('?)\([za]\d+\)", line.equation)
        if activation is None:
            return [_of_numbers(line.equation) if self.scalar else line.equation]
        whole = line.equation.replace(activation[1], "σ") if activation[1] == "sigmoid" else line.equation
        inside = str(getattr(line.formula, "equation", ""))
        for letter, name in zip("za", line.inputs, strict=False):
            inside = re.sub(rf"(?<![A-Za-z]){letter}(?![A-Za-z])", name, inside)
        inside = inside.replace("⁻ᶻ", f"^(−{line.inputs[0]})").replace("ᶻ", f"^({line.inputs[0]})")
        forms = [inside] if activation[2] else [whole, inside]
        return [form for form in dict.fromkeys(forms) if form] or [whole]


def _of_numbers(equation: str) -> str:
    """Write an equation of matrices for single numbers: x W1ᵀ is W1 · x, and a sum of one is itself."""
    if equation.startswith("Σ dL/dz"):  # ∂z/∂b = 1, as the document has it
        return f"{equation.removeprefix('Σ ')} · 1"
    told = re.sub(r"(\S+) (\S+)ᵀ", r"\2 · \1", equation)
    told = re.sub(r"\((\S+)\)ᵀ", r"\1", told).replace("Σ ", "").replace("⊙", "·")
    return _FACTORS.sub(r"\1 · ", told)


def _number(found: re.Match[str], numbers: Mapping[str, str], line: Line) -> str:
    """Return a number for a name; a negative one in brackets, unless it stands first or has them already."""
    symbol = SYMBOLS.get(found[0], found[0])
    if symbol == names.LEARNING_RATE and names.RATE in line.inputs:
        symbol = names.RATE
    if found[0] in SYMBOLS and symbol not in line.inputs:
        return found[0]
    number = numbers.get(symbol, found[0])
    before, after = found.string[: found.start()], found.string[found.end() :]
    is_alone = before in ("", "(") and not after.startswith("²")
    return f"({number})" if number.startswith("−") and not is_alone else number


def numbers_of(problem: Problem, entry: PublishedStep) -> tuple[dict[str, str], dict[str, str]]:
    """Follow a network of single numbers as its text does, from the printed numbers where there are any.

    Returns
    -------
    The numbers that lines are computed from, and what follows from them for each line, both as text.
    """
    known: dict[str, Any] = {**problem.inputs, **problem.state, **problem.constants}
    known[names.STEP] = np.asarray(1.0)
    given = {name: _short(value) for name, value in known.items()} | {"N": "1"}
    follows: dict[str, str] = {}
    for line in tape(problem):
        known[line.name] = line.formula(*(known[name] for name in line.inputs))
        follows[line.name] = given[line.name] = _short(known[line.name], digits=6)
        if line.name in entry.values:
            array = entry.values[line.name]
            known[line.name] = array.value
            given[line.name] = str(array.text.flat[0]).replace("-", "−")
    return given, follows


def _short(value: NDArray[Any] | float, digits: int = 10) -> str:
    return f"{np.asarray(value).item():.{digits}g}".replace("-", "−")


def with_powers(text: str) -> Markup:
    """Return text as HTML, with e^(−z) as e and a raised −z."""
    return Markup(_POWER.sub(r"<sup>\1</sup>", str(escape(text))))  # noqa: S704 - escaped before the tags are put in
