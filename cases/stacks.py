"""Stacks: many problems of one structure as one, each array with one axis more in front."""

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from cases.problem import Problem


def stacked(problems: Sequence[Problem]) -> Problem:
    """Return problems that differ in their arrays alone as one, whose arrays have the shape (C, …)."""
    first = problems[0]
    parameters = {name: np.stack([one.parameters[name] for one in problems]) for name in first.parameters}
    return replace(
        first,
        x=np.stack([one.x for one in problems]),
        y=np.stack([one.y for one in problems]),
        parameters=MappingProxyType(parameters),
    )


def unstacked(stack: Problem, i: int, name: str = "") -> Problem:
    """Return one problem of a stack, in memory of its own, under its name if one is given."""
    parameters = {key: array[i].copy() for key, array in stack.parameters.items()}
    return replace(
        stack,
        case=name or stack.case,
        x=stack.x[i].copy(),
        y=stack.y[i].copy(),
        parameters=MappingProxyType(parameters),
    )


def sliced(stack: Problem, start: int, end: int) -> Problem:
    """Return the problems of a stack from one to before another, as a stack."""
    parameters = {key: array[start:end] for key, array in stack.parameters.items()}
    return replace(stack, x=stack.x[start:end], y=stack.y[start:end], parameters=MappingProxyType(parameters))
