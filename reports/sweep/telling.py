"""Telling a sweep: a progress bar, tables in the terminal, and summary files."""

import os.path
import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from cases.errors import counted, printable
from reports.sweep.done import Done
from reports.sweep.shrinking.found import Found
from reports.sweep.summary import Summary
from reports.writers.csv_json import csv

# Findings that the terminal shows; all stand in findings.csv.
MOST_SHOWN = 10


# What the terminal shows of each implementation, and what it calls that.
COLUMNS = {
    "adapter": "adapter", "program": "program", "how": "run", "cases": "cases", "agrees": "agree",
    "known": "expected difference", "findings": "findings", "worst": "worst used",
    "undecided_share": "undecided quantities",
}  # fmt: skip


@contextmanager
def progress(out: Console, count: int, already: int) -> Iterator[Callable[[Done], None]]:
    """Show how many cases are judged, at what rate, and the time left."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task("judging", total=count, completed=already, rate="")
        found = 0

        def watch(one: Done) -> None:
            nonlocal found
            found += one.findings
            bar.advance(task, one.cases)
            speed = bar.tasks[0].speed
            told = f"{speed:,.0f} cases a second" if speed else ""
            bar.update(task, rate=f"{told}, {found} findings" if found else told)

        yield watch


def show(summary: Summary, folder: Path, vacuous: Iterable[str], out: Console) -> None:
    """Show the programs, expected differences and first findings; then why it may show no agreement."""
    out.print(_table(summary.implementations[list(COLUMNS)].rename(columns=COLUMNS)))
    if len(summary.known):
        out.print(_table(summary.known))
    for told in summary.findings["told"].where(summary.findings["told"] != "").dropna().head(MOST_SHOWN):
        out.print(printable(str(told)), markup=False, highlight=False, soft_wrap=True)
    for line in (*vacuous, summary.headline):
        out.print(printable(line), markup=False, highlight=False, soft_wrap=True)
    out.print(printable(f"Rows and summary: {folder}"), markup=False, highlight=False, soft_wrap=True)


def show_found(found: Iterable[Found], folder: Path, flags: Iterable[str], out: Console) -> None:
    """Show each distinct finding as it is reduced, and how to see it again; `flags` are for the limits."""
    written: list[Found] = []
    for one in found:
        where = "no case file" if one.path is None else str(one.path)
        out.print(printable(f"{where}: {one.told}"), markup=False, highlight=False, soft_wrap=True)
        written += [] if one.path is None else [one]
    if written:
        again = f"to see {'it' if len(written) == 1 else 'them'} again: {command(written, folder, flags)}"
        told = f"{counted(len(written), 'case')} written; {again}"
        out.print(printable(told), markup=False, highlight=False, soft_wrap=True)


def command(written: Iterable[Found], folder: Path, flags: Iterable[str]) -> str:
    """Return the command that shows findings again, quoted for a shell: by their adapters, and no others."""
    names = [one.path.stem for one in written if one.path is not None]
    adapters = dict.fromkeys(one.adapter for one in written)
    words = ["python", "-m", "reports.build", "--cases", str(folder)]
    words += [word for name in adapters for word in ("--adapter", name)]
    common = os.path.commonprefix(names)  # noqa: RUF071 - of names, not of paths
    return shlex.join([*words, *(["--select", common] if common else []), *flags])


def _table(frame: pd.DataFrame) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in frame.columns:
        is_number = pd.api.types.is_numeric_dtype(frame[name])
        table.add_column(str(name), justify="right" if is_number else "left")
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(_told(value)) for value in row))
    return table


def _told(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else printable(str(value))


def write(summary: Summary, folder: Path) -> None:
    """Write what was found as CSV: by implementation, by feature, expected differences, findings."""
    for name in ("implementations", "features", "known", "findings"):
        unfinished = folder / f".{name}.csv"
        unfinished.write_text(csv(getattr(summary, name)), encoding="utf-8", newline="\n")
        unfinished.replace(folder / f"{name}.csv")
