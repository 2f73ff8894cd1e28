"""Mistakes in cross-entropies: an ε in the logarithm, a softmax over the whole batch, a sign, the targets."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from reference.activations import ACTIVATIONS
from reference.arithmetic import Bounded, Elementary, as_row, cast, format_of
from reference.line import Array, Line, evaluate, leading_to, unchanged
from reference.losses import TERMS
from reference.losses.terms import LOG_ULPS, Loss, with_error
from reference.mistakes.mistake import (
    ONE_EXAMPLE,
    Lines,
    Mistake,
    constant,
    mistake,
    negative,
    rearranged,
)
from reference.mistakes.wrong_cross_entropy import BINARY_LOSSES, SOFTMAX, no_cross_entropy, no_softmax
from reference.mistakes.wrong_labels import SOFTMAX_LOSSES, OtherTargets, smoothed, smoothing
from reference.mistakes.wrong_losses import both, mean_of, over, right_rule
from reference.training import exact_inputs, tape

# −Σ y log(p + ε).


def _log_bounded(t: Bounded) -> Bounded:
    """Bound log t where all of t ± e is positive: it moves by at most −log(1 − e/t)."""
    form, value = t.format, np.log(t.value)
    moved = -np.log1p(-t.error / t.value)
    reach = np.abs(value) + moved
    promised = np.where(t.value - t.error > form.underflow, reach, np.inf)
    return with_error(value, form.gamma(2 * LOG_ULPS) * reach + moved, promised, form)


LOG = Elementary("log {0}", np.log, _log_bounded, SOFTMAX.balls)


def _row_totals(rows: Array) -> Array:
    """Return each row's sum, shape (N, 1)."""
    return as_row(rows.sum(axis=-1), rows).mT


def _probabilities(problem: Problem) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return p as a function of ŷ, and what takes a gradient at p to that at ŷ, of both and ŷ."""
    if problem.loss in SOFTMAX_LOSSES:
        return SOFTMAX, lambda g, p, _: p * (g - _row_totals(g * p))
    if problem.loss == "binary_cross_entropy":
        return unchanged, lambda g, *_: g
    sigmoid = ACTIVATIONS["sigmoid"]
    return sigmoid.value, lambda g, p, z: g * sigmoid.derivative(z, p)


def _with_eps(problem: Problem, eps: float, written: str) -> Loss:
    """−Σ y log(p + ε), less Σ (1 − y) log(1 − p + ε) where there is such a term, and its gradient."""
    probabilities, through = _probabilities(problem)
    is_binary = problem.loss in BINARY_LOSSES

    def above(p: Array) -> Array:
        return p + cast(constant(p, lambda array: array.dtype.type(eps)))

    def value(y_hat: Array, y: Array) -> Array:
        p, targets = probabilities(y_hat), smoothed(problem, y)
        total = targets * LOG(above(p))
        if is_binary:
            total = total + (1 - targets) * LOG(above(1 - p))
        return negative(total.sum(axis=(-2, -1)))

    def gradient(y_hat: Array, y: Array) -> Array:
        p, targets = probabilities(y_hat), smoothed(problem, y)
        g = negative(targets / above(p))
        if is_binary:
            g = g + (1 - targets) / above(1 - p)
        return through(g, p, y_hat)

    equation = f"Σ −{{1}} log(p + {written})" + f" − (1 − {{1}}) log(1 − p + {written})" * is_binary
    slope = f"−{{1}} / (p + {written})" + f" + (1 − {{1}}) / (1 − p + {written})" * is_binary
    return Loss(equation, f"({slope}) dp/d{{0}}", value, gradient)


def _eps_in_the_logarithm(written: str, source: str) -> Mistake:
    def change(problem: Problem) -> Lines:
        if unfit := no_cross_entropy(problem):
            return unfit
        lines = both(problem, mean_of(_with_eps(problem, float(written), written), over(problem)))
        if _is_lost(problem, lines[0]):
            return f"beside these probabilities {written} is lost in {problem.dtype}"
        return lines

    sentence = f"an ε of {written} was added to the probabilities before their logarithms were taken"
    return Mistake(f"logarithm-of-p-plus-{written}", sentence, change, source)


def _is_lost(problem: Problem, wrong: Line) -> bool:
    """Whether the loss of the first step may be the same by a wrong line as by the right one."""
    known = exact_inputs(problem, format_of(problem.dtype))
    *forward, right = leading_to([wrong.name], tape(problem))
    outputs = known | evaluate(forward, known)
    first, second = (evaluate([line], outputs)[wrong.name] for line in (right, wrong))
    return not abs(first.value - second.value) > first.error + second.error


EPS_IN_THE_LOGARITHM: tuple[Mistake, ...] = tuple(
    _eps_in_the_logarithm(written, source)
    for written, source in {
        "1e-6": "",
        "1e-7": "",
        "1e-8": "apache/mxnet #4594, of a metric",
        "1e-9": "",
        "1e-10": "AITTSMD/MTCNN-Tensorflow #76",
        "1e-12": "",
    }.items()
)


# The softmax of all examples at once.

OF_ALL = "the softmax was divided by the sum over all examples and classes, not by that of each row"


def _gradient_of_an_error(problem: Problem, softmax: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return p − y', with another p than the right softmax."""
    return lambda y_hat, y: softmax(y_hat) - smoothed(problem, y)


