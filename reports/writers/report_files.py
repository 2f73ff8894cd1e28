"""The files of a report, each as a text."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from markupsafe import Markup

from cases.errors import printable
from reference import parts
from reports import page, results_file
from reports.report import Report
from reports.runs.parallel import begun
from reports.writers import badge, chosen, csv_json, latex, summary_md
from reports.writers.markdown_text import item
from reports.writers.publish import publish

Writer: TypeAlias = Callable[[Report], str]

# The files with a line for each row, which together take as long as all others.
LARGE: Final = ("results.csv", "results.json")


def write(report: Report, folder: Path, formats: Sequence[str] = (), *, forks: bool = False) -> None:
    """Write every file of a report into `folder`, all at once; with `forks` two of them beside the others.

    All are of one run: a file of a format that is not asked for, which an earlier run left, is removed. What
    cannot be written raises `OSError`; the files of the last report are then as they were.
    """
    writers = chosen(WRITERS, formats)
    if forks and not parts.so_far():
        writers = _begun(writers, report)
    texts = _texts(report, writers)
    if parts.so_far():  # the files that name what failed may have been written before it was known
        texts |= _texts(report, {name: writer for name, writer in writers.items() if name in BARE})
    publish(texts, folder, others=WRITERS.keys() - texts)


def _begun(writers: Mapping[str, Writer], report: Report) -> dict[str, Writer]:
    """Begin the `LARGE` files in processes of their own, and put last what waits for them."""
    large = {name: begun(partial(writers[name], report)) for name in LARGE if name in writers}
    others = {name: writer for name, writer in writers.items() if name not in large}
    return others | {name: partial(_waited_for, text) for name, text in large.items()}


def _waited_for(text: Callable[[], str], _: Report) -> str:
    return text()


def _texts(report: Report, writers: Mapping[str, Writer]) -> dict[str, str]:
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
WRITERS: dict[str, Writer] = {
    "results.csv": lambda report: csv_json.csv(csv_json.results(report.results.rows)),
    "results.json": lambda report: results_file.dumps(report.run),
    "drift.csv": lambda report: csv_json.csv(csv_json.drifts(report.results.drifts)),
    "summary.md": summary_md.summary,
    "index.html": page.index,
    "badge.svg": badge.badge,
    "tables.tex": latex.tables,
}

# The files that people read, which name what failed; each with what is written if it fails itself.
BARE: dict[str, Writer] = {
    "summary.md": lambda report: "".join(f"{item(line)}\n" for line in _bare(report)),
    "index.html": _bare_page,
}
