"""Mistakes in the gradients of the weights and the biases."""

from collections.abc import Callable
from typing import Any, TypeVar

from numpy.typing import NDArray

from cases import Problem, names
from reference.arithmetic import Bounded
from reference.formulas import bias_gradient, unchanged, weight_gradient
from reference.line import Line
from reference.mistakes.layers import NO_HIDDEN_LAYER, ONE_EXAMPLE, layers
from reference.mistakes.mistake import Inexpressible, mistake
from reference.mistakes.operations import first_example

Array = TypeVar("Array", NDArray[Any], Bounded)


@mistake("the weight gradient was taken from z of the layer before, not from its activation a")
def weight_gradient_from_z(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂w_k = ∂L/∂z_k · z_{k−1}."""
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    curved = [k for k in layers(problem, 2) if problem.activations[k - 2] != "identity"]
    lines = [_of_weights(k, weight_gradient, names.z(k - 1)) for k in curved]
    return lines or Inexpressible("every hidden activation is the identity, so a is z")


@mistake("the weight gradient is that of the first example only")
def weight_gradient_of_the_first_example(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂w of one example in place of the sum over the examples."""

    def of_the_first(dL_dz: Array, x: Array) -> Array:
        return first_example(dL_dz).mT @ first_example(x)

    if len(problem.x) == 1:
        return ONE_EXAMPLE
    return [_of_weights(k, of_the_first, names.a(k - 1), "[0]") for k in layers(problem)]


def _of_weights(k: int, formula: Callable[..., Any], before: str, row: str = "") -> Line:
    dz = names.gradient(names.z(k))
    return Line(names.gradient(names.W(k)), formula, (dz, before), f"({dz}){row}ᵀ {before}{row}")


@mistake("the bias gradient was not summed over the examples")
def bias_gradient_not_summed(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂b = ∂L/∂z as it is: a row for each example, where one row is asked for."""
    return _of_biases(problem, unchanged, "{}")


@mistake("the bias gradient was averaged over the examples, not summed")
def bias_gradient_averaged(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂b = 1/N · Σ ∂L/∂z, where any mean of the loss is in ∂L/∂z already."""

    def averaged(dL_dz: Array) -> Array:
        return bias_gradient(dL_dz) / dL_dz.shape[0]

    return _of_biases(problem, averaged, "1/N Σ {}")


@mistake("the bias gradient is that of the first example only")
def bias_gradient_of_the_first_example(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂b of one example in place of the sum over the examples."""

    def of_the_first(dL_dz: Array) -> Array:
        return bias_gradient(first_example(dL_dz))

    return _of_biases(problem, of_the_first, "({})[0]")


def _of_biases(problem: Problem, formula: Callable[..., Any], equation: str) -> list[Line] | Inexpressible:
    if len(problem.x) == 1:
        return ONE_EXAMPLE
    gradients = {k: names.gradient(names.z(k)) for k in layers(problem)}
    return [
        Line(names.gradient(names.b(k)), formula, (dz,), equation.format(dz)) for k, dz in gradients.items()
    ]
