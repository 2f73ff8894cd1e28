"""Mistakes of precision: a lower one somewhere inside than is promised, by NumPy's formulas alone."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from reference.line import Line, bias_gradient, linear, through_weights, weight_gradient
from reference.mistakes.mistake import (
    Lines,
    layers,
    lines_named,
    lines_with,
    mistake,
    rewritten,
)
from reference.mistakes.wrong_updates import at_another_rate

Plain: TypeAlias = NDArray[Any]


@mistake("the products of the forward pass were accumulated in float32", numpy_only=True)
def float32_forward(problem: Problem) -> Lines:
    """z = x Wᵀ in float32, then + b in float64."""

    def linear_in_float32(x: Plain, W: Plain, b: Plain) -> Plain:
        return (_in_float32(x) @ _in_float32(W).mT).astype(x.dtype) + b

    return _no_float64(problem) or rewritten(lines_with(problem, linear), linear_in_float32)


@mistake("the activation was evaluated in float32", numpy_only=True)
def float32_activation(problem: Problem) -> Lines:
    return _inside_float32(problem, lines_named(problem, map(names.a, layers(problem))))


@mistake("the weight gradient was accumulated in float32", numpy_only=True)
def float32_weight_gradient(problem: Problem) -> Lines:
    return _inside_float32(problem, lines_with(problem, weight_gradient))


@mistake("the bias gradient was accumulated in float32", numpy_only=True)
def float32_bias_gradient(problem: Problem) -> Lines:
    return _inside_float32(problem, lines_with(problem, bias_gradient))


def _inside_float32(problem: Problem, lines: Iterable[Line]) -> Lines:
    """Return lines that are computed in float32, from rounded inputs, in a problem that promises float64."""

    def rounded(line: Line) -> Line:
        right = line.formula
        return replace(line, formula=lambda *given: right(*map(_in_float32, given)).astype(given[0].dtype))

    return _no_float64(problem) or list(map(rounded, lines))


@mistake("the learning rate was rounded to float32", numpy_only=True)
def float32_learning_rate(problem: Problem) -> Lines:
    if problem.schedule is None and float(np.float32(problem.learning_rate)) == problem.learning_rate:
        return _no_float64(problem) or "float32 holds this learning rate exactly"
    lines = at_another_rate(problem, lambda eta: _in_float32(eta).astype(np.result_type(eta)), "− η")
    return _no_float64(problem) or lines


@mistake(
    "the factors of the matrix products were rounded to TF32, to 10 bits after the point", numpy_only=True
)
def tf32_products(problem: Problem) -> Lines:
    if problem.dtype != "float32":
        return "TF32 takes the place of float32 only"

    def rounded(line: Line) -> Line:
        return replace(line, formula=lambda x, W, *others: line.formula(tf32(x), tf32(W), *others))

    return list(map(rounded, lines_with(problem, linear, weight_gradient, through_weights)))


def tf32(array: Plain) -> Plain:
    """Round float32 to TF32: to nearest, ties away from zero, 13 of the 23 bits after the point dropped."""
    bits = array.view(np.uint32)
    rounded = ((bits + np.uint32(1 << 12)) & np.uint32(0xFFFFE000)).view(np.float32)
    return np.where(np.isfinite(array), rounded, array)


def _in_float32(array: Plain) -> Plain:
    return np.asarray(array, np.float32)


def _no_float64(problem: Problem) -> str:
    reasons = {"float64": "", "float32": "everything is float32 already"}
    return reasons.get(problem.dtype, "float32 is more than is promised")
