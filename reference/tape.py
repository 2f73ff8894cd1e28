"""The tape of a training step: the document's equations as lines, each computed from the lines above it.

Such a straight-line list is called a tape, or a Wengert list, in automatic differentiation (Griewank and
Walther, *Evaluating Derivatives*, 2nd ed., section 2.2). The NumPy reference, the bounds and the reports all
follow from this one table.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from reference import names
from reference.activations import ACTIVATIONS
from reference.formulas import (
    bias_gradient,
    descend,
    linear,
    through_activation,
    through_weights,
    unchanged,
    weight_gradient,
)
from reference.losses import LOSSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from cases import Problem

RATE = "learning_rate"


@dataclass(frozen=True)
class Line:
    """One line of the tape: `name` = `formula`(`inputs`), written out in `equation`."""

    name: str
    formula: Callable[..., Any]
    inputs: tuple[str, ...]
    equation: str


def tape(problem: Problem) -> tuple[Line, ...]:
    """Return the lines of one training step of `problem`, in the order they are computed."""
    return _tape(problem.activations, problem.loss, problem.reduction, problem.not_trained)


@lru_cache(maxsize=1024)
def _tape(
    activations: tuple[str, ...], loss: str, reduction: str, not_trained: frozenset[str]
) -> tuple[Line, ...]:
    lines: list[Line] = []
    for k, activation in enumerate(activations, start=1):
        lines += _forward(k, activation)
    lines += _loss(len(activations), loss, reduction)
    for k in range(len(activations), 0, -1):
        lines += _backward(k, activations[k - 1])
    for k in range(len(activations), 0, -1):
        lines += [_update(name, trained=name not in not_trained) for name in (names.W(k), names.b(k))]
    return tuple(lines)


def _forward(k: int, activation: str) -> list[Line]:
    z, a, before, W, b = names.z(k), names.a(k), names.a(k - 1), names.W(k), names.b(k)
    value = ACTIVATIONS[activation].value
    return [
        Line(z, linear, (before, W, b), f"{before} {W}ᵀ + {b}"),
        Line(a, value, (z,), f"{activation}({z})"),
    ]


def _loss(depth: int, loss: str, reduction: str) -> list[Line]:
    rule, output = LOSSES[loss, reduction], names.a(depth)
    return [
        Line("loss", rule.value, (output, "y"), rule.equation.replace("ŷ", output)),
        Line(
            names.gradient(output),
            rule.gradient,
            (output, "y"),
            rule.gradient_equation.replace("ŷ", output),
        ),
    ]


def _backward(k: int, activation: str) -> list[Line]:
    z, a, before, W, b = names.z(k), names.a(k), names.a(k - 1), names.W(k), names.b(k)
    dz, da, slope = names.gradient(z), names.gradient(a), names.slope(k)
    derivative = ACTIVATIONS[activation].derivative
    lines = [
        Line(slope, derivative, (z, a), f"{activation}'({z})"),
        Line(dz, through_activation, (da, slope), f"{da} ⊙ {slope}"),
        Line(names.gradient(W), weight_gradient, (dz, before), f"({dz})ᵀ {before}"),
        Line(names.gradient(b), bias_gradient, (dz,), f"Σ {dz}"),
    ]
    if k > 1:
        lines.append(Line(names.gradient(before), through_weights, (dz, W), f"{dz} {W}"))
    return lines


def _update(name: str, *, trained: bool) -> Line:
    if not trained:
        return Line(names.updated(name), unchanged, (name,), f"{name} (not trained)")
    gradient = names.gradient(name)
    return Line(names.updated(name), descend, (name, gradient, RATE), f"{name} − η {gradient}")


def evaluate(lines: tuple[Line, ...], known: Mapping[str, Any]) -> dict[str, Any]:
    """Compute every line from `known` inputs; return the lines' values by name, in order."""
    values = dict(known)
    with np.errstate(over="ignore", invalid="ignore"):  # an overflow is a value, here as in every framework
        for line in lines:
            values[line.name] = line.formula(*(values[name] for name in line.inputs))
    return {line.name: values[line.name] for line in lines}


def is_done(problem: Problem, loss: Any) -> bool:  # noqa: ANN401 - a NumPy scalar or array of one element
    """Say whether a step with this loss ends the training: NaN never does."""
    return problem.until is not None and float(loss) <= problem.until


def training_steps(
    problem: Problem, lines: tuple[Line, ...] | None = None
) -> Iterator[dict[str, NDArray[Any]]]:
    """Train in plain NumPy, in the problem's dtype.

    Parameters
    ----------
    lines
        Another tape than the problem's own: a mistaken one.

    Yields
    ------
    For each step every quantity by name (z1, a1, …, loss, dL/da2, …, W1_new, …), in the order computed; the
    last is the first whose loss is at most `problem.until`, if there is one before `problem.steps`.
    """
    lines, state = lines or tape(problem), dict(problem.parameters)
    rate = np.asarray(problem.learning_rate, problem.dtype)
    for _ in range(problem.steps):
        values = evaluate(lines, {"x": problem.x, "y": problem.y, RATE: rate, **state})
        yield values
        if is_done(problem, values["loss"]):
            return
        state = {name: values[names.updated(name)] for name in state}
