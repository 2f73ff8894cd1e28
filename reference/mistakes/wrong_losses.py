"""Mistakes in the loss, in its reduction and in its gradient.

The loss and its gradient are two lines: as automatic differentiation gives them both are wrong, and a program
that is written by hand may have either right. So each mistake that changes both is tried in one alone, too.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from cases import Problem, names
from cases.catalog import LOSSES
from reference.arithmetic import sqrt
from reference.line import Line
from reference.losses import loss_rule
from reference.losses.squares import SQUARES_SUMMED
from reference.losses.terms import COUNTS, Loss, count
from reference.mistakes.mistake import (
    Lines,
    Mistake,
    constant,
    gradients,
    lines_named,
    mistake,
    negative,
    rewired,
    rewritten,
)

HALF, MEAN = "half_squared_error", "mean_squared_error"
LINEAR_FAR_OUT = frozenset({"huber", "smooth_l1"})


def right_rule(problem: Problem) -> Loss:
    return loss_rule(problem.loss, problem.reduction, problem.loss_numbers)


def both(problem: Problem, wrong: Loss) -> list[Line]:
    output = names.a(problem.depth)
    return [
        Line("loss", wrong.value, (output, "y"), wrong.equation),
        Line(names.gradient(output), wrong.gradient, (output, "y"), wrong.gradient_equation),
    ]


def summed(problem: Problem) -> Loss:
    if problem.loss == MEAN:
        return SQUARES_SUMMED
    return loss_rule(problem.loss, "sum", problem.loss_numbers)


def mean_of(rule: Loss, over: str) -> Loss:
    """Return a loss divided by the number of "examples" or "elements", or for "" as it is."""
    if not over:
        return rule
    return Loss(
        f"1/{COUNTS[over]} · {rule.equation}",
        f"({rule.gradient_equation}) / {COUNTS[over]}",
        lambda y_hat, y: rule.value(y_hat, y) / count(y.shape, over),
        lambda y_hat, y: rule.gradient(y_hat, y) / count(y.shape, over),
    )


def over(problem: Problem) -> str:
    """Return what the problem's loss is a mean over, and "" for a sum."""
    return LOSSES[problem.loss].mean_over if problem.reduction == "mean" else ""


def scaled(rule: Loss, factor: str, scale: Callable[[Any], Any]) -> Loss:
    """Return a loss and its gradient times a factor, which equations write before them."""
    return Loss(
        f"{factor}({rule.equation})",
        f"{factor}({rule.gradient_equation})",
        lambda y_hat, y: scale(rule.value(y_hat, y)),
        lambda y_hat, y: scale(rule.gradient(y_hat, y)),
    )


# Squares.


def no_half(problem: Problem) -> str:
    return "" if problem.loss == HALF else "this loss has no ½"


def no_squares(problem: Problem) -> str:
    return "" if problem.loss in {HALF, MEAN} else "this loss has no error ŷ − y"


@mistake("the ½ of the loss is missing", source="davisking/dlib #1169", unless=no_half)
def half_missing_in_the_loss(problem: Problem) -> Lines:
    """The loss without its ½; the gradient, which has none, is right."""
    right = right_rule(problem)
    equation = right.equation.replace("½ ", "")
    return rewritten(lines_named(problem, ["loss"]), lambda *pair: 2 * right.value(*pair), equation)


@mistake(
    "the ½ of the loss is missing, and it was differentiated like that",
    source="davisking/dlib #1169",
    together=True,
    unless=no_half,
)
def half_missing_differentiated(problem: Problem) -> Lines:
    """Σ (ŷ − y)² for ½ Σ (ŷ − y)²; 2 (ŷ − y) for ŷ − y."""
    return both(problem, scaled(right_rule(problem), "2 ", lambda number: 2 * number))


@mistake(
    "the loss and its gradient have a ½ too many",
    source="snowkylin/tensorflow-handbook #23",
    together=True,
    unless=no_squares,
)
def half_added(problem: Problem) -> Lines:
    """½ L for L; ½ ∂L/∂ŷ."""
    return both(problem, scaled(right_rule(problem), "½ ", lambda number: number / 2))


@mistake("the ½ of the loss was applied to its gradient", unless=no_half)
def half_applied_to_the_gradient(problem: Problem) -> Lines:
    """½ (ŷ − y) for ŷ − y: the 2 of the square's derivative, which cancels the ½, was forgotten."""
    return _halved_gradient(problem)


@mistake("the 2 of the square's derivative is missing", source="davisking/dlib #1169")
def two_missing_in_the_gradient(problem: Problem) -> Lines:
    return _halved_gradient(problem) if problem.loss == MEAN else "this gradient has no 2"


def _halved_gradient(problem: Problem) -> list[Line]:
    right = right_rule(problem)
    lines = gradients(problem, names.a, [problem.depth])
    return rewritten(lines, lambda *pair: right.gradient(*pair) / 2, f"½ ({right.gradient_equation})")


@mistake("the error was taken with the wrong sign, y − ŷ", unless=no_squares)
def sign_of_the_error(problem: Problem) -> Lines:
    output = names.a(problem.depth)
    swap = {output: "y", "y": output}
    return [rewired(line, swap) for line in gradients(problem, names.a, [problem.depth])]


