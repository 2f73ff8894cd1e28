"""Mistakes in the forward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from reference import names
from reference.line import Line
from reference.mistakes.layers import layers, square_layers
from reference.mistakes.mistake import Inexpressible, mistake

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cases import Problem
    from reference.bounded import Bounded

    Array = TypeVar("Array", NDArray[Any], Bounded)


@mistake("the weights were not transposed")
def weights_not_transposed(problem: Problem) -> list[Line] | Inexpressible:
    """z = x W + b, which a square W allows."""

    def untransposed(x: Array, W: Array, b: Array) -> Array:
        z: Array = x @ W + b
        return z

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
        z: Array = x @ W.mT
        return z

    return [
        Line(names.z(k), without_bias, (before, names.W(k)), f"{before} W{k}ᵀ")
        for k, before in ((k, names.a(k - 1)) for k in layers(problem))
    ]