def _of_another_softmax(
    problem: Problem, there: Callable[[Any], Any], back: Callable[[Any], Any], *, differentiated: bool
) -> list[Line]:
    """Return the loss of a softmax of rearranged rows, and p − y' or what differentiating it gives."""
    n = problem.y.shape[1]
    rows = OtherTargets(smoothing(problem), formula=lambda s, _, y: (1 - s) * y + s / n).terms().reduced("")

    def gradient(y_hat: Array, y: Array) -> Array:
        return back(rows.gradient(there(y_hat), there(y)))

    def value(y_hat: Array, y: Array) -> Array:
        return rows.value(there(y_hat), there(y))

    error = _gradient_of_an_error(problem, lambda y_hat: back(SOFTMAX(there(y_hat))))
    which = "p Σ {1} − {1}" if differentiated else "p − {1}"
    wrong = Loss("−Σ {1} log p", which, value, gradient if differentiated else error)
    return both(problem, mean_of(wrong, over(problem)))


def _over_all_elements(problem: Problem, *, differentiated: bool) -> Lines:
    if unfit := no_softmax(problem):
        return unfit
    if len(problem.x) == 1:
        return ONE_EXAMPLE
    shape = problem.y.shape

    def flat(rows: Array) -> Array:
        return rearranged(rows, lambda array: array.reshape(1, shape[0] * shape[1]))

    def back(row: Array) -> Array:
        return rearranged(row, lambda array: array.reshape(shape))

    return _of_another_softmax(problem, flat, back, differentiated=differentiated)


@mistake(OF_ALL, source="rickwierenga/MLFundamentals #1; deeplearning4j/nd4j #44")
def softmax_over_all_elements(problem: Problem) -> Lines:
    """p = eᶻ / Σᵢₖ eᶻ, as `np.exp(z) / np.sum(np.exp(z))` has it, and p − y."""
    return _over_all_elements(problem, differentiated=False)


@mistake(
    f"{OF_ALL}, and differentiated like that",
    source="rickwierenga/MLFundamentals #1; deeplearning4j/nd4j #44",
)
def softmax_over_all_elements_differentiated(problem: Problem) -> Lines:
    """p Σᵢₖ yᵢₖ − y, which has N for the sum of one row."""
    return _over_all_elements(problem, differentiated=True)


@mistake(
    "the softmax was taken over the examples, not over the classes, and the error p − y of that",
    source="ethanfetaya/NRI #25",
    unless=no_softmax,
)
def softmax_over_the_examples_by_hand(problem: Problem) -> Lines:
    """p − y with p = softmax(ŷᵀ)ᵀ; what differentiating it gives has the sum of y over the examples."""

    def transposed(rows: Array) -> Array:
        return rows.mT

    if (problem.y.sum(axis=0) == 1).all():
        return "each class is that of one example, so that both forms are the same"
    return _of_another_softmax(problem, transposed, transposed, differentiated=False)


# The gradient alone, or a sign.


