"""Simpler rules, losses and activations, as edits of a problem."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from cases import Problem
from cases.problem import SGD
from reports.sweep.shrinking.shorter import Edit

ACTIVATIONS: Final = ("identity", "relu", "sigmoid", "tanh")
# The simplest, in this order; those losses take no numbers, and any targets.
LOSSES: Final = (
    ("half_squared_error", "sum"),
    ("half_squared_error", "mean"),
    ("mean_squared_error", "mean"),
)

# Losses that have one reduction, which their name implies.
MEANS: Final = ("mean_squared_error",)


def simpler(problem: Problem) -> Iterator[Edit]:
    """Give edits to simpler rules, losses and activations, the simplest first."""
    yield from (partial(replace, **{name: None}) for name in ("schedule", "clipping"))
    yield partial(replace, optimizer=SGD)
    yield partial(replace, not_trained=frozenset())
    yield from (partial(_without_option, option=option) for option in sorted(problem.optimizer.options))
    yield from (partial(_without_number, number=name) for name in ("weight_decay", "dampening", "momentum"))
    yield from (partial(replace, loss=loss, reduction=of, loss_numbers=()) for loss, of in LOSSES)
    yield _summed
    yield from (partial(_all_activated, by=name) for name in ACTIVATIONS)
    for k in range(problem.depth):
        yield from (partial(_activated, layer=k, by=name) for name in ACTIVATIONS)


def _summed(problem: Problem) -> Problem | None:
    """Take the sum, where the loss's name does not imply the mean."""
    return None if problem.loss in MEANS else replace(problem, reduction="sum")


def _without_option(problem: Problem, option: str) -> Problem:
    rule = problem.optimizer
    return replace(problem, optimizer=replace(rule, options=rule.options - {option}))


def _without_number(problem: Problem, number: str) -> Problem | None:
    """Leave a part out of the optimizer; AdamW without its decay is Adam."""
    rule = problem.optimizer
    needs = number == "momentum" and (rule.has("dampening") or rule.options)
    if needs or not rule.has(number):
        return None
    left = tuple(one for one in rule.numbers if one[0] != number)
    name = "adam" if rule.name == "adamw" else rule.name
    return replace(problem, optimizer=replace(rule, name=name, numbers=left))


def _all_activated(problem: Problem, by: str) -> Problem:
    return replace(problem, activations=(by,) * problem.depth)


def _activated(problem: Problem, layer: int, by: str) -> Problem | None:
    before, after = problem.activations[:layer], problem.activations[layer + 1 :]
    return replace(problem, activations=(*before, by, *after)) if layer < problem.depth else None
