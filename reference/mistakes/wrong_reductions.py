"""Mistakes in how a loss is reduced: over what its terms are averaged, and which terms there are."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases import Problem
from cases.catalog import LOSSES
from reference.line import Array
from reference.losses import loss_rule
from reference.losses.terms import Loss, count
from reference.mistakes.mistake import (
    ONE_EXAMPLE,
    Lines,
    Mistake,
    broadcast,
    constant,
    examples,
    mistake,
    one_example,
)
from reference.mistakes.wrong_losses import both, mean_of, right_rule, summed

IS_A_SUM = "this loss is a sum"


@mistake("the mean over the batch was taken as a sum", source="davharris/mistnet #33")
def sum_for_mean(problem: Problem) -> Lines:
    if problem.reduction != "mean":
        return IS_A_SUM
    alike = _is_the_mean_of_one(problem)
    return "the mean of one number is its sum" if alike else both(problem, summed(problem))


@mistake("the sum over the batch was taken as a mean")
def mean_for_sum(problem: Problem) -> Lines:
    """1/N · ½ Σ for ½ Σ, or the mean that a loss's own name promises, in the loss and in its gradient."""
    if problem.reduction != "sum":
        return "this loss is a mean"
    if _is_the_mean_of_one(problem):
        return "the sum over one example is its mean"
    return both(problem, loss_rule(problem.loss, "mean", problem.loss_numbers))


def _is_the_mean_of_one(problem: Problem) -> bool:
    return count(problem.y.shape, LOSSES[problem.loss].mean_over) == 1


@mistake("the mean was taken over all elements, outputs as well as examples", source="pytorch/pytorch #3924")
def mean_over_all_elements(problem: Problem) -> Lines:
    """1/(N·n) · ½ Σ for 1/N · ½ Σ or for ½ Σ, in the loss and in its gradient."""
    if LOSSES[problem.loss].mean_over == "elements":
        return "this loss is the mean over all elements"
    if problem.y.shape[1] == 1:
        return "with one output there are as many elements as examples"
    return both(problem, mean_of(summed(problem), "elements"))


@mistake(
    "the mean was taken over the examples only, not over all elements", source="oysteijo/simd_neuralnet #1"
)
def mean_over_examples(problem: Problem) -> Lines:
    if LOSSES[problem.loss].mean_over == "examples" or problem.reduction != "mean":
        return "this loss is no mean over all elements"
    if 1 in problem.y.shape:
        return "one example or one output leaves nothing to mix up"
    return both(problem, mean_of(summed(problem), "examples"))


@mistake("the loss was divided by N once more", source="xavysp/DexiNed #45")
def divided_by_n_once_more(problem: Problem) -> Lines:
    """1/N · L for L, a mean already; and 1/N · ∂L/∂ŷ."""
    if problem.reduction != "mean":
        return IS_A_SUM
    return both(problem, mean_of(right_rule(problem), "examples")) if len(problem.x) > 1 else ONE_EXAMPLE


def _mean_of_means(size: int) -> Mistake:
    """1/k · Σ (the means of k micro-batches), of which the last, of m < `size` examples, counts for too much.

    ∂L/∂ŷ of an example is N / (k m) times what it should be, with m the examples of its micro-batch.
    """

    def change(problem: Problem) -> Lines:
        number = len(problem.x)
        if problem.reduction != "mean":
            return IS_A_SUM
        uneven = _why_not_uneven(problem, size)
        starts = range(0, number, size)
        return uneven or both(problem, _weighted(right_rule(problem), starts, size, number))

    sentence = f"the mean was taken of the means of micro-batches of {size} examples, the last of fewer"
    source = "huggingface/transformers #34191, #24725, ml-explore/mlx-lm #1413"
    return Mistake(f"mean-of-means-of-{size}", sentence, change, source)


def _why_not_uneven(problem: Problem, size: int) -> str:
    if len(problem.x) <= size:
        return f"there are no more than {size} examples"
    even = len(problem.x) % size == 0
    return f"all micro-batches of {size} examples are equally large" if even else ""


def _weighted(right: Loss, starts: range, size: int, number: int) -> Loss:
    sizes = [min(size, number - start) for start in starts]
    divisors = np.repeat(sizes, sizes)[:, np.newaxis] * len(sizes)

    def value(y_hat: Array, y: Array) -> Array:
        parts = [right.value(*(examples(a, i, i + size) for a in (y_hat, y))) for i in starts]
        return sum(parts[1:], parts[0]) / len(parts)

    def gradient(y_hat: Array, y: Array) -> Array:
        dL_da = number * right.gradient(y_hat, y)
        return dL_da / constant(dL_da, lambda array: np.ones_like(array) * divisors.astype(array.dtype))

    return Loss(
        f"mean over micro-batches of ({right.equation})",
        f"N / (k m) · ({right.gradient_equation})",
        value,
        gradient,
    )


