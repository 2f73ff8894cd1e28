"""The worked examples as walks through the texts that printed them: line by line, with everybody's numbers.

Everything is taken from a report; only the NumPy reference is evaluated again, for what was not printed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from reference import Line, Verdict, names, tape, training_steps
from reports.notation import Notation, with_powers
from reports.rows import PUBLISHED, Printed, Row
from reports.verdicts import verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from markupsafe import Markup
    from numpy.typing import NDArray

    from cases import Case, Problem
    from cases.published import PublishedStep
    from reports.report import Report

KNOWN_AS: Final = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX"}
NOT_PRINTED: Final = "–"
DIGITS: Final = 15
FLOAT64: Final = 1e13


@dataclass(frozen=True)
class Value:
    """A number that a claimant computed in one format, with all its digits: the one nearest its limit."""

    dtype: str
    number: str
    verdict: str


@dataclass(frozen=True)
class Said:
    """What one claimant computed, in each format; nothing where it does not show the quantity."""

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
        What each claimant computed.
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


@dataclass(frozen=True)
class Stage:
    """A part of the text: its headings, its lines, and what a reader should know there."""

    section: str
    title: str
    note: str
    lines: tuple[WalkLine, ...]


@dataclass(frozen=True)
class Walk:
    """A worked example: its training steps in order, each with its number and its parts."""

    case: str
    about: str
    source: str
    steps: tuple[tuple[int, tuple[Stage, ...]], ...]


def walks(report: Report) -> tuple[Walk, ...]:
    """Return a walk for each case of a report that has printed numbers."""
    return tuple(
        _walk(example.case, report.results.rows, report.results.printed) for example in report.examples
    )


def _walk(case: Case, rows: Sequence[Row], printed: Sequence[Printed]) -> Walk:
    own = [row for row in rows if row.subject.case == case.name and row.subject.adapter != PUBLISHED]
    of_case = [one for one in printed if one.row.subject.case == case.name]
    published = case.published
    entries = published.steps if published else ()
    steps = tuple((entry.step, tuple(_stages(case, entry, own, of_case))) for entry in entries)
    return Walk(case.name, case.about, published.source if published else "", steps)


def _stages(
    case: Case, entry: PublishedStep, rows: Sequence[Row], printed: Sequence[Printed]
) -> Iterator[Stage]:
    found = [row for row in rows if row.finding.step == entry.step]
    known = {one.row.finding.quantity: one for one in printed if one.row.finding.step == entry.step}
    teller = _Teller(case.problem("float64"), entry, found, known)
    for section, title, quantities, note in _parts(tape(teller.problem), entry):
        yield Stage(section, title, note, tuple(map(teller.line, quantities)))


def _parts(lines: Sequence[Line], entry: PublishedStep) -> Iterator[tuple[str, str, Sequence[str], str]]:
    """Give the parts that the case tells or, if it tells none, the three of any training step."""
    if entry.walk:
        yield from ((part.section, part.title, part.quantities, part.note) for part in entry.walk)
        return
    order = [line.name for line in lines]
    ends = order.index("loss") + 1, order.index(names.gradient(names.b(1))) + 1
    thirds = order[: ends[0]], order[ends[0] : ends[1]], order[ends[1] :]
    for title, third in zip(("Forward pass", "Backward pass", "Update"), thirds, strict=True):
        quantities = [name for name in third if entry.step == 1 or name in entry.values]
        if quantities:
            yield "", title, quantities, ""


class _Teller:
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
        self.given, self.follows = _put_in(problem, entry) if is_first and single else ({}, {})

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
        """Give what each claimant says in each format: of several programs the first that shows it."""
        found: dict[str, dict[str, Value]] = {row.subject.adapter: {} for row in self.rows}
        for row in self.rows:
            if row.finding.quantity == name and row.compared:
                number, _ = row.finding.digits_told(row.subject.dtype)
                index = "" if self.notation.scalar else row.finding.element.removeprefix(name)
                told = Value(row.subject.dtype, f"{index}: {number}" if index else number, verdict(row))
                found[row.subject.adapter].setdefault(row.subject.dtype, told)
        for adapter, values in found.items():
            yield Said(KNOWN_AS.get(adapter, adapter), tuple(values.values()))


def _put_in(problem: Problem, entry: PublishedStep) -> tuple[dict[str, str], dict[str, str]]:
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


def _told(printed: Printed) -> str:
    """Say in words what was found of a printed number."""
    found, expected = printed.row.finding, printed.row.expected
    told = "wrong, as the case says" if expected else str(found.verdict)
    told += f": the numbers above give {_to_the_point(found.derived, found.tolerance)}"
    told += f"; {found.reason}" * bool(found.reason)
    several = f" (of {printed.numbers} printed, the one nearest its limit)" if printed.numbers > 1 else ""
    return f"{told}{several}. {printed.row.explanation}".strip()


def _to_the_point(value: float, error: float) -> str:
    """Write a value to a hundredth of its error, or to what float64 can tell."""
    ratio = abs(value) / error if error else math.inf
    digits = math.ceil(math.log10(max(ratio, 1.0))) + 2 if ratio < FLOAT64 else DIGITS
    return f"{value:.{digits}g} ± {error:.2g}"


STYLE: Final = """
.stage { border-left: .25rem solid var(--line, #d4d4d4); padding-left: 1rem; margin: 1.5rem 0 }
.stage h4 { margin: 0 0 .5rem }
.stage .line { margin: .75rem 0 1.25rem }
.stage .equation { margin: .25rem 0; font: 1.15rem/1.6 "Cambria Math", "STIX Two Math", Cambria, Georgia, serif }
.stage dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .5rem 1rem;
  margin: .25rem 0; font-size: .875rem; font-variant-numeric: tabular-nums }
.stage dt { opacity: .8 }
.stage dd { margin: 0 }
.stage .found { margin: .25rem 0; font-size: .9rem }
.stage .wrong .equation, .stage .wrong .found { border-left: .25rem solid var(--news, #a4161a); padding-left: .75rem }
.stage .note { background: var(--soft, #f5f5f3); color: inherit; padding: .5rem .75rem }
"""
"""How walks look; the page's own colours are used."""
