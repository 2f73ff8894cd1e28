"""Mistakes in cross-entropies: in the softmax and the sigmoid, in logarithms and their signs."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cases import Problem, names
from reference.activations import ACTIVATIONS
from reference.arithmetic import Elementary, cast
from reference.line import Array, Line
from reference.losses import TERMS, loss_rule
from reference.losses.cross_entropy import log_softmax, softmax_bounded
from reference.losses.terms import Loss
from reference.mistakes.mistake import Lines, Mistake, constant, mistake, negative
from reference.mistakes.wrong_labels import (
    ONE_OUTPUT,
    SOFTMAX_LOSSES,
    OtherTargets,
    smoothed,
    smoothing,
    smoothing_number,
)
from reference.mistakes.wrong_losses import both, mean_of, over, right_rule, scaled

BINARY_LOSSES = frozenset({"binary_cross_entropy", "binary_cross_entropy_with_logits"})
SWAPPED = "cleverhans-lab/cleverhans #25, isaaccorley/detcon-pytorch #1"


def no_softmax(problem: Problem) -> str:
    return "" if problem.loss in SOFTMAX_LOSSES else "this loss has no softmax"


def no_cross_entropy(problem: Problem) -> str:
    """Say why there is no cross-entropy, or none that depends on the outputs."""
    if problem.loss not in SOFTMAX_LOSSES | BINARY_LOSSES:
        return "this loss is no cross-entropy"
    return "" if no_softmax(problem) or problem.y.shape[1] > 1 else ONE_OUTPUT


# The softmax and the sigmoid: forgotten parts of their derivative, applied twice, over the wrong axis.


def _no_balls(*_: Any) -> Any:  # noqa: ANN401 - it returns nothing
    raise NotImplementedError("a mistake is never the truth")


SOFTMAX = Elementary("softmax({0})", lambda z: np.exp(log_softmax(z)), softmax_bounded, _no_balls)


@mistake(
    "the softmax was applied twice: by the network, and by the loss of logits",
    source="tflearn/tflearn #562",
    unless=no_softmax,
)
def softmax_applied_twice(problem: Problem) -> Lines:
    """The loss of p = softmax(ŷ), and the gradient of that: p ⊙ (g − Σ g p), with g the loss's own at p."""
    if problem.y.shape[1] == 1:
        return "with one output the softmax is 1, once or twice"
    equations = "p", "softmax({0})", "p ⊙ (g − Σ g p), p = softmax({{0}}), g = {}"
    return _of_probabilities(problem, SOFTMAX, lambda g, _, p: p * (g - _row_sums(g * p)), equations)


@mistake(
    "a sigmoid was applied before the loss of logits, which has its own", source="NVIDIA-Merlin/models #1175"
)
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


@mistake(
    "the softmax was taken over the examples, not over the classes",
    source="perone/euclidesdb #2",
    unless=no_softmax,
)
def softmax_over_the_examples(problem: Problem) -> Lines:
    """−Σ y log softmax(ŷᵀ)ᵀ, as softmax(dim=0) gives it, and the gradient of that."""
    n = problem.y.shape[1]
    terms = OtherTargets(smoothing(problem), formula=lambda s, _, y: (1 - s) * y + s / n).terms()
    upright, equations = terms.reduced(""), (terms.value.equation, terms.gradient.equation)
    value, gradient = (equation.replace("softmax({0})", "softmax({0}ᵀ)ᵀ") for equation in equations)
    wrong = Loss(
        f"Σ {value}",
        gradient.replace("Σₖ", "Σᵢ"),
        lambda y_hat, y: upright.value(y_hat.mT, y.mT),
        lambda y_hat, y: upright.gradient(y_hat.mT, y.mT).mT,
    )
    return both(problem, mean_of(wrong, over(problem)))


