"""The files of a report, each as a text."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from cases.defects import printable
from reference import parts
from reference.parts import FailedPart
from reports import badge, drift_table, latex, markdown, page, results_file, tables
from reports.folder import publish
from reports.formats import chosen
from reports.marks import item
from reports.report import Report
from reports.texts import csv


def write(report: Report, folder: Path, formats: Sequence[str] = ()) -> None:
    """Write every file of a report into `folder`, all at once.

    All are of one run: a file of a format that is not asked for, which an earlier run left, is removed.

    Raises
    ------
    OSError
        If a file cannot be written; the files of the last report are then as they were.
    """
    writers = chosen(WRITERS, formats)
    texts = _texts(report, writers)
    if parts.so_far():  # the files that tell of it may have been written before it was known
        texts |= _texts(report, {name: writer for name, writer in writers.items() if name in BARE})
    publish(texts, folder, others=WRITERS.keys() - texts)


def _texts(report: Report, writers: Mapping[str, Callable[[Report], str]]) -> dict[str, str]:
    """Return the files' texts: in the place of one that fails, if people read it, the bare conclusion."""
    found = {name: parts.tried(name, text, report) for name, text in writers.items()}
    return {
        name: BARE[name](report) if isinstance(text, FailedPart) else text
        for name, text in found.items()
        if name in BARE or not isinstance(text, FailedPart)
    }


def _bare_page(report: Report) -> str:
    lines = Markup("\n").join(Markup("<p>{}</p>").format(line) for line in _bare(report))
    head = '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Report</title>\n'
    return f"{head}{lines}\n</html>\n"


def _bare_summary(report: Report) -> str:
    return "\n".join(map(item, _bare(report))) + "\n"


def _bare(report: Report) -> tuple[str, ...]:
    return tuple(map(printable, (*report.conclusion.lines, parts.counted(report.failed))))


def results_csv(report: Report) -> str:
    """Return results.csv: a line for each row. A cell is empty where nothing was compared; NaN is "nan"."""
    return csv(tables.results(report.results.rows))


# The files of a report, each of the format that its name ends in (`reports.formats`).
WRITERS: dict[str, Callable[[Report], str]] = {
    "results.csv": results_csv,
    "results.json": lambda report: results_file.dumps(report.run),
    "drift.csv": lambda report: drift_table.csv(report.results.drifts),
    "summary.md": markdown.summary,
    "index.html": page.index,
    "badge.svg": badge.badge,
    "tables.tex": latex.tables,
}

# The files that people read, which tell what failed; each with what stands there if it fails itself.
BARE: dict[str, Callable[[Report], str]] = {"summary.md": _bare_summary, "index.html": _bare_page}
