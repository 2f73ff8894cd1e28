"""Mistakes in the forward pass, in the loss and in the loss's gradient."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from cases.catalog import LOSSES
from reference.activations import ACTIVATIONS
from reference.arithmetic import Elementary
from reference.line import Line
from reference.losses import loss_rule
from reference.losses.cross_entropy import log_softmax, softmax_bounded
from reference.losses.squares import SQUARES_SUMMED
from reference.losses.terms import COUNTS, Loss, count
from reference.mistakes.line_edits import Array, layers, row_sums, square_layers
from reference.mistakes.mistake import Inexpressible, Lines, mistake

HALF, MEAN = "half_squared_error", "mean_squared_error"
CROSS_ENTROPIES = {"softmax_cross_entropy", "softmax_cross_entropy_with_integer_labels"}


@mistake("the weights were not transposed")
def weights_not_transposed(problem: Problem) -> Lines:
    """z = x W + b, which a square W allows."""
    return [
        Line(
            names.z(k),
            lambda x, W, b: x @ W + b,
            (names.a(k - 1), names.W(k), names.b(k)),
            "{0} {1} + {2}",
        )
        for k in square_layers(problem)
    ] or Inexpressible("no weight matrix is square and larger than 1 by 1")


@mistake("the bias was not added")
def bias_not_added(problem: Problem) -> Lines:
    """z = x Wᵀ."""
    return [
        Line(names.z(k), lambda x, W: x @ W.mT, (names.a(k - 1), names.W(k)), "{0} {1}ᵀ")
        for k in layers(problem)
    ]


# The loss and its reduction.


def right_rule(problem: Problem) -> Loss:
    """Return the loss as the case states it."""
    return loss_rule(problem.loss, problem.reduction, problem.loss_numbers)


def mean_over(problem: Problem) -> str:
    """Return what a mean of this loss is over: "examples" or "elements"."""
    return LOSSES[problem.loss].mean_over


def both(problem: Problem, wrong: Loss) -> list[Line]:
    """Return the loss and its gradient as `wrong` has them."""
    output = names.a(problem.depth)
    return [
        Line("loss", wrong.value, (output, "y"), wrong.equation),
        Line(names.gradient(output), wrong.gradient, (output, "y"), wrong.gradient_equation),
    ]


@mistake("the mean over the batch was taken as a sum")
def sum_for_mean(problem: Problem) -> Lines:
    """½ Σ for 1/N · ½ Σ, or Σ for 1/(N·n) · Σ, in the loss and in its gradient."""
    if problem.reduction != "mean":
        return Inexpressible("this loss is a sum")
    if count(problem.y.shape, mean_over(problem)) == 1:
        return Inexpressible("the mean of one number is its sum")
    return both(problem, _summed(problem))


@mistake("the sum over the batch was taken as a mean")
def mean_for_sum(problem: Problem) -> Lines:
    """1/N · ½ Σ for ½ Σ, or the mean that a loss's own name promises, in the loss and in its gradient."""
    if problem.reduction != "sum":
        return Inexpressible("this loss is a mean")
    if count(problem.y.shape, mean_over(problem)) == 1:
        return Inexpressible("the sum over one example is its mean")
    return both(problem, loss_rule(problem.loss, "mean", problem.loss_numbers))


@mistake("the mean was taken over all elements, outputs as well as examples")
def mean_over_all_elements(problem: Problem) -> Lines:
    """1/(N·n) · ½ Σ for 1/N · ½ Σ or for ½ Σ, in the loss and in its gradient."""
    if mean_over(problem) == "elements":
        return Inexpressible("this loss is the mean over all elements")
    if problem.y.shape[1] == 1:
        return Inexpressible("with one output there are as many elements as examples")
    return both(problem, _mean(_summed(problem), "elements"))


@mistake("the mean was taken over the examples only, not over all elements")
def mean_over_examples(problem: Problem) -> Lines:
    """1/N · Σ for 1/(N·n) · Σ, in the loss and in its gradient."""
    if mean_over(problem) == "examples" or problem.reduction != "mean":
        return Inexpressible("this loss is no mean over all elements")
    if 1 in problem.y.shape:
        return Inexpressible("one example or one output leaves nothing to mix up")
    return both(problem, _mean(_summed(problem), "examples"))


def _summed(problem: Problem) -> Loss:
    """Return the loss's sum; the mean squared error has none of its own."""
    if problem.loss == MEAN:
        return SQUARES_SUMMED
    return loss_rule(problem.loss, "sum", problem.loss_numbers)


