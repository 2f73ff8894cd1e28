"""Doing one task in a worker, and what is told of it to whoever gave it out."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from adapters import find_adapters
from adapters.isolation import Limits
from reports.sweep.plan import Task
from reports.sweep.store import Store
from reports.sweep.summary import summarize
from reports.sweep.work import run_task


@dataclass(frozen=True)
class Order:
    """What a worker needs beside the task: where to write, and how adapters are run."""

    folder: str
    limits: Limits | None


@dataclass(frozen=True)
class Done:
    """A task that is done and written."""

    name: str
    cases: int
    findings: int


def do(task: Task, order: Order) -> Done:
    """Do a task and write what it gave; adapters are loaded once in a process."""
    table = run_task(task, find_adapters(task.plan.adapters, order.limits))
    Store(Path(order.folder)).write(task, table)
    return told(task, table)


def told(task: Task, table: pd.DataFrame) -> Done:
    """Tell of a task what whoever gave it out wants to know."""
    return Done(task.name, task.told, len(summarize([table]).findings))
