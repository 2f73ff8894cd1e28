"""Mistakes on the way back through a layer: nearly right derivatives, wrong masks, arrays written over."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from cases import Problem, names
from reference.activations import ACTIVATIONS
from reference.line import Array, Line, bias_gradient, through_activation, weight_gradient
from reference.mistakes.mistake import (
    NO_HIDDEN_LAYER,
    Lines,
    activation,
    curved_layers,
    gradients,
    layers,
    lines_named,
    lines_with,
    mistake,
    negative,
    rewired,
    rewritten,
    width,
)
from reference.mistakes.wrong_slopes import ALL_IDENTITIES, STRAIGHT

# Derivatives that are nearly right.


@mistake("the square is missing in the derivative of tanh, 1 − a", by_layer=True)
def square_missing_in_the_derivative(problem: Problem) -> Lines:
    """1 − a for tanh'(z) = 1 − a²."""
    return _derivative_of_tanh(problem, lambda a: 1 - a, "1 − {0}")


@mistake(
    "the derivative of tanh has the wrong sign, 1 + a², which is that of tan",
    source="gy910210/neural-network-from-scratch #2; nicodjimenez/lstm #41",
    by_layer=True,
)
def derivative_of_tan(problem: Problem) -> Lines:
    return _derivative_of_tanh(problem, lambda a: 1 - negative(a * a), "1 + {0}²")


def _derivative_of_tanh(problem: Problem, formula: Callable[[Any], Any], template: str) -> Lines:
    those = [k for k in layers(problem) if activation(problem, k) == "tanh"]
    return [Line(names.slope(k), formula, (names.a(k),), template) for k in those] or "no activation is tanh"


# The gradient from above in the place of z.

# The derivative is a mask, of 0 and 1, or nearly one.
WITH_A_MASK = STRAIGHT - {"identity"} | {"leaky_relu"}
NO_MASK = "no activation has a mask for its derivative"


def _slope(problem: Problem, k: int) -> Callable[[Any], Any]:
    """Return σ' of this layer as a function of one array, which need not be z."""
    rule = ACTIVATIONS[activation(problem, k)]
    return lambda array: rule.derivative(array, rule.value(array))


def _of_the_gradient(
    problem: Problem, those: Iterable[int], formula: Callable[..., Any], template: str
) -> list[Line]:
    """Return ∂L/∂z of these layers by a formula of σ', ∂L/∂a and σ'(z); `template` has σ for its name."""
    lines = []
    for k in those:
        written = template.replace("σ", activation(problem, k))
        lines += rewritten(gradients(problem, names.z, [k]), partial(formula, _slope(problem, k)), written)
    return lines


@mistake(
    "the derivative was taken at the gradient from above, not at z: relu's mask is where that is positive",
    source="exacity/deeplearningbook-chinese #127; utkuozbulak/pytorch-cnn-visualizations #36",
    by_layer=True,
)
def mask_of_the_gradient(problem: Problem) -> Lines:
    """∂L/∂z = ∂L/∂a ⊙ σ'(∂L/∂a)."""

    def masked(slope: Callable[[Any], Any], dL_da: Array, _: Array) -> Array:
        return dL_da * slope(dL_da)

    return _of_the_gradient(problem, curved_layers(problem), masked, "{0} ⊙ σ'({0})") or ALL_IDENTITIES


@mistake(
    "the gradient was let through only where it is positive itself, as well as z",
    source="utkuozbulak/pytorch-cnn-visualizations #36, of guided backpropagation",
    by_layer=True,
)
def mask_of_the_gradient_too(problem: Problem) -> Lines:
    """∂L/∂z = ∂L/∂a ⊙ σ'(∂L/∂a) ⊙ σ'(z), as guided backpropagation has it."""
    masks = [k for k in layers(problem) if activation(problem, k) in WITH_A_MASK]

    def masked(slope: Callable[[Any], Any], dL_da: Array, da_dz: Array) -> Array:
        return dL_da * slope(dL_da) * da_dz

    return _of_the_gradient(problem, masks, masked, "{0} ⊙ σ'({0}) ⊙ {1}") or NO_MASK


@mistake(
    "the derivative was taken at the gradient from above, and not multiplied by it",
    source="yizt/numpy_neural_network #6",
    by_layer=True,
)
def derivative_at_the_gradient(problem: Problem) -> Lines:
    """∂L/∂z = σ'(∂L/∂a)."""

    def derivative(slope: Callable[[Any], Any], dL_da: Array, _: Array) -> Array:
        return slope(dL_da)

    return _of_the_gradient(problem, curved_layers(problem), derivative, "σ'({0})") or ALL_IDENTITIES


# Arrays that were written over before they were used for the last time.


@mistake(
    "the gradient of z was written over that of a, as `*=` does",
    source="pytorch/pytorch #81417",
    by_layer=True,
)
def gradient_written_over(problem: Problem) -> Lines:
    """∂L/∂a = ∂L/∂a ⊙ σ'(z), which is ∂L/∂z; all else is right."""
    lines = (line for k in curved_layers(problem) for line in _written_over(problem, k))
    return list(lines) or ALL_IDENTITIES


def _written_over(problem: Problem, k: int) -> list[Line]:
    """Return the lines of ∂L/∂a_k and of ∂L/∂z_k, which alone, of what ∂L/∂a_k is made of, is right."""
    (right,) = gradients(problem, names.a, [k])
    inputs, template = (*right.inputs, names.slope(k)), f"({right.template}) ⊙ {{{len(right.inputs)}}}"
    formula = partial(_onward, right.formula)
    return [Line(names.gradient(of(k)), formula, inputs, template) for of in (names.a, names.z)]


def _onward(gradient: Callable[..., Any], *given: Any) -> Any:  # noqa: ANN401 - as the right formula
    return through_activation(gradient(*given[:-1]), given[-1])


@mistake(
    "the gradients of weights and biases were taken from ∂L/∂z of the layer before, written over this one's",
    by_layer=True,
)
def gradients_from_the_layer_before(problem: Problem) -> Lines:
    """∂L/∂w_k = (∂L/∂z_{k−1})ᵀ a_{k−1}, which equal widths allow: `delta` was sent on before it was used."""
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    alike = [k for k in layers(problem, 2) if width(problem, k) == width(problem, k - 1)]
    before = {names.gradient(names.z(k)): names.gradient(names.z(k - 1)) for k in alike}
    lines = [
        rewired(line, before)
        for line in lines_with(problem, weight_gradient, bias_gradient)
        if line.inputs[0] in before
    ]
    return lines or "no layer is as wide as the one before"


@mistake(
    "the weight gradient was taken from σ'(z) of the layer before, written over its activation a",
    by_layer=True,
)
def weight_gradient_from_the_derivative(problem: Problem) -> Lines:
    """∂L/∂w_k = (∂L/∂z_k)ᵀ σ'(z_{k−1})."""
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    curved = [k for k in layers(problem, 2) if k - 1 in curved_layers(problem)]
    others = {names.a(k - 1): names.slope(k - 1) for k in curved}
    lines = lines_named(problem, (names.gradient(names.W(k)) for k in curved))
    return [rewired(line, others) for line in lines] or "every hidden activation is the identity"
