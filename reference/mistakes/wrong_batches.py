"""Mistakes in the sum over the examples, of which the gradients of weights and biases are made."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cases import Problem
from reference.arithmetic import Bounded, as_row
from reference.line import Array, Line, bias_gradient, unchanged, weight_gradient
from reference.mistakes.mistake import (
    Lines,
    Mistake,
    first_example,
    last_example,
    lines_with,
    mistake,
    one_example,
    rewritten,
)

# Something else than the sum.


@mistake(
    "the bias gradient was not summed over the examples",
    source="jimfleming/differentiation #1",
    unless=one_example,
)
def bias_gradient_not_summed(problem: Problem) -> Lines:
    """∂L/∂b = ∂L/∂z as it is: a row for each example, where one row is asked for."""
    return rewritten(lines_with(problem, bias_gradient), unchanged, "{0}")


@mistake("the bias gradient is the largest over the examples, not their sum", unless=one_example)
def bias_gradient_of_the_largest(problem: Problem) -> Lines:
    """∂L/∂b_k = max ∂L/∂z_k over the examples."""
    return rewritten(lines_with(problem, bias_gradient), _largest, "max {0}")


def _largest(rows: Array) -> Array:
    """Return each column's largest number: shape (n,). It moves by no more than any number of its column."""
    if isinstance(rows, Bounded):
        error = rows.error if isinstance(rows.error, float) else rows.error.max(axis=-2)
        return Bounded(rows.value.max(axis=-2), error, rows.format)
    return rows.max(axis=-2)


@mistake(
    "the weight gradient is the product of sums over the examples, not the sum of the products",
    unless=one_example,
)
def weight_gradient_of_the_means(problem: Problem) -> Lines:
    """∂L/∂w_k = (Σ ∂L/∂z_k)ᵀ (1/N Σ a_{k−1}): where the loss is a mean, the product of two means."""
    lines = lines_with(problem, weight_gradient)
    return rewritten(lines, _product_of_means, "(Σ {0})ᵀ 1/N Σ {1}")


def _product_of_means(dL_dz: Array, x: Array) -> Array:
    mean = bias_gradient(x) / x.shape[0]
    return as_row(bias_gradient(dL_dz), dL_dz).mT @ as_row(mean, x)


# One example for all, or a factor too many: in the weight gradient, in the bias gradient, or in both.


def _of_an_example(pick: Callable[[Any], Any], at: str) -> Callable[[Line], Line]:
    """The gradients of one example: its row of ∂L/∂z and of a."""

    def picked(line: Line) -> Line:
        template = f"({{0}})[{at}]" + (f"ᵀ {{1}}[{at}]" if line.formula is weight_gradient else "")
        return replace(line, formula=lambda *rows: line.formula(*map(pick, rows)), template=template)

    return picked


def _scaled(scale: Callable[[Any, int], Any], written: str) -> Callable[[Line], Line]:
    """The gradients times a factor, where any mean of the loss is in ∂L/∂z already; `scale` takes N, too."""

    def scaled(line: Line) -> Line:
        def formula(dL_dz: Array, *x: Array) -> Array:
            return scale(line.formula(dL_dz, *x), dL_dz.shape[0])

        return replace(line, formula=formula, template=written + line.template)

    return scaled


GRADIENTS = {
    "weight-gradient": (weight_gradient,),
    "bias-gradient": (bias_gradient,),
    "gradients": (weight_gradient, bias_gradient),
}
CHANGES = {
    "of-the-first-example": _of_an_example(first_example, "0"),
    "of-the-last-example": _of_an_example(last_example, "−1"),
    "averaged": _scaled(lambda gradient, n: gradient / n, "1/N "),
    "multiplied": _scaled(lambda gradient, n: n * gradient, "N "),
}
SENTENCES = {
    "weight-gradient": {
        "of-the-first-example": "the weight gradient is that of the first example only",
        "of-the-last-example": "the weight gradient is that of the last example only",
        "averaged": "the weight gradient was divided by the number of examples once more",
        "multiplied": "the weight gradient was multiplied by the number of examples",
    },
    "bias-gradient": {
        "of-the-first-example": "the bias gradient is that of the first example only",
        "of-the-last-example": "the bias gradient is that of the last example only",
        "averaged": "the bias gradient was averaged over the examples, not summed",
        "multiplied": "the bias gradient was multiplied by the number of examples",
    },
    "gradients": {
        "of-the-first-example": "the gradients of weights and biases are those of the first example only",
        "of-the-last-example": "the gradients of weights and biases are those of the last example only, "
        "which overwrote the others",
        "averaged": "the gradients of weights and biases were divided by the number of examples once more",
        "multiplied": "the gradients of weights and biases were multiplied by the number of examples",
    },
}
SEEN = {
    "gradients-of-the-last-example": "karpathy/convnetjs #17",
    "bias-gradient-averaged": "kvfrans/notes #5",
    "gradients-multiplied": "hunkim/DeepLearningZeroToAll #173",
}


def _changed(gradient: str, how: str) -> Mistake:
    def change(problem: Problem) -> Lines:
        lines = lines_with(problem, *GRADIENTS[gradient])
        return one_example(problem) or list(map(CHANGES[how], lines))

    name, sentence = f"{gradient}-{how}", SENTENCES[gradient][how]
    return Mistake(name, sentence, change, SEEN.get(name, ""), by_layer=gradient == "gradients")


OF_GRADIENTS = tuple(_changed(gradient, how) for gradient in GRADIENTS for how in CHANGES)
