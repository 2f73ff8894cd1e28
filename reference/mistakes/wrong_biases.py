"""Mistakes with the bias, each with the right backward pass and with one of its own."""

from cases import Problem, names
from reference.activations import ACTIVATIONS
from reference.arithmetic import as_row
from reference.line import Array, Line, bias_gradient, linear
from reference.mistakes.mistake import (
    SLOPES_FROM_A,
    Lines,
    activation,
    curved_layers,
    lines_named,
    lines_with,
    negative,
    rewritten,
    slope_from_a,
)
from reference.mistakes.wrong_forward import in_two_forms


@in_two_forms("the bias was subtracted, as a threshold is", "sferes2/nn2 #4")
def bias_subtracted(problem: Problem, *, differentiated: bool) -> Lines:
    """z = x Wᵀ − b; ∂L/∂b = −Σ ∂L/∂z."""
    wrong = rewritten(lines_with(problem, linear), lambda x, W, b: x @ W.mT - as_row(b, x), "{0} {1}ᵀ − {2}")
    if differentiated:
        biases = lines_with(problem, bias_gradient)
        wrong += rewritten(biases, lambda dL_dz: negative(bias_gradient(dL_dz)), "−Σ {0}")
    return wrong


@in_two_forms("the bias was added twice", "huggingface/transformers #2957; IST-DASLab/FP-Quant #16")
def bias_added_twice(problem: Problem, *, differentiated: bool) -> Lines:
    """z = x Wᵀ + b + b; ∂L/∂b = 2 Σ ∂L/∂z."""

    def twice(x: Array, W: Array, b: Array) -> Array:
        return linear(x, W, b) + as_row(b, x)

    wrong = rewritten(lines_with(problem, linear), twice, "{0} {1}ᵀ + 2 {2}")
    if differentiated:
        biases = lines_with(problem, bias_gradient)
        wrong += rewritten(biases, lambda dL_dz: 2 * bias_gradient(dL_dz), "2 Σ {0}")
    return wrong


@in_two_forms("the bias was added after the activation, not before", "infer-actively/pypc #2")
def bias_added_after_the_activation(problem: Problem, *, differentiated: bool) -> Lines:
    """z = x Wᵀ, and a = σ(z) + b; da/dz = σ'(z), and ∂L/∂b = Σ ∂L/∂a."""
    lines = []
    curved = curved_layers(problem)
    if problem.loss == "binary_cross_entropy" and problem.depth in curved:
        curved.remove(problem.depth)  # a probability and a number are none
    for k in curved:
        lines += _with_the_bias_after(problem, k)
        if differentiated:
            lines += _differentiated(problem, k)
        elif activation(problem, k) in SLOPES_FROM_A:
            lines.append(slope_from_a(activation(problem, k), k, names.a(k)))
    return lines or "every activation is the identity, or gives the probabilities that the loss takes"


def _with_the_bias_after(problem: Problem, k: int) -> list[Line]:
    name = activation(problem, k)
    rule = ACTIVATIONS[name]

    def shifted(z: Array, b: Array) -> Array:
        return rule.value(z) + as_row(b, z)

    products = rewritten(lines_named(problem, [names.z(k)]), lambda x, W: x @ W.mT, "{0} {1}ᵀ", kept=2)
    return [*products, Line(names.a(k), shifted, (names.z(k), names.b(k)), f"{name}({{0}}) + {{1}}")]


def _differentiated(problem: Problem, k: int) -> list[Line]:
    name = activation(problem, k)
    rule = ACTIVATIONS[name]

    def slope(z: Array) -> Array:
        return rule.derivative(z, rule.value(z))

    dL_db, dL_da = (names.gradient(of(k)) for of in (names.b, names.a))
    return [
        Line(names.slope(k), slope, (names.z(k),), f"{name}'({{0}})"),
        Line(dL_db, bias_gradient, (dL_da,), "Σ {0}"),
    ]
