"""Adapters with one known mistake each: `--adapter planted:sum-for-mean`; right where it cannot be made."""

from collections.abc import Callable
from typing import Any

from reference import training_steps
from reference.mistakes import MISTAKES, Inexpressible


def __getattr__(name: str) -> Callable[..., Any]:
    if name not in MISTAKES:
        raise AttributeError(name)

    def train(problem):
        lines = MISTAKES[name].tape(problem)
        return training_steps(problem, None if isinstance(lines, Inexpressible) else lines)

    return train
