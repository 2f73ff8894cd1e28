"""Each case as the page shows it: its network in one line, its tape, its tables, its file."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from cases import Case
from reference import parts
from reference.parts import FailedPart
from reports.conclusion import plural
from reports.outcome import Cell, Outcome, by_case
from reports.page.rendering import case_anchor
from reports.page.tape_table import TapeTable, tape_table
from reports.report import Report
from reports.rows import Row

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
    rows = by_case(report.results.rows)
    return tuple(_section(case, rows[case.name], frames) for case, frames in report.quantities)


def _section(case: Case, rows: Sequence[Row], frames: Mapping[str, pd.DataFrame] | FailedPart) -> CaseSection:
    tape = parts.tried(f"the tape of {case.name}", _tape, case, rows)
    if not isinstance(frames, FailedPart):
        tables = parts.tried(f"the tables of {case.name}", _tables, frames)
    else:
        tables = frames
    return CaseSection(case, case_anchor(case.name), network(case), tape, tables, yaml(case))


def _tape(case: Case, rows: Sequence[Row]) -> TapeTable:
    return tape_table(case.problem(case.dtypes[0]), rows)


def _tables(frames: Mapping[str, pd.DataFrame]) -> tuple[CaseTable, ...]:
    return tuple(CaseTable(dtype, summary(frame), frame) for dtype, frame in frames.items())


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
