"""Mistakes with the activation's derivative: ∂L/∂z = ∂L/∂a · σ'(z)."""

from typing import Any, TypeVar

from numpy.typing import NDArray

from cases import Problem, names
from reference.activations import ACTIVATIONS
from reference.arithmetic import Bounded
from reference.formulas import through_activation, unchanged
from reference.line import Line
from reference.mistakes.layers import NO_HIDDEN_LAYER, layers, width
from reference.mistakes.mistake import Inexpressible, mistake

Array = TypeVar("Array", NDArray[Any], Bounded)

# Activations whose derivative is the same at a as at z: a lies between the same kinks.
SAME_AT_A = {"identity", "relu", "leaky_relu", "hardtanh", "relu6"}


@mistake("the activation's derivative is missing in the output layer")
def derivative_missing_in_the_output(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂z = ∂L/∂a in the last layer."""
    if problem.activations[-1] == "identity":
        return Inexpressible("the output's activation is the identity, with derivative 1")
    return [_without_derivative(problem.depth)]


@mistake("the activation's derivative is missing in the hidden layers")
def derivative_missing_in_hidden_layers(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂z = ∂L/∂a in every layer but the last."""
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    curved = [k for k in layers(problem)[:-1] if problem.activations[k - 1] != "identity"]
    lines = [_without_derivative(k) for k in curved]
    return lines or Inexpressible("every hidden activation is the identity, with derivative 1")


def _without_derivative(k: int) -> Line:
    dz, da = names.gradient(names.z(k)), names.gradient(names.a(k))
    return Line(dz, unchanged, (da,), da)


@mistake("the activation's derivative was taken from the next layer")
def derivative_of_the_wrong_layer(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂z_k = ∂L/∂a_k ⊙ σ'(z_{k+1}), which equal widths allow."""
    return _with_the_derivative_of(+1, problem)


@mistake("the activation's derivative was taken from the layer before")
def derivative_of_the_layer_before(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂z_k = ∂L/∂a_k ⊙ σ'(z_{k−1}), which equal widths allow."""
    return _with_the_derivative_of(-1, problem)


def _with_the_derivative_of(offset: int, problem: Problem) -> list[Line] | Inexpressible:
    mixed_up = [(k, k + offset) for k in layers(problem) if _can_be_mixed_up(problem, k, k + offset)]
    inputs = {k: (names.gradient(names.a(k)), names.slope(j)) for k, j in mixed_up}
    lines = [
        Line(names.gradient(names.z(k)), through_activation, pair, " ⊙ ".join(pair))
        for k, pair in inputs.items()
    ]
    return lines or Inexpressible("no two neighbouring layers are equally wide and not both the identity")


def _can_be_mixed_up(problem: Problem, k: int, j: int) -> bool:
    """Whether σ'(z_j) fits where σ'(z_k) belongs, and is another array."""
    if j not in layers(problem) or width(problem, k) != width(problem, j):
        return False
    return {problem.activations[k - 1], problem.activations[j - 1]} != {"identity"}


@mistake("the activation's derivative was taken at a, not at z")
def derivative_at_a(problem: Problem) -> list[Line] | Inexpressible:
    """σ'(a) for σ'(z)."""
    curved = [k for k in layers(problem) if problem.activations[k - 1] not in SAME_AT_A]
    lines = [_slope_at_a(k, problem.activations[k - 1]) for k in curved]
    return lines or Inexpressible("every activation here has the same derivative at a as at z")


def _slope_at_a(k: int, activation: str) -> Line:
    rule = ACTIVATIONS[activation]

    def slope(a: Array) -> Array:
        return rule.derivative(a, rule.value(a))

    return Line(names.slope(k), slope, (names.a(k),), f"{activation}'({names.a(k)})")