@mistake(
    "of the softmax's Jacobian only the diagonal was taken, p (1 − p)",
    source="deeplearning4j/libnd4j #440",
    unless=no_softmax,
)
def softmax_diagonal_only(problem: Problem) -> Lines:
    """∂L/∂ŷᵢ = −yᵢ/pᵢ · pᵢ (1 − pᵢ), without what comes from the other pₖ."""
    if problem.y.shape[1] == 1:
        return ONE_OUTPUT

    def gradient(y_hat: Array, y: Array) -> Array:
        return negative(smoothed(problem, y) * (1 - SOFTMAX(y_hat)))

    return _gradient_alone(problem, gradient, "−{1} ⊙ (1 − softmax({0}))")


def _gradient_alone(problem: Problem, gradient: Callable[[Any, Any], Any], equation: str) -> list[Line]:
    """Return the line of another gradient: that of the loss summed, and divided as the loss is."""
    right = right_rule(problem)
    wrong = mean_of(Loss(right.equation, equation, right.value, gradient), over(problem))
    output = names.a(problem.depth)
    return [Line(names.gradient(output), wrong.gradient, (output, "y"), wrong.gradient_equation)]


@mistake(
    "the error a − y was multiplied by a (1 − a) again, which the cross-entropy has cancelled",
    source="mnielsen/neural-networks-and-deep-learning #77",
    unless=no_cross_entropy,
)
def cancelled_derivative_again(problem: Problem) -> Lines:
    """(a − y) a (1 − a) for a − y, a = softmax(ŷ) or σ(ŷ); a − y for (a − y) / (a (1 − a)), where a is ŷ."""
    if problem.loss == "binary_cross_entropy":
        return _gradient_alone(problem, lambda a, y: a - y, "{0} − {1}")
    right = loss_rule(problem.loss, "sum", problem.loss_numbers)
    probabilities = SOFTMAX if problem.loss in SOFTMAX_LOSSES else ACTIVATIONS["sigmoid"].value

    def gradient(y_hat: Array, y: Array) -> Array:
        p = probabilities(y_hat)
        return right.gradient(y_hat, y) * p * (1 - p)

    return _gradient_alone(problem, gradient, f"({right.gradient_equation}) ⊙ a (1 − a)")


# Logarithms and their signs.


@mistake(
    "the probabilities stand in the loss, not their logarithms",
    source="pytorch/pytorch #10033",
    unless=no_softmax,
)
def logarithm_missing(problem: Problem) -> Lines:
    """−Σ y p for −Σ y log p, p = softmax(ŷ), as `F.nll_loss` of p gives it; p ⊙ (Σₖ yₖ pₖ − y)."""

    def value(y_hat: Array, y: Array) -> Array:
        return negative((smoothed(problem, y) * SOFTMAX(y_hat)).sum(axis=(-2, -1)))

    def gradient(y_hat: Array, y: Array) -> Array:
        p, targets = SOFTMAX(y_hat), smoothed(problem, y)
        return p * (_row_sums(targets * p) - targets)

    wrong = Loss("−Σ {1} p, p = softmax({0})", "p ⊙ (Σₖ yₖ pₖ − {1}), p = softmax({0})", value, gradient)
    return both(problem, mean_of(wrong, over(problem)))


@mistake(
    "the loss has no minus: it is the log-likelihood", source="haifengl/smile #151", unless=no_cross_entropy
)
def log_likelihood(problem: Problem) -> Lines:
    """Σ y log p for −Σ y log p, or Σ y log a + (1 − y) log(1 − a); −∂L/∂ŷ."""
    return both(problem, scaled(right_rule(problem), "−", negative))


@mistake("the term of 1 − y is missing from the loss", source="deeplearning4j/nd4j #1328")
def second_term_missing(problem: Problem) -> Lines:
    """−Σ y log a for −Σ y log a + (1 − y) log(1 − a); its gradient is y times that of −log a."""
    if problem.loss not in BINARY_LOSSES:
        return "this loss has no term of 1 − y"
    if (problem.y == 1).all():
        return "every target is 1"
    terms = TERMS[problem.loss]({})
    summed = terms.reduced("")
    wrong = Loss(
        "Σ −{1} log a",
        f"{{1}} ⊙ ({summed.gradient_equation.replace('{1}', '1')})",
        lambda y_hat, y: (y * terms.value(y_hat, constant(y, np.ones_like))).sum(axis=(-2, -1)),
        lambda y_hat, y: y * summed.gradient(y_hat, constant(y, np.ones_like)),
    )
    return both(problem, mean_of(wrong, over(problem)))


