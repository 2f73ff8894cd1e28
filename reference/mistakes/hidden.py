"""Mistakes on the way to the layer before: ∂L/∂a_{k−1} = ∂L/∂z_k · w_k."""

from collections.abc import Callable
from typing import Any, TypeVar

from numpy.typing import NDArray

from cases import Problem, names
from reference.arithmetic import Bounded
from reference.formulas import through_weights
from reference.line import Line
from reference.mistakes.layers import NO_HIDDEN_LAYER, layers, square_layers, width
from reference.mistakes.mistake import Inexpressible, mistake
from reference.mistakes.operations import broadcast, magnitude

Array = TypeVar("Array", NDArray[Any], Bounded)


@mistake("the factor w is missing from the hidden gradient, as in the document's step 3 taken literally")
def weight_factor_missing(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂a_{k−1} = ∂L/∂z_k, which equal widths allow; a single column NumPy repeats silently."""
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    fitting = [k for k in layers(problem, 2) if width(problem, k) in {width(problem, k - 1), 1}]
    lines = [_hidden(k, broadcast, names.a(k - 1), names.gradient(names.z(k))) for k in fitting]
    return lines or Inexpressible("no layer is as wide as the one before, so the shapes do not fit")


@mistake("the hidden gradient was sent through |w| in place of w")
def magnitude_of_the_weights(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂a_{k−1} = ∂L/∂z_k · |w_k|."""

    def through_magnitudes(dL_dz: Array, W: Array) -> Array:
        return dL_dz @ magnitude(W)

    every = layers(problem, 2)
    return [_through(k, through_magnitudes, f"|W{k}|", names.W(k)) for k in every] or NO_HIDDEN_LAYER


@mistake("the hidden gradient was sent through the transposed weights")
def weights_transposed_backward(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂a_{k−1} = ∂L/∂z_k · w_kᵀ, which a square W allows."""

    def through_transposed(dL_dz: Array, W: Array) -> Array:
        return dL_dz @ W.mT

    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    lines = [_through(k, through_transposed, f"W{k}ᵀ", names.W(k)) for k in square_layers(problem, 2)]
    return lines or Inexpressible("no weight matrix above the first is square and larger than 1 by 1")


@mistake("the hidden gradient was sent through the already updated weights")
def already_updated_weights(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂a_{k−1} = ∂L/∂z_k · w_k_new: the weights are updated before the gradient has passed them."""
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    if problem.clipping:
        return Inexpressible("no gradient is clipped before all are known, so nothing is updated before")
    updated = {k: names.updated(names.W(k)) for k in layers(problem, 2)}
    lines = [
        _through(k, through_weights, W_new, W_new)
        for k, W_new in updated.items()
        if names.W(k) not in problem.not_trained
    ]
    return lines or Inexpressible("no weights above the first layer are trained")


def _through(k: int, formula: Callable[..., Any], written: str, W: str) -> Line:
    dz = names.gradient(names.z(k))
    return _hidden(k, formula, W, f"{dz} {written}")


def _hidden(k: int, formula: Callable[..., Any], second: str, equation: str) -> Line:
    """Return the line of ∂L/∂a for the layer before layer k: a formula of ∂L/∂z_k and of `second`."""
    return Line(names.gradient(names.a(k - 1)), formula, (names.gradient(names.z(k)), second), equation)
