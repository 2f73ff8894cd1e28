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
from cases.case import PublishedStep
from cases.catalog import SYMBOLS
from reference import Line, evaluate, tape
from reference.training import initial_values

_INPUT: Final = re.compile(r"\{(\d)\}")
_FACTORS: Final = re.compile(r"(?<=[})]) (?=[{(])")
# What is no input of the line, so that no number is known for it.
_OPEN: Final = re.compile(r"['βδλᵗ\u0302]|\b[tnp]\b|without")
_POWER: Final = re.compile(r"\^\(((?:[^()]|\([^()]*\))*)\)")
_SUBSCRIPTS: Final = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_KINDS: Final = {"clipped": "clipped", "decayed": "with decay", "new": "new"}


@dataclass(frozen=True)
class Notation:
    """How a network of `depth` layers is written; `scalar` says that every quantity is a single number."""

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
        text = {"loss": "L"}.get(name, name).translate(_SUBSCRIPTS)
        return text.replace("W", "w") if self.scalar else text

    def formula(self, line: Line) -> str:
        """Return what a line is computed by: "w₁ · x + b₁", "σ(z₁) = 1 / (1 + e^(−z₁))"."""
        inputs = [SYMBOLS.get(name) or self.name(name) for name in line.inputs]
        text = " = ".join(template.format(*inputs) for template in self._templates(line))
        return text.replace("dL/d", "∂L/∂")

    def put_in(self, line: Line, numbers: Mapping[str, str]) -> str:
        """Return the same with numbers for names: "0.4 · 0.5 + 0.1"; "" if not all of them are known."""
        template = self._templates(line)[-1].replace("N", "1")  # of single numbers there is one example
        used = {line.inputs[int(i)] for i in _INPUT.findall(template)}
        if not self.scalar or not used or not used <= numbers.keys() or _OPEN.search(template):
            return ""
        return _INPUT.sub(lambda found: _in_brackets(numbers[line.inputs[int(found[1])]], found), template)

    def _templates(self, line: Line) -> list[str]:
        """Return a line's template, and what an activation in it is short for; of a derivative that alone."""
        activation = re.fullmatch(r"\w+('?)\(\{0\}\)", line.template)
        if activation is None:
            return [_of_numbers(line.template) if self.scalar else line.template]
        called, meaning = re.sub("^sigmoid", "σ", line.template), getattr(line.formula, "equation", "")
        templates = [meaning] if activation[1] else [called, meaning]
        return [one for one in dict.fromkeys(templates) if one] or [called]


def _of_numbers(template: str) -> str:
    """Write an equation of matrices for single numbers: x W1ᵀ is W1 · x, and a sum of one is itself."""
    if template == "Σ {0}":  # ∂z/∂b = 1, as the document has it
        return "{0} · 1"
    template = re.sub(r"(\{\d\}) (\{\d\})ᵀ", r"\2 · \1", template)
    template = re.sub(r"\((\{\d\})\)ᵀ", r"\1", template).replace("Σ ", "").replace("⊙", "·")
    return _FACTORS.sub(" · ", template)


def _in_brackets(number: str, found: re.Match[str]) -> str:
    """Put brackets around a negative number, unless it stands first or has them already."""
    before, after = found.string[: found.start()], found.string[found.end() :]
    is_alone = before in ("", "(") and not after.startswith("²")
    return f"({number})" if number.startswith("−") and not is_alone else number


def numbers_of(problem: Problem, entry: PublishedStep) -> tuple[dict[str, str], dict[str, str]]:
    """Follow a network of single numbers as its text does, from the printed numbers where there are any.

    Returns
    -------
    The numbers that lines are computed from, and what follows from them for each line, both as text.
    """
    known = initial_values(problem)
    given = {name: _short(value) for name, value in known.items() if name != names.STEP}
    follows: dict[str, str] = {}

    def settle(line: Line, value: Any) -> Any:  # noqa: ANN401 - an array, or a number of a schedule
        follows[line.name] = given[line.name] = _short(value, digits=6)
        if line.name not in entry.values:
            return value
        printed = entry.values[line.name]
        given[line.name] = str(printed.text.flat[0]).replace("-", "−")
        return printed.value

    evaluate(tape(problem), known, settle)
    return given, follows


def _short(value: NDArray[Any] | float, digits: int = 10) -> str:
    return f"{np.asarray(value).item():.{digits}g}".replace("-", "−")


def with_powers(text: str) -> Markup:
    """Return text as HTML, with e^(−z) as e and a raised −z."""
    return Markup(_POWER.sub(r"<sup>\1</sup>", str(escape(text))))  # noqa: S704 - escaped before the tags are put in
