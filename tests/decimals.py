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
        total += of_example(problem, a, target)
    if problem.reduction == "sum":
        return total
    examples = "half_squared_error", "softmax_cross_entropy", "softmax_cross_entropy_with_integer_labels"
    return total / (len(y) if problem.loss in examples else len(y) * len(y[0]))


def of_example(problem: Problem, a: list[Decimal], y: list[Decimal]) -> Decimal:  # noqa: PLR0911 - one for each loss
    """One example's part of the loss's sum."""
    given = {name: Decimal(number) for name, number in problem.loss_numbers}
    pairs = list(zip(a, y, strict=True))
    match problem.loss:
        case "half_squared_error":
            return sum((p - t) ** 2 for p, t in pairs) / 2
        case "mean_squared_error":
            return sum((p - t) ** 2 for p, t in pairs)
        case "softmax_cross_entropy" | "softmax_cross_entropy_with_integer_labels":
            s, total = given.get("label_smoothing", Decimal(0)), sum(p.exp() for p in a)
            return -sum(((1 - s) * t + s / len(y)) * (p.exp() / total).ln() for p, t in pairs)
        case "binary_cross_entropy_with_logits":
            return -sum(t * sigmoid(p).ln() + (1 - t) * sigmoid(-p).ln() for p, t in pairs)
        case "binary_cross_entropy":
            return -sum(t * p.ln() + (1 - t) * (1 - p).ln() for p, t in pairs)
        case "huber":
            return sum(huber(p - t, given["delta"]) for p, t in pairs)
        case "smooth_l1":
            return sum(huber(p - t, given["beta"]) / given["beta"] for p, t in pairs)
    return sum(abs(p - t) for p, t in pairs)


def huber(d: Decimal, delta: Decimal) -> Decimal:
    return d * d / 2 if abs(d) <= delta else delta * (abs(d) - delta / 2)


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