def _another_base(base: int, source: str) -> Mistake:
    """−Σ y log_b p for −Σ y ln p; ∂L/∂ŷ / ln b."""

    def change(problem: Problem) -> Lines:
        return no_cross_entropy(problem) or both(
            problem, scaled(right_rule(problem), f"1/ln {base} ", in_base)
        )

    def in_base(number: Array) -> Array:
        return number * cast(constant(number, lambda array: array.dtype.type(1 / math.log(base))))

    return Mistake(f"logarithm-to-base-{base}", f"the logarithm is to the base {base}, not e", change, source)


ANOTHER_BASE: tuple[Mistake, ...] = (
    _another_base(2, "huawei-noah/Efficient-Computing #12"),
    _another_base(10, "srendle/libfm #21"),
)


# Outputs and targets in each other's place, or probabilities of the wrong kind.


@mistake("the outputs were given to the loss as targets, and the targets as outputs", source=SWAPPED)
def outputs_and_targets_swapped(problem: Problem) -> Lines:
    """−Σ ŷ log softmax(y), or −Σ ŷ log σ(y) + (1 − ŷ) log(1 − σ(y)); its gradient has no ŷ."""
    if problem.loss not in SOFTMAX_LOSSES | BINARY_LOSSES:
        return "of outputs and targets this loss is symmetric"
    if problem.loss in SOFTMAX_LOSSES:
        return _of_softmax_swapped(problem)
    if problem.loss == "binary_cross_entropy" and not ((problem.y > 0) & (problem.y < 1)).all():
        return "of targets that are 0 or 1 the loss would be infinite"
    terms = TERMS[problem.loss]({})

    def of_one(y: Array) -> Array:
        return terms.value(y, constant(y, np.ones_like))

    def of_zero(y: Array) -> Array:
        return terms.value(y, constant(y, np.zeros_like))

    wrong = Loss(
        "Σ {0} f + (1 − {0}) g, f = −log {1}, g = −log(1 − {1})",
        "f − g, f = −log {1}, g = −log(1 − {1})",
        lambda a, y: (a * of_one(y) + (1 - a) * of_zero(y)).sum(axis=(-2, -1)),
        lambda _, y: of_one(y) - of_zero(y),
    )
    return both(problem, mean_of(wrong, over(problem)))


def _of_softmax_swapped(problem: Problem) -> Lines:
    if problem.y.shape[1] == 1:
        return ONE_OUTPUT
    terms = TERMS["softmax_cross_entropy"]({})

    def logarithms(y: Array) -> Array:
        return terms.value(y, constant(y, np.ones_like))

    wrong = Loss(
        "−Σ {0} log softmax({1})",
        "−log softmax({1})",
        lambda y_hat, y: (smoothed(problem, y_hat) * logarithms(y)).sum(axis=(-2, -1)),
        lambda _, y: (1 - smoothing_number(problem, y)) * logarithms(y),
    )
    return both(problem, mean_of(wrong, over(problem)))


@mistake(
    "a sigmoid takes the place of the softmax", source="hunkim/DeepLearningZeroToAll #51", unless=no_softmax
)
def sigmoid_for_softmax(problem: Problem) -> Lines:
    """−Σ y log σ(ŷ) for −Σ y log softmax(ŷ); −y σ(−ŷ)."""
    softplus, sigmoid = ACTIVATIONS["softplus"].value, ACTIVATIONS["sigmoid"].value
    wrong = Loss(
        "−Σ {1} log σ({0})",
        "−{1} σ(−{0})",
        lambda z, y: (smoothed(problem, y) * softplus(negative(z))).sum(axis=(-2, -1)),
        lambda z, y: negative(smoothed(problem, y) * sigmoid(negative(z))),
    )
    return both(problem, mean_of(wrong, over(problem)))
