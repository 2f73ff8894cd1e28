"""Mistakes on the way back through a layer: nearly right derivatives, wrong masks, arrays written over."""

from collections.abc import Callable
from typing import Any

from cases import Problem, names
from reference.activations import ACTIVATIONS
from reference.arithmetic import maximum
from reference.line import Array, Line, bias_gradient, through_activation, unchanged, weight_gradient
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
    rewired,
    rewritten,
    width,
    zeros,
)
from reference.mistakes.wrong_slopes import ALL_IDENTITIES

NO_TANH = "no activation is tanh"
NO_SIGMOID = "no activation is sigmoid"
NO_RELU = "no activation is relu"

# Derivatives that are nearly right.


@mistake("the square is missing in the derivative of tanh, 1 − a", by_layer=True)
def square_missing_in_the_derivative(problem: Problem) -> Lines:
    """1 − a for tanh'(z) = 1 − a²."""
    return _derivative_in_a(problem, "tanh", lambda a: 1 - a, "1 − {0}") or NO_TANH


@mistake(
    "the derivative of tanh has the wrong sign, 1 + a², which is that of tan",
    source="gy910210/neural-network-from-scratch #2; nicodjimenez/lstm #41",
    by_layer=True,
)
def derivative_of_tan(problem: Problem) -> Lines:
    return _derivative_in_a(problem, "tanh", lambda a: 1 - (zeros(a) - a * a), "1 + {0}²") or NO_TANH


@mistake("a factor is missing in the derivative of sigmoid, 1 − a", by_layer=True)
def factor_missing_in_the_derivative(problem: Problem) -> Lines:
    """1 − a for σ'(z) = a (1 − a)."""
    return _derivative_in_a(problem, "sigmoid", lambda a: 1 - a, "1 − {0}") or NO_SIGMOID


def _derivative_in_a(problem: Problem, name: str, formula: Callable[[Any], Any], template: str) -> list[Line]:
    those = [k for k in layers(problem) if activation(problem, k) == name]
    return [Line(names.slope(k), formula, (names.a(k),), template) for k in those]


# The gradient from above in the place of z.


def _relu_layers(problem: Problem) -> list[int]:
    return [k for k in layers(problem) if activation(problem, k) == "relu"]


def _positive(gradient: Array) -> Array:
    return maximum(gradient, zeros(gradient))


@mistake(
    "the mask of relu was taken of the gradient, not of z: it is let through where it is positive itself",
    source="exacity/deeplearningbook-chinese #127, of the translation",
    by_layer=True,
)
def mask_of_the_gradient(problem: Problem) -> Lines:
    """∂L/∂z = ∂L/∂a where that is above 0."""
    lines = gradients(problem, names.z, _relu_layers(problem))
    return rewritten(lines, _positive, "max({0}, 0)", kept=1) or NO_RELU


@mistake("relu let the gradient through only where that is positive, too", by_layer=True)
def mask_of_the_gradient_too(problem: Problem) -> Lines:
    """∂L/∂z = max(∂L/∂a, 0) ⊙ σ'(z), as guided backpropagation has it."""
    lines = gradients(problem, names.z, _relu_layers(problem))
    return rewritten(lines, lambda da, slope: _positive(da) * slope, "max({0}, 0) ⊙ {1}") or NO_RELU


@mistake(
    "the derivative was taken at the gradient from above, and not multiplied by it",
    source="yizt/numpy_neural_network #6",
    by_layer=True,
)
def derivative_at_the_gradient(problem: Problem) -> Lines:
    """∂L/∂z = σ'(∂L/∂a)."""
    lines = [_at_the_gradient(problem, k) for k in curved_layers(problem)]
    return lines or ALL_IDENTITIES


def _at_the_gradient(problem: Problem, k: int) -> Line:
    name, rule = activation(problem, k), ACTIVATIONS[activation(problem, k)]

    def formula(dL_da: Array) -> Array:
        return rule.derivative(dL_da, rule.value(dL_da))

    return Line(names.gradient(names.z(k)), formula, (names.gradient(names.a(k)),), f"{name}'({{0}})")


# Arrays that were written over before they were used for the last time.


@mistake("the gradient of z was written over that of a, as `*=` does", by_layer=True)
def gradient_written_over(problem: Problem) -> Lines:
    """∂L/∂a = ∂L/∂a ⊙ σ'(z), which is ∂L/∂z; all else is right."""
    lines = []
    for k in curved_layers(problem):
        (right,) = gradients(problem, names.a, [k])
        n, dL_da = len(right.inputs), names.gradient(names.a(k))

        def formula(*given: Any, right: Line = right) -> Any:  # noqa: ANN401 - as the right formula
            return through_activation(right.formula(*given[:-1]), given[-1])

        inputs = (*right.inputs, names.slope(k))
        lines.append(Line(dL_da, formula, inputs, f"({right.template}) ⊙ {{{n}}}"))
        lines.append(Line(names.gradient(names.z(k)), unchanged, (dL_da,), "{0}"))
    return lines or ALL_IDENTITIES


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
