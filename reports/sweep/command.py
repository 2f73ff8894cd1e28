"""A sweep from what was asked for on the command line."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from itertools import takewhile

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from adapters import Adapter, Unavailable, UnknownAdapterError, find_adapters
from adapters.isolation import Limits
from adapters.registry import default_names
from cases.errors import printable
from cases.protocol import DTYPES
from reports.options import flags_of
from reports.sweep.distinct import show_minimized, write_minimized
from reports.sweep.engine import dask_workers, local_workers, run_tasks
from reports.sweep.plan import Plan, tasks
from reports.sweep.store import Store, SweepError, summarize
from reports.writers import terminal


def sweep(options: argparse.Namespace, limits: Limits | None) -> int:
    """Do all that is asked for and not done yet, and show what the sweep found; return the exit code.

    With `limits` each adapter runs in a process of its own.
    """
    try:
        return _sweep(options, limits)
    except (UnknownAdapterError, SweepError) as error:
        message = str(error)
    except OSError as error:
        message = f"{error.filename or options.out} cannot be written to: {error.strerror or error}"
    print(printable(message), file=sys.stderr)
    return 2


def _sweep(options: argparse.Namespace, limits: Limits | None) -> int:
    if find_spec("pyarrow") is None:
        raise SweepError("rows are kept by pyarrow, which is not installed: pip install '.[sweep]'")
    dtypes, names = tuple(options.dtype) or DTYPES, tuple(options.adapter) or default_names()
    plan = Plan(options.seed, options.count, dtypes, options.widths, names)
    adapters = find_adapters(plan.adapters, limits)
    store = Store(options.out)
    versions = {adapter.name: adapter.version for adapter in adapters if isinstance(adapter, Adapter)}
    if not versions:
        asked = ", ".join(adapter.name for adapter in adapters)
        raise SweepError(f"none of {asked} can run here, so nothing would be judged")
    store.open(plan, versions, resume=options.resume)
    done = store.done
    left = [task for task in tasks(plan) if task.name not in done]
    workers = options.workers or os.cpu_count() or 1
    is_dask = options.engine == "dask"
    engine = partial(dask_workers, workers, options.scheduler) if is_dask else partial(local_workers, workers)
    end = time.monotonic() + 60 * options.minutes
    in_time = takewhile(lambda _: time.monotonic() <= end, left)
    with _progress(terminal.console(), plan.count, plan.count - sum(task.count for task in left)) as watch:
        for task, findings in run_tasks(in_time, engine, store, limits):
            watch(task.count, findings)
    return _report(store, plan, adapters, options, limits)


def _report(
    store: Store,
    plan: Plan,
    adapters: tuple[Adapter | Unavailable, ...],
    options: argparse.Namespace,
    limits: Limits | None,
) -> int:
    """Show what has been judged so far, and write findings as cases if that is asked for."""
    out = terminal.console()
    if not store.done:
        out.print("Nothing has been judged yet, so nothing is known to agree; --resume goes on")
        return 1
    summary = summarize(store.tables())
    vacuous = summary.shortfalls(adapters, is_asked_for=bool(options.adapter))
    summary.write(store.folder)
    summary.show(store.folder, vacuous, out)
    if options.found is not None:
        minimized = write_minimized(plan, summary.findings, adapters, options.found)
        show_minimized(minimized, options.found, flags_of(limits), out)
    if summary.cases < plan.count:
        out.print(f"{plan.count - summary.cases:,} cases are left; --resume goes on")
    return 1 if len(summary.findings) or vacuous else 0


@contextmanager
def _progress(out: Console, count: int, already: int) -> Iterator[Callable[[int, int], None]]:
    judging = TextColumn("judging {task.fields[rate]}")
    columns = judging, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=out, transient=True) as bar:
        shown = bar.add_task("", total=count, completed=already, rate="")
        findings = 0

        def watch(cases: int, more_findings: int) -> None:
            nonlocal findings
            findings += more_findings
            bar.advance(shown, cases)
            rate = f"{bar.tasks[0].speed or 0:,.0f} cases a second"
            bar.update(shown, rate=f"{rate}, {findings} findings" if findings else rate)

        yield watch
