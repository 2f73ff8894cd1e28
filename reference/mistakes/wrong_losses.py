"""Mistakes in the loss, in its reduction and in its gradient."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cases import Problem, names
from cases.catalog import LOSSES
from reference.activations import ACTIVATIONS
from reference.arithmetic import Elementary
from reference.line import Array, Line
from reference.losses import loss_rule
from reference.losses.cross_entropy import log_softmax, softmax_bounded
from reference.losses.squares import SQUARES_SUMMED
from reference.losses.terms import COUNTS, Loss, count
from reference.mistakes.mistake import (
    Lines,
    constant,
    lines_named,
    mistake,
    rewired,
    rewritten,
)

HALF, MEAN = "half_squared_error", "mean_squared_error"
CROSS_ENTROPIES = {"softmax_cross_entropy", "softmax_cross_entropy_with_integer_labels"}


# The loss and its reduction.


def right_rule(problem: Problem) -> Loss:
    return loss_rule(problem.loss, problem.reduction, problem.loss_numbers)


def both(problem: Problem, wrong: Loss) -> list[Line]:
    output = names.a(problem.depth)
    return [
        Line("loss", wrong.value, (output, "y"), wrong.equation),
        Line(names.gradient(output), wrong.gradient, (output, "y"), wrong.gradient_equation),
    ]


@mistake("the mean over the batch was taken as a sum")
def sum_for_mean(problem: Problem) -> Lines:
    if problem.reduction != "mean":
        return "this loss is a sum"
    alike = _is_mean_of_one(problem)
    return "the mean of one number is its sum" if alike else both(problem, _summed(problem))


@mistake("the sum over the batch was taken as a mean")
def mean_for_sum(problem: Problem) -> Lines:
    """1/N · ½ Σ for ½ Σ, or the mean that a loss's own name promises, in the loss and in its gradient."""
    if problem.reduction != "sum":
        return "this loss is a mean"
    if _is_mean_of_one(problem):
        return "the sum over one example is its mean"
    return both(problem, loss_rule(problem.loss, "mean", problem.loss_numbers))


def _is_mean_of_one(problem: Problem) -> bool:
    return count(problem.y.shape, LOSSES[problem.loss].mean_over) == 1


@mistake("the mean was taken over all elements, outputs as well as examples")
def mean_over_all_elements(problem: Problem) -> Lines:
    """1/(N·n) · ½ Σ for 1/N · ½ Σ or for ½ Σ, in the loss and in its gradient."""
    if LOSSES[problem.loss].mean_over == "elements":
        return "this loss is the mean over all elements"
    if problem.y.shape[1] == 1:
        return "with one output there are as many elements as examples"
    return both(problem, _mean(_summed(problem), "elements"))


@mistake("the mean was taken over the examples only, not over all elements")
def mean_over_examples(problem: Problem) -> Lines:
    if LOSSES[problem.loss].mean_over == "examples" or problem.reduction != "mean":
        return "this loss is no mean over all elements"
    if 1 in problem.y.shape:
        return "one example or one output leaves nothing to mix up"
    return both(problem, _mean(_summed(problem), "examples"))


def _summed(problem: Problem) -> Loss:
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
        return "this loss has no ½"
    right = right_rule(problem)
    equation = right.equation.replace("½ ", "")
    return rewritten(lines_named(problem, ["loss"]), lambda *pair: 2 * right.value(*pair), equation)


@mistake("the ½ of the loss was applied to its gradient")
def half_applied_to_the_gradient(problem: Problem) -> Lines:
    """½ (ŷ − y) for ŷ − y: the 2 of the square's derivative, which cancels the ½, was forgotten."""
    return _halved_gradient(problem) if problem.loss == HALF else "this loss has no ½"


@mistake("the 2 of the square's derivative is missing")
def two_missing_in_the_gradient(problem: Problem) -> Lines:
    return _halved_gradient(problem) if problem.loss == MEAN else "this gradient has no 2"


