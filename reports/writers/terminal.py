"""What a build prints: progress, the verdict, what fails and why, counts, and where the report is.

By default that is one screen, of `SCREEN` lines with 80 columns; `--verbose` prints all of it.
"""

import io
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable
from rich.text import Text

from cases import Case
from cases.errors import printable
from reference import parts
from reports import regression_text
from reports.causes import MIN_ALIKE
from reports.detection import detection_tables as detection
from reports.environment import Selection
from reports.outcome import MARKS, Cell, Outcome, plural
from reports.report import Report, counts, matrix

LOG_COLUMNS: Final = 160  # columns of a table where the output is no terminal
LOG_SECONDS: Final = 5.0  # between two lines of progress, there
SCREEN: Final = 25  # lines of a whole output, unless it is verbose
COLUMNS: Final = 80  # of a screen whose width is not known
GAP: Final = 2  # columns between those of a table
FEW: Final = 2  # known differences that are shown, not counted
ALSO: Final = ", and with --verbose."
MORE_LINES: Final = 2  # that say how many failures are left out
TABLE_LINES: Final = 4  # of the table of counts: its head, and the empty lines around it
CAUSE: Final = r"Explained by: [^.]*(?:\.\d[^.]*)*\."


def console() -> Console:
    """Return a console that prints words as they are, and escapes what the output cannot encode."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    width = None if sys.stdout.isatty() else LOG_COLUMNS
    return Console(markup=False, highlight=False, emoji=False, width=width, soft_wrap=False)


@contextmanager
def bar(out: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar, or lines in a log; give what moves it: by what is next, how much is done, of how much."""
    if not out.is_terminal:
        yield _logged()
        return
    text = TextColumn("{task.description}", markup=False)
    columns = BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), text
    with Progress(*columns, console=out, transient=True) as shown:
        task = shown.add_task("")
        yield lambda what, done, of: shown.update(task, description=what, completed=done, total=of)


def _logged() -> Callable[[str, int, int], None]:
    """Return what writes progress to standard error, a line every few seconds."""
    began = last = time.monotonic()

    def move(what: str, done: int, of: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= LOG_SECONDS:
            last = now
            print(f"{done:,} of {of:,} after {now - began:.0f} s: {what}", file=sys.stderr, flush=True)

    return move


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


@dataclass(frozen=True)
class Style:
    """How much is printed, all if `verbose`; and for how many `seconds` the command has run, if known."""

    verbose: bool = False
    seconds: float | None = None


USUAL: Final = Style()


def show(report: Report, folder: Path | None, out: Console, style: Style = USUAL) -> None:
    """Print the verdict, what fails and why, counts, and where the report is, if it is anywhere.

    A part that fails costs its own lines, and says so.
    """
    said = report.conclusion
    _print([said.headline], out, "bold green" if said.passed else "bold red")
    _print(filter(None, [said.scope]), out)
    known, place = _known(report, style), _place(folder, style)
    taken = _height([said.headline, said.scope, *said.not_run, *known, *place], out)
    taken += TABLE_LINES + len({row.subject.adapter for row in report.results.rows})
    _failures(said.failures, out, sys.maxsize if style.verbose else SCREEN - taken)
    _print(said.not_run, out, "yellow")
    if style.verbose:
        _try("the table of each case by each adapter", out, lambda: _matrix(report, out))
    _try("the table of counts", out, lambda: _counts(report, out))
    _print(known, out)
    if changes := report.changes:
        out.print("\nSince the last run:")
        _try(f"“{regression_text.TITLE}”", out, lambda: regression_text.show(changes, out))
    if power := report.power:
        _try(f"“{detection.TITLE}”", out, lambda: _print(detection.sentences(power), out))
    _print(filter(None, [parts.counted(report.failed)]), out, "red")
    _print(place, out)


def _try(part: str, out: Console, show: Callable[[], object]) -> None:
    """Print a part or, in its place, why it failed."""
    failed = parts.tried(part, show)
    if isinstance(failed, parts.FailedPart):
        _print([str(failed)], out, "red")


def _print(lines: Iterable[str], out: Console, style: str = "") -> None:
    """Print lines, folded between words on a screen; what explains a failure stands out."""
    for line in _folded(lines, out):
        text = Text(line, style)
        text.highlight_regex(CAUSE, "bold")
        out.print(text, soft_wrap=True)


def _folded(lines: Iterable[str], out: Console) -> list[str]:
    """Return lines as they are shown: each whole in a log, to be searched; as wide as the screen on one."""
    if not out.is_terminal:
        return list(map(printable, lines))
    return [part for line in lines for part in _wrapped(printable(line), out.width) or [""]]


def _wrapped(line: str, width: int) -> list[str]:
    return textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)


