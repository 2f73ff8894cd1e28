"""Mistakes in cross-entropies: in targets and classes, in the softmax and the sigmoid, in logarithms."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from cases.catalog import LOSSES
from reference.activations import ACTIVATIONS
from reference.arithmetic import Elementary
from reference.line import Array, Line
from reference.losses import TERMS, loss_rule
from reference.losses.cross_entropy import CrossEntropy, log_softmax, softmax_bounded
from reference.losses.terms import Loss
from reference.mistakes.mistake import Lines, Mistake, constant, mistake, negative
from reference.mistakes.wrong_losses import both, mean_of, right_rule, scaled

SOFTMAX_LOSSES = frozenset({"softmax_cross_entropy", "softmax_cross_entropy_with_integer_labels"})
BINARY_LOSSES = frozenset({"binary_cross_entropy", "binary_cross_entropy_with_logits"})
NO_SOFTMAX = "this loss has no softmax"
NO_CROSS_ENTROPY = "this loss is no cross-entropy"
ONE_OUTPUT = "with one output the softmax is 1, whatever the label"


# Labels smoothed: y' = (1 − s) y + s/n.


@mistake("the labels were not smoothed")
def label_smoothing_missing(problem: Problem) -> Lines:
    return _not_smoothed_right(problem) or both(problem, loss_rule(problem.loss, problem.reduction))


def _not_smoothed_right(problem: Problem) -> str:
    if not _smoothing(problem):
        return "this loss smooths no labels"
    return ONE_OUTPUT if problem.y.shape[1] == 1 else ""


def _smoothing(problem: Problem) -> float:
    return dict(problem.loss_numbers).get("label_smoothing", 0.0)


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
        terms = OtherTargets(_smoothing(problem), formula=formula).terms()
        wrong = mean_of(terms.reduced(""), _over(problem))
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
        "1 in the right class, with s/n taken off and put on",
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
    right = right_rule(problem)
    wrong = Loss(
        right.equation.replace("{1}", equation),
        right.gradient_equation.replace("{1}", equation),
        lambda y_hat, y: right.value(y_hat, constant(y, move)),
        lambda y_hat, y: right.gradient(y_hat, constant(y, move)),
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


# The softmax and the sigmoid: forgotten parts of their derivative, applied twice, over the wrong axis.


def _no_balls(*_: Any) -> Any:  # noqa: ANN401 - it returns nothing
    raise NotImplementedError("a mistake is never the truth")


SOFTMAX = Elementary("softmax({0})", lambda z: np.exp(log_softmax(z)), softmax_bounded, _no_balls)


@mistake(
    "the softmax was applied twice: by the network, and by the loss of logits", source="tflearn/tflearn #562"
)
def softmax_applied_twice(problem: Problem) -> Lines:
    """The loss of p = softmax(ŷ), and the gradient of that: p ⊙ (g − Σ g p), with g the loss's own at p."""
    if problem.loss not in SOFTMAX_LOSSES:
        return NO_SOFTMAX
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


@mistake("the softmax was taken over the examples, not over the classes", source="perone/euclidesdb #2")
def softmax_over_the_examples(problem: Problem) -> Lines:
    """−Σ y log softmax(ŷᵀ)ᵀ, as softmax(dim=0) gives it, and the gradient of that."""
    if problem.loss not in SOFTMAX_LOSSES:
        return NO_SOFTMAX
    n = problem.y.shape[1]
    terms = OtherTargets(_smoothing(problem), formula=lambda s, _, y: (1 - s) * y + s / n).terms()
    upright, equations = terms.reduced(""), (terms.value.equation, terms.gradient.equation)
    value, gradient = (one.replace("softmax({0})", "softmax({0}ᵀ)ᵀ") for one in equations)
    wrong = Loss(
        f"Σ {value}",
        gradient.replace("Σₖ", "Σᵢ"),
        lambda y_hat, y: upright.value(y_hat.mT, y.mT),
        lambda y_hat, y: upright.gradient(y_hat.mT, y.mT).mT,
    )
    return both(problem, mean_of(wrong, _over(problem)))


def _over(problem: Problem) -> str:
    return LOSSES[problem.loss].mean_over if problem.reduction == "mean" else ""


