"""One line of a worked example: its equation, what was printed, and what everybody computed."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from cases import Problem
from cases.published import PublishedStep
from reference import Verdict, tape, training_steps
from reports.notation import Notation, numbers_of, with_powers
from reports.runs.rows import Printed, Row
from reports.verdicts import verdict

KNOWN_AS: Final = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX"}
NOT_PRINTED: Final = "–"
# So many decimal digits every float64 can tell; a quotient beyond `FLOAT64` asks for all of them.
DIGITS: Final = 15

FLOAT64: Final = 1e13


@dataclass(frozen=True)
class Value:
    """A number that a program computed in one format, with all its digits: the one nearest its limit."""

    dtype: str
    number: str
    verdict: str


@dataclass(frozen=True)
class Said:
    """What one implementation computed, in each format; nothing where it does not show the quantity."""

    by: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class WalkLine:
    """One line of a worked example.

    Attributes
    ----------
    quantity, symbol
        Its name in the tables, and in the document's notation: dL/dW2, ∂L/∂w₂.
    formula, put_in, gives
        What it is computed by, the same with the numbers that the text has above it, and what those give to
        six digits; the last two are "" for matrices.
    element
        The printed element, "[0, 1]", or "" for a single number.
    printed, exact
        The number as it was printed or `NOT_PRINTED`, and what follows from the inputs alone.
    said
        What each implementation computed.
    verdict
        On the printed number, in words.
    wrong
        Whether the printed number is not what follows from those above it.
    """

    quantity: str
    symbol: str
    formula: str
    put_in: str
    gives: str
    element: str
    printed: str
    exact: str
    said: tuple[Said, ...]
    verdict: str
    wrong: bool

    @property
    def equation(self) -> Markup:
        """The whole equation as HTML: z₁ = w₁ · x + b₁ = 0.4 · 0.5 + 0.1 ≈ 0.3."""
        numbers = f" = {self.put_in} ≈ {self.gives}" if self.put_in else ""
        return with_powers(f"{self.symbol} = {self.formula}{numbers}")


class Teller:
    """Tells the lines of one training step of one case."""

    def __init__(
        self, problem: Problem, entry: PublishedStep, rows: Sequence[Row], printed: Mapping[str, Printed]
    ) -> None:
        self.problem, self.printed, self.rows = problem, printed, rows
        self.lines = {line.name: line for line in tape(problem)}
        single = all(array.size == 1 for array in problem.inputs.values())
        self.notation = Notation(problem.depth, single)
        is_first = entry.step == 1
        self.exact = next(training_steps(problem)) if is_first else {}
        self.given, self.follows = numbers_of(problem, entry) if is_first and single else ({}, {})

    def line(self, name: str) -> WalkLine:
        """Tell one line."""
        line, printed = self.lines[name], self.printed.get(name)
        put_in = self.notation.put_in(line, self.given)
        said = tuple(self._said(name))
        return WalkLine(
            name,
            self.notation.name(name),
            self.notation.formula(line),
            put_in,
            self.follows[name] if put_in else "",
            printed.row.finding.element.removeprefix(name) if printed and not self.notation.scalar else "",
            printed.text if printed else NOT_PRINTED,
            self._exact(name),
            said,
            _told(printed) if printed else "not printed",
            printed is not None and printed.row.finding.verdict is not Verdict.AGREES,
        )

    def _exact(self, name: str) -> str:
        """Return the exact number beside the printed one or, where none was printed, a single number."""
        if name in self.printed:
            return f"{self.printed[name].exact:.10g}"
        array = self.exact.get(name)
        return f"{array.item():.10g}" if array is not None and array.size == 1 else NOT_PRINTED

    def _said(self, name: str) -> Iterator[Said]:
        """Give what each implementation says in each format: of several programs the first that shows it."""
        found: dict[str, dict[str, Value]] = {row.subject.adapter: {} for row in self.rows}
        for row in self.rows:
            if row.finding.quantity == name and row.compared:
                number, _ = row.finding.digits_told(row.subject.dtype)
                index = "" if self.notation.scalar else row.finding.element.removeprefix(name)
                told = Value(row.subject.dtype, f"{index}: {number}" if index else number, verdict(row))
                found[row.subject.adapter].setdefault(row.subject.dtype, told)
        for adapter, values in found.items():
            yield Said(KNOWN_AS.get(adapter, adapter), tuple(values.values()))


def _told(printed: Printed) -> str:
    """Say in words what was found of a printed number."""
    found, expected = printed.row.finding, printed.row.expected
    told = "wrong, as the case says" if expected else str(found.verdict)
    told += f": {'the numbers above give' if found.truth == 'float64' else 'exact is'}"
    told += f" {_to_the_point(found.derived, found.tolerance)}"
    told += "".join(f"; {more}" for more in (found.reason, found.note) if more)
    several = f" (of {printed.numbers} printed, the one nearest its limit)" if printed.numbers > 1 else ""
    return f"{told}{several}. {printed.row.explanation}".strip()


def _to_the_point(value: float, error: float) -> str:
    """Write a value to a hundredth of its error, or to what float64 can tell."""
    ratio = abs(value) / error if error else math.inf
    digits = math.ceil(math.log10(max(ratio, 1.0))) + 2 if ratio < FLOAT64 else DIGITS
    return f"{value:.{digits}g} ± {error:.2g}"
