"""Mistakes in the inputs: normalised before the network takes them, which is not asked for."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cases import Problem, names
from reference.arithmetic import as_row, sqrt
from reference.line import Array, Line
from reference.mistakes.mistake import (
    Lines,
    changed,
    constant,
    mistake,
    one_example,
    placeholder,
)
from reference.training import tape

SAME_INPUT = "an input is the same in all examples"


def _of_other_inputs(problem: Problem, change: Callable[[Any], Any], written: str) -> list[Line]:
    """Return z₁ and ∂L/∂W₁ of changed inputs, `written` for x."""
    x = names.a(0)
    lines = [(line, placeholder(line, x)) for line in tape(problem) if x in line.inputs]
    return [
        changed(line, x, change, line.template.replace(place, written.replace("x", place)))
        for line, place in lines
    ]


def _has_a_constant_column(problem: Problem) -> bool:
    return bool((np.ptp(problem.x, axis=0) == 0).any())


def _centered(x: Array) -> Array:
    return x - as_row(x.sum(axis=-2) / x.shape[-2], x)


def _deviations(x: Array, degrees: int) -> Array:
    """Return the deviation of each column, shape (1, n): the root of a sum over N − `degrees`."""
    squares = _centered(x) * _centered(x)
    return sqrt(as_row(squares.sum(axis=-2) / (x.shape[-2] - degrees), x))


@mistake("the mean of each input over the examples was taken off first", unless=one_example)
def inputs_centered(problem: Problem) -> Lines:
    """x − mean(x), over the examples."""
    if not problem.x.sum(axis=0).any():
        return "every input has the mean 0"
    return _of_other_inputs(problem, _centered, "(x − mean)")


@mistake("the inputs were standardized first: less their mean, over their standard deviation")
def inputs_standardized(problem: Problem) -> Lines:
    """(x − mean(x)) / std(x), over the examples, with N below the root as NumPy and scikit-learn have it."""
    return _standardized(problem, 0)


@mistake("the inputs were standardized first, with N − 1 in their standard deviation")
def inputs_standardized_by_samples(problem: Problem) -> Lines:
    """(x − mean(x)) / std(x), with N − 1 below the root as PyTorch, pandas and R have it."""
    return _standardized(problem, 1)


def _standardized(problem: Problem, degrees: int) -> Lines:
    if len(problem.x) > 1 and _has_a_constant_column(problem):
        return SAME_INPUT
    return one_example(problem) or _of_other_inputs(
        problem, lambda x: _centered(x) / _deviations(x, degrees), "(x − mean)/deviation"
    )


@mistake("the inputs were scaled first to lie from 0 to 1")
def inputs_scaled_to_0_and_1(problem: Problem) -> Lines:
    """(x − min(x)) / (max(x) − min(x)), over the examples."""
    if len(problem.x) > 1 and _has_a_constant_column(problem):
        return SAME_INPUT
    if (problem.x.min(axis=0) == 0).all() and (problem.x.max(axis=0) == 1).all():
        return "every input lies from 0 to 1"

    def scaled(x: Array) -> Array:
        least, most = (_of_columns(x, extreme) for extreme in (np.min, np.max))
        return (x - least) / (most - least)

    return one_example(problem) or _of_other_inputs(problem, scaled, "(x − min)/(max − min)")


def _of_columns(x: Array, extreme: Callable[..., Any]) -> Array:
    """Return the least or the largest of each column of the data, which are exact: shape (1, n)."""
    return constant(x, lambda array: extreme(array, axis=-2, keepdims=True))


@mistake("the inputs were divided by 255 first, as if they were bytes", source="magenta/magenta #925")
def inputs_over_255(problem: Problem) -> Lines:
    if not problem.x.any():
        return "every input is 0"
    return _of_other_inputs(problem, lambda x: x / 255, "x/255")


@mistake("each example was divided first by the norm of its inputs")
def inputs_over_their_norm(problem: Problem) -> Lines:
    """x / √ Σ x², of each row."""
    norms = (problem.x.astype(np.float64) ** 2).sum(axis=1)
    if (norms == 0).any():
        return "an example has no input but 0"
    if (norms == 1).all():
        return "every example has the norm 1"

    def normalized(x: Array) -> Array:
        return x / sqrt(as_row((x * x).sum(axis=-1), x.mT).mT)

    return _of_other_inputs(problem, normalized, "x/‖x‖")
