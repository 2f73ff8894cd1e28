"""Mistakes in the forward pass, each with the right backward pass and with one of its own.

A backward pass written by hand stays right where the forward pass is wrong. Automatic differentiation gives
the gradients of what was computed: `…-differentiated`.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeAlias

from cases import Problem, names
from reference.activations import ACTIVATIONS
from reference.arithmetic import as_row, cast
from reference.line import Array, Line, bias_gradient, linear, unchanged
from reference.mistakes.mistake import (
    NO_HIDDEN_LAYER,
    SLOPES_FROM_A,
    Lines,
    Mistake,
    activation,
    constant,
    gradients,
    layers,
    lines_named,
    lines_with,
    negative,
    rewired,
    rewritten,
    slope_from_a,
    square_layers,
    width,
    zeros,
)

# A mistake in both forms: as it stands, and differentiated.
TwoForms: TypeAlias = tuple[Mistake, Mistake]


def in_two_forms(sentence: str, source: str, name: str = "") -> Callable[[Callable[..., Lines]], TwoForms]:
    """Make both forms of a function that gives the lines, and takes whether they are `differentiated`."""

    def named(change: Callable[..., Lines]) -> TwoForms:
        by_hand = name or change.__name__.replace("_", "-")
        forms = {by_hand: sentence, f"{by_hand}-differentiated": f"{sentence}, and differentiated like that"}
        first, second = (
            Mistake(form, what, partial(change, differentiated=what != sentence), source, by_layer=True)
            for form, what in forms.items()
        )
        return first, second

    return named


def _from_a(problem: Problem, those: Iterable[int]) -> list[Line]:
    """Return da/dz of these layers by its right formula, where it follows from a alone.

    The right line is not enough: it allows both forms, that from a and that from z, and all between.
    """
    written = [(activation(problem, k), k) for k in those]
    return [slope_from_a(name, k, names.a(k)) for name, k in written if name in SLOPES_FROM_A]


# z = x Wᵀ + b.


@in_two_forms("the weights were not transposed", "huggingface/transformers #4514")
def weights_not_transposed(problem: Problem, *, differentiated: bool) -> Lines:
    """z = x W + b, which a square W allows; ∂L/∂W = xᵀ ∂L/∂z and ∂L/∂x = ∂L/∂z Wᵀ."""
    square = square_layers(problem)
    lines = lines_named(problem, map(names.z, square))
    wrong = rewritten(lines, lambda x, W, b: x @ W + as_row(b, x), "{0} {1} + {2}")
    if differentiated:
        kernels = gradients(problem, names.W, square)
        before = gradients(problem, names.a, (k - 1 for k in square))
        wrong += rewritten(kernels, lambda dL_dz, x: x.mT @ dL_dz, "({1})ᵀ {0}")
        wrong += rewritten(before, lambda dL_dz, W: dL_dz @ W.mT, "{0} {1}ᵀ")
    return wrong or "no weight matrix is square and larger than 1 by 1"


@in_two_forms("the bias was not added", "apache/tvm #4801")
def bias_not_added(problem: Problem, *, differentiated: bool) -> Lines:
    """z = x Wᵀ; ∂L/∂b = 0."""
    wrong = rewritten(lines_with(problem, linear), lambda x, W: x @ W.mT, "{0} {1}ᵀ", kept=2)
    if differentiated:
        biases = lines_with(problem, bias_gradient)
        wrong += rewritten(biases, lambda dL_dz: zeros(bias_gradient(dL_dz)), "0")
    return wrong


@in_two_forms("hidden layers were left out", "zackchase/mxnet-the-straight-dope #507")
def hidden_layer_left_out(problem: Problem, *, differentiated: bool) -> Lines:
    """a_k = a_{k−1}, which equal widths allow; ∂L/∂z_k = 0 and ∂L/∂a_{k−1} = ∂L/∂a_k."""
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    left_out = [k for k in layers(problem)[:-1] if width(problem, k) == width(problem, k - 1)]
    wrong = [Line(names.a(k), unchanged, (names.a(k - 1),), "{0}") for k in left_out]
    if differentiated:
        sent = [names.gradient(names.a(k)) for k in range(problem.depth)]
        wrong += [Line(sent[k - 1], unchanged, (sent[k],), "{0}") for k in left_out if k > 1]
        wrong += rewritten(gradients(problem, names.z, left_out), zeros, "0", kept=1)
    else:
        wrong += _from_a(problem, left_out)
    return wrong or "no hidden layer is as wide as what it is computed from"


@in_two_forms("a layer was given the input x in place of the layer before it", "vislearn/FrEIA #1")
def layer_fed_with_the_input(problem: Problem, *, differentiated: bool) -> Lines:
    """z_k = x W_kᵀ + b_k, which equal widths allow; ∂L/∂W_k = (∂L/∂z_k)ᵀ x and ∂L/∂a_{k−1} = 0."""
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    fed = [k for k in layers(problem, 2) if width(problem, k - 1) == width(problem, 0)]
    inputs = {names.a(k - 1): names.a(0) for k in fed}
    wrong = [rewired(line, inputs) for line in lines_named(problem, map(names.z, fed))]
    if differentiated:
        wrong += [rewired(line, inputs) for line in gradients(problem, names.W, fed)]
        before = gradients(problem, names.a, (k - 1 for k in fed))
        wrong += rewritten(before, lambda dL_dz, W: zeros(dL_dz @ W), "0")
    return wrong or "no hidden layer is as wide as the input"


# a = σ(z).

# Two functions in place of σ and σ', with their templates; σ' takes z and a.
Functions: TypeAlias = tuple[Callable[..., Any], str, Callable[..., Any], str]


def _replaced(problem: Problem, functions: dict[int, Functions], *, differentiated: bool) -> list[Line]:
    """Return the lines of these layers' activations with other functions, by the number of the layer."""
    lines: list[Line] = []
    for k, (value, equation, slope, slope_equation) in functions.items():
        lines += rewritten(lines_named(problem, [names.a(k)]), value, equation)
        slopes = lines_named(problem, [names.slope(k)])
        lines += rewritten(slopes, slope, slope_equation) if differentiated else _from_a(problem, [k])
    return lines


