"""One case in one number format: the binary values that every implementation is given; and batches of cases.

A batch ("stack") is many problems of one structure as one, each array with one axis more in front.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases import names
from cases.catalog import Rule, UpdateRules

SGD = Rule("sgd")


@dataclass(frozen=True)
class Tolerance:
    """A conventional tolerance, asked for besides the derived one: |difference| ≤ atol + rtol·|value|."""

    rtol: float
    atol: float


@dataclass(frozen=True)
class Problem:
    """A training problem: a network, its data, its loss and its optimizer, all in one dtype."""

    case: str  # the case's name: its path under its folder of cases, without the suffix
    dtype: str
    activations: tuple[str, ...]  # one name for each layer
    # W1, b1, W2, b2, …, layers counted from 1: Wk has shape (n_out, n_in), bk has shape (n_out,).
    parameters: Mapping[str, NDArray[Any]]
    x: NDArray[Any]  # inputs (N, n_in), each row one example
    y: NDArray[Any]  # targets (N, n_out)
    loss: str
    reduction: str
    learning_rate: float  # η, exactly representable in `dtype`; with a schedule, the first one
    # What else the loss is given, by name ("delta", "label_smoothing"), each a number of `dtype`.
    loss_numbers: tuple[tuple[str, float], ...] = ()
    optimizer: Rule = SGD  # how the parameters are updated
    schedule: Rule | None = None  # how η changes from step to step
    clipping: Rule | None = None  # how gradients are clipped before the update
    # "stated": an adapter without an equal form raises `NoEquivalent`. "defaults": each framework's function
    # of that name runs as its defaults have it, so that what they really do can be seen.
    forms: str = "stated"
    steps: int = 1  # how many training steps are run at most
    # Training ends after the first step whose loss, computed before its update, is at most this. Each
    # implementation is ended by the loss that it states itself.
    until: float | None = None
    not_trained: frozenset[str] = frozenset()  # the parameters that the update leaves as they are
    tolerance: Tolerance | None = None
    # Of a run that is looked at from its middle on: the steps before, and the optimizer's state after them.
    steps_before: int = 0
    state_before: Mapping[str, NDArray[Any]] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def depth(self) -> int:
        return len(self.activations)

    @property
    def trained(self) -> tuple[str, ...]:
        """The parameters that the update changes: W1, b1, …."""
        return tuple(name for name in self.parameters if name not in self.not_trained)

    @cached_property
    def optimizer_state(self) -> dict[str, NDArray[Any]]:
        """What the optimizer starts from, by name: m_W1, v_W1, …, each of its parameter's shape."""
        start = {
            names.state(kind, name): np.full_like(self.parameters[name], self.optimizer.initial_state)
            for name in self.trained
            for kind in self.optimizer.states
        }
        return {name: self.state_before.get(name, array) for name, array in start.items()}

    @property
    def updated_states(self) -> frozenset[str]:
        """The names of the optimizer's state after the update: m_W1_new, v_W1_new, …."""
        return frozenset(map(names.updated, self.optimizer_state))

    @cached_property
    def update_rules(self) -> UpdateRules:
        return UpdateRules(self.optimizer, self.schedule, self.clipping, self.not_trained)

    @cached_property
    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that a training step passes on to the next: the parameters, the optimizer's state."""
        return {**self.parameters, **self.optimizer_state}

    @cached_property
    def constants(self) -> dict[str, Any]:
        """The learning rate, of shape (), and every number of the rules, by name.

        Those are Python's own numbers, as they are in programs: 1 − β is taken before either is rounded.
        """
        rules = [rule for rule in (self.optimizer, self.schedule, self.clipping) if rule is not None]
        numbers = {name: number for rule in rules for name, number in rule.numbers}
        return {"learning_rate": np.asarray(self.learning_rate, self.dtype), **numbers}

    @property
    def size(self) -> int:
        return sum(array.size for array in self.parameters.values())

    @property
    def inputs(self) -> dict[str, NDArray[Any]]:
        """Every array an implementation is given, by name: x, y, W1, b1, …."""
        return {"x": self.x, "y": self.y, **self.parameters}

    def copy(self) -> Problem:
        """Return the same problem in fresh memory, so that an implementation may write to it."""
        return _each(self, lambda array: array.copy())


def stacked(problems: Sequence[Problem]) -> Problem:
    """Return problems that differ in their arrays alone as one, whose arrays have the shape (C, …)."""
    inputs = [problem.inputs for problem in problems]
    return _with(problems[0], {name: np.stack([given[name] for given in inputs]) for name in inputs[0]})


def unstacked(stack: Problem, i: int, name: str = "") -> Problem:
    """Return one problem of a stack, in memory of its own, under its name if one is given."""
    return replace(_each(stack, lambda array: array[i].copy()), case=name or stack.case)


def sliced(stack: Problem, start: int, end: int) -> Problem:
    """Return the problems of a stack from one to before another, as a stack."""
    return _each(stack, lambda array: array[start:end])


def _each(problem: Problem, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Problem:
    return _with(problem, {name: change(array) for name, array in problem.inputs.items()})


def _with(problem: Problem, inputs: dict[str, NDArray[Any]]) -> Problem:
    return replace(problem, x=inputs.pop("x"), y=inputs.pop("y"), parameters=MappingProxyType(inputs))
