"""Mistakes of the backward pass and of precision: their numbers by other forms of the wrong formulas."""

import re
from dataclasses import replace
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest
from networks import network
from rules import ruled

from reference.arithmetic import FORMATS
from reference.line import evaluate
from reference.mistakes import MISTAKES, mistaken_steps
from reference.mistakes.wrong_slopes import ANOTHER_DERIVATIVE
from reference.training import exact_inputs, training_steps


def whole_numbers():
    """Draw a network of straight pieces and small whole numbers, so that all of its first step is exact."""
    rng = np.random.default_rng(3)
    drawn = network((3, 3, 3, 3), 4, activations=("relu", "identity", "relu"), learning_rate=0.5)
    whole = {name: rng.integers(-2, 4, array.shape).astype(float) for name, array in drawn.inputs.items()}
    return replace(drawn, x=whole.pop("x"), y=whole.pop("y"), parameters=MappingProxyType(whole))


WHOLE = whole_numbers()
RELU = lambda z: np.maximum(z, 0), lambda z: np.heaviside(z, 0)
FUNCTIONS = [RELU, (lambda z: z, np.ones_like), RELU]  # of each layer, with its derivative


def layers_of(claim):
    """What a program claims of each layer, with the layers above and below; x is what the layer is given."""
    known = {**WHOLE.inputs, **claim, "a0": WHOLE.x}
    kinds = {"z": "z", "a": "a", "dz": "dL/dz", "da": "dL/da", "W": "W", "b": "b"}
    layers = [SimpleNamespace(**{kind: known[f"{kinds[kind]}{k}"] for kind in kinds}) for k in (1, 2, 3)]
    for k, layer in enumerate(layers, start=1):
        layer.x, layer.W_new, layer.b_new = known[f"a{k - 1}"], known[f"W{k}_new"], known[f"b{k}_new"]
        layer.down, layer.up = layers[k - 2], layers[k % 3]
        layer.sigma, layer.slope = FUNCTIONS[k - 1]
    return layers


def product(dz, x, to="ij"):
    return np.einsum(f"ni,nj->{to}", dz, x)


