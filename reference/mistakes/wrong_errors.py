"""Mistakes in the error ŷ − y of other losses than squares: its sign, and on which side of 0 it counts."""

import numpy as np

from cases import Problem, names
from reference.arithmetic import Bounded, Elementary, Real
from reference.line import Array
from reference.losses import TERMS
from reference.losses.terms import Loss
from reference.mistakes.mistake import Lines, gradients, mistake, negative, rewritten
from reference.mistakes.wrong_cross_entropy import SOFTMAX
from reference.mistakes.wrong_losses import (
    HALF,
    LINEAR_FAR_OUT,
    MEAN,
    both,
    mean_of,
    over,
    right_rule,
)


@mistake(
    "the gradient of the loss has the wrong sign, as of y − ŷ",
    source="dennybritz/nn-from-scratch #11, of the notebook's text",
)
def loss_gradient_with_the_wrong_sign(problem: Problem) -> Lines:
    """−∂L/∂ŷ, while the loss is right."""
    if problem.loss in {HALF, MEAN}:
        return "the sign of the error has a name of its own"
    right = right_rule(problem)
    lines = gradients(problem, names.a, [problem.depth])
    return rewritten(lines, lambda *pair: negative(right.gradient(*pair)), f"−({right.gradient_equation})")


def _kept_bounded(number: Bounded, d: Bounded, most: Bounded) -> Bounded:
    """Keep a number, or not, or either where d may lie on both sides of `most`."""
    excess = d.value - most.value
    unsure = np.abs(excess) <= d.error + most.error
    kept: Real = np.where(excess > 0, 0.0, number.value)
    error = np.where(unsure, number.most, np.where(excess > 0, 0.0, number.error))
    return Bounded(kept, error, number.format)


# A number where d ≤ most, and 0 elsewhere.
KEPT = Elementary(
    "{0} where {1} ≤ {2}",
    lambda number, d, most: np.where(d > most, number.dtype.type(0), number),
    _kept_bounded,
    SOFTMAX.balls,
)


@mistake(
    "errors beyond δ count on one side only: `error > delta` for `abs(error) > delta`",
    source="marlbenchmark/on-policy #47",
)
def errors_on_one_side_only(problem: Problem) -> Lines:
    """The term, and its gradient, are 0 where ŷ − y is above δ or β: y − ŷ is below −δ there."""
    if problem.loss not in LINEAR_FAR_OUT:
        return "this loss has no δ and no β"
    terms, where = TERMS[problem.loss](dict(problem.loss_numbers)), problem.loss_numbers[0][1]
    summed = terms.reduced("")

    def kept(number: Array, y_hat: Array, y: Array) -> Array:
        d = y_hat - y
        return KEPT(number, d, _number(d, where))

    wrong = Loss(
        f"Σ ℓ({{0}}, {{1}}) where {{0}} − {{1}} ≤ {where:g}",
        f"ℓ'({{0}}, {{1}}) where {{0}} − {{1}} ≤ {where:g}",
        lambda y_hat, y: kept(terms.value(y_hat, y), y_hat, y).sum(axis=(-2, -1)),
        lambda y_hat, y: kept(summed.gradient(y_hat, y), y_hat, y),
    )
    return both(problem, mean_of(wrong, over(problem)))


def _number(like: Array, number: float) -> Array:
    """Return a number of the case, which its format holds, as it meets arrays."""
    return Bounded.exact(number, like.format) if isinstance(like, Bounded) else like.dtype.type(number)
