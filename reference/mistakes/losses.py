"""Mistakes in the loss and in its gradient."""

from collections.abc import Callable
from typing import Any, TypeVar

from numpy.typing import NDArray

from cases import Problem, names
from reference.arithmetic import Bounded
from reference.line import Line
from reference.losses import Loss, loss_rule
from reference.mistakes.mistake import Inexpressible, mistake

Array = TypeVar("Array", NDArray[Any], Bounded)

HALF = "half_squared_error"
MEAN = "mean_squared_error"
SQUARES = {HALF, MEAN}
# Losses whose mean is over the examples; every other one's is over all elements.
OVER_EXAMPLES = {HALF, "softmax_cross_entropy", "softmax_cross_entropy_with_integer_labels"}


def total(y_hat: Array, y: Array) -> Array:
    """Σ (ŷ − y)², over examples and outputs."""
    return ((y_hat - y) * (y_hat - y)).sum(axis=(-2, -1))


def elements(y: Array) -> int:
    """N·n: the number of examples times the number of outputs."""
    return int(y.shape[0] * y.shape[1])


SQUARES_SUMMED = Loss("Σ (ŷ − y)²", "2 (ŷ − y)", total, lambda y_hat, y: 2 * (y_hat - y))


@mistake("the error was taken with the wrong sign, y − ŷ")
def sign_of_the_error(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂ŷ of (y, ŷ) in place of (ŷ, y)."""
    if problem.loss not in SQUARES:
        return Inexpressible("this loss has no error ŷ − y")
    output, right = names.a(problem.depth), right_rule(problem)
    equation = right.gradient_equation.replace("ŷ − y", f"y − {output}")
    return [Line(names.gradient(output), right.gradient, ("y", output), equation)]


@mistake("the mean over the batch was taken as a sum")
def sum_for_mean(problem: Problem) -> list[Line] | Inexpressible:
    """½ Σ for 1/N · ½ Σ, or Σ for 1/(N·n) · Σ, in the loss and in its gradient."""
    if problem.reduction != "mean":
        return Inexpressible("this loss is a sum")
    if _averaged(problem) == 1:
        return Inexpressible("the mean of one number is its sum")
    return both(problem, _summed(problem))


@mistake("the sum over the batch was taken as a mean")
def mean_for_sum(problem: Problem) -> list[Line] | Inexpressible:
    """1/N · ½ Σ for ½ Σ, or the mean that a loss's own name promises, in the loss and in its gradient."""
    if problem.reduction != "sum":
        return Inexpressible("this loss is a mean")
    if _averaged(problem) == 1:
        return Inexpressible("the sum over one example is its mean")
    return both(problem, loss_rule(problem.loss, "mean", problem.loss_numbers))


@mistake("the mean was taken over all elements, outputs as well as examples")
def mean_over_all_elements(problem: Problem) -> list[Line] | Inexpressible:
    """1/(N·n) · ½ Σ for 1/N · ½ Σ or for ½ Σ, in the loss and in its gradient."""
    if problem.loss not in OVER_EXAMPLES:
        return Inexpressible("this loss is the mean over all elements")
    if problem.y.shape[1] == 1:
        return Inexpressible("with one output there are as many elements as examples")
    return both(problem, _divided(_summed(problem), "(N·n)", elements))


@mistake("the mean was taken over the examples only, not over all elements")
def mean_over_examples(problem: Problem) -> list[Line] | Inexpressible:
    """1/N · Σ for 1/(N·n) · Σ, in the loss and in its gradient."""
    if problem.loss in OVER_EXAMPLES or problem.reduction != "mean":
        return Inexpressible("this loss is no mean over all elements")
    if 1 in problem.y.shape:
        return Inexpressible("one example or one output leaves nothing to mix up")
    return both(problem, _divided(_summed(problem), "N", lambda y: int(y.shape[0])))


@mistake("the ½ of the loss is missing")
def half_missing_in_the_loss(problem: Problem) -> list[Line] | Inexpressible:
    """The loss without its ½; the gradient, which has none, is right."""
    if problem.loss != HALF:
        return Inexpressible("this loss has no ½")
    output, right = names.a(problem.depth), right_rule(problem)

    def doubled(y_hat: Array, y: Array) -> Array:
        return 2 * right.value(y_hat, y)

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
    output, right = names.a(problem.depth), right_rule(problem)

    def halved(y_hat: Array, y: Array) -> Array:
        return right.gradient(y_hat, y) / 2

    equation = f"½ ({right.gradient_equation})".replace("ŷ", output)
    return [Line(names.gradient(output), halved, (output, "y"), equation)]


def right_rule(problem: Problem) -> Loss:
    """Return the loss as the case states it."""
    return loss_rule(problem.loss, problem.reduction, problem.loss_numbers)


def _summed(problem: Problem) -> Loss:
    """Return the loss's sum; the mean squared error has none of its own."""
    if problem.loss == MEAN:
        return SQUARES_SUMMED
    return loss_rule(problem.loss, "sum", problem.loss_numbers)


def _averaged(problem: Problem) -> int:
    """Return how many numbers the loss's mean is over."""
    return len(problem.y) if problem.loss in OVER_EXAMPLES else problem.y.size


def _divided(summed: Loss, factor: str, divisor: Callable[[Any], int]) -> Loss:
    """Return a sum divided by `divisor` of y, written `factor`."""
    return Loss(
        f"1/{factor} · {summed.equation}",
        f"({summed.gradient_equation}) / {factor}",
        lambda y_hat, y: summed.value(y_hat, y) / divisor(y),
        lambda y_hat, y: summed.gradient(y_hat, y) / divisor(y),
    )


def both(problem: Problem, wrong: Loss) -> list[Line]:
    """Return the loss and its gradient as `wrong` has them."""
    output = names.a(problem.depth)
    value, gradient = (text.replace("ŷ", output) for text in (wrong.equation, wrong.gradient_equation))
    return [
        Line("loss", wrong.value, (output, "y"), value),
        Line(names.gradient(output), wrong.gradient, (output, "y"), gradient),
    ]