# By a mistake: the wrong line of a layer, with the layer's number for {}, or the number below, and how.
BY_HAND = {
    "activation-for-its-derivative": ("da{}/dz{}", lambda at: at.a),
    "sigmoid-derivative-in-a": ("da{}/dz{}", lambda at: at.a - at.a**2),
    "tanh-derivative-in-a": ("da{}/dz{}", lambda at: (1 + at.a) * (1 - at.a)),
    "derivative-function-of-the-layer-before": ("da{}/dz{}", lambda at: at.down.slope(at.z)),
    "derivative-at-the-input-of-the-layer": ("da{}/dz{}", lambda at: at.slope(at.x)),
    "upstream-gradient-overwritten": ("dL/dz{}", lambda at: at.slope(at.z)),
    "weights-of-the-next-layer": ("dL/da{}", lambda at: at.dz @ at.up.W),
    "weights-of-the-layer-before": ("dL/da{}", lambda at: at.dz @ at.down.W),
    "bias-column-kept": ("dL/da{}", lambda at: at.dz @ np.column_stack([at.b, at.W])[:, :-1]),
    "error-sent-past-the-activation": ("dL/da{}", lambda at: product(at.da.T, at.W)),
    "error-without-weights": ("dL/da{}", lambda at: at.da),
    "hidden-gradient-with-the-wrong-sign": ("dL/da{}", lambda at: at.dz @ (0 - at.W)),
    "hidden-gradient-of-the-last-unit": ("dL/da{}", lambda at: np.outer(at.dz[:, 2], at.W[2])),
    "gradient-stopped": ("dL/da{}", lambda at: 0 * at.x),
    "weights-before-and-after-the-update": ("dL/da{}", lambda at: at.dz @ (at.W + at.W_new)),
    "weight-gradient-from-the-output": ("dL/dW{}", lambda at: product(at.dz, at.a)),
    "weight-gradient-from-x": ("dL/dW{}", lambda at: product(at.dz, WHOLE.x)),
    "weight-gradient-transposed": ("dL/dW{}", lambda at: product(at.dz, at.x, "ji")),
    "input-factor-missing": ("dL/dW{}", lambda at: np.repeat(at.dz.sum(0)[:, None], 3, axis=1)),
    "weight-for-the-input": ("dL/dW{}", lambda at: np.einsum("ni,ij->ij", at.dz, at.W)),
    "input-factor-twice": ("dL/dW{}", lambda at: product(at.dz, at.x**2)),
    "weight-gradient-of-the-means": ("dL/dW{}", lambda at: 4 * np.outer(at.dz.mean(0), at.x.mean(0))),
    "weight-gradient-of-magnitudes": ("dL/dW{}", lambda at: abs(product(at.dz, at.x, "nij")).sum(0)),
    "weight-gradient-averaged": ("dL/dW{}", lambda at: product(at.dz, at.x, "nij").mean(0)),
    "weight-gradient-from-the-updated-activation": (
        "dL/dW{}", lambda at: product(at.dz, at.down.sigma(at.down.x @ at.down.W_new.T + at.down.b_new))
    ),
    "gradients-past-the-activation": ("dL/dW{}", lambda at: product(at.da, at.x)),
    "gradients-of-the-last-example": ("dL/dW{}", lambda at: np.outer(at.dz[3], at.x[3])),
    "gradients-multiplied": ("dL/dW{}", lambda at: product(at.dz, 4 * at.x)),
    "parameters-without-gradients": ("dL/db{}", lambda at: 0 * at.b),
    "bias-gradient-summed-over-the-units": ("dL/db{}", lambda at: np.full(3, at.dz.sum())),
    "bias-gradient-from-the-weight-gradient": ("dL/db{}", lambda at: product(at.dz, at.x, "i")),
    "bias-gradient-of-the-largest": ("dL/db{}", lambda at: np.sort(at.dz, axis=0)[-1]),
    "bias-gradient-of-magnitudes": ("dL/db{}", lambda at: np.linalg.norm(at.dz, 1, axis=0)),
    "gradients-from-the-next-layer": ("dL/dW{}", lambda at: product(at.up.dz, at.x)),
    "bias-gradient-of-the-next-layer": ("dL/db{}", lambda at: at.up.dz.sum(0)),
    "bias-gradient-of-the-last-example": ("dL/db{}", lambda at: at.dz[-1]),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_the_wrong_numbers_are_those_of_the_wrong_formula_by_hand(name):
    pattern, formula = BY_HAND[name]
    claim, right = next(mistaken_steps(WHOLE, MISTAKES[name])), next(training_steps(WHOLE))
    wrong = {line.name for line in MISTAKES[name].lines(WHOLE) if re.sub(r"\d", "{}", line.name) == pattern}
    by_hand = {
        quantity: formula(layer)
        for k, layer in enumerate(layers_of(claim), start=1)
        if (quantity := pattern.format(*[k - (pattern == "dL/da{}")] * 2)) in wrong
    }
    assert by_hand.keys() == wrong
    assert all(np.array_equal(claim[quantity], by_hand[quantity]) for quantity in wrong)
    assert not all(np.array_equal(right[quantity], by_hand[quantity]) for quantity in wrong)


def test_the_derivatives_formula_in_a_is_given_z():
    claim = of("derivative-formula-given-z", network((2, 3, 2), activations=("sigmoid", "tanh")))
    z1, z2 = claim["z1"], claim["z2"]
    assert np.array_equal(claim["da1/dz1"], z1 * (1 - z1))
    assert np.array_equal(claim["da2/dz2"], 1 - np.square(z2))


@pytest.mark.parametrize("mistake", ANOTHER_DERIVATIVE, ids=lambda mistake: mistake.name)
def test_another_derivative_is_that_of_pytorch(mistake):
    torch = pytest.importorskip("torch")
    functions = pytest.importorskip("adapters.torch_functions").ACTIVATIONS
    activation = mistake.name.removeprefix("derivative-of-").replace("-", "_")
    other = "softplus" if activation == "sigmoid" else "sigmoid"
    problem = network((3, 4, 2), 5, activations=(other, activation))
    bounded = evaluate(mistake.tape(problem), exact_inputs(problem, FORMATS["float64"]))["da1/dz1"]
    claim = next(mistaken_steps(problem, mistake))
    z = torch.tensor(claim["z1"], requires_grad=True)
    (slope,) = torch.autograd.grad(functions[activation](z).sum(), z)
    for value in (slope.numpy(), claim["da1/dz1"]):
        assert (np.abs(value - bounded.value) <= bounded.error).all()
    assert [(line.name, line.inputs) for line in mistake.lines(problem)] == [("da1/dz1", ("z1",))]


# Precision.

DRAWN = network((3, 4, 2), 5, activations="tanh")


def of(name, problem):
    return next(mistaken_steps(problem, MISTAKES[name]))


def float32(array):
    return np.asarray(array).astype("f4").astype("f8")


def bfloat16(array):
    """Round float32 to its first 16 bits, ties to even."""
    bits = np.asarray(array).view("u4")
    kept = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    return kept.astype("u4").view("f4")


def test_inputs_and_targets_are_rounded_on_the_way_in():
    claim, x = of("float32-inputs-and-targets", DRAWN), float32(DRAWN.x)
    assert np.array_equal(claim["z1"], x @ DRAWN.parameters["W1"].T + DRAWN.parameters["b1"])
    assert np.array_equal(claim["dL/da2"], claim["a2"] - float32(DRAWN.y))
    assert np.array_equal(of("float32-inputs", DRAWN)["dL/da2"], of("float32-inputs", DRAWN)["a2"] - DRAWN.y)


def test_what_is_kept_or_computed_in_float32_is_a_float32_number():
    adam = ruled("adam")
    for name, quantity in (
        ("float32-loss", "loss"),
        ("float32-update", "W1_new"),
        ("float32-optimizer-state", "v_W1_new"),
    ):
        claim = of(name, adam)
        assert np.array_equal(claim[quantity], float32(claim[quantity]))
        assert not np.array_equal(claim["dL/dW1"], float32(claim["dL/dW1"]))


def test_the_optimizers_numbers_are_rounded_each_or_all():
    adam = ruled("adam")
    for name in ("float32-beta1", "float32-constants"):
        claim = of(name, adam)
        assert np.array_equal(claim["m_W1_new"], (1 - float(np.float32(0.9))) * claim["dL/dW1"])
    assert of("float32-constants", adam)["correction2"] == 1 - float(np.float32(0.999))
    assert of("float32-beta1", adam)["correction2"] == 1 - 0.999


def test_factors_and_parameters_are_rounded_to_bfloat16():
    problem = network((3, 4, 2), 5, dtype="float32")
    x, W, b = problem.x, problem.parameters["W1"], problem.parameters["b1"]
    assert np.array_equal(of("bfloat16-products", problem)["z1"], bfloat16(x) @ bfloat16(W).T + b)
    kept = of("bfloat16-parameters", problem)
    assert np.array_equal(kept["z1"], x @ bfloat16(W).T + bfloat16(b))
    assert np.array_equal(
        kept["W1_new"], bfloat16(bfloat16(W) - np.float32(problem.learning_rate) * kept["dL/dW1"])
    )
