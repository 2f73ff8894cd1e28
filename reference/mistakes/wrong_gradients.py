"""Mistakes in the backward pass, from ∂L/∂a of the last layer to the gradients of weights and biases."""

from collections.abc import Callable
from typing import Any

from cases import Problem, names
from reference.activations import ACTIVATIONS
from reference.formulas import bias_gradient, through_activation, through_weights, unchanged, weight_gradient
from reference.line import Line
from reference.mistakes.line_edits import (
    NO_HIDDEN_LAYER,
    ONE_EXAMPLE,
    Array,
    broadcast,
    first_example,
    layers,
    magnitude,
    square_layers,
    width,
)
from reference.mistakes.mistake import Inexpressible, Lines, mistake

# Through the activation: ∂L/∂z = ∂L/∂a · σ'(z).


def _is_identity(problem: Problem, k: int) -> bool:
    return problem.activations[k - 1] == "identity"


@mistake("the activation's derivative is missing in the output layer")
def derivative_missing_in_the_output(problem: Problem) -> Lines:
    """∂L/∂z = ∂L/∂a in the last layer."""
    if _is_identity(problem, problem.depth):
        return Inexpressible("the output's activation is the identity, with derivative 1")
    return [_without_derivative(problem.depth)]


@mistake("the activation's derivative is missing in the hidden layers")
def derivative_missing_in_hidden_layers(problem: Problem) -> Lines:
    """∂L/∂z = ∂L/∂a in every layer but the last."""
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    return [
        _without_derivative(k) for k in layers(problem)[:-1] if not _is_identity(problem, k)
    ] or Inexpressible("every hidden activation is the identity, with derivative 1")


def _without_derivative(k: int) -> Line:
    return Line(names.gradient(names.z(k)), unchanged, (names.gradient(names.a(k)),), "{0}")


@mistake("the activation's derivative was taken from the next layer")
def derivative_of_the_wrong_layer(problem: Problem) -> Lines:
    """∂L/∂z_k = ∂L/∂a_k ⊙ σ'(z_{k+1}), which equal widths allow."""
    return _with_the_derivative_of(+1, problem)


@mistake("the activation's derivative was taken from the layer before")
def derivative_of_the_layer_before(problem: Problem) -> Lines:
    """∂L/∂z_k = ∂L/∂a_k ⊙ σ'(z_{k−1}), which equal widths allow."""
    return _with_the_derivative_of(-1, problem)


def _with_the_derivative_of(offset: int, problem: Problem) -> Lines:
    inputs = {
        k: (names.gradient(names.a(k)), names.slope(k + offset))
        for k in layers(problem)
        if _can_be_mixed_up(problem, k, k + offset)
    }
    return [
        Line(names.gradient(names.z(k)), through_activation, pair, "{0} ⊙ {1}") for k, pair in inputs.items()
    ] or Inexpressible("no two neighbouring layers are equally wide and not both the identity")


def _can_be_mixed_up(problem: Problem, k: int, j: int) -> bool:
    """Whether σ'(z_j) has the shape of σ'(z_k), and is another array."""
    if j not in layers(problem) or width(problem, k) != width(problem, j):
        return False
    return not (_is_identity(problem, k) and _is_identity(problem, j))


@mistake("the activation's derivative was taken at a, not at z")
def derivative_at_a(problem: Problem) -> Lines:
    """σ'(a) for σ'(z)."""
    return [
        _slope_at_a(k, activation)
        for k, activation in enumerate(problem.activations, start=1)
        if not ACTIVATIONS[activation].has_the_same_slope_at_a
    ] or Inexpressible("every activation here has the same derivative at a as at z")


def _slope_at_a(k: int, activation: str) -> Line:
    rule = ACTIVATIONS[activation]

    def slope(a: Array) -> Array:
        return rule.derivative(a, rule.value(a))

    return Line(names.slope(k), slope, (names.a(k),), f"{activation}'({{0}})")


# On to the layer before: ∂L/∂a_{k−1} = ∂L/∂z_k · w_k.


def _hidden(k: int, formula: Callable[..., Any], second: str, template: str) -> Line:
    """Return the line of ∂L/∂a for the layer before layer k: a formula of ∂L/∂z_k and of `second`."""
    return Line(names.gradient(names.a(k - 1)), formula, (names.gradient(names.z(k)), second), template)