def _height(lines: Iterable[str], out: Console) -> int:
    width = out.width if out.is_terminal else COLUMNS
    return sum(len(_wrapped(line, width)) for line in lines)


def _failures(failures: Sequence[str], out: Console, room: int) -> None:
    """Print failures while there is room for them, and say how many are left out."""
    left = list(failures)
    for place, failure in enumerate(failures):
        room -= 1 + _height([failure], out)
        is_last = place + 1 == len(failures)
        if place and room < (0 if is_last else MORE_LINES):
            break
        _print(["", left.pop(0)], out)
    if left:
        _print(["", f"… and {len(left)} more, in the report and with --verbose."], out)


def _known(report: Report, style: Style) -> list[str]:
    """Return what differs as its case says and what has no equivalent: each or, where many, how many."""
    said = report.conclusion
    differ = f"{plural(len(said.known), 'expected difference')}: causes and sources are in the report{ALSO}"
    have = f"{len(said.no_equivalent)} comparisons have no equivalent: the report says why{ALSO}"
    kinds = (said.known, differ), (said.no_equivalent, have)
    return [
        line
        for lines, counted in kinds
        for line in (lines if style.verbose or len(lines) <= FEW else [counted])
    ]


def _place(folder: Path | None, style: Style) -> list[str]:
    if folder is None:
        return []
    index = folder / "index.html"
    took = "" if style.seconds is None else f" ({style.seconds:.0f} s)"
    return [f"Report: {shown(index if index.exists() else folder.resolve())}{took}"]


def shown(path: Path) -> str:
    """Return a path as a person here would write it; the links of a report's folder are not followed."""
    whole = path.parent.resolve() / path.name
    return printable(str(whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole))


def _counts(report: Report, out: Console) -> None:
    """Print for each adapter how many of its comparisons come out how."""
    frame = counts(matrix(report.cells))
    if not frame.empty:
        _table(frame.columns, frame.itertuples(index=False, name=None), out, numbers=True)


def _matrix(report: Report, out: Console) -> None:
    """Print each case in each number format by each adapter, as many adapters at once as fit."""
    frame = matrix(report.cells)
    lines = _without_passed_over(list(frame.itertuples(index=False, name=None)))
    texts = [[_mark(value) for value in line] for line in lines]
    heads = [printable(name) for name in frame.columns]
    widths = [max(map(len, column)) + GAP for column in zip(heads, *texts, strict=True)]
    for chosen in _side_by_side(widths, out.width):
        _table([heads[i] for i in chosen], ([text[i] for i in chosen] for text in texts), out)
    out.print(MARKS)


def _mark(value: object) -> str:
    return printable(value.mark if isinstance(value, Cell) else str(value))


def _side_by_side(widths: Sequence[int], room: int, keys: int = 2) -> Iterator[list[int]]:
    """Give the columns of each table: the first ones, `keys`, and as many others as fit, but at least one."""
    chosen: list[int] = []
    for i in range(keys, len(widths)):
        if chosen and sum(widths[j] for j in (*range(keys), *chosen, i)) > room:
            yield [*range(keys), *chosen]
            chosen = []
        chosen.append(i)
    if chosen:
        yield [*range(keys), *chosen]


def _table(
    heads: Iterable[str], lines: Iterable[Iterable[str]], out: Console, *, numbers: bool = False
) -> None:
    """Print a table whose cells are not broken, though it be wider than the screen."""
    rich = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        rich.add_column(
            printable(head), no_wrap=True, justify="right" if numbers and rich.columns else "left"
        )
    for line in lines:
        rich.add_row(*map(printable, line))
    out.print(rich, width=max(out.measure(rich).maximum, out.width), crop=False, soft_wrap=True)


def _without_passed_over(lines: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Leave out the lines of many cases that every adapter passes over: the conclusion says it once."""

    def is_passed_over(line: tuple[object, ...]) -> bool:
        cells = [value for value in line if isinstance(value, Cell)]
        return bool(cells) and all(
            cell.outcome is Outcome.NO_EQUIVALENT and not cell.row.expected for cell in cells
        )

    left = [line for line in lines if not is_passed_over(line)]
    return left if left and len({line[0] for line in lines if is_passed_over(line)}) >= MIN_ALIKE else lines
