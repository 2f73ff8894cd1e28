"""The worked examples, step by step through the texts that printed them, with the numbers of each program.

Everything is taken from a report; only the NumPy reference is evaluated again, for what was not printed.
Lines stand in the document's notation: ∂L/∂z₂ for dL/dz2, ŷ for the last activation, numbers put in. A
network of single units and one example is written with w and products of numbers, any other with matrices.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from cases import Case, Problem, names
from cases.case import PublishedStep
from cases.case_schema import Part
from cases.catalog import SYMBOLS
from reference import Line, Verdict, evaluate, tape, training_steps
from reference.training import initial_values
from reports.outcome import verdict
from reports.runs.rows import PUBLISHED, Printed, Row

DISPLAY_NAMES: Final = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX"}
NOT_PRINTED: Final = "–"
# Decimal digits that every float64 holds; a quotient beyond `MAX_RATIO` asks for all of them.
FLOAT64_DIGITS: Final = 15
MAX_RATIO: Final = 1e13
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
        return _INPUT.sub(lambda match: _in_brackets(numbers[line.inputs[int(match[1])]], match), template)

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
    is_alone = before in ("", "(") and not after.startswith("²")
    return f"({number})" if number.startswith("−") and not is_alone else number


def with_powers(text: str) -> Markup:
    """Return text as HTML, with e^(−z) as e and a raised −z."""
    return Markup(_POWER.sub(r"<sup>\1</sup>", str(escape(text))))  # noqa: S704 - escaped before the tags are put in


@dataclass(frozen=True)
class Value:
    """A number that a program computed in one format, with all its digits: the one nearest its limit."""

    dtype: str
    number: str
    verdict: str


@dataclass(frozen=True)
class AdapterValue:
    """What one adapter computed, in each format; nothing where it does not show the quantity."""

    adapter: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class WalkLine:
    """One line of a worked example.

    `put_in` is the formula with the numbers of the text, and `gives` what those give, to six digits. Of
    several numbers `element` names the printed one, "[0, 1]". `exact` follows from the inputs alone. The
    printed number is `wrong` if it is not what follows from those above it.
    """

    quantity: str
    symbol: str
    formula: str
    put_in: str
    gives: str
    element: str
    printed: str
    exact: str
    computed: tuple[AdapterValue, ...]
    verdict: str
    wrong: bool

    @property
    def equation(self) -> Markup:
        """The whole equation as HTML: z₁ = w₁ · x + b₁ = 0.4 · 0.5 + 0.1 ≈ 0.3."""
        numbers = f" = {self.put_in} ≈ {self.gives}" if self.put_in else ""
        return with_powers(f"{self.symbol} = {self.formula}{numbers}")


@dataclass(frozen=True)
class Stage:
    """A part of the text: its headings, its lines, and what a reader should know there."""

    section: str
    title: str
    note: str
    lines: tuple[WalkLine, ...]


@dataclass(frozen=True)
class Walk:
    """A worked example: its steps by number, each in its parts; numbers are put in where each is `single`."""

    about: str
    source: str
    single: bool
    steps: tuple[tuple[int, tuple[Stage, ...]], ...]


def walk(case: Case, rows: Sequence[Row], printed: Sequence[Printed]) -> Walk:
    """Return the walk through a case that has printed numbers; of the rows and numbers its own are taken."""
    own = [row for row in rows if row.subject.case == case.name and row.subject.adapter != PUBLISHED]
    of_case = [number for number in printed if number.row.subject.case == case.name]
    problem, published, steps = case.problem("float64"), case.published, []
    for entry in published.steps if published else ():
        renderer = LineRenderer(problem, entry, own, of_case)
        stages = [
            Stage(part.section, part.title, part.note, tuple(map(renderer.line, part.quantities)))
            for part in entry.walk or _usual_parts([*renderer.lines], entry)
        ]
        steps.append((entry.step, tuple(stages)))
    return Walk(case.about, published.source if published else "", _is_single(problem), tuple(steps))


def _is_single(problem: Problem) -> bool:
    return all(array.size == 1 for array in problem.inputs.values())


def _usual_parts(order: Sequence[str], entry: PublishedStep) -> Iterator[Part]:
    """Give the three parts of any training step: of later steps than the first only what was printed."""
    ends = order.index("loss") + 1, order.index(names.gradient(names.b(1))) + 1
    thirds = order[: ends[0]], order[ends[0] : ends[1]], order[ends[1] :]
    for title, third in zip(("Forward pass", "Backward pass", "Update"), thirds, strict=True):
        if quantities := tuple(name for name in third if entry.step == 1 or name in entry.values):
            yield Part(title=title, quantities=quantities)


class LineRenderer:
    """Renders the lines of one training step of one case."""

    def __init__(
        self, problem: Problem, entry: PublishedStep, rows: Iterable[Row], printed: Iterable[Printed]
    ) -> None:
        of_step = [one for one in printed if one.row.finding.step == entry.step]
        self.printed = {one.row.finding.quantity: one for one in of_step}
        self.rows = [row for row in rows if row.finding.step == entry.step]
        self.lines = {line.name: line for line in tape(problem)}
        self.notation = Notation(problem.depth, _is_single(problem))
        is_first = entry.step == 1
        self.exact = next(training_steps(problem)) if is_first else {}
        with_numbers = is_first and self.notation.scalar
        self.given, self.follows = numbers_of(problem, entry) if with_numbers else ({}, {})

    def line(self, name: str) -> WalkLine:
        line, printed = self.lines[name], self.printed.get(name)
        put_in = self.notation.put_in(line, self.given)
        return WalkLine(
            quantity=name, symbol=self.notation.name(name), formula=self.notation.formula(line),
            put_in=put_in, gives=self.follows[name] if put_in else "",
            element=self._index(printed.row) if printed else "",
            printed=printed.text if printed else NOT_PRINTED,
            exact=f"{printed.exact:.10g}" if printed else self._exact(name),
            computed=tuple(self._computed(name)),
            verdict=_on_printed(printed) if printed else "not printed",
            wrong=printed is not None and printed.row.finding.verdict is not Verdict.AGREES,
        )  # fmt: skip

    def _index(self, row: Row) -> str:
        return "" if self.notation.scalar else row.finding.element.removeprefix(row.finding.quantity)

    def _exact(self, name: str) -> str:
        array = self.exact.get(name)
        return f"{array.item():.10g}" if array is not None and array.size == 1 else NOT_PRINTED

    def _computed(self, name: str) -> Iterator[AdapterValue]:
        """Give what each adapter computed in each format: of several programs the first that shows it."""
        by_adapter: dict[str, dict[str, Value]] = {row.subject.adapter: {} for row in self.rows}
        for row in self.rows:
            if row.finding.quantity == name and row.compared:
                number, _ = row.finding.digits_told(row.subject.dtype)
                index = self._index(row)
                value = Value(row.subject.dtype, f"{index}: {number}" if index else number, verdict(row))
                by_adapter[row.subject.adapter].setdefault(row.subject.dtype, value)
        for adapter, values in by_adapter.items():
            yield AdapterValue(DISPLAY_NAMES.get(adapter, adapter), tuple(values.values()))


def numbers_of(problem: Problem, entry: PublishedStep) -> tuple[dict[str, str], dict[str, str]]:
    """Follow a network of single numbers as its text does, from the printed numbers where there are any.

    Return the numbers that lines are computed from, and what follows from them for each line, both as text.
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


def _on_printed(printed: Printed) -> str:
    finding, expected = printed.row.finding, printed.row.expected
    outcome = "wrong, as the case says" if expected else str(finding.verdict)
    source = "the numbers above give" if finding.truth == "float64" else "exact is"
    derived = f"{source} {_to_its_error(finding.derived, finding.tolerance)}"
    text = f"{outcome}: {'; '.join(filter(None, (derived, finding.reason, finding.note)))}"
    several = f" (of {printed.numbers} printed, the one nearest its limit)" if printed.numbers > 1 else ""
    return f"{text}{several}. {printed.row.explanation}".strip()


def _to_its_error(value: float, error: float) -> str:
    """Write a value to a hundredth of its error, or to what float64 holds."""
    ratio = abs(value) / error if error else math.inf
    digits = math.ceil(math.log10(max(ratio, 1.0))) + 2 if ratio < MAX_RATIO else FLOAT64_DIGITS
    return f"{value:.{digits}g} ± {error:.2g}"
