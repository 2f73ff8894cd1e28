"""One task: draw its cases, run every implementation on them, judge, and tell in a table."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from adapters import Adapter, Unavailable
from cases import Problem
from cases.problem import sliced
from reports.sweep.draw import Drawing
from reports.sweep.implementations import Implementation, implementations
from reports.sweep.plan import Task
from reports.sweep.trial import Trial, try_alone, try_stack

# How a program is judged that runs one case at a time, as a user runs it.
ALONE: Final = "alone"

# In one block of so many, so many cases are run alone as well.
SAMPLED_BLOCKS, SAMPLED_CASES = 8, 16

# Columns of few different words: Parquet keeps each word once.
WORDS: Final = (
    *("adapter", "program", "how", "verdict", "first", "known", "told"),
    *("dtype", "widths", "activations", "loss", "update", "regime"),
)


def run_task(task: Task, adapters: Sequence[Adapter | Unavailable]) -> pd.DataFrame:
    """Return a row for each case and implementation, and each way in which the implementation was run."""
    structure, parts = task.plan.structure(task.block.number), []
    for cases in task.stacks:
        first = task.block.start + cases.start
        stack = Drawing(task.plan.seed, task.block.number, cases, structure).problem()
        stack = replace(stack, case=f"sweep of seed {task.plan.seed}, case {first}")
        sampled = task.block.number % SAMPLED_BLOCKS == 0 and cases.start == 0
        for implementation in implementations(adapters, task.block.number):
            for how, trial in _trials(implementation, stack, sampled=sampled):
                parts.append(_table(implementation, how, first, trial).head(task.plan.count - first))
    table = pd.concat(parts, ignore_index=True)
    table = table.assign(block=task.block.number, **structure.features)
    return table.astype(dict.fromkeys(WORDS, "category"))


def _trials(implementation: Implementation, stack: Problem, *, sampled: bool) -> Iterator[tuple[str, Trial]]:
    """Run an implementation over the stack; and alone, where it is sampled or has no other way."""
    if implementation.program.stacked is None:
        yield ALONE, try_alone(implementation, stack)
        return
    yield implementation.program.stacked.how, try_stack(implementation, stack)
    if sampled:
        yield ALONE, try_alone(implementation, sliced(stack, 0, min(SAMPLED_CASES, len(stack.x))))


def _table(implementation: Implementation, how: str, first: int, trial: Trial) -> pd.DataFrame:
    found, count = trial.judged, len(trial.known)
    return pd.DataFrame(
        {
            "case": np.arange(first, first + count),
            "adapter": implementation.adapter.name,
            "program": implementation.program.name,
            "how": how,
            **{name: getattr(found, name) for name in vars(found)},
            "known": trial.known,
            "told": [trial.told.get(i, "") for i in range(count)],
        }
    )
