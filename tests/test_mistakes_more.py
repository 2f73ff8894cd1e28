"""Mistakes in biases, inputs, targets, masks, updates and what is kept: wrong programs by other forms."""

import pytest

pytest.importorskip("torch")

from dataclasses import replace

import numpy as np
import torch
from networks import confident, in_format, network
from rules import STEP, ruled
from test_mistakes_forward import PROBLEMS, RIGHT, autograd, likelihoods, right, with_gradient
from test_mistakes_gradients import WHOLE, layers_of, product
from test_mistakes_updates import (
    B1,
    B2,
    EPS,
    ETA,
    LAMBDA,
    MU,
    SLOW,
    adam,
    averages,
    explains,
    forward_and_back,
)
from torch.nn import functional as F  # noqa: N812 - the name PyTorch's own documentation uses

from adapters import torch_functions
from cases import load_case
from reference.arithmetic import FORMATS
from reference.diagnosis.context import derive
from reference.mistakes import MISTAKES, Inexpressible, mistaken_steps
from reference.training import exact_inputs, training_steps

# The forward pass and the loss, as PyTorch differentiates them.


def of_inputs(change):
    return lambda a, W, b, f, last, x: f((change(x) if a is x else a) @ W.T + b)


def after_the_activation(a, W, b, f, last, x):
    is_identity = f is torch_functions.ACTIVATIONS["identity"]
    return f(a @ W.T + b) if is_identity else f(a @ W.T) + b


LAYERS = {
    "bias-subtracted-differentiated": lambda a, W, b, f, last, x: f(a @ W.T - b),
    "bias-added-twice-differentiated": lambda a, W, b, f, last, x: f(a @ W.T + b + b),
    "bias-added-after-the-activation-differentiated": after_the_activation,
    "inputs-centered": of_inputs(lambda x: x - x.mean(0)),
    "inputs-standardized": of_inputs(lambda x: (x - x.mean(0)) / x.std(0, unbiased=False)),
    "inputs-standardized-by-samples": of_inputs(lambda x: (x - x.mean(0)) / x.std(0)),
    "inputs-scaled-to-0-and-1": of_inputs(lambda x: (x - x.amin(0)) / (x.amax(0) - x.amin(0))),
    "inputs-over-255": of_inputs(lambda x: x / 255),
    "inputs-over-their-norm": of_inputs(F.normalize),
}


def binary(problem, total):
    """A loss of probabilities, or of logits whose sigmoid they are."""
    if problem.loss == "binary_cross_entropy":
        return lambda y_hat, y: total(y_hat, y).mean()
    return lambda y_hat, y: total(y_hat.sigmoid(), y).sum()


def with_eps(eps):
    def loss(problem, y_hat, y):
        if "softmax" in problem.loss:
            return likelihoods(lambda y_hat: (y_hat.softmax(1) + eps).log())(problem, y_hat, y)
        terms = binary(problem, lambda p, y: -y * (p + eps).log() - (1 - y) * (1 - p + eps).log())
        return terms(y_hat, y)

    return loss


def wrong_sign(problem, y_hat, y):
    return binary(problem, lambda p, y: -y * p.log() + (1 - y) * (1 - p).log())(y_hat, y)


def on_one_side(problem, y_hat, y):
    """Huber's loss or smooth L1 of the errors y − ŷ that are not below −δ or −β."""
    kept = y_hat - y <= problem.loss_numbers[0][1]
    each = torch_functions.LOSSES[problem.loss](y_hat, y, reduction="none", **dict(problem.loss_numbers))
    return (each * kept).mean()


def of_targets(change):
    return lambda problem, y_hat, y: right(problem, y_hat, change(y))


LOSSES = {f"logarithm-of-p-plus-1e-{n}": with_eps(float(f"1e-{n}")) for n in (6, 7, 8, 9, 10, 12)} | {
    "softmax-over-all-elements-differentiated": likelihoods(
        lambda y_hat: y_hat.reshape(-1).log_softmax(0).reshape(y_hat.shape)
    ),
    "second-term-with-the-wrong-sign": wrong_sign,
    "errors-on-one-side-only": on_one_side,
    "class-for-probabilities": of_targets(lambda y: F.one_hot(y.argmax(1), y.shape[1]).to(y)),
    "targets-cut-to-whole-numbers": of_targets(torch.trunc),
    "targets-of-the-next-example": of_targets(lambda y: torch.cat([y[1:], y[:1]])),
    "targets-of-the-example-before": of_targets(lambda y: torch.cat([y[-1:], y[:-1]])),
}


