"""summary.md: the report as Markdown, as it is shown on the page of a GitHub workflow.

GitHub shows no summary of more than 1 MiB, and no part of it either. So what fails stands first, and what has
no room is left out and counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reports import changes
from reports.drift_table import ABOUT, TITLE
from reports.fitting import Section, fitted, shortened
from reports.marks import code, escape, item, table_head, table_rows
from reports.page.counts import kind
from reports.power import to_sections
from reports.quantities import badness
from reports.report import DIRECTLY, KNOWN, LEGEND, LOST, NO_EQUIVALENT
from reports.rows import first_failure
from reports.verdicts import grouped

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from reports.report import Report

LIMIT: Final = 1_000_000
"""Bytes; what is less than 1 MiB is left to whatever else a workflow's step may say."""

LONGEST: Final = 2_000
"""Characters of a failure or of a command; an exception's words may be a book."""

WORST_FIRST: Final = "What fails stands first, then what is known to differ."


def summary(report: Report, limit: int = LIMIT) -> str:
    """Return the whole of summary.md, in at most `limit` bytes."""
    return fitted(_head(report), _sections(report), _environment(report), limit)


def _head(report: Report) -> str:
    headline = escape(shortened(report.conclusion.headline, LONGEST))
    return f"# Backpropagation: do the frameworks agree?\n\n**{headline}**"


def _sections(report: Report) -> Iterator[Section]:
    for section in (_failures(report), _not_run(report)):
        if section.lines:
            yield section
    if report.changes is not None:
        yield from changes.to_sections(report.changes)
    matrix = _matrix(report)
    if matrix.lines:
        yield matrix
    for title, about, frame in (
        ("Known differences", KNOWN, report.known),
        ("No equivalent", NO_EQUIVALENT, report.no_equivalent),
        (report.direct_title, DIRECTLY, report.direct),
        ("Within the bound, and yet without one right digit", LOST, report.lost),
    ):
        if not frame.empty:
            yield _table(title, about, frame)
    for example in report.examples:
        about = f"Source: {escape(shortened(example.source))}. Each number is held against the exact "
        about += (
            "one, which follows from the inputs alone, and against what the printed numbers above it give."
        )
        yield _table(f"Printed numbers: {example.case.name}", about, example.table)
    if not report.drift.empty:
        yield _table(TITLE, ABOUT, report.drift)
    if report.power is not None:
        yield from to_sections(report.power)


def _failures(report: Report) -> Section:
    first = (first_failure(rows) for rows in grouped(report.results.rows).values())
    worst = sorted((row for row in first if row is not None), key=badness, reverse=True)
    lines = tuple(item(shortened(row.sentence, LONGEST)) for row in worst)
    return Section("What fails", lines=lines, failing=len(lines))


def _not_run(report: Report) -> Section:
    lines = (item(shortened(line, LONGEST)) for line in report.conclusion.not_run)
    return Section("What did not run", lines=tuple(lines))


def _matrix(report: Report) -> Section:
    ranks = [_rank(cells) for cells in report.matrix.iloc[:, 2:].itertuples(index=False, name=None)]
    frame = report.matrix.iloc[sorted(range(len(ranks)), key=ranks.__getitem__)]
    about = LEGEND if set(ranks) <= {AGREES} else f"{LEGEND} {WORST_FIRST}"
    return _table("Each case by each adapter", about, frame, failing=ranks.count(FAILS))


FAILS, IS_KNOWN, AGREES = range(3)


def _rank(cells: tuple[str, ...]) -> int:
    """Say how bad a line of the matrix is, the worst being the least."""
    kinds = {kind(cell) for cell in cells}
    if "fail" in kinds:
        return FAILS
    return IS_KNOWN if kinds & {"differ as their cases say", "no equivalent"} else AGREES


def _table(title: str, about: str, frame: pd.DataFrame, failing: int | None = None) -> Section:
    return Section(title, about, table_head(frame), table_rows(frame), failing)


def _environment(report: Report) -> str:
    made = report.environment
    versions = ", ".join(f"{name} {version}" for name, version in made.versions.items())
    when = f"{made.made}, run {made.run}"
    others = (f"{name} is {one.asked}: {one.runs_on}" for name, one in made.others.items())
    lines = (when, f"Python {made.python}, {versions}", *others, made.platform, made.cpu, made.seed)
    command = code(shortened(made.command, LONGEST))
    return "\n".join(("## How this was made", "", f"- {command}", *(item(shortened(line)) for line in lines)))
