"""summary.md: the report as Markdown, as it is shown on the page of a GitHub workflow.

GitHub shows no summary of more than 1 MiB, and no part of it either. So what fails stands first, and what has
no room is left out and counted.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final

import pandas as pd

from reference import parts
from reference.parts import FailedPart
from reports import changes
from reports.drift_table import ABOUT, TITLE
from reports.fitting import Section, fitted, shortened
from reports.marks import code, escape, item, table_head, table_rows
from reports.page.counts import kind
from reports.power import TITLE as POWER
from reports.power import to_sections
from reports.quantities import badness
from reports.report import DIRECTLY, KNOWN, LEGEND, LOST, NO_EQUIVALENT, Example, Report
from reports.runs.rows import first_failure
from reports.verdicts import grouped

# Bytes; what is less than 1 MiB is left to whatever else a workflow's step may say.
LIMIT: Final = 1_000_000

# Characters of a failure or of a command; an exception's words may be a book.
LONGEST: Final = 2_000

FAILED: Final = "Parts of this report that failed"
WITHOUT_A_DIGIT: Final = "Within the bound, and yet without one right digit"

WORST_FIRST: Final = "What fails stands first, then what is known to differ."


def summary(report: Report, limit: int = LIMIT) -> str:
    """Return the whole of summary.md, in at most `limit` bytes."""
    return fitted(_head(report), _sections(report), _environment(report), limit)


def _head(report: Report) -> str:
    headline = escape(shortened(report.conclusion.headline, LONGEST))
    return f"# Backpropagation: do the frameworks agree?\n\n**{headline}**"


def _sections(report: Report) -> Iterator[Section]:
    """Give the sections; in the place of one that fails stands its title with the reason."""
    for title, make in _made(report):
        made = parts.tried(f"“{title}”", _all, make)
        yield from (Section(title, escape(str(made))),) if isinstance(made, FailedPart) else made


def _all(make: Callable[[], Iterable[Section]]) -> tuple[Section, ...]:
    return tuple(make())


def _made(report: Report) -> Iterator[tuple[str, Callable[[], Iterable[Section]]]]:
    """Give the titles of the sections, each with what makes it: none where there is nothing to tell."""
    yield "What fails", lambda: _failures(report)
    yield "What did not run", lambda: _not_run(report)
    yield FAILED, lambda: _failed(report)
    yield changes.TITLE, lambda: changes.to_sections(report.changes) if report.changes else ()
    yield "Each case by each adapter", lambda: _matrix(report)
    yield "Expected differences", lambda: _table("Expected differences", KNOWN, report.known)
    yield "No equivalent", lambda: _table("No equivalent", NO_EQUIVALENT, report.no_equivalent)
    yield report.direct_title, lambda: _table(report.direct_title, DIRECTLY, report.direct)
    yield WITHOUT_A_DIGIT, lambda: _table(WITHOUT_A_DIGIT, LOST, report.lost)
    for example in report.examples:
        yield f"Printed numbers: {example.case.name}", partial(_printed, example)
    yield TITLE, lambda: _table(TITLE, ABOUT, report.drift)
    yield POWER, lambda: to_sections(report.power) if report.power else ()


def _printed(example: Example) -> Iterator[Section]:
    about = f"Source: {escape(shortened(example.source))}. Each number is held against the exact one, "
    about += "which follows from the inputs alone, and against what the printed numbers above it give."
    yield from _table(f"Printed numbers: {example.case.name}", about, example.table)


def _failures(report: Report) -> Iterator[Section]:
    first = (first_failure(rows) for rows in grouped(report.results.rows).values())
    worst = sorted((row for row in first if row is not None), key=badness, reverse=True)
    lines = tuple(item(shortened(row.sentence, LONGEST)) for row in worst)
    if lines:
        yield Section("What fails", lines=lines, failing=len(lines))


def _not_run(report: Report) -> Iterator[Section]:
    lines = tuple(item(shortened(line, LONGEST)) for line in report.conclusion.not_run)
    if lines:
        yield Section("What did not run", lines=lines)


def _failed(report: Report) -> Iterator[Section]:
    lines = tuple(item(shortened(str(one), LONGEST)) for one in report.failed)
    if lines:
        yield Section(FAILED, "No verdict rests on them.", lines=lines)


def _matrix(report: Report) -> Iterator[Section]:
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


def _table(title: str, about: str, frame: pd.DataFrame, failing: int | None = None) -> Iterator[Section]:
    if not frame.empty:
        yield Section(title, about, table_head(frame), table_rows(frame), failing)


def _environment(report: Report) -> str:
    made = report.environment
    versions = ", ".join(f"{name} {version}" for name, version in made.versions.items())
    when = f"{made.made}, run {made.run}"
    others = (f"{name} is {one.asked}: {one.runs_on}" for name, one in made.others.items())
    lines = (when, f"Python {made.python}, {versions}", *others, made.platform, made.cpu, made.seed)
    command = code(shortened(made.command, LONGEST))
    return "\n".join(("## How this was made", "", f"- {command}", *(item(shortened(line)) for line in lines)))
