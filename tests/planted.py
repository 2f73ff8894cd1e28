"""Adapters with one known mistake each: `--adapter planted:sum-for-mean`; right where it cannot be made."""

from reference import training_steps
from reference.mistakes import MISTAKES, Inexpressible


def __getattr__(name):
    if name not in MISTAKES:
        raise AttributeError(name)

    def train(problem):
        lines = MISTAKES[name].tape(problem)
        return training_steps(problem, None if isinstance(lines, Inexpressible) else lines)

    return train
