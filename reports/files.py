"""The files of a report, each as a text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reports import drift_table, markdown, page, saved, tables
from reports.folder import publish

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reports.report import Report


def write(report: Report, folder: Path) -> None:
    """Write every file of a report into `folder`, all at once.

    Raises
    ------
    OSError
        If a file cannot be written; the files of the last report are then as they were.
    """
    publish({name: text(report) for name, text in WRITERS.items()}, folder)


def results_csv(report: Report) -> str:
    """Return results.csv: a line for each row. A cell is empty where nothing was compared; NaN is "nan"."""
    frame = tables.results(report.results.rows)
    text = frame.map(lambda value: "nan" if isinstance(value, float) and math.isnan(value) else value)
    return str(text.to_csv(index=False, lineterminator="\n"))


WRITERS: dict[str, Callable[[Report], str]] = {
    "results.csv": results_csv,
    "results.json": lambda report: saved.dumps(report.run),
    "drift.csv": lambda report: drift_table.csv(report.results.drifts),
    "summary.md": markdown.summary,
    "index.html": page.index,
}
"""The files of a report."""
