"""The same tasks on a cluster, by Dask: a local one, or one whose scheduler is given.

Workers need this suite and the frameworks, and no folder in common: what a task gives comes back, and is
written here. A worker that dies has its tasks done again by another; that is Dask's own doing.

Source: M. Rocklin, "Dask: Parallel Computation with Blocked algorithms and Task Scheduling" (SciPy 2015).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pandas as pd

from adapters import find_adapters
from adapters.isolation import Limits
from reports.sweep.done import Done, Order, told
from reports.sweep.plan import Task
from reports.sweep.store import Store
from reports.sweep.work import run_task

# So many tasks wait for each worker.
AHEAD: Final = 2

# So many seconds a scheduler may take to answer.
PATIENCE = 5.0


class NoDaskError(Exception):
    """Dask is not installed, or its scheduler cannot be reached; the message says which."""


@dataclass(frozen=True)
class DaskEngine:
    """Workers of a Dask cluster.

    Attributes
    ----------
    workers
        Of a local cluster, each with one thread.
    scheduler
        The address of another cluster's scheduler, or "" for a local one.
    """

    workers: int
    scheduler: str = ""

    def run(self, tasks: Iterable[Task], order: Order) -> Iterator[Done]:
        """Do the tasks; give what each told, in the order in which they are done.

        Raises
        ------
        NoDaskError
            As it says.
        """
        with self._client() as client:
            yield from _as_done(client, tasks, order)

    @contextmanager
    def _client(self) -> Iterator[Any]:
        dask = _dask()
        if self.scheduler:
            try:
                client = dask.Client(self.scheduler, timeout=PATIENCE)
            except (OSError, ValueError) as error:
                raise NoDaskError(f"no scheduler answers at {self.scheduler}: {error}") from None
            with client:
                yield client
            return
        local = dask.LocalCluster(n_workers=self.workers, threads_per_worker=1, dashboard_address=None)
        with local as cluster, dask.Client(cluster) as client:
            yield client


def _dask() -> Any:  # noqa: ANN401 - it has no annotations
    try:
        return import_module("distributed")
    except ModuleNotFoundError as missing:
        told = f"--engine dask needs {missing.name}, which is not installed: pip install '.[dask]'"
        raise NoDaskError(told) from None


def _as_done(client: Any, tasks: Iterable[Task], order: Order) -> Iterator[Done]:  # noqa: ANN401 - Dask has no type information
    waiting, under_way, store = iter(tasks), {}, Store(Path(order.folder))

    def submit(task: Task) -> Any:  # noqa: ANN401 - a future
        future = client.submit(compute, task, order.limits, pure=False)
        under_way[future.key] = task
        return future

    most = AHEAD * max(1, len(client.scheduler_info()["workers"]))
    running = _dask().as_completed([submit(task) for task in islice(waiting, most)])
    for future in running:
        task, table = under_way.pop(future.key), future.result()
        store.write(task, table)
        future.release()
        yield told(task, table)
        for following in islice(waiting, 1):
            running.add(submit(following))


def compute(task: Task, limits: Limits | None) -> pd.DataFrame:
    """Do a task on a worker."""
    return run_task(task, find_adapters(task.plan.adapters, limits))
