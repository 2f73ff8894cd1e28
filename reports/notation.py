"""How a line of a training step is written: in the document's notation, with or without its numbers.

∂L/∂z₂ stands for dL/dz2, ŷ for the last activation. A network of single units and one example is written with
w and products of numbers, any other with matrices.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from cases import names
from cases.catalog import SYMBOLS
from cases.errors import printable
from reference import Line

Texts = NDArray[np.object_]  # numbers as they are shown, in their quantity's shape

SPACE: Final = "\u2007"  # as wide as a digit
MAX_NUMBERS: Final = 24  # an array of more is not written out
_INPUT: Final = re.compile(r"\{(\d)\}")
_PUT_IN: Final = re.compile(r"\{(\d)\}(ᵀ?)")  # a line ends before a matrix and its ᵀ, not between them
_FACTORS: Final = re.compile(r"(?<=[})]) (?=[{(])")
# What is no input of the line, so that no number is known for it.
_OPEN: Final = re.compile(r"['βδλᵗ\u0302]|\b[tnp]\b|without")
_POWER: Final = re.compile(r"\^\(((?:[^()]|\([^()]*\))*)\)")
_SUBSCRIPTS: Final = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_KINDS: Final = {"clipped": "clipped", "decayed": "with decay", "new": "new"}
_NEGATIVE: Final = re.compile(r"(?<![\w)])-(?=[\d.])")
_CHINESE: Final = re.compile("[\u2e80-\u9fff\uff00-\uffef]+")


@dataclass(frozen=True)
class Notation:
    """How a network of `depth` layers is written; `scalar` says that every quantity is a single number."""

    depth: int
    scalar: bool
    examples: int = 1

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

    def put_in(self, line: Line, numbers: Mapping[str, Texts]) -> Markup:
        """Return the same with numbers for names: "0.4 · 0.5 + 0.1"; "" if not all of them can be shown."""
        templates = self._templates(line)
        template = templates[-1] if self.scalar else min(templates, key=len)
        template = template.replace("N", str(self.examples))
        used = {line.inputs[int(i)] for i in _INPUT.findall(template)}
        if not used or not used <= numbers.keys() or _OPEN.search(template):
            return Markup("")
        if any(numbers[name].size > MAX_NUMBERS for name in used):
            return Markup("")

        def number(match: re.Match[str]) -> str:
            texts = numbers[line.inputs[int(match[1])]]
            if texts.size == 1:
                return _in_brackets(str(texts.item()), match)
            return f'<span class="whole">{matrix(texts)}ᵀ</span>' if match[2] else str(matrix(texts))

        return _raised(_PUT_IN.sub(number, str(escape(template))))

    def _templates(self, line: Line) -> list[str]:
        """Return a line's template, and what an activation in it is short for; of a derivative that alone."""
        activation = re.fullmatch(r"\w+('?)\(\{0\}\)", line.template)
        if activation is None:
            return [_of_numbers(line.template) if self.scalar else line.template]
        called, meaning = re.sub("^sigmoid", "σ", line.template), getattr(line.formula, "equation", "")
        templates = [meaning] if activation[1] else [called, meaning]
        return [template for template in dict.fromkeys(templates) if template] or [called]


def _of_numbers(template: str) -> str:
    """Write an equation of matrices for single numbers: x W1ᵀ is W1 · x, and a sum of one is itself."""
    if template == "Σ {0}":  # ∂z/∂b = 1, as the document has it
        return "{0} · 1"
    template = re.sub(r"(\{\d\}) (\{\d\})ᵀ", r"\2 · \1", template)
    template = re.sub(r"\((\{\d\})\)ᵀ", r"\1", template).replace("Σ ", "").replace("⊙", "·")
    return _FACTORS.sub(" · ", template)


def _in_brackets(number: str, match: re.Match[str]) -> str:
    """Put brackets around a negative number, unless it stands first or has them already."""
    before, after = match.string[: match.start()], match.string[match.end() :]
    is_alone = (not before or before.endswith("(")) and not after.startswith("²")
    return f"({number})" if number.startswith("−") and not is_alone else number


def with_powers(text: str) -> Markup:
    """Return text as HTML, with e^(−z) as e and a raised −z."""
    return _raised(str(escape(text)))


def _raised(html: str) -> Markup:
    return Markup(_POWER.sub(r"<sup>\1</sup>", html))  # noqa: S704 - escaped before the tags are put in


def in_language(text: str, language: str) -> Markup:
    """Return text as HTML in which what is written in Chinese signs is marked as of that language."""
    marked = Markup('<span lang="{}">{}</span>')
    text = printable(text)
    parts = [(_CHINESE.findall(text), _CHINESE.split(text))] if language else [([], [text])]
    ((signs, others),) = parts
    spans = [*(marked.format(language, sign) for sign in signs), ""]
    return Markup("").join(piece for pair in zip(others, spans, strict=True) for piece in pair)


def with_minus(number: str) -> str:
    """Write a number with a true minus sign, and 0 without any."""
    return "0" if number == "-0" else number.replace("-", "−")


def minus_in(text: str) -> str:
    """Write the numbers in a sentence with true minus signs; a hyphen within a word stays."""
    return _NEGATIVE.sub("−", text)


def digits(value: float, count: int = 10) -> str:
    return with_minus(f"{value:.{count}g}")


def each(write: Callable[..., Any], *arrays: NDArray[Any]) -> NDArray[np.object_]:
    """Apply a function element by element; the result is an array even of a single element."""
    shape, columns = arrays[0].shape, (array.ravel().tolist() for array in arrays)
    made = np.empty(arrays[0].size, object)
    made[:] = [write(*row) for row in zip(*columns, strict=True)]
    return made.reshape(shape)


def fraction_of(text: str) -> Fraction:
    """Return the exact value of a finite number as it is shown."""
    return Fraction(text.replace("−", "-"))


def matrix(texts: Texts, wrong: NDArray[np.bool_] | None = None) -> Markup:
    """Return numbers as HTML: a single one as it is, others row by row within square brackets.

    A number that is `wrong` is marked.
    """
    marks = np.zeros(texts.shape, np.bool_) if wrong is None else wrong
    if texts.size == 1:
        return escape(texts.item())
    columns = texts.reshape(-1, texts.shape[-1])
    padded = np.stack([_below_each_other(column) for column in columns.T], axis=1)
    cells = each(_cell, padded, marks.reshape(columns.shape))
    body = Markup("\n").join(Markup("  ").join(row) for row in cells.tolist())
    return Markup('<span class="numbers">{}</span>').format(body)


def _below_each_other(column: Texts) -> Texts:
    """Fill the numbers of a column up with spaces, so that their points stand below each other."""
    before = [len(text.partition(".")[0]) for text in column]
    after = [len(text) - places for text, places in zip(column, before, strict=True)]
    sides = zip(before, after, strict=True)
    room = [(max(before) - left, max(after) - right) for left, right in sides]
    filled = [SPACE * left + text + SPACE * right for text, (left, right) in zip(column, room, strict=True)]
    return np.array(filled, object)


def _cell(text: str, is_wrong: bool) -> Markup:
    return Markup("<mark>{}</mark>").format(text) if is_wrong else escape(text)