@mistake("the root of the squared error was taken", source="cleinc/bts #13", unless=no_squares)
def root_of_the_squared_error(problem: Problem) -> Lines:
    """√L for L; ∂L/∂ŷ / (2 √L)."""
    right = right_rule(problem)
    wrong = Loss(
        f"√({right.equation})",
        f"({right.gradient_equation}) / (2 √({right.equation}))",
        lambda y_hat, y: sqrt(right.value(y_hat, y)),
        lambda y_hat, y: right.gradient(y_hat, y) / (2 * sqrt(right.value(y_hat, y))),
    )
    return both(problem, wrong)


# Another loss, or another function of outputs and targets.


@mistake("the gradient is that of the outputs, not of the loss", source="pytorch/pytorch #12871")
def gradient_of_the_outputs(problem: Problem) -> Lines:
    """∂L/∂ŷ = 1."""
    lines = gradients(problem, names.a, [problem.depth])
    return rewritten(lines, lambda y_hat: constant(y_hat, np.ones_like), "1", kept=1)


@mistake(
    "δ or β, the error beyond which the loss is linear, is the default of 1",
    source="Nerogar/OneTrainer #1158",
)
def where_the_square_ends(problem: Problem) -> Lines:
    """Huber's loss with δ = 1, or smooth L1 with β = 1."""
    stated = {"huber": "delta", "smooth_l1": "beta"}
    if problem.loss not in stated:
        return "this loss has no δ and no β"
    if problem.loss_numbers[0][1] == 1:
        return "it is 1"
    return both(problem, loss_rule(problem.loss, problem.reduction, ((stated[problem.loss], 1.0),)))


@mistake("the outputs were taken with the wrong sign")
def outputs_negated(problem: Problem) -> Lines:
    """L(−ŷ, y) for L(ŷ, y), which of squares is the sum of ŷ and y; −∂L/∂ŷ at −ŷ."""
    if problem.loss == "binary_cross_entropy":
        return "of probabilities there are no negative ones"
    if problem.y.shape[1] == 1 and "softmax" in problem.loss:
        return "with one output the softmax is 1, whatever its sign"
    if problem.loss == "binary_cross_entropy_with_logits":
        return "of logits that is 0 and 1 mixed up in the targets"
    if not problem.y.any():
        return "every target is 0"
    right = right_rule(problem)
    wrong = Loss(
        right.equation.replace("{0}", "(−{0})"),
        f"−({right.gradient_equation.replace('{0}', '(−{0})')})",
        lambda y_hat, y: right.value(negative(y_hat), y),
        lambda y_hat, y: negative(right.gradient(negative(y_hat), y)),
    )
    return both(problem, wrong)


def _another_loss(name: str, source: str) -> Mistake:
    """L is another loss, of the same reduction if it has that, with δ as β, β as δ, or else 1; ∂L/∂ŷ too."""
    kind = LOSSES[name]

    def change(problem: Problem) -> Lines:
        reduction = problem.reduction if problem.reduction in kind.reductions else kind.reductions[0]
        where = problem.loss_numbers[0][1] if problem.loss in LINEAR_FAR_OUT else 1.0
        numbers = tuple((key, where) for key in kind.keys if name in LINEAR_FAR_OUT)
        unfit = _why_not(problem, name)
        return unfit or both(problem, loss_rule(name, reduction, numbers))

    sentence = f"the loss is {name}, where another is asked for"
    return Mistake(f"loss-{name.replace('_', '-')}", sentence, change, source)


def _why_not(problem: Problem, name: str) -> str:
    """Return why another loss cannot be taken, or makes no difference; "" if it can."""
    y, asked = problem.y, {problem.loss, name}
    of_probabilities = LOSSES[name].targets in {"probabilities", "distributions"}
    holding = {
        "this loss is asked for": name == problem.loss.removesuffix("_with_integer_labels"),
        "the two are the same, as δ or β is 1": asked == LINEAR_FAR_OUT and problem.loss_numbers[0][1] == 1,
        "with β = 1 it is huber with δ = 1": name == "smooth_l1" and problem.loss != "huber",
        "the two are the same number": asked == {HALF, MEAN} and _halves(problem) == y.size,
        "the targets are no probabilities": of_probabilities and not ((y >= 0) & (y <= 1)).all(),
        "the outputs are no probabilities": name == "binary_cross_entropy"
        and problem.activations[-1] != "sigmoid",
    }
    return next((reason for reason, holds in holding.items() if holds), "")


def _halves(problem: Problem) -> int:
    """Return by what the sum of squares is divided in ½ Σ or 1/N · ½ Σ, whichever the problem has."""
    return 2 * (len(problem.y) if problem.reduction == "mean" else 1)


# One for each loss, but that by class, which is softmax_cross_entropy of the same targets; where it was seen.
ANOTHER_LOSS: tuple[Mistake, ...] = tuple(
    _another_loss(name, source)
    for name, source in {
        "half_squared_error": "KevinMenden/scaden #37",
        "mean_squared_error": "hengchuan/RDN-TensorFlow #12",
        "softmax_cross_entropy": "nfmcclure/tensorflow_cookbook #109",
        "binary_cross_entropy_with_logits": "oysteijo/simd_neuralnet #1",
        "binary_cross_entropy": "oysteijo/simd_neuralnet #1",
        "huber": "xuannianz/EfficientDet #93",
        "smooth_l1": "xuannianz/EfficientDet #93",
        "l1": "",
    }.items()
)
