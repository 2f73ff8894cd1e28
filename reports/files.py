"""The files of a report, each as a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports import badge, drift_table, latex, markdown, page, saved, tables
from reports.folder import publish
from reports.formats import chosen
from reports.texts import csv

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from reports.report import Report


def write(report: Report, folder: Path, formats: Sequence[str] = ()) -> None:
    """Write every file of a report into `folder`, all at once.

    All are of one run: a file of a format that is not asked for, which an earlier run left, is removed.

    Raises
    ------
    OSError
        If a file cannot be written; the files of the last report are then as they were.
    """
    texts = {name: text(report) for name, text in chosen(WRITERS, formats).items()}
    publish(texts, folder, others=WRITERS.keys() - texts)


def results_csv(report: Report) -> str:
    """Return results.csv: a line for each row. A cell is empty where nothing was compared; NaN is "nan"."""
    return csv(tables.results(report.results.rows))


WRITERS: dict[str, Callable[[Report], str]] = {
    "results.csv": results_csv,
    "results.json": lambda report: saved.dumps(report.run),
    "drift.csv": lambda report: drift_table.csv(report.results.drifts),
    "summary.md": markdown.summary,
    "index.html": page.index,
    "badge.svg": badge.badge,
    "tables.tex": latex.tables,
}
"""The files of a report, each of the format that its name ends in (`reports.formats`)."""