def _activation(name: str) -> Functions:
    rule = ACTIVATIONS[name]
    return rule.value, f"{name}({{0}})", rule.derivative, f"{name}'({{0}})"


@in_two_forms("the last activation was forgotten", "ultmaster/neuralpredictor.pytorch #2")
def last_activation_forgotten(problem: Problem, *, differentiated: bool) -> Lines:
    """ŷ = z_L; ∂L/∂z_L = ∂L/∂ŷ."""
    if problem.activations[-1] == "identity":
        return "the last activation is the identity"
    return _replaced(problem, {problem.depth: _activation("identity")}, differentiated=differentiated)


# σ(σ(z)) = σ(z) for all z.
IDEMPOTENT = frozenset({"identity", "relu", "relu6", "hardtanh"})


@in_two_forms("the activation was applied twice", "jianlin-cheng/DProQA #3")
def activation_applied_twice(problem: Problem, *, differentiated: bool) -> Lines:
    """a = σ(σ(z)); da/dz = σ'(z) σ'(σ(z))."""
    activations = enumerate(problem.activations, start=1)
    twice = {k: _twice(name) for k, name in activations if name not in IDEMPOTENT}
    lines = _replaced(problem, twice, differentiated=differentiated)
    return lines or "applied twice, every activation here is the same as once"


def _twice(name: str) -> Functions:
    rule = ACTIVATIONS[name]

    def value(z: Array) -> Array:
        return rule.value(rule.value(z))

    def slope(z: Array, a: Array) -> Array:
        once = rule.value(z)
        return rule.derivative(z, once) * rule.derivative(once, a)

    return value, f"{name}({name}({{0}}))", slope, f"{name}'({{0}}) {name}'({name}({{0}}))"


def _another_activation(name: str, sources: dict[str, str]) -> TwoForms:
    """a = f(z) in all layers, where f is not σ; da/dz = f'(z)."""
    sentence = f"{name} was computed where another activation is asked for"
    source = sources.get(name, "RahulBhalley/alexnet-architecture.tensorflow #2")

    @in_two_forms(sentence, source, f"activation-{name.replace('_', '-')}")
    def change(problem: Problem, *, differentiated: bool) -> Lines:
        others = {k: _activation(name) for k in layers(problem) if activation(problem, k) != name}
        return _replaced(problem, others, differentiated=differentiated) or f"every activation here is {name}"

    return change


# Threads in which just this function stood for another; the usual one is tanh for relu.
_SEEN = {
    "gelu_tanh": "chelsea0x3b/dfdx #804",
    "sigmoid": "RUCAIBox/RecBole #680",
    "silu": "joaopauloschuler/neural-api #21",
}
ANOTHER_ACTIVATION: tuple[Mistake, ...] = sum((_another_activation(name, _SEEN) for name in ACTIVATIONS), ())


def _another_leak(whose: str, slope: float) -> TwoForms:
    """a = z where z > 0, else s z, with another s than 0.01; da/dz = 1 or s."""
    relu = ACTIVATIONS["relu"]

    def leak(z: Array) -> Array:
        return cast(constant(z, lambda array: array.dtype.type(slope)))

    functions: Functions = (
        lambda z: relu.value(z) - leak(z) * relu.value(negative(z)),
        f"{{0}} where {{0}} > 0, else {slope}·{{0}}",
        lambda z, _: _mixed(relu.derivative(z), leak(z)),
        f"1 where {{0}} > 0, else {slope}",
    )

    @in_two_forms(
        f"the slope of leaky_relu below 0 is {whose}'s default, {slope}",
        "Dobiasd/frugally-deep #446",
        f"leaky-relu-of-{whose.lower()}",
    )
    def change(problem: Problem, *, differentiated: bool) -> Lines:
        leaky = {k: functions for k in layers(problem) if activation(problem, k) == "leaky_relu"}
        return _replaced(problem, leaky, differentiated=differentiated) or "no activation is leaky_relu"

    return change


def _mixed(step: Array, slope: Array) -> Array:
    """1 where the step is 1, and the slope where it is 0."""
    return step + slope * (1 - step)


# `tf.nn.leaky_relu`, and `keras.layers.LeakyReLU`.
ANOTHER_LEAK: tuple[Mistake, ...] = (*_another_leak("TensorFlow", 0.2), *_another_leak("Keras", 0.3))
