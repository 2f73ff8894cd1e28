"""Shorter networks and runs: fewer layers and steps, as edits of a problem."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from reference import training_steps

# Makes another problem of one; None where it no longer fits.
Edit: TypeAlias = Callable[[Problem], Problem | None]


def shorter(problem: Problem) -> Iterator[Edit]:
    """Give edits to fewer layers, the fewest first, then to fewer steps."""
    yield from _fewer_layers(problem)
    for steps in range(1, problem.steps):
        yield partial(_ended_after, steps=steps)
        yield partial(_begun_after, steps=problem.steps - steps)


def _ended_after(problem: Problem, steps: int) -> Problem:
    return replace(problem, steps=steps)


def _begun_after(problem: Problem, steps: int) -> Problem | None:
    """Start from the parameters after so many steps."""
    if steps >= problem.steps:
        return None
    *_, last = training_steps(replace(problem, steps=steps))
    parameters = {name: last[names.updated(name)] for name in problem.parameters}
    return replace(problem, steps=problem.steps - steps, parameters=MappingProxyType(parameters))


def _fewer_layers(problem: Problem) -> Iterator[Edit]:
    """Give runs of layers, the shortest first, then all layers but one inside."""
    depth = problem.depth
    for length in sorted({1, 2, depth // 2, depth - 1} - {0, depth}):
        for first in range(1, depth - length + 2):
            yield partial(_only_layers, first=first, last=first + length - 1)
    yield from (partial(_without_layer, k=k) for k in range(1, depth))


def _only_layers(problem: Problem, first: int, last: int) -> Problem | None:
    """Keep some layers: their input is what the layers before made of x, and y is cut to their outputs."""
    if last > problem.depth or last - first + 1 == problem.depth:
        return None
    values = next(training_steps(replace(problem, steps=1))) | {"x": problem.x}
    outputs = _columns(problem.y, len(problem.parameters[names.b(last)]))
    layers = range(first, last + 1)
    return replace(_of_layers(problem, layers), x=values[names.a(first - 1)], y=outputs)


def _without_layer(problem: Problem, k: int) -> Problem | None:
    if k >= problem.depth:
        return None
    inputs = problem.parameters[names.W(k)].shape[1]
    after = {names.W(k + 1): _columns(problem.parameters[names.W(k + 1)], inputs)}
    layers = [one for one in range(1, problem.depth + 1) if one != k]
    return _of_layers(with_parameters(problem, after), layers)


def _of_layers(problem: Problem, layers: Sequence[int]) -> Problem:
    """Keep these layers, numbered anew."""
    old = {of(new): of(k) for new, k in enumerate(layers, start=1) for of in (names.W, names.b)}
    parameters = {new: problem.parameters[name] for new, name in old.items()}
    return replace(
        problem,
        activations=tuple(problem.activations[k - 1] for k in layers),
        parameters=MappingProxyType(parameters),
        not_trained=frozenset(new for new, name in old.items() if name in problem.not_trained),
    )


def _columns(array: NDArray[Any], count: int) -> NDArray[Any]:
    """Return so many columns of a matrix: its first ones, or all of them again and again."""
    return array[:, np.arange(count) % array.shape[1]]


def with_parameters(problem: Problem, arrays: dict[str, NDArray[Any]]) -> Problem:
    """Return the problem with some other parameters."""
    return replace(problem, parameters=MappingProxyType(dict(problem.parameters) | arrays))
