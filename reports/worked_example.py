"""The worked examples, step by step through the texts that printed them, with the numbers of each program.

The programs' numbers are taken from a report. The exact ones, and those that follow from what was printed,
are evaluated again in ball arithmetic.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from markupsafe import Markup, escape

from cases import Case, Problem, names
from cases.case import Published, PublishedArray, PublishedStep
from cases.case_schema import Part
from reference import Verdict, tape
from reports.notation import Notation, digits, each, in_language, matrix, minus_in, with_minus, with_powers
from reports.outcome import group_by, verdict
from reports.runs.rows import PUBLISHED, Printed, Row
from reports.worked_numbers import Numbers, exact_numbers

DISPLAY_NAMES: Final = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX"}
NOT_PRINTED: Final = "–"
MORE_PLACES: Final = 2  # exact numbers of an array have so many decimals more than the printed ones
WORDS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True)
class Value:
    """A number that a program computed in one format, with all its digits: the one nearest its limit."""

    dtype: str
    number: str
    verdict: str


@dataclass(frozen=True)
class AdapterValue:
    """What one adapter computed, or several alike, in each format; nothing where it is not shown."""

    adapter: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class WalkLine:
    """One line of a worked example.

    `put_in` is the formula with the numbers of the text, and `gives` what those give, to six digits, with "="
    before it or "≈". `exact` follows from the inputs alone. The programs' own numbers are in `computed` where
    there is a single one, and of arrays `programs` says how they compare. What the text printed is `wrong`
    if it is not what follows from the numbers above it.
    """

    quantity: str
    symbol: str
    formula: str
    put_in: Markup
    gives: Markup
    printed: Markup
    exact: Markup
    computed: tuple[AdapterValue, ...]
    programs: tuple[str, ...]
    verdict: str
    wrong: bool

    @property
    def equation(self) -> Markup:
        """The whole equation as HTML: z₁ = w₁ · x + b₁ = 0.4 · 0.5 + 0.1 = 0.3."""
        numbers = Markup(" = {} {}").format(self.put_in, self.gives) if self.put_in else ""
        return with_powers(f"{self.symbol} = {self.formula}") + numbers


@dataclass(frozen=True)
class Stage:
    """A part of the text with its lines; its headings as they were printed are `original`."""

    part: Part
    lines: tuple[WalkLine, ...]


@dataclass(frozen=True)
class Walk:
    """A worked example: its steps by number, each in its parts.

    `counts` says how its printed numbers compare. The `original` headings are in that `language`.
    """

    name: str
    about: str
    source: Markup
    language: str
    counts: str
    steps: tuple[tuple[int, tuple[Stage, ...]], ...]


def walk(case: Case, rows: Sequence[Row], printed: Sequence[Printed]) -> Walk:
    """Return the walk through a case; of the rows and printed numbers its own are taken.

    Raises `ValueError` if it has no printed numbers.
    """
    own = [row for row in rows if row.subject.case == case.name and row.subject.adapter != PUBLISHED]
    of_case = [number for number in printed if number.row.subject.case == case.name]
    stated, published = case.file.published, case.published
    if stated is None or published is None:
        raise ValueError(f"{case.name} has no printed numbers")
    problem, steps = case.problem("float64"), []
    for entry in published.steps:
        renderer = LineRenderer(problem, published, entry, own, of_case)
        parts = entry.walk or _usual_parts([*renderer.lines], entry)
        stages = (Stage(part, tuple(map(renderer.line, part.quantities))) for part in parts)
        steps.append((entry.step, tuple(stages)))
    source = in_language(stated.source, stated.language)
    return Walk(case.name, case.about, source, stated.language, _counts(of_case), tuple(steps))


def _counts(printed: Iterable[Printed]) -> str:
    """Say how many printed numbers agree, and of the others how each is taken."""
    by_outcome = group_by(printed, lambda one: _outcome(one.row))
    counts = {outcome: sum(one.numbers for one in own) for outcome, own in by_outcome.items()}
    total = sum(counts.values())
    others = [f"{count} {outcome}" for outcome, count in counts.items() if outcome != "agrees"]
    if not others:
        return f"{total:,} printed numbers, and each agrees"
    agreeing = f"{counts.get('agrees', 0):,} agree"
    return f"{total:,} printed numbers: {', '.join([agreeing, *others])}"


def _outcome(row: Row) -> str:
    return "wrong, as its case says" if row.expected else str(row.finding.verdict)


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
        self,
        problem: Problem,
        published: Published,
        entry: PublishedStep,
        rows: Iterable[Row],
        printed: Iterable[Printed],
    ) -> None:
        of_step = [one for one in printed if one.row.finding.step == entry.step]
        self.printed = group_by(of_step, lambda one: one.row.finding.quantity)
        self.entry = entry
        self.rows = [row for row in rows if row.finding.step == entry.step]
        self.lines = {line.name: line for line in tape(problem)}
        scalar = all(array.size == 1 for array in problem.inputs.values())
        self.notation = Notation(problem.depth, scalar, len(problem.x))
        self.exact = exact_numbers(problem, published, entry.step)
        self.numbers = Numbers(problem, entry) if entry.step == 1 else None

    def line(self, name: str) -> WalkLine:
        line, printed = (
            self.lines[name],
            sorted(self.printed.get(name, []), key=_agrees),
        )
        put_in = self.notation.put_in(line, self.numbers.given) if self.numbers else Markup("")
        rows = [row for row in self.rows if row.finding.quantity == name and row.compared]
        single = self.notation.scalar
        return WalkLine(
            quantity=name, symbol=self.notation.name(name), formula=self.notation.formula(line),
            put_in=put_in, gives=self.numbers.gives(line) if self.numbers and put_in else Markup(""),
            printed=self._printed(name), exact=self._exact(name),
            computed=tuple(self._computed(rows)) if single else (),
            programs=() if single else tuple(_compared(rows)),
            verdict="; ".join(minus_in(self._on_printed(one, printed)) for one in printed) or "not printed",
            wrong=not all(map(_agrees, printed)),
        )  # fmt: skip

    def _printed(self, name: str) -> Markup:
        """Return all that was printed of a quantity; what is wrong in it is marked."""
        if name not in self.entry.values:
            return Markup("")
        array = self.entry.values[name]
        wrong = np.zeros(array.value.shape, np.bool_)
        for one in self.printed.get(name, []):
            index = one.row.finding.index
            if not _agrees(one) and index is not None and len(index) == wrong.ndim:
                wrong[index] = True
        for rejected in self.entry.rejected:
            if rejected.quantity == name and rejected.index is not None:
                wrong[rejected.index] = True
        return matrix(each(lambda text: with_minus(text or NOT_PRINTED), array.text), wrong)

    def _exact(self, name: str) -> Markup:
        """Return what follows from the inputs alone: of an array to a little more than was printed of it."""
        if name not in self.exact:  # the report has that of the worst number
            return escape(", ".join(map(_exact_of, self.printed.get(name, []))) or NOT_PRINTED)
        array = self.exact[name]
        if array.size == 1 or name not in self.entry.values:
            count = 10 if array.size == 1 else 6
            return matrix(each(lambda value: digits(value, count), array))
        places = _places(self.entry.values[name])
        return matrix(each(lambda value: with_minus(f"{value:.{places + MORE_PLACES}f}"), array))

    def _computed(self, rows: Iterable[Row]) -> Iterator[AdapterValue]:
        """Give what each adapter computed in each format: of several programs the first that shows it."""
        by_adapter: dict[str, dict[str, Value]] = {row.subject.adapter: {} for row in self.rows}
        for row in rows:
            number, _ = row.finding.digits_told(row.subject.dtype)
            value = Value(row.subject.dtype, with_minus(number), verdict(row))
            by_adapter[row.subject.adapter].setdefault(row.subject.dtype, value)
        alike = group_by(by_adapter, lambda adapter: tuple(by_adapter[adapter].values()))
        for values, adapters in alike.items():
            yield AdapterValue(_named(adapters), values)

    def _on_printed(self, one: Printed, among: Sequence[Printed]) -> str:
        """Say how a printed number compares, or those of an array that compare alike."""
        finding, printed = one.row.finding, self.entry.values.get(one.row.finding.quantity)
        places = 0 if printed is None else _places(printed)
        if _agrees(one):
            several = "each number agrees" if one.numbers > 1 else "agrees"
            which = "the others agree" if len(among) > 1 else several
            note = finding.note and f": {finding.note}"
            return f"{which} as printed ({_in_words(places)}){note}"
        what = "wrong" if one.row.expected else str(finding.verdict)
        if one.numbers > 1 and one.row.expected:
            what += f", {one.numbers} numbers"
        elif one.numbers > 1 or len(among) > 1:
            what += f" at {finding.element.removeprefix(finding.quantity)}"
        if one.row.expected or finding.verdict is not Verdict.DIFFERS:
            return f"{what}: {finding.reason}"
        number = with_minus(f"{finding.derived:.{places + MORE_PLACES}f}")
        source = "the numbers above give" if finding.truth == "float64" else "exact is"
        note = finding.note and f" ({finding.note})"
        return f"{what}: {source} {number}{note}. {one.row.explanation}".strip()


def _exact_of(one: Printed) -> str:
    place = one.row.finding.element.removeprefix(one.row.finding.quantity)
    return f"{place and f'{place}: '}{digits(one.exact)}"


def _agrees(one: Printed) -> bool:
    return one.row.finding.verdict is Verdict.AGREES


def _compared(rows: Iterable[Row]) -> Iterator[str]:
    """Say how the programs' arrays compare: those that agree together, with the digits in each format."""
    first: dict[tuple[str, str], Row] = {}  # of several programs of an adapter the first that shows it
    for row in rows:
        first.setdefault((row.subject.adapter, row.subject.dtype), row)
    agreeing = [row for row in first.values() if verdict(row) == "agrees"]
    in_format = group_by(agreeing, lambda row: row.subject.dtype)
    alike = group_by(in_format, lambda dtype: tuple(row.subject.adapter for row in in_format[dtype]))
    for adapters, dtypes in alike.items():
        digits_in = (_digits(dtype, in_format[dtype]) for dtype in dtypes)
        yield f"{_named(adapters)}: every number agrees, {_listed([*digits_in])}"
    for row in first.values():
        if row not in agreeing:
            number, derived = map(with_minus, row.finding.digits_told(row.subject.dtype))
            place = row.finding.element.removeprefix(row.finding.quantity) or "it"
            adapter, dtype = _named([row.subject.adapter]), row.subject.dtype
            yield f"{adapter}: {place} is {number} in {dtype}, and {derived} follows: {verdict(row)}"


def _digits(dtype: str, rows: Iterable[Row]) -> str:
    least = min(row.finding.digits for row in rows)
    return f"to {least:.1f} digits or more in {dtype}" if least < math.inf else f"exactly in {dtype}"


def _named(adapters: Iterable[str]) -> str:
    return _listed([DISPLAY_NAMES.get(adapter, adapter) for adapter in adapters])


def _listed(words: Sequence[str]) -> str:
    """Return "a", "a and b", "a, b and c"."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _places(printed: PublishedArray) -> int:
    """Return how many decimals a printed number has, the most of an array."""
    least = float(printed.half_unit[printed.given & (printed.half_unit > 0)].min(initial=0.5))
    return max(0, -round(math.log10(2 * least)))


def _in_words(places: int) -> str:
    return f"{WORDS[places] if places < len(WORDS) else places} decimal{'s' * (places != 1)}"
