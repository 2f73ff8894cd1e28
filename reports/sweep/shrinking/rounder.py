"""Rounder numbers, as edits of a problem: 0, 1, a power of 10, fewer digits."""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cases import Problem, Rule
from cases.dtypes import DTYPES
from reports.sweep.shrinking.choices import Choice, choices, half, one, shortened, tenth, zero
from reports.sweep.shrinking.shorter import Edit

BELOW_ONE: Final = frozenset(
    {"momentum", "dampening", "beta1", "beta2", "alpha", "factor", "label_smoothing"}
)
# Of the numbers of rules and losses, none of which is below 0.
MAY_BE_ZERO: Final = frozenset({"eps", "clip_eps", "initial_accumulator", "final", "label_smoothing"})

# To so many digits all numbers of an array are rounded at once.
WHOLE_ARRAY: Final = (1, 2, 3)


def rounder(problem: Problem) -> Iterator[Edit]:
    """Give edits of whole arrays, then of the numbers of rules, then of single elements, y before W."""
    arrays = sorted(problem.inputs, key=lambda name: "ybxW".index(name[0]))
    of_all: list[Choice] = [zero, one, *(partial(shortened, digits=digits) for digits in WHOLE_ARRAY)]
    for name in arrays:
        yield from (partial(_every, name=name, choice=choice) for choice in of_all)
    yield from _of_rules(problem)
    for name in arrays:
        yield from _of_elements(problem, name)


def _every(problem: Problem, name: str, choice: Choice) -> Problem:
    array = problem.inputs[name]
    changed = [choice(float(number), problem.dtype) for number in array.flat]
    return with_input(problem, name, np.array(changed, array.dtype).reshape(array.shape))


def _of_elements(problem: Problem, name: str) -> Iterator[Edit]:
    for index, number in np.ndenumerate(problem.inputs[name]):
        for choice in choices(float(number), problem.dtype):
            yield partial(_element, name=name, index=index, choice=choice)


def _element(problem: Problem, name: str, index: tuple[int, ...], choice: Choice) -> Problem:
    array = problem.inputs[name].copy()
    array[index] = choice(float(array[index]), problem.dtype)
    return with_input(problem, name, array)


def with_input(problem: Problem, name: str, array: NDArray[Any]) -> Problem:
    """Return the problem with another x, y, W1, …."""
    changed: dict[str, Any] = {name: array}
    if name not in {"x", "y"}:
        changed = {"parameters": MappingProxyType(dict(problem.parameters) | changed)}
    return replace(problem, **changed)


def _of_rules(problem: Problem) -> Iterator[Edit]:
    """Give edits of the learning rate, and of the numbers of the loss and of each rule."""
    for choice in (half, tenth, *choices(problem.learning_rate, problem.dtype)):
        yield partial(_rate, choice=choice)
    for name, number in problem.loss_numbers:
        for choice in (half, tenth, *choices(number, problem.dtype)):
            yield partial(_loss_number, name=name, choice=choice)
    for rule in ("optimizer", "schedule", "clipping"):
        for name, number in getattr(problem, rule).numbers if getattr(problem, rule) else ():
            for choice in (half, tenth, *choices(number, DTYPES[0])):
                yield partial(_rule_number, rule=rule, name=name, choice=choice)


def _rate(problem: Problem, choice: Choice) -> Problem | None:
    rate = choice(problem.learning_rate, problem.dtype)
    return replace(problem, learning_rate=rate) if _is_allowed("learning_rate", rate) else None


def _loss_number(problem: Problem, name: str, choice: Choice) -> Problem | None:
    numbers = _changed(problem.loss_numbers, name, choice, problem.dtype)
    return replace(problem, loss_numbers=numbers) if numbers else None


def _rule_number(problem: Problem, rule: str, name: str, choice: Choice) -> Problem | None:
    found: Rule | None = getattr(problem, rule)
    if found is None:
        return None
    numbers = _changed(found.numbers, name, choice, DTYPES[0])
    changed: dict[str, Any] = {rule: replace(found, numbers=numbers)}
    return replace(problem, **changed) if numbers else None


def _changed(
    numbers: tuple[tuple[str, float], ...], name: str, choice: Choice, dtype: str
) -> tuple[tuple[str, float], ...]:
    """Return numbers one of which is changed, or none where it may not be that."""
    if name not in dict(numbers):
        return ()
    before = dict(numbers)[name]
    after = choice(before, dtype)
    if isinstance(before, int):
        after = max(1, int(after))
    return tuple(dict(numbers, **{name: after}).items()) if _is_allowed(name, after) else ()


def _is_allowed(name: str, number: float) -> bool:
    least = number >= 0 if name in MAY_BE_ZERO else number > 0
    return least and math.isfinite(number) and (number < 1 or name not in BELOW_ONE)