@mistake("the factor w is missing from the hidden gradient, as in the document's step 3 taken literally")
def weight_factor_missing(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂z_k, which equal widths allow; a single column NumPy repeats silently."""
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    fitting = [k for k in layers(problem, 2) if width(problem, k) in {width(problem, k - 1), 1}]
    return [_hidden(k, broadcast, names.a(k - 1), "{0}") for k in fitting] or Inexpressible(
        "no layer is as wide as the one before, so the shapes do not fit"
    )


@mistake("the hidden gradient was sent through the transposed weights")
def weights_transposed_backward(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂z_k · w_kᵀ, which a square W allows."""
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    return [
        _hidden(k, lambda dL_dz, W: dL_dz @ W.mT, names.W(k), "{0} {1}ᵀ") for k in square_layers(problem, 2)
    ] or Inexpressible("no weight matrix above the first is square and larger than 1 by 1")


@mistake("the hidden gradient was sent through |w| in place of w")
def magnitude_of_the_weights(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂z_k · |w_k|."""
    return [
        _hidden(k, lambda dL_dz, W: dL_dz @ magnitude(W), names.W(k), "{0} |{1}|") for k in layers(problem, 2)
    ] or NO_HIDDEN_LAYER


@mistake("the hidden gradient was sent through the already updated weights")
def already_updated_weights(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂z_k · w_k_new: the weights are updated before the gradient has passed them."""
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    if problem.clipping:
        return Inexpressible("no gradient is clipped before all are known, so nothing is updated before")
    trained = [k for k in layers(problem, 2) if names.W(k) not in problem.not_trained]
    return [
        _hidden(k, through_weights, names.updated(names.W(k)), "{0} {1}") for k in trained
    ] or Inexpressible("no weights above the first layer are trained")


# The gradients of weights and biases.


def _of_weights(k: int, formula: Callable[..., Any], before: str, template: str) -> Line:
    return Line(names.gradient(names.W(k)), formula, (names.gradient(names.z(k)), before), template)


@mistake("the weight gradient was taken from z of the layer before, not from its activation a")
def weight_gradient_from_z(problem: Problem) -> Lines:
    """∂L/∂w_k = ∂L/∂z_k · z_{k−1}."""
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    curved = [k for k in layers(problem, 2) if not _is_identity(problem, k - 1)]
    return [_of_weights(k, weight_gradient, names.z(k - 1), "({0})ᵀ {1}") for k in curved] or Inexpressible(
        "every hidden activation is the identity, so a is z"
    )


@mistake("the weight gradient is that of the first example only")
def weight_gradient_of_the_first_example(problem: Problem) -> Lines:
    """∂L/∂w of one example for the sum over the examples."""

    def of_the_first(dL_dz: Array, x: Array) -> Array:
        return first_example(dL_dz).mT @ first_example(x)

    if len(problem.x) == 1:
        return ONE_EXAMPLE
    return [_of_weights(k, of_the_first, names.a(k - 1), "({0})[0]ᵀ {1}[0]") for k in layers(problem)]


@mistake("the bias gradient was not summed over the examples")
def bias_gradient_not_summed(problem: Problem) -> Lines:
    """∂L/∂b = ∂L/∂z as it is: a row for each example, where one row is asked for."""
    return _of_biases(problem, unchanged, "{0}")


@mistake("the bias gradient was averaged over the examples, not summed")
def bias_gradient_averaged(problem: Problem) -> Lines:
    """∂L/∂b = 1/N · Σ ∂L/∂z, where any mean of the loss is in ∂L/∂z already."""
    return _of_biases(problem, lambda dL_dz: bias_gradient(dL_dz) / dL_dz.shape[0], "1/N Σ {0}")


@mistake("the bias gradient is that of the first example only")
def bias_gradient_of_the_first_example(problem: Problem) -> Lines:
    """∂L/∂b of one example for the sum over the examples."""
    return _of_biases(problem, lambda dL_dz: bias_gradient(first_example(dL_dz)), "({0})[0]")


def _of_biases(problem: Problem, formula: Callable[..., Any], template: str) -> Lines:
    if len(problem.x) == 1:
        return ONE_EXAMPLE
    return [
        Line(names.gradient(names.b(k)), formula, (names.gradient(names.z(k)),), template)
        for k in layers(problem)
    ]