def error_of(softmax):
    """p − y' over N, of another p."""

    def gradient(problem, y_hat, y):
        s = problem.loss_numbers[0][1]
        return (softmax(y_hat) - (1 - s) * y - s / y.shape[1]) / len(y)

    return with_gradient(gradient)


ALONE = {
    "softmax-over-all-elements": error_of(lambda y_hat: y_hat.exp() / y_hat.exp().sum()),
    "softmax-over-the-examples-by-hand": error_of(lambda y_hat: y_hat.softmax(0)),
    "gradient-of-targets-that-sum-to-1": error_of(lambda y_hat: y_hat.softmax(1)),
    "loss-gradient-with-the-wrong-sign": lambda problem, y_hat, y: -right(problem, y_hat, y),
}
PASSES = {name: (layer, right) for name, layer in LAYERS.items()}
PASSES |= {name: (RIGHT, loss) for name, loss in (LOSSES | ALONE).items()}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", PASSES)
def test_its_gradients_are_those_that_pytorch_finds_of_the_same_pass(name, dtype):
    drawn = [in_format(problem, dtype) for problem in (*PROBLEMS[:-1], confident())]
    problems = [one for one in drawn if not isinstance(MISTAKES[name].lines(one), Inexpressible)]
    assert problems
    for problem in problems:
        bounded = derive(MISTAKES[name].tape(problem), exact_inputs(problem, FORMATS[dtype]), {})
        given = autograd(problem, *PASSES[name])
        for quantity, value in list(given.items())[name in ALONE :]:  # the loss comes first
            assert (np.abs(value - bounded[quantity].value) <= bounded[quantity].error).all(), quantity


# The way back through a layer, in whole numbers.

