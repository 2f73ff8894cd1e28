"""summary.md: the report as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports import changes
from reports.drift_table import ABOUT, TITLE
from reports.marks import escape, table
from reports.power import to_markdown
from reports.report import DIRECTLY, KNOWN, LEGEND, LOST, NO_EQUIVALENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reports.report import Report


def summary(report: Report) -> str:
    """Return the whole of summary.md."""
    return "\n\n".join(_parts(report)) + "\n"


def _parts(report: Report) -> Iterator[str]:
    yield "# Backpropagation: do the frameworks agree?"
    yield f"**{escape(report.conclusion.headline)}**"
    if report.conclusion.failures or report.conclusion.not_run:
        told = (*report.conclusion.failures, *report.conclusion.not_run)
        yield "\n".join(f"- {escape(line)}" for line in told)
    if report.changes is not None:
        yield f"## {changes.TITLE}"
        yield f"**{escape(changes.headline(report.changes))}**"
        yield from changes.parts(report.changes, "###")
    yield "## Each case by each adapter"
    yield LEGEND
    yield table(report.matrix)
    if not report.known.empty:
        yield "## Known differences"
        yield KNOWN
        yield table(report.known)
    if not report.no_equivalent.empty:
        yield "## No equivalent"
        yield NO_EQUIVALENT
        yield table(report.no_equivalent)
    if not report.direct.empty:
        yield f"## {report.direct_title}"
        yield DIRECTLY
        yield table(report.direct)
    if not report.lost.empty:
        yield "## Within the bound, and yet without one right digit"
        yield LOST
        yield table(report.lost)
    for example in report.examples:
        yield f"## Printed numbers: {escape(example.case.name)}"
        yield (
            f"Source: {escape(example.source)}. Each number is judged from the printed numbers above it; "
            "“exact” is what follows from the inputs alone."
        )
        yield table(example.table)
    if not report.drift.empty:
        yield f"## {TITLE}"
        yield ABOUT
        yield table(report.drift)
    if report.power is not None:
        yield to_markdown(report.power).rstrip()
    yield "## How this was made"
    yield _environment(report)


def _environment(report: Report) -> str:
    made = report.environment
    versions = ", ".join(f"{name} {version}" for name, version in made.versions.items())
    lines = (
        f"`{made.command}`",
        f"{made.made}, run {made.run}",
        f"Python {made.python}, {versions}",
        made.platform,
        made.cpu,
        made.seed,
    )
    return "\n".join(f"- {line}" for line in lines)
