"""Each case as the page tells it: its drawing, what it is there for, its tables, its file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from cases import Case
from reference import parts
from reference.parts import FailedPart
from reports.drawing import tape_drawing
from reports.page.anchors import case_anchor
from reports.page.sources import network, yaml
from reports.page.tints import tint
from reports.quantities import AFTER, BEFORE
from reports.report import Report
from reports.runs.rows import PUBLISHED, Row


@dataclass(frozen=True)
class Table:
    """The quantities of one number format, and what they come to in a few words."""

    dtype: str
    told: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class Section:
    """What the page tells of one case."""

    case: Case
    anchor: str
    network: str
    drawing: Markup | FailedPart
    tables: tuple[Table, ...] | FailedPart
    yaml: str


def sections(report: Report) -> tuple[Section, ...]:
    """Return a section for each case of a report."""
    rows: dict[str, list[Row]] = {}
    for row in report.results.rows:
        if row.subject.adapter != PUBLISHED:
            rows.setdefault(row.subject.case, []).append(row)
    return tuple(
        Section(
            case,
            case_anchor(case.name),
            network(case),
            parts.tried(f"the drawing of {case.name}", _drawing, case, rows[case.name]),
            tables
            if isinstance(tables, FailedPart)
            else parts.tried(f"the tables of {case.name}", _tables, tables),
            yaml(case),
        )
        for case, tables in report.quantities
    )


def _drawing(case: Case, rows: Sequence[Row]) -> Markup:
    return tape_drawing(case.problem(case.dtypes[0]), rows)


def _tables(frames: Mapping[str, pd.DataFrame]) -> tuple[Table, ...]:
    return tuple(Table(dtype, summary(frame), frame) for dtype, frame in frames.items())


def summary(frame: pd.DataFrame) -> str:
    """Say what a table of quantities comes to: "17 quantities: all agree", "…: 2 cells differ"."""
    implementations = frame.columns[len(BEFORE) : -len(AFTER)]
    tints = [tint(cell) for who in implementations for cell in frame[who]]
    counted = {"news": "not in agreement", "known": "differing as expected"}
    others = [f"{tints.count(name)} {words}" for name, words in counted.items() if name in tints]
    agree = sum(name.startswith("t") for name in tints)
    told = [f"{agree} comparisons agree" if others else "all agree"] if agree else []
    lines = f"{len(frame)} line{'s' * (len(frame) != 1)}"
    return f"{lines}: {', '.join((*told, *others)) or 'nothing was compared'}"
