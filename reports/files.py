"""Writing a report's files: all of them whole, or none of them touched."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd

from reports import badge, drift_table, latex, markdown, page, tables
from reports.formats import chosen
from reports.power.records import records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reports.report import Report
    from reports.rows import Printed

NUMBERS = (
    'Numbers are written so that they read back exactly. "NaN", "Infinity" and "-Infinity" stand as text, '
    "because JSON has none of them; null means that nothing was compared."
)


def write(report: Report, folder: Path, formats: Sequence[str] = ()) -> None:
    """Write every file into a hidden folder inside `folder`, then move each into its place.

    All are of one run: a file of a format that is not asked for, which an earlier run left, is removed.

    Raises
    ------
    OSError
        If a file cannot be written; the files of the last report are then as they were.
    """
    with TemporaryDirectory(prefix=".unfinished-", dir=folder) as unfinished:
        writers = chosen(WRITERS, formats)
        for name, text in writers.items():
            Path(unfinished, name).write_text(text(report), encoding="utf-8", newline="\n")
        for name in writers:
            Path(unfinished, name).replace(folder / name)
        for name in WRITERS.keys() - writers:
            (folder / name).unlink(missing_ok=True)


def results_csv(report: Report) -> str:
    """Return results.csv: a line for each row. A cell is empty where nothing was compared; NaN is "nan"."""
    frame = tables.results(report.results.rows)
    text = frame.map(lambda value: "nan" if isinstance(value, float) and math.isnan(value) else value)
    return str(text.to_csv(index=False, lineterminator="\n"))


def results_json(report: Report) -> str:
    """Return results.json: what the other files hold, for programs."""
    everything: dict[str, object] = {
        "conclusion": asdict(report.conclusion),
        "environment": asdict(report.environment),
        "numbers": NUMBERS,
        "results": _split(tables.results(report.results.rows)),
        "printed": _split(_printed(report.results.printed)),
        "pairs": _split(pd.DataFrame([vars(pair) for pair in report.results.pairs], dtype=object)),
    }
    everything["drift"] = _split(drift_table.records(report.results.drifts))
    if report.power is not None:
        frames = records(report.power)
        everything["power"] = {name: _split(frame.astype(object)) for name, frame in frames.items()}
    return json.dumps(everything, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _printed(printed: Iterable[Printed]) -> pd.DataFrame:
    """Return each printed quantity's number nearest its limit, as printed, beside the exact one."""
    lines = [
        (
            one.row.subject.case,
            one.row.finding.step,
            one.row.finding.element,
            one.text,
            one.exact,
            one.row.expected,
        )
        for one in printed
    ]
    columns = ["case", "step", "element", "printed", "exact", "listed as wrong"]
    return pd.DataFrame(lines, columns=columns, dtype=object)


def _split(frame: pd.DataFrame) -> dict[str, object]:
    """Return a frame as {"columns": […], "rows": [[…], …]}, which is pandas' `split` orientation."""
    rows = [[_json(value) for value in row] for row in frame.itertuples(index=False, name=None)]
    return {"columns": list(frame.columns), "rows": rows}


def _json(value: object) -> object:
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else f"{'-' * (value < 0)}Infinity"


WRITERS: dict[str, Callable[[Report], str]] = {
    "results.csv": results_csv,
    "results.json": results_json,
    "drift.csv": lambda report: drift_table.csv(report.results.drifts),
    "summary.md": markdown.summary,
    "index.html": page.index,
    "badge.svg": badge.badge,
    "tables.tex": latex.tables,
}
"""The files of a report, each of the format that its name ends in (`reports.formats`)."""