@mistake(
    "the gradient is softmax − y, which is right only of targets that sum to 1",
    source="tensorflow/tensorflow #60314, of targets that are all 0",
    unless=no_softmax,
)
def gradient_of_targets_that_sum_to_1(problem: Problem) -> Lines:
    """∂L/∂ŷ = softmax(ŷ) − y for Σₖ yₖ softmax(ŷ) − y."""
    sums, form = problem.y.astype(np.float64).sum(axis=1), format_of(problem.dtype)
    if (np.abs(sums - 1) <= form.gamma(2 * problem.y.shape[1])).all():
        return "the targets of every example sum to 1"
    right, output = right_rule(problem), names.a(problem.depth)
    error = _gradient_of_an_error(problem, SOFTMAX)
    wrong = mean_of(Loss(right.equation, "softmax({0}) − {1}", right.value, error), over(problem))
    return [Line(names.gradient(output), wrong.gradient, (output, "y"), wrong.gradient_equation)]


@mistake("the term of 1 − y has the wrong sign in the loss", source="rasbt/machine-learning-book #239")
def second_term_with_the_wrong_sign(problem: Problem) -> Lines:
    """Σ −y log a + (1 − y) log(1 − a), and the gradient of that."""
    if problem.loss not in BINARY_LOSSES:
        return "this loss has no term of 1 − y"
    if (problem.y == 1).all():
        return "every target is 1"
    terms = TERMS[problem.loss]({})
    summed = terms.reduced("")

    def weighed(of: Callable[..., Any]) -> Callable[..., Any]:
        """Take a function of outputs and targets at y = 1, and off it that at y = 0."""
        return lambda y_hat, y: (
            y * of(y_hat, constant(y, np.ones_like)) - (1 - y) * of(y_hat, constant(y, np.zeros_like))
        )

    each = weighed(terms.value)
    wrong = Loss(
        "Σ −{1} log a + (1 − {1}) log(1 − a)",
        "−{1} d(log a)/d{0} + (1 − {1}) d(log(1 − a))/d{0}",
        lambda y_hat, y: each(y_hat, y).sum(axis=(-2, -1)),
        weighed(summed.gradient),
    )
    return both(problem, mean_of(wrong, over(problem)))


# Other targets.


def _of_targets(problem: Problem, move: Callable[[NDArray[Any]], NDArray[Any]], equation: str) -> list[Line]:
    right = right_rule(problem)
    wrong = Loss(
        right.equation.replace("{1}", equation),
        right.gradient_equation.replace("{1}", equation),
        lambda y_hat, y: right.value(y_hat, constant(y, move)),
        lambda y_hat, y: right.gradient(y_hat, constant(y, move)),
    )
    return both(problem, wrong)


def _most_likely(y: NDArray[Any]) -> NDArray[Any]:
    if y.shape[1] == 1:
        return (y > 1 / 2).astype(y.dtype)
    return np.eye(y.shape[1], dtype=y.dtype)[y.argmax(axis=1)]


@mistake("the most likely class was taken for the targets, which are probabilities")
def class_for_probabilities(problem: Problem) -> Lines:
    """y is 1 for the largest yₖ of its row, and 0 for the others: `argmax` of soft targets."""
    if problem.loss not in SOFTMAX_LOSSES and problem.loss not in BINARY_LOSSES:
        return "this loss is no cross-entropy"
    if np.array_equal(_most_likely(problem.y), problem.y):
        return "every target is a class"
    return _of_targets(problem, _most_likely, "class({1})")


@mistake(
    "the targets were cut off to whole numbers",
    source="deepset-ai/FARM #395; srinidhiPY/SSL_CR_Histo #5",
)
def targets_cut_to_whole_numbers(problem: Problem) -> Lines:
    """y without its digits after the point, as a cast to integers leaves it."""
    if (problem.y == np.trunc(problem.y)).all():
        return "every target is a whole number"
    return _of_targets(problem, np.trunc, "whole({1})")


@mistake("each example was compared with the targets of the next one, the last with those of the first")
def targets_of_the_next_example(problem: Problem) -> Lines:
    return _of_moved_rows(problem, -1, "next({1})")


@mistake("each example was compared with the targets of the one before, the first with those of the last")
def targets_of_the_example_before(problem: Problem) -> Lines:
    return _of_moved_rows(problem, 1, "before({1})")


def _of_moved_rows(problem: Problem, by: int, equation: str) -> Lines:
    if len(problem.x) == 1:
        return ONE_EXAMPLE
    if (problem.y == problem.y[0]).all():
        return "all examples have the same targets"
    return _of_targets(problem, lambda y: np.roll(y, by, axis=0), equation)