@mistake(
    "of the softmax's Jacobian only the diagonal was taken, p (1 − p)", source="deeplearning4j/libnd4j #440"
)
def softmax_diagonal_only(problem: Problem) -> Lines:
    """∂L/∂ŷᵢ = −yᵢ/pᵢ · pᵢ (1 − pᵢ), without what comes from the other pₖ."""
    if problem.loss not in SOFTMAX_LOSSES:
        return NO_SOFTMAX
    if problem.y.shape[1] == 1:
        return ONE_OUTPUT

    def gradient(y_hat: Array, y: Array) -> Array:
        return negative(_smoothed(problem, y) * (1 - SOFTMAX(y_hat)))

    return _gradient_alone(problem, gradient, "−{1} ⊙ (1 − softmax({0}))")


def _smoothed(problem: Problem, y: Array) -> Array:
    """(1 − s) y + s/n, in operators."""
    if not _smoothing(problem):
        return y
    s = constant(y, lambda array: array.dtype.type(_smoothing(problem)))
    return (1 - s) * y + s / problem.y.shape[1]


def _gradient_alone(problem: Problem, gradient: Callable[[Any, Any], Any], equation: str) -> list[Line]:
    """Return the line of another gradient: that of the loss summed, and divided as the loss is."""
    right = right_rule(problem)
    wrong = mean_of(Loss(right.equation, equation, right.value, gradient), _over(problem))
    output = names.a(problem.depth)
    return [Line(names.gradient(output), wrong.gradient, (output, "y"), wrong.gradient_equation)]


@mistake(
    "the error a − y was multiplied by a (1 − a) again, which the cross-entropy has cancelled",
    source="mnielsen/neural-networks-and-deep-learning #77",
)
def cancelled_derivative_again(problem: Problem) -> Lines:
    """(a − y) a (1 − a) for a − y, a = softmax(ŷ) or σ(ŷ); a − y for (a − y) / (a (1 − a)), where a is ŷ."""
    if problem.loss == "binary_cross_entropy":
        return _gradient_alone(problem, lambda a, y: a - y, "{0} − {1}")
    if problem.loss not in SOFTMAX_LOSSES | BINARY_LOSSES:
        return NO_CROSS_ENTROPY
    if problem.loss in SOFTMAX_LOSSES and problem.y.shape[1] == 1:
        return ONE_OUTPUT
    right = loss_rule(problem.loss, "sum", problem.loss_numbers)
    probabilities = SOFTMAX if problem.loss in SOFTMAX_LOSSES else ACTIVATIONS["sigmoid"].value

    def gradient(y_hat: Array, y: Array) -> Array:
        p = probabilities(y_hat)
        return right.gradient(y_hat, y) * p * (1 - p)

    return _gradient_alone(problem, gradient, f"({right.gradient_equation}) ⊙ a (1 − a)")


# Logarithms and their signs.


@mistake("the probabilities stand in the loss, not their logarithms", source="pytorch/pytorch #10033")
def logarithm_missing(problem: Problem) -> Lines:
    """−Σ y p for −Σ y log p, p = softmax(ŷ), as `F.nll_loss` of p gives it; p ⊙ (Σₖ yₖ pₖ − y)."""
    if problem.loss not in SOFTMAX_LOSSES:
        return NO_SOFTMAX

    def value(y_hat: Array, y: Array) -> Array:
        return negative((_smoothed(problem, y) * SOFTMAX(y_hat)).sum(axis=(-2, -1)))

    def gradient(y_hat: Array, y: Array) -> Array:
        p, targets = SOFTMAX(y_hat), _smoothed(problem, y)
        return p * (_row_sums(targets * p) - targets)

    wrong = Loss("−Σ {1} p, p = softmax({0})", "p ⊙ (Σₖ yₖ pₖ − {1}), p = softmax({0})", value, gradient)
    return both(problem, mean_of(wrong, _over(problem)))


@mistake("the loss has no minus: it is the log-likelihood", source="haifengl/smile #151")
def log_likelihood(problem: Problem) -> Lines:
    """Σ y log p for −Σ y log p, or Σ y log a + (1 − y) log(1 − a); −∂L/∂ŷ."""
    if problem.loss not in SOFTMAX_LOSSES | BINARY_LOSSES:
        return NO_CROSS_ENTROPY
    if problem.loss in SOFTMAX_LOSSES and problem.y.shape[1] == 1:
        return ONE_OUTPUT
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
    return both(problem, mean_of(wrong, _over(problem)))
