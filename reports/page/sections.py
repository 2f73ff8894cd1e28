"""Each case and each failure as the page shows it."""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from cases import SHIPPED, Case
from reference import parts, sentence, tape
from reports import causes, outcome
from reports.environment import Environment
from reports.options import typed
from reports.outcome import NOTHING, Cell, LineCell, Outcome, at_step, badness, by_case, group_by, plural
from reports.page.rendering import failure_anchor
from reports.page.tape_table import TapeTable, tape_table
from reports.report import Report, claimed_and_derived
from reports.runs.comparison import REFERENCE
from reports.runs.rows import PUBLISHED, Row

WHOLE: Final = "(the whole step)"  # the quantity where a verdict is on everything that a program returns

# The columns before and after those of the implementations.
BEFORE: Final = ("quantity", "formula")
AFTER: Final = ("worst by", "element", "computed", "should be", "ulps")
MANY_ULPS: Final = 10_000  # ulps from which on they are written with a power of ten
MAX_YAML: Final = 6_000  # characters of one file that are shown: three times the largest of the shipped ones
MAX_LAYERS: Final = 5  # a network of more layers is abbreviated

Numbers = tuple[tuple[str, str | parts.FailedPart], ...]


@dataclass(frozen=True)
class CaseSection:
    """A case with its tape, and for each number format a summary, and a table of the lines that do not agree.

    There is no table where all agree.
    """

    case: Case
    tape: TapeTable | parts.FailedPart
    tables: Mapping[str, tuple[str, pd.DataFrame | None]] | parts.FailedPart

    @property
    def alike(self) -> list[str]:
        """The number formats in which all agrees: of a case they have the same lines."""
        tables = {} if isinstance(self.tables, parts.FailedPart) else self.tables
        return [dtype for dtype, (_, frame) in tables.items() if frame is None]

    @property
    def agrees(self) -> bool:
        """Whether there is nothing to show but agreement."""
        if isinstance(self.tables, parts.FailedPart) or isinstance(self.tape, parts.FailedPart):
            return False
        return all(frame is None for _, frame in self.tables.values())


def case_sections(report: Report) -> Iterator[CaseSection]:
    cases = {case.name: case for case in report.selection.cases}
    for name, rows in by_case(report.results.rows).items():
        case = cases[name]
        table = parts.tried(f"the tape of {name}", tape_table, case.problem(case.dtypes[0]), rows)
        yield CaseSection(case, table, parts.tried(f"the tables of {name}", _tables, case, rows))


def _tables(case: Case, rows: Sequence[Row]) -> dict[str, tuple[str, pd.DataFrame | None]]:
    tables = {}
    for dtype, frame in quantities(case, rows).items():
        wrong = {
            row.finding.quantity or WHOLE
            for row in rows
            if row.subject.dtype == dtype and not outcome.agrees(row)
        }
        tables[dtype] = (summary(frame), frame[frame["quantity"].isin(wrong)] if wrong else None)
    return tables


def quantities(case: Case, rows: Iterable[Row]) -> dict[str, pd.DataFrame]:
    """Return for each number format a table of the quantities in the order of computation.

    Each implementation has a cell for the worst of all its steps, and the worst of these has its numbers.
    """
    formulas = {line.name: line.equation for line in tape(case.problem(case.dtypes[0]))}
    by_dtype = group_by(rows, lambda row: row.subject.dtype)
    return {dtype: _table(by_dtype[dtype], formulas) for dtype in case.dtypes if dtype in by_dtype}


def _table(rows: Sequence[Row], formulas: Mapping[str, str]) -> pd.DataFrame:
    implementations = dict.fromkeys(row.subject.implementation for row in rows)
    lines, ordered = [], sorted(rows, key=lambda row: row.place)
    for name, of_quantity in group_by(ordered, lambda row: row.finding.quantity).items():
        by_implementation = group_by(of_quantity, lambda row: row.subject.implementation)
        worst = {implementation: max(own, key=badness) for implementation, own in by_implementation.items()}
        cells = (_line_cell(worst[one]) if one in worst else NOTHING for one in implementations)
        numbers = _worst_numbers(max(worst.values(), key=badness))
        lines.append((name or WHOLE, formulas.get(name, ""), *cells, *numbers))
    return pd.DataFrame(lines, columns=[*BEFORE, *implementations, *AFTER], dtype=object)


def _line_cell(row: Row) -> LineCell:
    how = Outcome.AGREES if outcome.agrees(row) else outcome.outcome(row)
    return LineCell(how, row.finding.used, row.finding.digits, row)


def _worst_numbers(row: Row) -> tuple[str, ...]:
    by, finding = row.subject.implementation + at_step(row), row.finding
    if not row.compared:
        return by, NOTHING, finding.reason, NOTHING, NOTHING
    index = str([*finding.index]) if finding.index else ""
    ulps = f"{finding.ulps:.2f}" if finding.ulps < MANY_ULPS else f"{finding.ulps:.1e}"
    return by, index, *claimed_and_derived(row), ulps