MEAN_OF_MEANS: tuple[Mistake, ...] = tuple(map(_mean_of_means, (2, 3, 4)))


# Some of the examples only.


def _of_examples(problem: Problem, kept: slice) -> Lines:
    """Return the lines of the loss of these examples alone; ∂L/∂ŷ of the others is 0."""
    right, number = right_rule(problem), len(problem.x)
    start, stop, _ = kept.indices(number)

    def value(y_hat: Array, y: Array) -> Array:
        return right.value(examples(y_hat, start, stop), examples(y, start, stop))

    def gradient(y_hat: Array, y: Array) -> Array:
        dL_da = right.gradient(y_hat, y)
        if problem.reduction == "mean":
            dL_da = number * dL_da / (stop - start)
        return dL_da * constant(dL_da, mask)

    def mask(array: NDArray[Any]) -> NDArray[Any]:
        ones = np.zeros_like(array)
        ones[kept] = 1
        return ones

    rows = f"[{start}:{stop}]"
    wrong = Loss(f"({right.equation}){rows}", f"({right.gradient_equation}){rows}", value, gradient)
    return both(problem, wrong)


@mistake(
    "the loss is that of the last example only",
    source="lucidrains/med-seg-diff-pytorch #17",
    unless=one_example,
)
def loss_of_the_last_example(problem: Problem) -> Lines:
    """ℓ(ŷ_N, y_N) for Σᵢ ℓ(ŷᵢ, yᵢ) or its mean, as a loop leaves it that does not add up."""
    return _of_examples(problem, slice(-1, None))


def _last_left_out(size: int) -> Mistake:
    """The loss of the first N − (N mod m) examples."""

    def change(problem: Problem) -> Lines:
        kept = len(problem.x) // size * size
        uneven = _why_not_uneven(problem, size)
        return uneven or _of_examples(problem, slice(0, kept))

    sentence = f"the last examples, which fill no micro-batch of {size}, were left out"
    source = "UK-Digital-Heart-Project/4Dsurvival #11, ml-explore/mlx-lm #1413"
    return Mistake(f"last-of-micro-batches-of-{size}-left-out", sentence, change, source)


LAST_LEFT_OUT: tuple[Mistake, ...] = tuple(map(_last_left_out, (2, 3, 4)))

# Targets of shape (N,), which broadcast against the outputs of shape (N, 1) to all N × N differences.

BROADCAST = "pytorch/pytorch #16045, google/jax #2697, fastai/fastai #1863"


@mistake("the targets, of shape (N,), were broadcast against the outputs, of shape (N, 1)", source=BROADCAST)
def targets_broadcast(problem: Problem) -> Lines:
    """Σᵢⱼ ℓ(ŷᵢ, yⱼ) for Σᵢ ℓ(ŷᵢ, yᵢ), 1/N² of it for a mean; ∂L/∂ŷᵢ = Σⱼ ℓ'(ŷᵢ, yⱼ), or 1/N² of it."""
    return _broadcast(problem, "elements" if problem.reduction == "mean" else "")


@mistake(
    "the targets, of shape (N,), were broadcast against the outputs, and the sum was divided by N, not by N²",
    source=BROADCAST,
)
def targets_broadcast_over_examples(problem: Problem) -> Lines:
    """1/N · Σᵢⱼ ℓ(ŷᵢ, yⱼ), the mean of the sums of rows; ∂L/∂ŷᵢ = 1/N · Σⱼ ℓ'(ŷᵢ, yⱼ)."""
    return _broadcast(problem, "examples") if problem.reduction == "mean" else IS_A_SUM


def _broadcast(problem: Problem, over: str) -> Lines:
    if problem.y.shape[1] > 1:
        return "with several outputs the shapes do not broadcast"
    if len(problem.x) == 1:
        return ONE_EXAMPLE
    if "softmax" in problem.loss:
        return "with one output the softmax is 1, whatever the target"
    if over == "elements" and np.ptp(problem.y) == 0:
        return "every target is the same"
    return both(problem, _against_every_target(mean_of(summed(problem), over)))


def _against_every_target(rule: Loss) -> Loss:
    def pairs(y_hat: Array, y: Array) -> tuple[Array, Array]:
        shape = (y.shape[0],) * 2
        return broadcast(y_hat, shape), broadcast(y.mT, shape)

    return Loss(
        rule.equation.replace("{1}", "{1}ᵀ"),
        f"Σⱼ {rule.gradient_equation.replace('{1}', '{1}ᵀ')}",
        lambda y_hat, y: rule.value(*pairs(y_hat, y)),
        lambda y_hat, y: rule.gradient(*pairs(y_hat, y)) @ constant(y, np.ones_like),
    )
