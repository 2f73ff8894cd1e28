"""The tape of a training step: the document's equations as lines, each computed from the lines above it.

Such a straight-line list is called a tape, or a Wengert list, in automatic differentiation (Griewank and
Walther, *Evaluating Derivatives*, 2nd ed., section 2.2). The NumPy reference, the bounds and the reports all
follow from this one table.
"""

from functools import lru_cache

from cases import Problem, Rule, names
from reference import optimizers
from reference.activations import ACTIVATIONS
from reference.formulas import (
    bias_gradient,
    linear,
    through_activation,
    through_weights,
    weight_gradient,
)
from reference.line import Line
from reference.losses import loss_rule


def tape(problem: Problem) -> tuple[Line, ...]:
    """Return the lines of one training step of `problem`, in the order they are computed."""
    loss = problem.loss, problem.reduction, problem.loss_numbers
    update = problem.not_trained, problem.optimizer, problem.schedule, problem.clipping
    return _tape(problem.activations, loss, update)


@lru_cache(maxsize=1024)
def _tape(
    activations: tuple[str, ...],
    loss: tuple[str, str, tuple[tuple[str, float], ...]],
    update: tuple[frozenset[str], Rule, Rule | None, Rule | None],
) -> tuple[Line, ...]:
    lines: list[Line] = []
    for k, activation in enumerate(activations, start=1):
        lines += _forward(k, activation)
    lines += _loss(len(activations), *loss)
    for k in range(len(activations), 0, -1):
        lines += _backward(k, activations[k - 1])
    lines += optimizers.lines(len(activations), *update)
    return tuple(lines)


def _forward(k: int, activation: str) -> list[Line]:
    z, a, before, W, b = names.z(k), names.a(k), names.a(k - 1), names.W(k), names.b(k)
    value = ACTIVATIONS[activation].value
    return [
        Line(z, linear, (before, W, b), f"{before} {W}ᵀ + {b}"),
        Line(a, value, (z,), f"{activation}({z})"),
    ]


def _loss(depth: int, loss: str, reduction: str, numbers: tuple[tuple[str, float], ...]) -> list[Line]:
    rule, output = loss_rule(loss, reduction, numbers), names.a(depth)
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
