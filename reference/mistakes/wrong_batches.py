"""Mistakes in the sum over the examples, of which the gradients of weights and biases are made."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from cases import Problem
from reference.arithmetic import Bounded, as_row
from reference.line import Array, Line, bias_gradient, unchanged, weight_gradient
from reference.mistakes.mistake import (
    ONE_EXAMPLE,
    Lines,
    constant,
    first_example,
    lines_with,
    mistake,
    rewritten,
)

BOTH = weight_gradient, bias_gradient


def _over_examples(problem: Problem, lines: list[Line]) -> Lines:
    return ONE_EXAMPLE if len(problem.x) == 1 else lines


# Something else than the sum.


@mistake("the bias gradient was not summed over the examples", source="jimfleming/differentiation #1")
def bias_gradient_not_summed(problem: Problem) -> Lines:
    """∂L/∂b = ∂L/∂z as it is: a row for each example, where one row is asked for."""
    return _over_examples(problem, rewritten(lines_with(problem, bias_gradient), unchanged, "{0}"))


@mistake("the bias gradient is the largest over the examples, not their sum")
def bias_gradient_of_the_largest(problem: Problem) -> Lines:
    """∂L/∂b_k = max ∂L/∂z_k over the examples."""
    return _over_examples(problem, rewritten(lines_with(problem, bias_gradient), _largest, "max {0}"))


def _largest(rows: Array) -> Array:
    """Return each column's largest number: shape (n,). It moves by no more than any number of its column."""
    if isinstance(rows, Bounded):
        error = rows.error if isinstance(rows.error, float) else rows.error.max(axis=-2)
        return Bounded(rows.value.max(axis=-2), error, rows.format)
    return rows.max(axis=-2)


@mistake("the weight gradient is the product of sums over the examples, not the sum of the products")
def weight_gradient_of_the_means(problem: Problem) -> Lines:
    """∂L/∂w_k = (Σ ∂L/∂z_k)ᵀ (1/N Σ a_{k−1}): where the loss is a mean, the product of two means."""
    lines = lines_with(problem, weight_gradient)
    return _over_examples(problem, rewritten(lines, _product_of_means, "(Σ {0})ᵀ 1/N Σ {1}"))


def _product_of_means(dL_dz: Array, x: Array) -> Array:
    mean = bias_gradient(x) / x.shape[0]
    return as_row(bias_gradient(dL_dz), dL_dz).mT @ as_row(mean, x)


# One example for all.


@mistake("the weight gradient is that of the first example only")
def weight_gradient_of_the_first_example(problem: Problem) -> Lines:
    """∂L/∂w = ∂L/∂zᵀ a of the first row of each."""
    return _of_an_example(problem, first_example, "0", weight_gradient)


@mistake("the weight gradient is that of the last example only")
def weight_gradient_of_the_last_example(problem: Problem) -> Lines:
    """∂L/∂w = ∂L/∂zᵀ a of the last row of each."""
    return _of_an_example(problem, last_example, "−1", weight_gradient)


@mistake("the bias gradient is that of the first example only")
def bias_gradient_of_the_first_example(problem: Problem) -> Lines:
    """∂L/∂b = ∂L/∂z of the first row."""
    return _of_an_example(problem, first_example, "0", bias_gradient)


@mistake("the bias gradient is that of the last example only")
def bias_gradient_of_the_last_example(problem: Problem) -> Lines:
    """∂L/∂b = ∂L/∂z of the last row."""
    return _of_an_example(problem, last_example, "−1", bias_gradient)


@mistake("the gradients of weights and biases are those of the first example only", by_layer=True)
def gradients_of_the_first_example(problem: Problem) -> Lines:
    """∂L/∂w and ∂L/∂b of the first row of ∂L/∂z and a."""
    return _of_an_example(problem, first_example, "0", *BOTH)


@mistake(
    "the gradients of weights and biases are those of the last example only, which overwrote the others",
    source="karpathy/convnetjs #17",
    by_layer=True,
)
def gradients_of_the_last_example(problem: Problem) -> Lines:
    """∂L/∂w and ∂L/∂b of the last row of ∂L/∂z and a, as = does in place of += in a loop over examples."""
    return _of_an_example(problem, last_example, "−1", *BOTH)


def last_example(rows: Array) -> Array:
    return constant(rows, lambda array: np.eye(1, len(array), len(array) - 1, dtype=array.dtype)) @ rows


def _of_an_example(
    problem: Problem, pick: Callable[[Any], Any], at: str, *formulas: Callable[..., Any]
) -> Lines:
    def picked(line: Line) -> Line:
        template = f"({{0}})[{at}]" + (f"ᵀ {{1}}[{at}]" if line.formula is weight_gradient else "")
        return replace(line, formula=lambda *rows: line.formula(*map(pick, rows)), template=template)

    return _over_examples(problem, list(map(picked, lines_with(problem, *formulas))))


# A factor too many.


@mistake("the weight gradient was divided by the number of examples once more")
def weight_gradient_averaged(problem: Problem) -> Lines:
    """∂L/∂w = 1/N · (∂L/∂z)ᵀ a, where any mean of the loss is in ∂L/∂z already."""
    return _scaled(problem, DIVIDED, weight_gradient)


@mistake("the bias gradient was averaged over the examples, not summed", source="kvfrans/notes #5")
def bias_gradient_averaged(problem: Problem) -> Lines:
    """∂L/∂b = 1/N · Σ ∂L/∂z, where any mean of the loss is in ∂L/∂z already."""
    return _scaled(problem, DIVIDED, bias_gradient)


@mistake(
    "the gradients of weights and biases were divided by the number of examples once more", by_layer=True
)
def gradients_averaged(problem: Problem) -> Lines:
    """1/N · ∂L/∂w and 1/N · ∂L/∂b, where any mean of the loss is in ∂L/∂z already."""
    return _scaled(problem, DIVIDED, *BOTH)


@mistake("the weight gradient was multiplied by the number of examples")
def weight_gradient_multiplied(problem: Problem) -> Lines:
    """∂L/∂w = N · (∂L/∂z)ᵀ a."""
    return _scaled(problem, MULTIPLIED, weight_gradient)


@mistake("the bias gradient was multiplied by the number of examples")
def bias_gradient_multiplied(problem: Problem) -> Lines:
    """∂L/∂b = N · Σ ∂L/∂z."""
    return _scaled(problem, MULTIPLIED, bias_gradient)


@mistake(
    "the gradients of weights and biases were multiplied by the number of examples",
    source="hunkim/DeepLearningZeroToAll #173",
    by_layer=True,
)
def gradients_multiplied(problem: Problem) -> Lines:
    """N · ∂L/∂w and N · ∂L/∂b: sums, where the loss is a mean."""
    return _scaled(problem, MULTIPLIED, *BOTH)


Scale: TypeAlias = tuple[Callable[[Any, int], Any], str]
DIVIDED: Scale = (lambda gradient, n: gradient / n, "1/N ")
MULTIPLIED: Scale = (lambda gradient, n: n * gradient, "N ")


def _scaled(problem: Problem, by: Scale, *formulas: Callable[..., Any]) -> Lines:
    scale, written = by

    def scaled(line: Line) -> Line:
        def formula(dL_dz: Array, *x: Array) -> Array:
            return scale(line.formula(dL_dz, *x), dL_dz.shape[0])

        return replace(line, formula=formula, template=written + line.template)

    return _over_examples(problem, list(map(scaled, lines_with(problem, *formulas))))
