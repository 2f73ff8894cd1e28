"""The worked examples, step by step through the texts that printed them, with the numbers of each program.

Everything is taken from a report; only the NumPy reference is evaluated again, for what was not printed.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from cases import Case, Problem, names
from cases.case import PublishedStep
from reference import Line, Verdict, tape, training_steps
from reports.notation import Notation, numbers_of, with_powers
from reports.outcome import verdict
from reports.runs.rows import PUBLISHED, Printed, Row

# How walks look; the page's own colours are used.
STYLE: Final = """
.stage { border-left: .25rem solid var(--line, #d4d4d4); padding-left: 1rem; margin: 1.5rem 0 }
.stage h4 { margin: 0 0 .5rem }
.stage .line { margin: .75rem 0 1.25rem }
.stage .line p { margin: .25rem 0 }
.stage .equation { font: 1.15rem/1.6 "Cambria Math", "STIX Two Math", Cambria, Georgia, serif }
.stage .equation sup { line-height: 0 }
.stage dl { display: flex; flex-wrap: wrap; gap: .5rem 1rem; margin: .25rem 0; font-size: .875rem;
  font-variant-numeric: tabular-nums }
.stage dl div { flex: 1 0 13rem }
.stage dl .short { flex: 1 0 7rem }
.stage dd { margin: 0 }
.stage small { white-space: nowrap }
.stage .found { font-size: .9rem }
.stage .wrong .equation, .stage .wrong .found { border-left: .25rem solid var(--news, #a4161a);
  padding-left: .75rem }
.stage .note { background: var(--soft, #f5f5f3); padding: .5rem .75rem }
@media print { .stage .line { break-inside: avoid } }
"""

DISPLAY_NAMES: Final = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX"}
NOT_PRINTED: Final = "–"

# Decimal digits that every float64 holds; a quotient beyond `MAX_RATIO` asks for all of them.
FLOAT64_DIGITS: Final = 15
MAX_RATIO: Final = 1e13


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
    """One line of a worked example."""

    # its name in the tables, and in the document's notation: dL/dW2, ∂L/∂w₂
    quantity: str
    symbol: str
    # what it is computed by, with the numbers of the text, and what those give to six digits
    formula: str
    put_in: str
    gives: str
    # of several numbers the printed one, "[0, 1]"
    element: str
    # as it was printed, or `NOT_PRINTED`; and what follows from the inputs alone
    printed: str
    exact: str
    computed: tuple[AdapterValue, ...]
    # on the printed number, in words; and whether it is not what follows from those above it
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
    """A worked example: its training steps in order, each with its number and its parts.

    `single` says whether every quantity is a single number, so that numbers can be put in.
    """

    case: str
    about: str
    source: str
    single: bool
    steps: tuple[tuple[int, tuple[Stage, ...]], ...]


def walk(case: Case, rows: Sequence[Row], printed: Sequence[Printed]) -> Walk:
    """Return the walk through a case that has printed numbers; of the rows and numbers its own are taken."""
    own = [row for row in rows if row.subject.case == case.name and row.subject.adapter != PUBLISHED]
    of_case = [number for number in printed if number.row.subject.case == case.name]
    published = case.published
    entries = published.steps if published else ()
    steps = tuple((entry.step, tuple(_stages(case, entry, own, of_case))) for entry in entries)
    single = _is_single(case.problem("float64"))
    return Walk(case.name, case.about, published.source if published else "", single, steps)


def _is_single(problem: Problem) -> bool:
    return all(array.size == 1 for array in problem.inputs.values())


def _stages(
    case: Case, entry: PublishedStep, rows: Sequence[Row], printed: Sequence[Printed]
) -> Iterator[Stage]:
    of_step = [row for row in rows if row.finding.step == entry.step]
    by_quantity = {one.row.finding.quantity: one for one in printed if one.row.finding.step == entry.step}
    renderer = LineRenderer(case.problem("float64"), entry, of_step, by_quantity)
    for section, title, quantities, note in _parts(tape(renderer.problem), entry):
        yield Stage(section, title, note, tuple(map(renderer.line, quantities)))


def _parts(lines: Sequence[Line], entry: PublishedStep) -> Iterator[tuple[str, str, Sequence[str], str]]:
    """Give the parts that the case states or, if it states none, the three of any training step."""
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


class LineRenderer:
    """Renders the lines of one training step of one case."""

    def __init__(
        self, problem: Problem, entry: PublishedStep, rows: Sequence[Row], printed: Mapping[str, Printed]
    ) -> None:
        self.problem, self.printed, self.rows = problem, printed, rows
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
            name,
            self.notation.name(name),
            self.notation.formula(line),
            put_in,
            self.follows[name] if put_in else "",
            printed.row.finding.element.removeprefix(name) if printed and not self.notation.scalar else "",
            printed.text if printed else NOT_PRINTED,
            self._exact(name),
            tuple(self._computed(name)),
            _on_printed(printed) if printed else "not printed",
            printed is not None and printed.row.finding.verdict is not Verdict.AGREES,
        )

    def _exact(self, name: str) -> str:
        """Return the exact number of the printed element or, where none was printed, of a single number."""
        if name in self.printed:
            return f"{self.printed[name].exact:.10g}"
        array = self.exact.get(name)
        return f"{array.item():.10g}" if array is not None and array.size == 1 else NOT_PRINTED

    def _computed(self, name: str) -> Iterator[AdapterValue]:
        """Give what each adapter computed in each format: of several programs the first that shows it."""
        by_adapter: dict[str, dict[str, Value]] = {row.subject.adapter: {} for row in self.rows}
        for row in self.rows:
            if row.finding.quantity == name and row.compared:
                number, _ = row.finding.digits_told(row.subject.dtype)
                index = "" if self.notation.scalar else row.finding.element.removeprefix(name)
                value = Value(row.subject.dtype, f"{index}: {number}" if index else number, verdict(row))
                by_adapter[row.subject.adapter].setdefault(row.subject.dtype, value)
        for adapter, values in by_adapter.items():
            yield AdapterValue(DISPLAY_NAMES.get(adapter, adapter), tuple(values.values()))


def _on_printed(printed: Printed) -> str:
    """Say in words what the verdict on a printed number is, and why."""
    finding, expected = printed.row.finding, printed.row.expected
    text = "wrong, as the case says" if expected else str(finding.verdict)
    text += f": {'the numbers above give' if finding.truth == 'float64' else 'exact is'}"
    text += f" {_to_its_error(finding.derived, finding.tolerance)}"
    text += "".join(f"; {more}" for more in (finding.reason, finding.note) if more)
    several = f" (of {printed.numbers} printed, the one nearest its limit)" if printed.numbers > 1 else ""
    return f"{text}{several}. {printed.row.explanation}".strip()


def _to_its_error(value: float, error: float) -> str:
    """Write a value to a hundredth of its error, or to what float64 holds."""
    ratio = abs(value) / error if error else math.inf
    digits = math.ceil(math.log10(max(ratio, 1.0))) + 2 if ratio < MAX_RATIO else FLOAT64_DIGITS
    return f"{value:.{digits}g} ± {error:.2g}"
