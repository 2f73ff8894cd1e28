"""Who does the tasks: worker processes on this machine; what ends a worker is done again."""

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Final

from reports.sweep.done import Done, Order, do
from reports.sweep.plan import Task

# So many tasks wait for each worker: memory does not grow with the sweep.
AHEAD: Final = 2

# A task that ends its worker so often is given up.
ATTEMPTS: Final = 3

THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class LostWorkersError(Exception):
    """Workers have ended again and again over the same tasks."""


@dataclass(frozen=True)
class LocalEngine:
    """Worker processes on this machine, spawned and never forked, each with one thread for its arithmetic."""

    workers: int

    def run(self, tasks: Iterable[Task], order: Order) -> Iterator[Done]:
        """Do the tasks; give what each told, in the order in which they are done.

        Raises
        ------
        LostWorkersError
            If tasks have ended their workers too often.
        """
        left = list(tasks)
        for _ in range(ATTEMPTS):
            lost: list[Task] = []
            yield from self._once(left, order, lost)
            if not lost:
                return
            left = lost
        raise LostWorkersError(
            f"{len(left)} tasks have ended their workers {ATTEMPTS} times: {left[0].name}, …"
        )

    def _once(self, tasks: Iterable[Task], order: Order, lost: list[Task]) -> Iterator[Done]:
        before = {name: os.environ.get(name) for name in THREADS}
        os.environ |= dict.fromkeys(THREADS, "1")  # inherited by what is spawned
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(self.workers, context)
        try:
            yield from _as_done(pool, tasks, order, lost, AHEAD * self.workers)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def _as_done(
    pool: ProcessPoolExecutor, tasks: Iterable[Task], order: Order, lost: list[Task], most: int
) -> Iterator[Done]:
    """Keep so many tasks in the pool; tasks of a pool that broke are added to `lost`."""
    waiting, under_way = iter(tasks), dict[Future[Done], "Task"]()
    while True:
        while len(under_way) < most and (task := next(waiting, None)) is not None:
            try:
                under_way[pool.submit(do, task, order)] = task
            except BrokenProcessPool:
                lost += [task, *waiting]
        if not under_way:
            return
        for future in wait(under_way, return_when=FIRST_COMPLETED).done:
            task = under_way.pop(future)
            try:
                yield future.result()
            except BrokenProcessPool:
                lost.append(task)
