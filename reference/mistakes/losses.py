"""Mistakes in the loss and in its gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from reference import names
from reference.line import Line
from reference.losses import LOSSES, Loss
from reference.mistakes.mistake import Inexpressible, mistake

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cases import Problem
    from reference.bounded import Bounded

    Array = TypeVar("Array", NDArray[Any], Bounded)

HALF = "half_squared_error"
MEAN = "mean_squared_error"
SQUARES = {HALF, MEAN}


def total(y_hat: Array, y: Array) -> Array:
    """Σ (ŷ − y)², over examples and outputs."""
    loss: Array = ((y_hat - y) * (y_hat - y)).sum()
    return loss


def elements(y: Array) -> int:
    """N·n: the number of examples times the number of outputs."""
    return int(y.shape[0] * y.shape[1])


SQUARES_SUMMED = Loss("Σ (ŷ − y)²", "2 (ŷ − y)", total, lambda y_hat, y: 2 * (y_hat - y))
SQUARES_OVER_EXAMPLES = Loss(
    "1/N · Σ (ŷ − y)²",
    "2 (ŷ − y) / N",
    lambda y_hat, y: total(y_hat, y) / y.shape[0],
    lambda y_hat, y: 2 * (y_hat - y) / y.shape[0],
)
HALF_OVER_ELEMENTS = Loss(
    "1/(N·n) · ½ Σ (ŷ − y)²",
    "(ŷ − y) / (N·n)",
    lambda y_hat, y: total(y_hat, y) / (2 * elements(y)),
    lambda y_hat, y: (y_hat - y) / elements(y),
)


@mistake("the error was taken with the wrong sign, y − ŷ")
def sign_of_the_error(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂ŷ of (y, ŷ) in place of (ŷ, y)."""
    if problem.loss not in SQUARES:
        return Inexpressible("this loss has no error ŷ − y")
    output, right = names.a(problem.depth), _right(problem)
    equation = right.gradient_equation.replace("ŷ − y", f"y − {output}")
    return [Line(names.gradient(output), right.gradient, ("y", output), equation)]


@mistake("the mean over the batch was taken as a sum")
def sum_for_mean(problem: Problem) -> list[Line] | Inexpressible:
    """½ Σ for 1/N · ½ Σ, or Σ for 1/(N·n) · Σ, in the loss and in its gradient."""
    if problem.reduction != "mean":
        return Inexpressible("this loss is a sum")
    if problem.loss == HALF and len(problem.y) > 1:
        return _both(problem, LOSSES[HALF, "sum"])
    if problem.loss == MEAN and problem.y.size > 1:
        return _both(problem, SQUARES_SUMMED)
    return Inexpressible("the mean of one number is its sum")


@mistake("the sum over the batch was taken as a mean")
def mean_for_sum(problem: Problem) -> list[Line] | Inexpressible:
    """1/N · ½ Σ for ½ Σ, in the loss and in its gradient."""
    if (problem.loss, problem.reduction) != (HALF, "sum"):
        return Inexpressible("this loss is a mean")
    if len(problem.y) == 1:
        return Inexpressible("the sum over one example is its mean")
    return _both(problem, LOSSES[HALF, "mean"])


@mistake("the mean was taken over all elements, outputs as well as examples")
def mean_over_all_elements(problem: Problem) -> list[Line] | Inexpressible:
    """1/(N·n) · ½ Σ for 1/N · ½ Σ or for ½ Σ, in the loss and in its gradient."""
    if problem.loss != HALF:
        return Inexpressible("this loss is the mean over all elements")
    if problem.y.shape[1] == 1:
        return Inexpressible("with one output there are as many elements as examples")
    return _both(problem, HALF_OVER_ELEMENTS)


@mistake("the mean was taken over the examples only, not over all elements")
def mean_over_examples(problem: Problem) -> list[Line] | Inexpressible:
    """1/N · Σ for 1/(N·n) · Σ, in the loss and in its gradient."""
    if problem.loss != MEAN:
        return Inexpressible("this loss is no mean over all elements")
    if 1 in problem.y.shape:
        return Inexpressible("one example or one output leaves nothing to mix up")
    return _both(problem, SQUARES_OVER_EXAMPLES)


@mistake("the ½ of the loss is missing")
def half_missing_in_the_loss(problem: Problem) -> list[Line] | Inexpressible:
    """The loss without its ½; the gradient, which has none, is right."""
    if problem.loss != HALF:
        return Inexpressible("this loss has no ½")
    output, right = names.a(problem.depth), _right(problem)

    def doubled(y_hat: Array, y: Array) -> Array:
        loss: Array = 2 * right.value(y_hat, y)
        return loss

    return [Line("loss", doubled, (output, "y"), right.equation.replace("½ ", "").replace("ŷ", output))]


@mistake("the ½ of the loss was applied to its gradient")
def half_applied_to_the_gradient(problem: Problem) -> list[Line] | Inexpressible:
    """½ (ŷ − y) for ŷ − y: the 2 of the square's derivative, which cancels the ½, was forgotten."""
    return _halved_gradient(problem) if problem.loss == HALF else Inexpressible("this loss has no ½")


@mistake("the 2 of the square's derivative is missing")
def two_missing_in_the_gradient(problem: Problem) -> list[Line] | Inexpressible:
    """(ŷ − y) / (N·n) for 2 (ŷ − y) / (N·n)."""
    return _halved_gradient(problem) if problem.loss == MEAN else Inexpressible("this gradient has no 2")


def _halved_gradient(problem: Problem) -> list[Line]:
    output, right = names.a(problem.depth), _right(problem)

    def halved(y_hat: Array, y: Array) -> Array:
        dL_dy_hat: Array = right.gradient(y_hat, y) / 2
        return dL_dy_hat

    equation = f"½ ({right.gradient_equation})".replace("ŷ", output)
    return [Line(names.gradient(output), halved, (output, "y"), equation)]


def _right(problem: Problem) -> Loss:
    return LOSSES[problem.loss, problem.reduction]


def _both(problem: Problem, wrong: Loss) -> list[Line]:
    """Return the loss and its gradient as `wrong` has them."""
    output = names.a(problem.depth)
    value, gradient = (text.replace("ŷ", output) for text in (wrong.equation, wrong.gradient_equation))
    return [
        Line("loss", wrong.value, (output, "y"), value),
        Line(names.gradient(output), wrong.gradient, (output, "y"), gradient),
    ]
