"""Mistakes with losses of logits: label smoothing forgotten, or probabilities where logits belong."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cases import Problem
from reference.activations import ACTIVATIONS
from reference.arithmetic import Bounded, Elementary
from reference.line import Line
from reference.losses import Loss, loss_rule
from reference.losses.cross_entropy import log_softmax, softmax_bounded
from reference.mistakes.losses import both, right_rule
from reference.mistakes.mistake import Inexpressible, mistake
from reference.mistakes.operations import row_sums

Array = TypeVar("Array", NDArray[Any], Bounded)

CROSS_ENTROPIES = {"softmax_cross_entropy", "softmax_cross_entropy_with_integer_labels"}


def _softmax(z: NDArray[Any]) -> NDArray[Any]:
    return np.exp(log_softmax(z))


def _no_balls(*_: Any) -> Any:  # noqa: ANN401 - it returns nothing
    raise NotImplementedError("a mistake is never the truth")


SOFTMAX = Elementary("softmax(z)", _softmax, softmax_bounded, _no_balls)


@mistake("the labels were not smoothed")
def label_smoothing_missing(problem: Problem) -> list[Line] | Inexpressible:
    """Y for (1 − s) y + s/n, in the loss and in its gradient."""
    if not dict(problem.loss_numbers).get("label_smoothing"):
        return Inexpressible("this loss smooths no labels")
    if problem.y.shape[1] == 1:
        return Inexpressible("with one output the softmax is 1, whatever the label")
    return both(problem, loss_rule(problem.loss, problem.reduction))


@mistake("the softmax was applied twice: by the network, and by the loss of logits")
def softmax_applied_twice(problem: Problem) -> list[Line] | Inexpressible:
    """The loss of p = softmax(ŷ), and the gradient of that: p ⊙ (g − Σ g p), with g the loss's own at p."""
    if problem.loss not in CROSS_ENTROPIES:
        return Inexpressible("this loss has no softmax")
    if problem.y.shape[1] == 1:
        return Inexpressible("with one output the softmax is 1, once or twice")
    right = right_rule(problem)

    def gradient(y_hat: Array, y: Array) -> Array:
        p = SOFTMAX(y_hat)
        g = right.gradient(p, y)
        return p * (g - row_sums(g * p))

    return both(
        problem,
        Loss(
            right.equation.replace("ŷ", "softmax(ŷ)"),
            f"p ⊙ (g − Σ g p), p = softmax(ŷ), g = {right.gradient_equation.replace('ŷ', 'p')}",
            lambda y_hat, y: right.value(SOFTMAX(y_hat), y),
            gradient,
        ),
    )


@mistake("a sigmoid was applied before the loss of logits, which has its own")
def sigmoid_before_the_logits_loss(problem: Problem) -> list[Line] | Inexpressible:
    """The loss of σ(ŷ), and the gradient of that: σ'(ŷ) ⊙ g, with g the loss's own at σ(ŷ)."""
    if problem.loss != "binary_cross_entropy_with_logits":
        return Inexpressible("this loss has no sigmoid")
    right, sigmoid = right_rule(problem), ACTIVATIONS["sigmoid"]

    def gradient(y_hat: Array, y: Array) -> Array:
        a = sigmoid.value(y_hat)
        return right.gradient(a, y) * sigmoid.derivative(y_hat, a)

    return both(
        problem,
        Loss(
            right.equation.replace("ŷ", "σ(ŷ)"),
            f"σ'(ŷ) ⊙ ({right.gradient_equation.replace('ŷ', 'σ(ŷ)')})",
            lambda y_hat, y: right.value(sigmoid.value(y_hat), y),
            gradient,
        ),
    )
