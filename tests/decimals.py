"""The forward pass and the loss once more, in 60-digit decimals, without NumPy and without any derivative.

It shares no code with the reference, so what the tests derive from it is independent.
"""

from __future__ import annotations

from decimal import Decimal, getcontext, localcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cases import Problem

getcontext().prec = 60
STEP = Decimal("1e-20")

Matrix = list[list[Decimal]]


def decimals(array) -> list:
    """Every binary number is an exact decimal."""
    return [decimals(row) for row in array] if array.ndim else Decimal(float(array))


def sigmoid(z: Decimal) -> Decimal:
    return 1 / (1 + (-z).exp())


def tanh(z: Decimal) -> Decimal:
    return 2 * sigmoid(2 * z) - 1


ACTIVATIONS = {
    "sigmoid": sigmoid,
    "tanh": tanh,
    "relu": lambda z: max(z, Decimal(0)),
    "identity": lambda z: z,
}


def loss(problem: Problem, parameters: dict[str, list]) -> Decimal:
    """The loss as its name defines it, from the given parameters."""
    total = Decimal(0)
    x, y = decimals(problem.x), decimals(problem.y)
    for example, target in zip(x, y, strict=True):
        a = example
        for k, activation in enumerate(problem.activations, start=1):
            rows = zip(parameters[f"W{k}"], parameters[f"b{k}"], strict=True)
            z = [sum((w * v for w, v in zip(row, a, strict=True)), b) for row, b in rows]
            a = [ACTIVATIONS[activation](value) for value in z]
        total += sum((p - t) ** 2 for p, t in zip(a, target, strict=True))
    divisor = {
        ("half_squared_error", "sum"): 2,
        ("half_squared_error", "mean"): 2 * len(y),
        ("mean_squared_error", "mean"): len(y) * len(y[0]),
    }
    return total / divisor[problem.loss, problem.reduction]


def gradient(problem: Problem, name: str, index: tuple[int, ...]) -> Decimal:
    """The central difference quotient of the loss; its own error is of the order of STEP² = 1e-40."""
    with localcontext() as context:
        context.prec = 80
        sides = []
        for sign in (1, -1):
            parameters = {key: decimals(array) for key, array in problem.parameters.items()}
            row = parameters[name]
            for i in index[:-1]:
                row = row[i]
            row[index[-1]] += sign * STEP
            sides.append(loss(problem, parameters))
        return (sides[0] - sides[1]) / (2 * STEP)