def summary(frame: pd.DataFrame) -> str:
    """Summarize a table of quantities: "17 lines: all agree", "…: 2 not in agreement"."""
    cells = [value for _, column in frame.items() for value in column if isinstance(value, Cell)]
    kinds = Counter(cell.css_class for cell in cells)
    agree = sum(cell.outcome is Outcome.AGREES for cell in cells)
    counted = {"news": "not in agreement", "known": "known to differ"}
    others = [f"{kinds[name]} {words}" for name, words in counted.items() if kinds[name]]
    words = [f"{agree} comparisons agree" if others else "all agree"] if agree else []
    return f"{plural(len(frame), 'line')}: {', '.join((*words, *others)) or 'nothing was compared'}"


def yaml(case: Case) -> str:
    """Return the text of a case's file as it was run, cut where it is very long."""
    more = len(case.text) - MAX_YAML
    cut = f"{case.text[:MAX_YAML]}\n# … and {more:,} more characters in {case.path}"
    return cut if more > 0 else case.text


def network(case: Case) -> str:
    """Describe a case in one line: "2 → 3 tanh → 1 sigmoid · 2 examples · huber, sum · sgd · 1 step"."""
    units = [f"{case.shapes[f'b{k}'][0]} {layer.activation}" for k, layer in enumerate(case.file.layers, 1)]
    examples, inputs = case.shapes["x"]
    if len(units) > MAX_LAYERS:
        units = [*units[:2], f"… {len(units) - 3} more …", units[-1]]
    loss = f"{case.file.loss.name}, {case.file.loss.reduction}"
    layers = " → ".join([str(inputs), *units])
    optimizer, steps = case.file.optimizer.name, plural(case.steps, "step")
    return " · ".join([layers, plural(examples, "example"), loss, optimizer, steps])


@dataclass(frozen=True)
class Failure:
    """The first line that fails of one case, in one number format, by one adapter.

    `formula` is the line of the tape, "dL/da1 = dL/dz2 W2"; "" where the step as a whole is in error.
    """

    row: Row
    case: Case
    formula: str | parts.FailedPart
    numbers: Numbers
    command: str | parts.FailedPart

    @property
    def anchor(self) -> str:
        return failure_anchor(self.case.name, self.row.subject.dtype, self.row.subject.adapter)

    @property
    def title(self) -> str:
        """In a few words: "torch differs at dL/dW1, step 2"."""
        return f"{self.row.subject.implementation} {outcome.verdict(self.row)}{outcome.where(self.row)}"

    @property
    def sentence(self) -> str:
        return f"{sentence(self.row.finding, self.row.subject)}."


def failures(report: Report) -> tuple[Failure, ...]:
    cases = {case.name: case for case in report.selection.cases}
    return tuple(_failure(row, cases[row.subject.case], report.environment) for row in report.failures)


def by_kind(failing: Sequence[Failure]) -> dict[str, list[Failure]]:
    """Group failures by what explains many of them, or else by where they are, under a title each."""
    titled = dict[str, list[Failure]]()
    for group in causes.alike(failing, lambda failure: causes.causes_of(failure.row)):
        explained = [causes.causes_of(failure.row) for failure in group]
        title = causes.title_of(explained) if len(group) > 1 else group[0].title
        titled.setdefault(title, []).extend(group)
    return titled


def _failure(row: Row, case: Case, made: Environment) -> Failure:
    dtype, adapter = row.subject.dtype, row.subject.adapter
    about = f"{adapter} on {case.name} in {dtype}"
    formula = parts.tried(f"the line of {about}", _formula, case, row.finding.quantity)
    numbers = parts.tried(f"the numbers of {about}", _numbers, row)
    command = parts.tried(f"the command that repeats {about}", repeat, case, dtype, adapter, made)
    shown = (("numbers", numbers),) if isinstance(numbers, parts.FailedPart) else numbers
    return Failure(row, case, formula, shown, command)


def repeat(case: Case, dtype: str, adapter: str, made: Environment | None = None) -> str:
    """Return the build of one case in one number format by one adapter, quoted for a shell.

    What a person types for the adapter, and for the limits of its process, is taken from `made`.
    """
    words = [*typed("reports.build")]
    folder = case.path.parents[case.name.count("/")]
    if folder.resolve() != SHIPPED.resolve():
        words += ["--cases", str(folder)]
    words += ["--select", case.name]
    if adapter == PUBLISHED:  # judged in every build of its case, so any adapter will do
        return shlex.join([*words, "--adapter", REFERENCE])
    if made is not None and adapter in made.others:
        adapter = made.others[adapter].asked
    return shlex.join([*words, "--dtype", dtype, "--adapter", adapter, *(made.flags if made else ())])


def _formula(case: Case, quantity: str) -> str:
    lines = tape(case.problem(case.dtypes[0]))
    return next((f"{line.name} = {line.equation}" for line in lines if line.name == quantity), "")


def _numbers(row: Row) -> Numbers:
    finding = row.finding
    if not row.compared:
        return ()
    claimed, derived = claimed_and_derived(row)
    off_by = f"{finding.error:.2g}, which is {finding.ulps:.3g} ulps and {finding.used:.3g} × the tolerance"
    return ("element", finding.element), ("computed", claimed), ("should be", derived), ("off by", off_by)
