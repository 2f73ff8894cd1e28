"""Each case as the page shows it: its network in one line, its tape, its tables, its file."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from cases import Case
from reference import parts, tape
from reference.parts import FailedPart
from reports.outcome import NOTHING, Cell, LineCell, Outcome, at_step, badness, by_case, group_by, plural
from reports.page.rendering import case_anchor
from reports.page.tape_table import TapeTable, tape_table
from reports.report import Report
from reports.runs.rows import Row

# Stands for the quantity where a verdict is on everything that a program claims.
WHOLE: Final = "(the whole claim)"

BEFORE: Final = ("quantity", "formula")
# The columns before and after those of the implementations.
AFTER: Final = ("worst by", "element", "claimed", "should be", "ulps")

# Ulps from which on they are written with a power of ten.
MANY_ULPS: Final = 10_000

# Characters of one file that are shown; the largest of the shipped ones has a third of that.
MAX_YAML: Final = 6_000

# A network of more layers is abbreviated.
MAX_LAYERS: Final = 5


@dataclass(frozen=True)
class CaseTable:
    """The quantities of one number format, and how they come out in a few words."""

    dtype: str
    summary: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class CaseSection:
    case: Case
    anchor: str
    network: str
    tape: TapeTable | FailedPart
    tables: tuple[CaseTable, ...] | FailedPart
    yaml: str


def case_sections(report: Report) -> tuple[CaseSection, ...]:
    cases = {case.name: case for case in report.selection.cases}
    return tuple(_section(cases[name], rows) for name, rows in by_case(report.results.rows).items())


def _section(case: Case, rows: Sequence[Row]) -> CaseSection:
    table = parts.tried(f"the tape of {case.name}", _tape, case, rows)
    tables = parts.tried(f"the tables of {case.name}", _tables, case, rows)
    return CaseSection(case, case_anchor(case.name), network(case), table, tables, yaml(case))


def _tape(case: Case, rows: Sequence[Row]) -> TapeTable:
    return tape_table(case.problem(case.dtypes[0]), rows)


def _tables(case: Case, rows: Sequence[Row]) -> tuple[CaseTable, ...]:
    return tuple(CaseTable(dtype, summary(frame), frame) for dtype, frame in quantities(case, rows).items())


def quantities(case: Case, rows: Iterable[Row]) -> dict[str, pd.DataFrame]:
    """Return for each number format a table of the quantities in the order of computation.

    Each implementation has a `LineCell` for the worst of all its steps. Then the worst of these, with its
    numbers.
    """
    formulas = {line.name: line.equation for line in tape(case.problem(case.dtypes[0]))}
    by_dtype = group_by(rows, lambda row: row.subject.dtype)
    return {dtype: _table(by_dtype[dtype], formulas) for dtype in case.dtypes if dtype in by_dtype}


def _table(rows: Sequence[Row], formulas: dict[str, str]) -> pd.DataFrame:
    worst: dict[str, dict[str, Row]] = {}
    for row in sorted(rows, key=lambda row: row.place):
        by = worst.setdefault(row.finding.quantity, {})
        implementation = row.subject.implementation
        if implementation not in by or badness(row) > badness(by[implementation]):
            by[implementation] = row
    implementations = tuple(dict.fromkeys(row.subject.implementation for row in rows))
    table = [_line(name, formulas.get(name, ""), by, implementations) for name, by in worst.items()]
    return pd.DataFrame(table, columns=[*BEFORE, *implementations, *AFTER])


def _line(
    name: str, formula: str, by: dict[str, Row], implementations: Sequence[str]
) -> tuple[LineCell | str, ...]:
    cells = (LineCell.of([by[who]]) if who in by else NOTHING for who in implementations)
    return name or WHOLE, formula, *cells, *_numbers(max(by.values(), key=badness))


def _numbers(row: Row) -> tuple[str, ...]:
    by, found = row.subject.implementation + at_step(row), row.finding
    if not row.compared:
        return by, NOTHING, found.reason, NOTHING, NOTHING
    claimed, derived = found.digits_told(row.subject.dtype)
    index = str([*found.index]) if found.index else ""
    ulps = f"{found.ulps:.2f}" if found.ulps < MANY_ULPS else f"{found.ulps:.1e}"
    return by, index, claimed, f"{derived} ± {found.tolerance:.2g}", ulps


def summary(frame: pd.DataFrame) -> str:
    """Say how a table of quantities comes out: "17 lines: all agree", "…: 2 not in agreement"."""
    cells = [value for _, column in frame.items() for value in column if isinstance(value, Cell)]
    kinds = Counter(cell.css_class for cell in cells)
    agree = sum(cell.outcome is Outcome.AGREES for cell in cells)
    counted = {"news": "not in agreement", "known": "differing as expected"}
    others = [f"{kinds[name]} {words}" for name, words in counted.items() if kinds[name]]
    words = [f"{agree} comparisons agree" if others else "all agree"] if agree else []
    return f"{plural(len(frame), 'line')}: {', '.join((*words, *others)) or 'nothing was compared'}"


def yaml(case: Case) -> str:
    """Return the text of a case's file as it was run, cut where it is very long."""
    more = len(case.text) - MAX_YAML
    cut = f"{case.text[:MAX_YAML]}\n# … and {more:,} more characters in {case.path}"
    return cut if more > 0 else case.text


def network(case: Case) -> str:
    """Say a case in one line: "2 → 3 tanh → 1 sigmoid · 2 examples · huber, sum · sgd · 1 step"."""
    units = [f"{case.shapes[f'b{k}'][0]} {layer.activation}" for k, layer in enumerate(case.file.layers, 1)]
    examples, inputs = case.shapes["x"]
    if len(units) > MAX_LAYERS:
        units = [*units[:2], f"… {len(units) - 3} more …", units[-1]]
    loss = f"{case.file.loss.name}, {case.file.loss.reduction}"
    layers = " → ".join([str(inputs), *units])
    optimizer, steps = case.file.optimizer.name, plural(case.steps, "step")
    return " · ".join([layers, plural(examples, "example"), loss, optimizer, steps])
