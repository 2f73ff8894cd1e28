"""Mistakes in the targets: labels smoothed in another way, classes counted from 1, 0 and 1 mixed up."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases import Problem
from reference.line import Array
from reference.losses import loss_rule
from reference.losses.cross_entropy import CrossEntropy
from reference.losses.terms import Loss
from reference.mistakes.mistake import Lines, Mistake, constant, mistake
from reference.mistakes.wrong_losses import both, mean_of, over, right_rule

SOFTMAX_LOSSES = frozenset({"softmax_cross_entropy", "softmax_cross_entropy_with_integer_labels"})
ONE_OUTPUT = "with one output the softmax is 1, whatever the label"

# Labels smoothed: y' = (1 − s) y + s/n.


@mistake("the labels were not smoothed")
def label_smoothing_missing(problem: Problem) -> Lines:
    return _not_smoothed_right(problem) or both(problem, loss_rule(problem.loss, problem.reduction))


def _not_smoothed_right(problem: Problem) -> str:
    if not smoothing(problem):
        return "this loss smooths no labels"
    return ONE_OUTPUT if problem.y.shape[1] == 1 else ""


def smoothing(problem: Problem) -> float:
    return dict(problem.loss_numbers).get("label_smoothing", 0.0)


def smoothed(problem: Problem, y: Array) -> Array:
    """(1 − s) y + s/n, in operators."""
    if not smoothing(problem):
        return y
    s = smoothing_number(problem, y)
    return (1 - s) * y + s / problem.y.shape[1]


def smoothing_number(problem: Problem, y: Array) -> Array:
    return constant(y, lambda array: array.dtype.type(smoothing(problem)))


# How labels are smoothed, from s, n and y.
Smoothing = Callable[[float, int, Any], Any]


@dataclass(frozen=True)
class OtherTargets(CrossEntropy):
    """Softmax cross-entropy of targets that are smoothed in another way."""

    formula: Smoothing = lambda s, n, y: (1 - s) * y + s / n

    def smooth(self, y: NDArray[Any]) -> NDArray[Any]:
        return self.formula(self.smoothing, y.shape[-1], y)


def _smoothed_otherwise(name: str, what: str, equation: str, formula: Smoothing, source: str) -> Mistake:
    """−Σ y' log softmax(ŷ), and softmax(ŷ) Σ y' − y', with another y'."""

    def change(problem: Problem) -> Lines:
        if unfit := _not_smoothed_right(problem):
            return unfit
        terms = OtherTargets(smoothing(problem), formula=formula).terms()
        wrong = mean_of(terms.reduced(""), over(problem))
        return both(problem, replace(wrong, equation=f"{wrong.equation.partition(',')[0]}, {equation}"))

    return Mistake(f"label-smoothing-{name}", f"the labels were smoothed to {what}", change, source)


OTHER_SMOOTHINGS: tuple[Mistake, ...] = (
    _smoothed_otherwise(
        "over-the-other-classes",
        "s/(n − 1) in all classes but the right one",
        "y' = (1 − s) {1} + s/(n − 1) (1 − {1})",
        lambda s, n, y: (1 - s) * y + s / (n - 1) * (1 - y),
        "mindspore-ai/mindspore #73",
    ),
    _smoothed_otherwise(
        "takes-too-little-off",
        "s/n in every class but the right one, which stayed 1",
        "y' = (1 − s/n) {1} + s/n",
        lambda s, n, y: (1 - s / n) * y + s / n,
        "ildoonet/pytorch-randaugment #30",
    ),
    _smoothed_otherwise(
        "adds-too-much",
        "sums above 1: 1/n was added, not s/n",
        "y' = (1 − s) {1} + 1/n",
        lambda s, n, y: (1 - s) * y + 1 / n,
        "TimDettmers/ConvE #55",
    ),
)


# Classes counted from another number.


def _classes_moved(problem: Problem, move: Callable[[NDArray[Any]], NDArray[Any]], equation: str) -> Lines:
    is_one_hot = (np.sort(problem.y)[:, :-1] == 0).all() and (problem.y.max(axis=1) == 1).all()
    if problem.y.shape[1] == 1:
        return "there is only one class"
    if problem.loss not in SOFTMAX_LOSSES and not is_one_hot:
        return "the targets are no classes"
    if np.array_equal(move(problem.y), problem.y):
        return "every class is equally likely"
    return _of_targets(problem, lambda y: constant(y, move), equation)


def _of_targets(problem: Problem, change: Callable[[Any], Any], equation: str) -> Lines:
    right = right_rule(problem)
    wrong = Loss(
        right.equation.replace("{1}", equation),
        right.gradient_equation.replace("{1}", equation),
        lambda y_hat, y: right.value(y_hat, change(y)),
        lambda y_hat, y: right.gradient(y_hat, change(y)),
    )
    return both(problem, wrong)


def _next(y: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([np.zeros_like(y[:, :1]), y[:, :-1]], axis=1)


@mistake("the classes were counted from 1, where they are counted from 0", source="BVLC/caffe #6318")
def classes_counted_from_1(problem: Problem) -> Lines:
    """y of class c is 1 in column c + 1; of the last class it is 0, as `jax.nn.one_hot` has it."""
    return _classes_moved(problem, _next, "next({1})")


@mistake("a 1 was taken off classes that are counted from 0", source="EricFillion/happy-transformer #248")
def one_taken_off_the_classes(problem: Problem) -> Lines:
    """y of class c is 1 in column c − 1; of the first class in the last, as NumPy takes index −1."""
    return _classes_moved(problem, lambda y: np.roll(y, -1, axis=1), "before({1})")


@mistake("the targets 0 and 1 were mixed up", source="PrashanthaTP/wav2mov #6")
def targets_inverted(problem: Problem) -> Lines:
    """L(ŷ, 1 − y) for L(ŷ, y)."""
    y = problem.y
    if problem.loss in SOFTMAX_LOSSES or not ((y >= 0) & (y <= 1)).all():
        return "the targets are not 0 and 1, nor between"
    if (y == 1 / 2).all():
        return "every target is ½"
    return _of_targets(problem, lambda y: constant(y, lambda array: 1 - array), "(1 − {1})")
