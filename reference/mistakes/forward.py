"""Mistakes in the forward pass."""

from typing import Any, TypeVar

from numpy.typing import NDArray

from cases import Problem, names
from reference.arithmetic import Bounded
from reference.line import Line
from reference.mistakes.layers import layers, square_layers
from reference.mistakes.mistake import Inexpressible, mistake

Array = TypeVar("Array", NDArray[Any], Bounded)


@mistake("the weights were not transposed")
def weights_not_transposed(problem: Problem) -> list[Line] | Inexpressible:
    """z = x W + b, which a square W allows."""

    def untransposed(x: Array, W: Array, b: Array) -> Array:
        return x @ W + b

    square = square_layers(problem)
    lines = [
        Line(names.z(k), untransposed, (before, names.W(k), names.b(k)), f"{before} W{k} + b{k}")
        for k, before in ((k, names.a(k - 1)) for k in square)
    ]
    return lines or Inexpressible("no weight matrix is square and larger than 1 by 1")


@mistake("the bias was not added")
def bias_not_added(problem: Problem) -> list[Line]:
    """z = x Wᵀ."""

    def without_bias(x: Array, W: Array) -> Array:
        return x @ W.mT

    return [
        Line(names.z(k), without_bias, (before, names.W(k)), f"{before} W{k}ᵀ")
        for k, before in ((k, names.a(k - 1)) for k in layers(problem))
    ]
