"""A sweep from what was asked for on the command line."""

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator
from importlib.util import find_spec

from adapters import Adapter, Unavailable, UnknownAdapterError, find_adapters
from adapters.isolation import Limits
from adapters.registry import default_names
from cases.defects import printable
from reports import terminal
from reports.options import flags_of
from reports.sweep.cluster import DaskEngine, NoDaskError
from reports.sweep.done import Order
from reports.sweep.engine import LocalEngine, LostWorkersError
from reports.sweep.plan import Plan, Task, tasks
from reports.sweep.shrinking.found import write_found
from reports.sweep.store import OtherSweepError, Store
from reports.sweep.summary import shortfalls, summarize
from reports.sweep.telling import progress, show, show_found, write

Adapters = tuple[Adapter | Unavailable, ...]


class CannotSweepError(Exception):
    """What was asked for cannot be done here; the message says why."""


def sweep(options: argparse.Namespace, limits: Limits | None) -> int:
    """Do all that is asked for and not done yet, and tell what was found; return the exit code.

    With `limits` each adapter runs in a process of its own.
    """
    try:
        return _sweep(options, limits)
    except (UnknownAdapterError, CannotSweepError, OtherSweepError, LostWorkersError, NoDaskError) as error:
        print(printable(str(error)), file=sys.stderr)
        return 2
    except OSError as error:
        told = f"{error.filename or options.out} cannot be written to: {error.strerror or error}"
        print(printable(told), file=sys.stderr)
        return 2


def _sweep(options: argparse.Namespace, limits: Limits | None) -> int:
    if find_spec("pyarrow") is None:
        raise CannotSweepError("rows are kept by pyarrow, which is not installed: pip install '.[sweep]'")
    plan = _plan(options)
    adapters = find_adapters(plan.adapters, limits)
    store = Store(options.out)
    store.open(plan, _versions(adapters), resume=options.resume)
    done, out = store.done, terminal.console()
    left = [task for task in tasks(plan) if task.name not in done]
    order = Order(str(options.out.resolve()), limits)
    with progress(out, plan.count, plan.count - sum(task.told for task in left)) as watch:
        for one in _engine(options).run(_in_time(left, options.minutes), order):
            watch(one)
    return _tell(store, plan, adapters, options, limits)


def _tell(
    store: Store, plan: Plan, adapters: Adapters, options: argparse.Namespace, limits: Limits | None
) -> int:
    """Tell what has been found so far, and write it as cases if that is asked for; return the exit code."""
    out = terminal.console()
    if not store.done:
        out.print("Nothing has been judged yet, so nothing is known to agree; --resume goes on")
        return 1
    summary = summarize(store.tables())
    vacuous = shortfalls(summary, adapters, is_asked_for=bool(options.adapter))
    write(summary, store.folder)
    show(summary, store.folder, vacuous, out)
    if options.found is not None:
        found = write_found(plan, summary.findings, adapters, options.found)
        show_found(found, options.found, flags_of(limits), out)
    if summary.cases < plan.count:
        out.print(f"{plan.count - summary.cases:,} cases are left; --resume goes on")
    return 1 if len(summary.findings) or vacuous else 0


def _engine(options: argparse.Namespace) -> LocalEngine | DaskEngine:
    workers = options.workers or os.cpu_count() or 1
    return LocalEngine(workers) if options.engine == "local" else DaskEngine(workers, options.scheduler)


def _plan(options: argparse.Namespace) -> Plan:
    chosen = {"dtypes": tuple(options.dtype)} if options.dtype else {}
    names = tuple(options.adapter) or default_names()
    return Plan(options.seed, options.count, widths=options.widths, adapters=names, **chosen)


def _versions(found: Adapters) -> dict[str, str]:
    """Return the version of each adapter that can run.

    Raises
    ------
    CannotSweepError
        If none can.
    """
    present = {one.name: one.version for one in found if isinstance(one, Adapter)}
    if not present:
        names = ", ".join(one.name for one in found)
        raise CannotSweepError(f"none of {names} can run here, so nothing would be judged")
    return present


def _in_time(left: Iterable[Task], minutes: float | None) -> Iterator[Task]:
    """Give tasks until the time is over."""
    end = time.monotonic() + 60 * minutes if minutes is not None else None
    for task in left:
        if end is not None and time.monotonic() > end:
            return
        yield task
