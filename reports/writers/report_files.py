"""The files of a report, each as a text."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from markupsafe import Markup

from cases.errors import printable
from reference import parts
from reports import page, results_file
from reports.report import Report
from reports.runs.parallel import begun
from reports.writers import badge, chosen, csv_json, latex, summary_md
from reports.writers.markdown_text import item
from reports.writers.publish import publish


def write(report: Report, folder: Path, formats: Sequence[str] = (), *, forks: bool = False) -> None:
    """Write every file of a report into `folder`, all at once; with `forks` the page in a process of its own.

    All are of one run: a file of a format that is not asked for, which an earlier run left, is removed. What
    cannot be written raises `OSError`; the files of the last report are then as they were.
    """
    writers = chosen(WRITERS, formats)
    if forks and "index.html" in writers and not parts.so_far():
        page_of_child = begun(partial(writers["index.html"], report))
        writers = {**writers, "index.html": lambda _: page_of_child()}
    texts = _texts(report, writers)
    if parts.so_far():  # the files that name what failed may have been written before it was known
        texts |= _texts(report, {name: writer for name, writer in writers.items() if name in BARE})
    publish(texts, folder, others=WRITERS.keys() - texts)


def _texts(report: Report, writers: Mapping[str, Callable[[Report], str]]) -> dict[str, str]:
    """Return the files' texts: in the place of one that fails, if people read it, the bare conclusion."""
    made = {name: parts.tried(name, text, report) for name, text in writers.items()}
    return {
        name: BARE[name](report) if isinstance(text, parts.FailedPart) else text
        for name, text in made.items()
        if name in BARE or not isinstance(text, parts.FailedPart)
    }


def _bare(report: Report) -> tuple[str, ...]:
    return tuple(map(printable, (*report.conclusion.lines, parts.counted(report.failed))))


def _bare_page(report: Report) -> str:
    lines = Markup("\n").join(Markup("<p>{}</p>").format(line) for line in _bare(report))
    head = '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Report</title>\n'
    return f"{head}{lines}\n</html>\n"


# The files of a report, each of the format that its name ends in (`reports.writers.FORMATS`).
WRITERS: dict[str, Callable[[Report], str]] = {
    "results.csv": lambda report: csv_json.csv(csv_json.results(report.results.rows)),
    "results.json": lambda report: results_file.dumps(report.run),
    "drift.csv": lambda report: csv_json.csv(csv_json.drifts(report.results.drifts)),
    "summary.md": summary_md.summary,
    "index.html": page.index,
    "badge.svg": badge.badge,
    "tables.tex": latex.tables,
}

# The files that people read, which name what failed; each with what is written if it fails itself.
BARE: dict[str, Callable[[Report], str]] = {
    "summary.md": lambda report: "".join(f"{item(line)}\n" for line in _bare(report)),
    "index.html": _bare_page,
}
