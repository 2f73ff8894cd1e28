"""Mistakes of precision: a lower one somewhere inside than the implementation promises. NumPy only."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from reference.formulas import bias_gradient, linear, through_weights, weight_gradient
from reference.mistakes.line_edits import layers, lines_of, lines_with
from reference.mistakes.mistake import Inexpressible, Lines, mistake
from reference.mistakes.wrong_updates import at_another_rate

Plain: TypeAlias = NDArray[Any]


@mistake("the products of the forward pass were accumulated in float32", numpy_only=True)
def float32_forward(problem: Problem) -> Lines:
    """z = x Wᵀ in float32, then + b in float64."""

    def linear_in_float32(x: Plain, W: Plain, b: Plain) -> Plain:
        return (_in_float32(x) @ _in_float32(W).mT).astype(x.dtype) + b

    return _in_float64(problem, map(names.z, layers(problem)), lambda _: linear_in_float32)


@mistake("the activation was evaluated in float32", numpy_only=True)
def float32_activation(problem: Problem) -> Lines:
    """a = σ(z), with z rounded to float32."""

    def of_rounded(right: Callable[..., Any]) -> Callable[[Plain], Plain]:
        return lambda z: right(_in_float32(z)).astype(z.dtype)

    return _in_float64(problem, map(names.a, layers(problem)), of_rounded)


@mistake("the weight gradient was accumulated in float32", numpy_only=True)
def float32_weight_gradient(problem: Problem) -> Lines:
    """∂L/∂w = ∂L/∂z · x, summed over the examples in float32."""

    def summed_in_float32(dL_dz: Plain, x: Plain) -> Plain:
        return weight_gradient(_in_float32(dL_dz), _in_float32(x)).astype(dL_dz.dtype)

    weights = (names.gradient(names.W(k)) for k in layers(problem))
    return _in_float64(problem, weights, lambda _: summed_in_float32)


@mistake("the bias gradient was accumulated in float32", numpy_only=True)
def float32_bias_gradient(problem: Problem) -> Lines:
    """∂L/∂b = Σ ∂L/∂z, summed over the examples in float32."""

    def summed_in_float32(dL_dz: Plain) -> Plain:
        return bias_gradient(_in_float32(dL_dz)).astype(dL_dz.dtype)

    biases = (names.gradient(names.b(k)) for k in layers(problem))
    return _in_float64(problem, biases, lambda _: summed_in_float32)


@mistake("the learning rate was rounded to float32", numpy_only=True)
def float32_learning_rate(problem: Problem) -> Lines:
    """w = w − η · ∂L/∂w, with η rounded to float32."""

    def roughly(eta: Plain) -> Plain:
        return _in_float32(eta).astype(np.result_type(eta))

    if problem.dtype != "float64":
        return _no_float64(problem)
    if problem.schedule is None and float(np.float32(problem.learning_rate)) == problem.learning_rate:
        return Inexpressible("float32 holds this learning rate exactly")
    return at_another_rate(problem, roughly, "− η")


@mistake(
    "the factors of the matrix products were rounded to TF32, to 10 bits after the point", numpy_only=True
)
def tf32_products(problem: Problem) -> Lines:
    """Every matrix product of a float32 run as tensor cores compute it where TF32 is allowed."""

    def of_rounded(right: Callable[..., Any]) -> Callable[..., Plain]:
        return lambda first, second, *others: right(tf32(first), tf32(second), *others)

    if problem.dtype != "float32":
        return Inexpressible("TF32 takes the place of float32 only")
    products = lines_with(problem, linear, weight_gradient, through_weights)
    return [replace(line, formula=of_rounded(line.formula)) for line in products]


def tf32(array: Plain) -> Plain:
    """Round float32 to TF32: to nearest, ties away from zero, 13 of the 23 bits after the point dropped."""
    bits = array.view(np.uint32)
    rounded = ((bits + np.uint32(1 << 12)) & np.uint32(0xFFFFE000)).view(np.float32)
    return np.where(np.isfinite(array), rounded, array)


def _in_float32(array: Plain) -> Plain:
    return np.asarray(array, np.float32)


def _in_float64(
    problem: Problem, quantities: Iterable[str], wrong: Callable[[Any], Callable[..., Plain]]
) -> Lines:
    """Return the lines of these quantities with a wrong formula, in a problem that promises float64."""
    if problem.dtype != "float64":
        return _no_float64(problem)
    right = lines_of(problem)
    return [replace(right[name], formula=wrong(right[name].formula)) for name in quantities]


def _no_float64(problem: Problem) -> Inexpressible:
    if problem.dtype == "float32":
        return Inexpressible("everything is float32 already")
    return Inexpressible("float32 is more than is promised")
