"""Annotations of a pull request: what fails first, as GitHub's workflow commands on standard output.

They are printed only where `$GITHUB_ACTIONS` is set, and GitHub shows ten of a step. Each is at the file of
its case. The form is that of docs.github.com, "Workflow commands for GitHub Actions".
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cases.errors import Defect, printable
from reports.report import Report
from reports.writers.markdown_text import shortened

VARIABLE: Final = "GITHUB_ACTIONS"
WORKSPACE: Final = "GITHUB_WORKSPACE"
TITLE: Final = "backprop parity"
MAX_SHOWN: Final = 10  # GitHub shows no more of one step
MAX_MESSAGE: Final = 2_000  # characters


def annotate(report: Report) -> None:
    """Print what fails, if this is a workflow; the last annotation counts those that are left out."""
    if is_asked_for():
        print_all(of_report(report))


def annotate_defects(defects: Iterable[Defect]) -> None:
    """Print what is wrong in case files, each at its line, if this is a workflow."""
    if is_asked_for():
        print_all(error(one.message, "case file", one.path, one.line) for one in defects)


def is_asked_for() -> bool:
    return os.environ.get(VARIABLE) == "true"


def print_all(commands: Iterable[str]) -> None:
    lines = fitted(list(commands))
    if lines:
        print()  # a command has to begin a line, and what a program printed last may have no end
    for line in lines:
        print(line, flush=True)


def fitted(commands: list[str]) -> list[str]:
    """Return as many as GitHub shows, the last of which says how many more there are."""
    if len(commands) <= MAX_SHOWN:
        return commands
    more = len(commands) - MAX_SHOWN + 1
    return [*commands[: MAX_SHOWN - 1], error(f"{more} more failures are in the report.", TITLE)]


def of_report(report: Report) -> list[str]:
    """Return what did not run, then what fails: what one mistake explains once, at its first case."""
    said, paths = report.conclusion, {case.name: case.path for case in report.selection.cases}
    failing = []
    for text in said.failures:
        rows = [row for row in report.failures if row.sentence in text]
        where = paths.get(rows[0].subject.case) if rows else None
        failing.append(error(text, rows[0].subject.implementation if rows else TITLE, where))
    worse = (
        ["Something is worse than in the baseline."] if report.changes and report.changes.regressed else []
    )
    return [error(line, TITLE) for line in (*said.not_run, *worse)] + failing


def error(message: str, title: str, path: Path | None = None, line: int = 1) -> str:
    """Return the command of one annotation, at a line of a file if there is one."""
    properties = (
        {"title": title} if path is None else {"file": _relative(path), "line": str(line), "title": title}
    )
    written = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in properties.items())
    return f"::error {written}::{_escaped(shortened(message, MAX_MESSAGE))}"


def _relative(path: Path) -> str:
    """Return a path as GitHub shows it, below the checkout; any other as it is."""
    root = Path(os.environ.get(WORKSPACE, ".")).resolve()
    whole = path.resolve()
    return (whole.relative_to(root) if whole.is_relative_to(root) else whole).as_posix()


def _escaped(text: str, more: str = "") -> str:
    """Write text so that a command ends nowhere in it: %, line ends, and in a property its separators."""
    text = printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    for sign in more:
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text