def _halved_gradient(problem: Problem) -> list[Line]:
    right = right_rule(problem)
    lines = lines_named(problem, [names.gradient(names.a(problem.depth))])
    return rewritten(lines, lambda *pair: right.gradient(*pair) / 2, f"½ ({right.gradient_equation})")


@mistake("the error was taken with the wrong sign, y − ŷ")
def sign_of_the_error(problem: Problem) -> Lines:
    if problem.loss not in {HALF, MEAN}:
        return "this loss has no error ŷ − y"
    output = names.a(problem.depth)
    swap = {output: "y", "y": output}
    return [rewired(line, swap) for line in lines_named(problem, [names.gradient(output)])]


# Losses of logits: label smoothing forgotten, or probabilities where logits belong.


@mistake("the labels were not smoothed")
def label_smoothing_missing(problem: Problem) -> Lines:
    if not dict(problem.loss_numbers).get("label_smoothing"):
        return "this loss smooths no labels"
    if problem.y.shape[1] == 1:
        return "with one output the softmax is 1, whatever the label"
    return both(problem, loss_rule(problem.loss, problem.reduction))


def _no_balls(*_: Any) -> Any:  # noqa: ANN401 - it returns nothing
    raise NotImplementedError("a mistake is never the truth")


SOFTMAX = Elementary("softmax({0})", lambda z: np.exp(log_softmax(z)), softmax_bounded, _no_balls)


@mistake("the softmax was applied twice: by the network, and by the loss of logits")
def softmax_applied_twice(problem: Problem) -> Lines:
    """The loss of p = softmax(ŷ), and the gradient of that: p ⊙ (g − Σ g p), with g the loss's own at p."""
    if problem.loss not in CROSS_ENTROPIES:
        return "this loss has no softmax"
    if problem.y.shape[1] == 1:
        return "with one output the softmax is 1, once or twice"
    equations = "p", "softmax({0})", "p ⊙ (g − Σ g p), p = softmax({{0}}), g = {}"
    return _of_probabilities(problem, SOFTMAX, lambda g, _, p: p * (g - _row_sums(g * p)), equations)


@mistake("a sigmoid was applied before the loss of logits, which has its own")
def sigmoid_before_the_logits_loss(problem: Problem) -> Lines:
    """The loss of σ(ŷ), and the gradient of that: σ'(ŷ) ⊙ g, with g the loss's own at σ(ŷ)."""
    if problem.loss != "binary_cross_entropy_with_logits":
        return "this loss has no sigmoid"
    sigmoid = ACTIVATIONS["sigmoid"]
    equations = "σ({0})", "σ({0})", "σ'({{0}}) ⊙ ({})"
    return _of_probabilities(problem, sigmoid.value, lambda g, z, p: g * sigmoid.derivative(z, p), equations)


def _of_probabilities(
    problem: Problem,
    probabilities: Callable[[Any], Any],
    through: Callable[..., Any],
    equations: tuple[str, str, str],
) -> list[Line]:
    """Return the lines of the loss of p, a function of ŷ; `through` takes its gradient at p to that at ŷ.

    The equations are what the loss's gradient has for ŷ, what the loss has, and the gradient of the whole.
    """
    right, (inner, outer, whole) = right_rule(problem), equations

    def gradient(y_hat: Array, y: Array) -> Array:
        p = probabilities(y_hat)
        return through(right.gradient(p, y), y_hat, p)

    wrong = Loss(
        right.equation.replace("{0}", outer),
        whole.format(right.gradient_equation.replace("{0}", inner)),
        lambda y_hat, y: right.value(probabilities(y_hat), y),
        gradient,
    )
    return both(problem, wrong)


def _row_sums(rows: Array) -> Array:
    """Return each row's sum in each of its elements: shape (N, n)."""
    return rows @ constant(rows, lambda array: np.ones((array.shape[1],) * 2, array.dtype))
