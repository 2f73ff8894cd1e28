"""What a build prints: a progress bar on a terminal, the tables for it, the conclusion."""

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable

from cases import Case
from cases.errors import printable
from reference import parts
from reports import regression_text
from reports.causes import MIN_ALIKE
from reports.detection import detection_tables as detection
from reports.environment import Selection
from reports.outcome import Cell, Outcome
from reports.report import Report, Table

LOG_COLUMNS = 160  # columns where the output is no terminal: a log is not folded
MAX_LINES = 20  # more lines of one kind than this are left to the report's files


def console() -> Console:
    """Return a console that prints words as they are, and escapes what the output cannot encode."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    width = None if sys.stdout.isatty() else LOG_COLUMNS
    return Console(markup=False, highlight=False, emoji=False, width=width, soft_wrap=False)


@contextmanager
def bar(out: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar, on a terminal only; give the function that moves it: what is next, how much is done."""
    text = TextColumn("{task.description}", markup=False)
    columns = BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), text
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as shown:
        task = shown.add_task("")
        yield lambda what, done, of: shown.update(task, description=what, completed=done, total=of)


@contextmanager
def progress(selection: Selection, out: Console) -> Iterator[Callable[[Case, str, int], None]]:
    before, most, of = 0, 0, sum(case.steps for case, _ in selection.runs)
    with bar(out) as move:

        def watch(case: Case, dtype: str, step: int) -> None:
            nonlocal before, most
            if step == 0:  # the run before this one may have ended early
                before, most = before + most, case.steps if dtype in case.dtypes else 0
            move(printable(f"{case.name} {dtype}"), before + step, of)

        yield watch


def show(report: Report, folder: Path | None, out: Console) -> None:
    """Print tables with their legends, the conclusion, what failed, and where the report is, if it is."""
    for table in report.tables:
        if "terminal" in table.also_in:
            _try(f"“{table.heading}”", out, partial(_show_table, table, out))
            out.print(table.about, end="\n\n")
    _conclusion(report, out)
    if changes := report.changes:
        out.print("\nSince the last run:")
        _try(f"“{regression_text.TITLE}”", out, lambda: regression_text.show(changes, out))
    if power := report.power:
        _try(f"“{detection.TITLE}”", out, lambda: _print(detection.sentences(power), out))
    if failed := parts.counted(report.failed):
        _print([failed], out)
    if folder is not None:
        index = folder / "index.html"
        out.print(f"Report: {shown(index if index.exists() else folder.resolve())}", soft_wrap=True)


def _try(part: str, out: Console, show: Callable[[], object]) -> None:
    """Print a part or, in its place, why it failed."""
    failed = parts.tried(part, show)
    if isinstance(failed, parts.FailedPart):
        _print([str(failed)], out)


def _print(lines: Iterable[str], out: Console) -> None:
    for line in lines:
        out.print(printable(line), soft_wrap=True)


def _show_table(table: Table, out: Console) -> None:
    rich = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.frame.columns:
        rich.add_column(printable(column), overflow="fold")
    for row in _without_passed_over(list(table.frame.itertuples(index=False, name=None))):
        rich.add_row(*(printable(str(value)) for value in row))
    out.print(rich)


def _without_passed_over(lines: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Leave out the lines of many cases that every adapter passes over: the conclusion says it once."""

    def is_passed_over(line: tuple[object, ...]) -> bool:
        cells = [value for value in line if isinstance(value, Cell)]
        return bool(cells) and all(
            one.outcome is Outcome.NO_EQUIVALENT and not one.row.expected for one in cells
        )

    left = [line for line in lines if not is_passed_over(line)]
    return left if left and len({line[0] for line in lines if is_passed_over(line)}) >= MIN_ALIKE else lines


def _conclusion(report: Report, out: Console) -> None:
    conclusion = report.conclusion
    _print((conclusion.headline, *_first(conclusion.failures), *conclusion.not_run), out)
    if conclusion.known:
        out.print("\nExpected differences, as their cases say:")
    _print((*_first(conclusion.known), *_first(conclusion.no_equivalent)), out)


def shown(path: Path) -> str:
    """Return a path as a person here would write it; the links of a report's folder are not followed."""
    whole = path.parent.resolve() / path.name
    return printable(str(whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole))


def _first(lines: tuple[str, ...]) -> tuple[str, ...]:
    more = len(lines) - MAX_LINES
    return (*lines[:MAX_LINES], f"… and {more} more.") if more > 0 else lines
