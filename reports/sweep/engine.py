"""Doing the tasks of a sweep in worker processes: of this machine, or of a Dask cluster.

Either is an executor of `concurrent.futures`, to which tasks are given a few at a time. What a task gives
comes back and is written here, so the workers of a cluster need this suite and the frameworks, and no folder
in common. What a worker was doing when it died is done again by another.

Source: M. Rocklin, "Dask: Parallel Computation with Blocked algorithms and Task Scheduling" (SciPy 2015).
"""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd

from adapters import Adapter, Unavailable, find_adapters
from adapters.isolation import Limits
from cases import Problem
from cases.problem import sliced
from reports.sweep.evaluate import evaluate_alone, evaluate_stack
from reports.sweep.implementations import Implementation, implementations
from reports.sweep.plan import Task
from reports.sweep.store import Store, SweepError, summarize

# How a program is run that takes one case at a time, as a user runs it. In every 8th block, 16 cases of a
# program over stacks are run alone as well.
ALONE: Final = "alone"
ALONE_EVERY_BLOCKS, CASES_ALONE = 8, 16

# Columns of few different words: Parquet keeps each word once.
CATEGORIES: Final = (
    *("adapter", "program", "how", "verdict", "first", "known", "sentence"),
    *("dtype", "widths", "activations", "loss", "update", "regime"),
)

TASKS_PER_WORKER: Final = 2  # how many tasks wait for each worker: memory does not grow with the sweep
MAX_ATTEMPTS: Final = 3  # a task that has ended its worker so often is given up
SCHEDULER_TIMEOUT_S = 5.0  # seconds that a scheduler may take to answer

ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


# One task, in a worker


def compute(task: Task, limits: Limits | None) -> pd.DataFrame:
    """Do a task in a worker; adapters are loaded once in a process."""
    return run_task(task, find_adapters(task.plan.adapters, limits))


def run_task(task: Task, adapters: Sequence[Adapter | Unavailable]) -> pd.DataFrame:
    """Return a row for each case and implementation, and each way in which the implementation was run."""
    plan, block, parts = task.plan, task.block, list[pd.DataFrame]()
    for cases in task.stacks:
        first = block.start + cases.start
        stack = replace(plan.drawn(block, cases), case=plan.name(first))
        sampled = CASES_ALONE if block.number % ALONE_EVERY_BLOCKS == 0 and cases.start == 0 else 0
        for implementation in implementations(adapters, block.number):
            for how, rows in _runs(implementation, stack, sampled):
                about: dict[str, Any] = {
                    "case": np.arange(first, first + len(rows)),
                    "adapter": implementation.adapter.name,
                    "program": implementation.program.name,
                    "how": how,
                }
                parts.append(rows.assign(**about)[[*about, *rows]].head(plan.count - first))
    table = pd.concat(parts, ignore_index=True).assign(block=block.number, **plan.structure(block).features)
    return table.astype(dict.fromkeys(CATEGORIES, "category"))


def _runs(implementation: Implementation, stack: Problem, sampled: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """Run an implementation over the stack, and on `sampled` of its cases alone; or on all of them alone."""
    if over_stack := implementation.program.stacked:
        yield over_stack.how, evaluate_stack(implementation, stack)
        stack = sliced(stack, 0, min(sampled, len(stack.x)))
    if len(stack.x):
        yield ALONE, evaluate_alone(implementation, stack)


# All tasks

Engine: TypeAlias = Callable[[], AbstractContextManager[tuple[Executor, int]]]  # with how many workers


def run_tasks(
    tasks: Iterable[Task], engine: Engine, store: Store, limits: Limits | None = None
) -> Iterator[tuple[Task, int]]:
    """Do and write tasks, taken as workers become free; give each with the number of its findings when done.

    Raises `SweepError` if tasks have ended their workers too often, or there is no cluster.
    """
    left = tasks
    for _ in range(MAX_ATTEMPTS):
        lost: list[Task] = []
        with engine() as (executor, workers):
            for task, table in _as_done(executor, left, limits, lost, TASKS_PER_WORKER * workers):
                store.write(task, table)
                yield task, len(summarize([table]).findings)
        if not lost:
            return
        left = lost
    many = f"{len(lost)} tasks have ended their workers {MAX_ATTEMPTS} times"
    raise SweepError(f"{many}: {lost[0].name}, …")


def _as_done(
    executor: Executor, tasks: Iterable[Task], limits: Limits | None, lost: list[Task], most: int
) -> Iterator[tuple[Task, pd.DataFrame]]:
    """Keep at most `most` tasks in the executor; tasks of a pool that broke are added to `lost`."""
    waiting, running = iter(tasks), dict[Future[pd.DataFrame], Task]()
    while True:
        while len(running) < most and (task := next(waiting, None)) is not None:
            try:
                running[executor.submit(compute, task, limits)] = task
            except BrokenProcessPool:
                lost += [task, *waiting]
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            task = running.pop(future)
            try:
                yield task, future.result()
            except BrokenProcessPool:
                lost.append(task)


@contextmanager
def local_workers(workers: int) -> Iterator[tuple[Executor, int]]:
    """Start processes on this machine, spawned and never forked, each with one thread for its arithmetic."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ |= ONE_THREAD  # inherited by what is spawned
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
    try:
        yield pool, workers
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ |= {} if value is None else {name: value}


@contextmanager
def dask_workers(workers: int, scheduler: str = "") -> Iterator[tuple[Executor, int]]:
    """Connect to the cluster of a scheduler, or start a local one, whose workers have one thread each."""
    try:
        dask: Any = import_module("distributed")
    except ModuleNotFoundError as missing:
        needed = f"--engine dask needs {missing.name}, which is not installed: pip install '.[dask]'"
        raise SweepError(needed) from None
    if not scheduler:
        local = dask.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
        with local as cluster, dask.Client(cluster) as client:
            yield client.get_executor(pure=False), workers
        return
    try:
        client = dask.Client(scheduler, timeout=SCHEDULER_TIMEOUT_S)
    except (OSError, ValueError) as error:
        raise SweepError(f"no scheduler answers at {scheduler}: {error}") from None
    with client:
        yield client.get_executor(pure=False), max(1, len(client.scheduler_info()["workers"]))
