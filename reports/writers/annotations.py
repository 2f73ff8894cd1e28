"""Annotations of a pull request: what fails first, as GitHub's workflow commands on standard output.

They are printed only where `$GITHUB_ACTIONS` is set, and GitHub shows ten of a step. Each is at the file of
its case. The form is that of docs.github.com, "Workflow commands for GitHub Actions".
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cases.errors import printable
from reports.report import Report
from reports.writers.markdown_text import shortened

VARIABLE: Final = "GITHUB_ACTIONS"
WORKSPACE: Final = "GITHUB_WORKSPACE"
MAX_SHOWN: Final = 10  # GitHub shows no more of one step
MAX_MESSAGE: Final = 2_000  # characters


def annotate(report: Report) -> None:
    """Print what fails, if this is a workflow; the last annotation counts those that are left out."""
    if is_asked_for():
        print_all(of_report(report))


def is_asked_for() -> bool:
    return os.environ.get(VARIABLE) == "true"


def print_all(commands: Iterable[str]) -> None:
    for line in fitted(list(commands)):
        print(line, flush=True)


def fitted(commands: list[str]) -> list[str]:
    """Return as many as GitHub shows, the last of which says how many more there are."""
    if len(commands) <= MAX_SHOWN:
        return commands
    more = len(commands) - MAX_SHOWN + 1
    return [*commands[: MAX_SHOWN - 1], error(f"{more} more failures are in the report.", "backprop parity")]


def of_report(report: Report) -> list[str]:
    paths = {case.name: case.path for case in report.selection.cases}
    failing = [
        error(
            row.sentence, f"{row.subject.implementation} on {row.subject.case}", paths.get(row.subject.case)
        )
        for row in report.failures
    ]
    return failing + [error(line, "backprop parity") for line in report.conclusion.not_run]


def error(message: str, title: str, path: Path | None = None) -> str:
    """Return the command of one annotation, at the first line of a file if there is one."""
    properties = {"title": title} if path is None else {"file": _relative(path), "line": "1", "title": title}
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