BY_HAND = {
    "mask-of-the-gradient": ("dL/dz{}", lambda at: at.da * at.slope(at.da)),
    "mask-of-the-gradient-too": ("dL/dz{}", lambda at: np.where((at.da > 0) & (at.z > 0), at.da, 0)),
    "derivative-at-the-gradient": ("dL/dz{}", lambda at: at.slope(at.da)),
    "gradient-written-over": ("dL/dz{}", lambda at: at.da),
    "gradients-from-the-layer-before": ("dL/dW{}", lambda at: product(at.down.dz, at.x)),
    "weight-gradient-from-the-derivative": ("dL/dW{}", lambda at: product(at.dz, at.down.slope(at.down.z))),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_the_wrong_numbers_are_those_of_the_wrong_formula_by_hand(name):
    pattern, formula = BY_HAND[name]
    claim, correct = next(mistaken_steps(WHOLE, MISTAKES[name])), next(training_steps(WHOLE))
    wrong = {line.name for line in MISTAKES[name].lines(WHOLE)}
    by_hand = {pattern.format(k): formula(at) for k, at in enumerate(layers_of(claim), start=1)}
    those = by_hand.keys() & wrong
    assert those
    assert all(np.array_equal(claim[quantity], by_hand[quantity]) for quantity in those)
    assert any(not np.array_equal(claim[quantity], correct[quantity]) for quantity in wrong)


@pytest.mark.parametrize(
    ("name", "slope"),
    [("square-missing-in-the-derivative", lambda a: 1 - a), ("derivative-of-tan", lambda a: 1 + a**2)],
)
def test_derivatives_of_tanh_that_are_nearly_right(name, slope):
    claim = next(mistaken_steps(network(activations="tanh"), MISTAKES[name]))
    assert np.allclose(claim["da1/dz1"], slope(np.tanh(claim["z1"])), rtol=1e-15)


# Updates.


def over_the_norm(eps):
    def change(gradients):
        norm = np.sqrt(sum((g**2).sum() for g in gradients.values()))
        return {name: g / (norm + eps) for name, g in gradients.items()}

    return change


def each(change):
    return lambda gradients: {name: change(g) for name, g in gradients.items()}


def largest(w, g, s, t, _):
    m, v = averages(s, g)
    s["most"] = np.maximum(s.get("most", 0), v / (1 - B2**t))
    return w - ETA * m / (1 - B1**t) / (np.sqrt(s["most"]) + EPS)


def corrected_by(first, second):
    def update(w, g, s, t, _):
        m, v = averages(s, g)
        return w - ETA * first(m, t) / (np.sqrt(second(v, t)) + EPS)

    return update


def begun_with_the_first(w, g, s, t, _):
    s["m"] = B1 * s["m"] + (1 - B1) * g if t > 1 else g
    s["v"] = B2 * s["v"] + (1 - B2) * g**2 if t > 1 else g**2
    return w - ETA * s["m"] / (1 - B1**t) / (np.sqrt(s["v"] / (1 - B2**t)) + EPS)


def times_the_root(w, g, s, t, _):
    m, v = averages(s, g)
    return w - ETA * m / (1 - B1**t) * (np.sqrt(v / (1 - B2**t)) + EPS)


def adamax(w, g, s, t, _):
    s["m"] = B1 * s.get("m", 0) + (1 - B1) * g
    s["u"] = np.maximum(B2 * s.get("u", 0), abs(g) + EPS)
    return w - ETA / (1 - B1 * t) * s["m"] / s["u"]


def of_weights(w, g, s, t, _):
    s["m"], s["v"] = B1 * s.get("m", 0) + (1 - B1) * g, B2 * s.get("v", 0) + (1 - B2) * w**2
    return w - ETA * s["m"] / (1 - B1**t) / (np.sqrt(s["v"] / (1 - B2**t)) + EPS)


def added_up(w, g, s, *_):
    s["m"] = s.get("m", 0) + MU * g
    return w - ETA * s["m"]


def plain(w, g, *_):
    return w - ETA * g


def unchanged(gradients):
    return gradients


# The optimizer that is asked for, what is done to all gradients, and the update of one parameter.
UPDATES = {
    "gradients-over-their-norm": ("sgd", over_the_norm(0), plain),
    "each-gradient-over-its-norm": ("sgd", each(lambda g: g / np.linalg.norm(g)), plain),
    "clipped-to-a-norm-of-1": ("sgd", over_the_norm(1e-6), plain),
    "sign-of-the-gradient": ("sgd", each(np.sign), plain),
    "optimizer-not-used": ("adam", unchanged, plain),
    "momentum-added-up": ("momentum", unchanged, added_up),
    "decay-for-the-gradient": ("sgd-decay", unchanged, lambda w, *_: w - ETA * LAMBDA * w),
    "decay-without-the-parameter": (
        "adamw", unchanged, lambda w, g, s, t, _: w - ETA * (adam(s, g, t) + LAMBDA)
    ),
    "squares-of-the-parameter": ("adam", unchanged, of_weights),
    "averages-begun-with-the-first": ("adam", unchanged, begun_with_the_first),
    "multiplied-by-the-root": ("adam", unchanged, times_the_root),
    "correction-with-a-misplaced-power": (
        "adam", unchanged, corrected_by(lambda m, t: m / (1 - B1) ** t, lambda v, t: v / (1 - B2) ** t)
    ),
    "multiplied-by-the-corrections": (
        "adam", unchanged, corrected_by(lambda m, t: m * (1 - B1**t), lambda v, t: v * (1 - B2**t))
    ),
    "correction-of-a-product": ("adamax", unchanged, adamax),
    "largest-corrected-square": ("adam", unchanged, largest),
}  # fmt: skip


@pytest.mark.parametrize("name", UPDATES)
def test_a_wrong_update_by_hand_is_what_the_mistaken_tape_allows(name):
    optimizer, change, update = UPDATES[name]
    problem = ruled(optimizer)
    p, states = dict(problem.parameters), {name: {} for name in problem.parameters}
    for t in range(1, problem.steps + 1):
        gradients = change(forward_and_back(p, problem.x, problem.y)[1])
        p = {name: update(w, gradients[name], states[name], t, 0) for name, w in p.items()}
    assert explains(name, problem, p)


def test_a_sum_of_norms_by_hand():
    problem = ruled(clip=(0.05, 0.0))
    p = dict(problem.parameters)
    for _ in range(problem.steps):
        _, g = forward_and_back(p, problem.x, problem.y)
        total = sum(np.linalg.norm(one) for one in g.values())
        p = {name: w - ETA * min(1, 0.05 / total) * g[name] for name, w in p.items()}
    assert explains("sum-of-norms", problem, p)


def trained_in_pytorch(problem, optimizer, *, one_behind):
    """Train by PyTorch's own gradients and optimizer, which may take the gradients of the step before."""
    given = {name: torch.tensor(array, requires_grad=True) for name, array in problem.parameters.items()}
    rule = optimizer(given.values())
    for _ in range(problem.steps):
        a = torch.tensor(problem.x)
        for k, activation in enumerate(problem.activations, start=1):
            a = torch_functions.ACTIVATIONS[activation](a @ given[f"W{k}"].T + given[f"b{k}"])
        gradients = torch.autograd.grad(right(problem, a, torch.tensor(problem.y)), list(given.values()))
        rule.step() if one_behind else None
        for w, gradient in zip(given.values(), gradients, strict=True):
            w.grad = gradient
        None if one_behind else rule.step()
    return {name: w.detach().numpy() for name, w in given.items()}


ADAM = {"lr": ETA, "betas": (B1, B2), "eps": EPS}
RULES = {
    "momentum": lambda given: torch.optim.SGD(given, ETA, MU),
    "adam": lambda given: torch.optim.Adam(given, **ADAM),
    "adamw": lambda given: torch.optim.AdamW(given, weight_decay=LAMBDA, **ADAM),
}


@pytest.mark.parametrize("optimizer", RULES)
def test_pytorchs_optimizers_with_the_gradients_of_the_step_before(optimizer):
    problem = ruled(optimizer, steps=4)
    parameters = trained_in_pytorch(problem, RULES[optimizer], one_behind=True)
    assert explains("gradient-of-the-step-before", problem, parameters)


def test_pytorchs_amsgrad_is_that_of_the_largest_square():
    problem = load_case("mistakes/more-largest-square").problem("float64")
    numbers = {"lr": problem.learning_rate, "betas": (0.9, 0.5), "eps": 1e-3, "amsgrad": True}
    amsgrad = trained_in_pytorch(problem, lambda given: torch.optim.Adam(given, **numbers), one_behind=False)
    assert explains("largest-square", problem, amsgrad)


def test_losses_are_added_up_or_averaged_over_the_steps():
    problem = ruled("adam", steps=4)
    losses = np.cumsum([float(step["loss"]) for step in training_steps(problem)])
    for name, expected in (("losses-added-up", losses), ("mean-over-the-steps", losses / np.arange(1, 5))):
        steps = mistaken_steps(problem, MISTAKES[name])
        assert [float(step["loss"]) for step in steps] == pytest.approx(expected, rel=1e-14)


def test_a_rate_that_falls_one_period_ahead():
    net = network((2, 3, 2), 3, activations="tanh", learning_rate=1.0)
    steps = mistaken_steps(ruled(schedule=SLOW, net=net, steps=5), MISTAKES["schedule-one-period-ahead"])
    assert [float(step["rate"]) for step in steps] == [1 / 2, 1 / 2, 1 / 4, 1 / 4, 1 / 8]


SOFTMAX = network((3, 4, 3), loss=("softmax_cross_entropy", "mean"))
CLASSES = network((3, 4, 3), loss=("softmax_cross_entropy_with_integer_labels", "mean"))
ONE = replace(SOFTMAX, x=SOFTMAX.x[:1], y=SOFTMAX.y[:1])
ALIKE = replace(SOFTMAX, x=np.ones_like(SOFTMAX.x), y=np.ones_like(SOFTMAX.y))
FLOAT32 = in_format(SOFTMAX, "float32")
REASONS = [
    ("softmax-over-all-elements", "there is only one example", ONE),
    ("gradient-of-targets-that-sum-to-1", "the targets of every example sum to 1", CLASSES),
    ("class-for-probabilities", "every target is a class", CLASSES),
    ("logarithm-of-p-plus-1e-12", "beside these probabilities 1e-12 is lost in float32", FLOAT32),
    ("inputs-standardized", "an input is the same in all examples", ALIKE),
    ("targets-of-the-next-example", "all examples have the same targets", ALIKE),
    ("gradients-over-their-norm", "this optimizer divides out how large they are", ruled("adam")),
    ("clipped-to-a-norm-of-1", "the gradients are clipped", ruled(clip=(1.0, 0.0))),
    ("optimizer-not-used", "there is only one step", ruled("momentum", steps=1)),
    ("correction-of-a-product", "it would be the root of a negative number", ruled("adam")),
    ("schedule-one-period-ahead", "a period is one step", ruled(schedule=STEP)),
    ("losses-added-up", "what is kept is not followed over more than 100 steps", ruled(steps=101)),
]


@pytest.mark.parametrize(("name", "reason", "problem"), REASONS, ids=[name for name, *_ in REASONS])
def test_a_mistake_that_a_problem_does_not_allow_says_why(name, reason, problem):
    assert MISTAKES[name].tape(problem) == Inexpressible(reason)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_layers_in_16_bits_round_what_goes_in_and_what_comes_out(dtype):
    problem = network((3, 4, 2), 5, dtype="float32")
    claim = next(mistaken_steps(problem, MISTAKES[f"{str(dtype).removeprefix('torch.')}-layers"]))
    x, W, b, dz = (
        torch.tensor(array).to(dtype).float().numpy()
        for array in (problem.x, problem.parameters["W1"], problem.parameters["b1"], claim["dL/dz1"])
    )
    for name, expected in {"z1": x @ W.T + b, "dL/dW1": dz.T @ x, "dL/db1": dz.sum(0)}.items():
        assert np.array_equal(claim[name], torch.tensor(expected).to(dtype).float().numpy()), name