def _mean(summed: Loss, over: str) -> Loss:
    return Loss(
        f"1/{COUNTS[over]} · {summed.equation}",
        f"({summed.gradient_equation}) / {COUNTS[over]}",
        lambda y_hat, y: summed.value(y_hat, y) / count(y.shape, over),
        lambda y_hat, y: summed.gradient(y_hat, y) / count(y.shape, over),
    )


# Squares.


@mistake("the ½ of the loss is missing")
def half_missing_in_the_loss(problem: Problem) -> Lines:
    """The loss without its ½; the gradient, which has none, is right."""
    if problem.loss != HALF:
        return Inexpressible("this loss has no ½")
    right, inputs = right_rule(problem), (names.a(problem.depth), "y")
    equation = right.equation.replace("½ ", "")
    return [Line("loss", lambda y_hat, y: 2 * right.value(y_hat, y), inputs, equation)]


@mistake("the ½ of the loss was applied to its gradient")
def half_applied_to_the_gradient(problem: Problem) -> Lines:
    """½ (ŷ − y) for ŷ − y: the 2 of the square's derivative, which cancels the ½, was forgotten."""
    return _halved_gradient(problem) if problem.loss == HALF else Inexpressible("this loss has no ½")


@mistake("the 2 of the square's derivative is missing")
def two_missing_in_the_gradient(problem: Problem) -> Lines:
    """(ŷ − y) / (N·n) for 2 (ŷ − y) / (N·n)."""
    return _halved_gradient(problem) if problem.loss == MEAN else Inexpressible("this gradient has no 2")


def _halved_gradient(problem: Problem) -> list[Line]:
    output, right = names.a(problem.depth), right_rule(problem)
    equation = f"½ ({right.gradient_equation})"
    return [Line(names.gradient(output), lambda *pair: right.gradient(*pair) / 2, (output, "y"), equation)]


@mistake("the error was taken with the wrong sign, y − ŷ")
def sign_of_the_error(problem: Problem) -> Lines:
    """∂L/∂ŷ of (y, ŷ) for (ŷ, y)."""
    if problem.loss not in {HALF, MEAN}:
        return Inexpressible("this loss has no error ŷ − y")
    output, right = names.a(problem.depth), right_rule(problem)
    return [Line(names.gradient(output), right.gradient, ("y", output), right.gradient_equation)]


# Losses of logits: label smoothing forgotten, or probabilities where logits belong.


@mistake("the labels were not smoothed")
def label_smoothing_missing(problem: Problem) -> Lines:
    """y for (1 − s) y + s/n, in the loss and in its gradient."""
    if not dict(problem.loss_numbers).get("label_smoothing"):
        return Inexpressible("this loss smooths no labels")
    if problem.y.shape[1] == 1:
        return Inexpressible("with one output the softmax is 1, whatever the label")
    return both(problem, loss_rule(problem.loss, problem.reduction))


def _softmax(z: NDArray[Any]) -> NDArray[Any]:
    return np.exp(log_softmax(z))


def _no_balls(*_: Any) -> Any:  # noqa: ANN401 - it returns nothing
    raise NotImplementedError("a mistake is never the truth")


SOFTMAX = Elementary("softmax({0})", _softmax, softmax_bounded, _no_balls)


@mistake("the softmax was applied twice: by the network, and by the loss of logits")
def softmax_applied_twice(problem: Problem) -> Lines:
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

    g_equation = right.gradient_equation.replace("{0}", "p")
    wrong = Loss(
        right.equation.replace("{0}", "softmax({0})"),
        f"p ⊙ (g − Σ g p), p = softmax({{0}}), g = {g_equation}",
        lambda y_hat, y: right.value(SOFTMAX(y_hat), y),
        gradient,
    )
    return both(problem, wrong)


@mistake("a sigmoid was applied before the loss of logits, which has its own")
def sigmoid_before_the_logits_loss(problem: Problem) -> Lines:
    """The loss of σ(ŷ), and the gradient of that: σ'(ŷ) ⊙ g, with g the loss's own at σ(ŷ)."""
    if problem.loss != "binary_cross_entropy_with_logits":
        return Inexpressible("this loss has no sigmoid")
    right, sigmoid = right_rule(problem), ACTIVATIONS["sigmoid"]

    def gradient(y_hat: Array, y: Array) -> Array:
        a = sigmoid.value(y_hat)
        return right.gradient(a, y) * sigmoid.derivative(y_hat, a)

    g_equation = right.gradient_equation.replace("{0}", "σ({0})")
    wrong = Loss(
        right.equation.replace("{0}", "σ({0})"),
        f"σ'({{0}}) ⊙ ({g_equation})",
        lambda y_hat, y: right.value(sigmoid.value(y_hat), y),
        gradient,
    )
    return both(problem, wrong)
