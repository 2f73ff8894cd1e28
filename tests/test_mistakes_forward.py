"""Mistakes in the forward pass and in the loss: their gradients are those of PyTorch for the same pass."""

import pytest

pytest.importorskip("torch")

import math

import numpy as np
import torch
from networks import DRAWN, in_format, network
from networks import LOSSES as REDUCED
from torch.nn import functional as F  # noqa: N812 - the name PyTorch's own documentation uses

from adapters import torch_functions
from reference.activations import ACTIVATIONS
from reference.arithmetic import FORMATS
from reference.diagnosis.context import derive
from reference.mistakes import MISTAKES, Inexpressible
from reference.training import exact_inputs

OUTPUT = network((3, 3, 1), 3, activations=("leaky_relu", "sigmoid"), loss=("huber", "mean"))
PROBABILITIES = network((2, 3, 2), 4, loss=("binary_cross_entropy", "mean"))
PROBLEMS = [*DRAWN, OUTPUT, PROBABILITIES]
ONE_OUTPUT = [network((2, 3, 1), 3, loss=loss) for loss in REDUCED if "softmax" not in loss[0]]


def leak(slope):
    return lambda z, f: F.leaky_relu(z, slope) if f is torch_functions.ACTIVATIONS["leaky_relu"] else f(z)


def each(activate):
    return lambda a, W, b, f, last, x: activate(a @ W.T + b, f)


SLOPES = ["{0} (1 − {0})", "1 − {0}²"]


def is_square(W):
    return W.shape[0] == W.shape[1] > 1


# A layer as it is wrong: of its input a, weights, bias and activation, whether it is the last, and x.
LAYERS = {
    "weights-not-transposed": lambda a, W, b, f, last, x: f(a @ (W if is_square(W) else W.T) + b),
    "bias-not-added": lambda a, W, b, f, last, x: f(a @ W.T),
    "hidden-layer-left-out": lambda a, W, b, f, last, x: a if is_square(W) and not last else f(a @ W.T + b),
    "layer-fed-with-the-input": lambda a, W, b, f, last, x: f(
        (x if W.shape[1] == x.shape[1] else a) @ W.T + b
    ),
    "last-activation-forgotten": lambda a, W, b, f, last, x: a @ W.T + b if last else f(a @ W.T + b),
    "activation-applied-twice": each(lambda z, f: f(f(z))),
    "leaky-relu-of-tensorflow": each(leak(0.2)),
    "leaky-relu-of-keras": each(leak(0.3)),
    **{
        f"activation-{name.replace('_', '-')}": each(lambda z, _, f=torch_functions.ACTIVATIONS[name]: f(z))
        for name in ACTIVATIONS
    },
}


def right(problem, y_hat, y):
    return torch_functions.loss_of(problem, y_hat, y)


def another(name):
    """Another loss; that of smooth_l1 for huber has its δ as β."""

    def loss(problem, y_hat, y):
        reduction = "mean" if name == "mean_squared_error" else problem.reduction
        numbers = {"huber": {"delta": 1}, "smooth_l1": {"beta": dict(problem.loss_numbers).get("delta")}}
        return torch_functions.LOSSES[name](y_hat, y, reduction=reduction, **numbers.get(name, {}))

    return loss


def mean_of_means(size):
    return lambda problem, y_hat, y: torch.stack([
        right(problem, *part) for part in zip(y_hat.split(size), y.split(size), strict=True)
    ]).mean()  # fmt: skip


def every_pair(problem, y_hat, y):
    pairs = torch.broadcast_tensors(y_hat, y[:, 0])
    return torch_functions.LOSSES[problem.loss](*pairs, reduction="sum", **dict(problem.loss_numbers))


def left_out(kept):
    return lambda problem, y_hat, y: right(problem, y_hat[: kept(len(y))], y[: kept(len(y))])


def smoothed(targets):
    """Softmax cross-entropy of other targets, from s, n and y."""
    return lambda problem, y_hat, y: F.cross_entropy(
        y_hat, targets(problem.loss_numbers[0][1], y.shape[1], y), reduction=problem.reduction
    )


def likelihoods(of):
    """−1/N Σ y' of(ŷ): what takes the place of log softmax(ŷ)."""

    def loss(problem, y_hat, y):
        s = problem.loss_numbers[0][1]
        return -(((1 - s) * y + s / y.shape[1]) * of(y_hat)).sum() / len(y)

    return loss


def half(problem, y_hat, y):
    return F.mse_loss(y_hat, y, reduction="sum") / (len(y) if problem.reduction == "mean" else 1)


# A loss as it is wrong, of the problem, ŷ and y.
LOSSES = {
    "divided-by-n-once-more": lambda problem, y_hat, y: right(problem, y_hat, y) / len(y),
    **{f"mean-of-means-of-{size}": mean_of_means(size) for size in (2, 3, 4)},
    **{
        f"last-of-micro-batches-of-{size}-left-out": left_out(lambda examples, m=size: examples // m * m)
        for size in (2, 3, 4)
    },
    "loss-of-the-last-example": lambda problem, y_hat, y: right(problem, y_hat[-1:], y[-1:]),
    "targets-broadcast": lambda problem, y_hat, y: (
        every_pair(problem, y_hat, y) / {"sum": 1, "mean": len(y) ** 2}[problem.reduction]
    ),
    "targets-broadcast-over-examples": lambda problem, y_hat, y: every_pair(problem, y_hat, y) / len(y),
    "half-missing-differentiated": half,
    "half-added": lambda problem, y_hat, y: right(problem, y_hat, y) / 2,
    "root-of-the-squared-error": lambda problem, y_hat, y: right(problem, y_hat, y).sqrt(),
    "where-the-square-ends": another("huber"),
    "outputs-negated": lambda problem, y_hat, y: right(problem, -y_hat, y),
    **{
        f"loss-{name.replace('_', '-')}": another(name)
        for name in torch_functions.LOSSES
        if not name.endswith("labels")
    },
    "label-smoothing-over-the-other-classes": smoothed(lambda s, n, y: (1 - s) * y + s * (1 - y) / (n - 1)),
    "label-smoothing-takes-too-little-off": smoothed(lambda s, n, y: y - y * s / n + s / n),
    "label-smoothing-adds-too-much": smoothed(lambda s, n, y: (1 - s) * y + 1 / n),
    "classes-counted-from-1": lambda problem, y_hat, y: right(problem, y_hat, F.pad(y, (1, 0))[:, :-1]),
    "one-taken-off-the-classes": lambda problem, y_hat, y: right(problem, y_hat, torch.roll(y, -1, 1)),
    "softmax-over-the-examples": likelihoods(lambda y_hat: y_hat.log_softmax(0)),
    "logarithm-missing": likelihoods(lambda y_hat: y_hat.softmax(1)),
    **{
        f"logarithm-to-base-{base}": lambda problem, y_hat, y, b=base: right(problem, y_hat, y) / math.log(b)
        for base in (2, 10)
    },
    "sigmoid-for-softmax": likelihoods(F.logsigmoid),
    "outputs-and-targets-swapped": lambda problem, y_hat, y: right(problem, y, y_hat),
    "targets-inverted": lambda problem, y_hat, y: right(problem, y_hat, 1 - y),
    "log-likelihood": lambda problem, y_hat, y: -right(problem, y_hat, y),
    "second-term-missing": lambda problem, y_hat, y: (
        -(y * y_hat.log()).mean()
        if problem.loss == "binary_cross_entropy"
        else -(y * F.logsigmoid(y_hat)).sum()
    ),
    "softmax-applied-twice": lambda problem, y_hat, y: right(problem, y_hat.softmax(1), y),
    "sigmoid-before-the-logits-loss": lambda problem, y_hat, y: right(problem, y_hat.sigmoid(), y),
}


def with_gradient(of):
    """A number whose gradient at ŷ is this function of the problem, ŷ and y: the loss itself is right."""
    return lambda problem, y_hat, y: (y_hat * of(problem, y_hat.detach(), y)).sum()


def not_cancelled(problem, y_hat, y):
    if problem.loss == "binary_cross_entropy_with_logits":
        return (y_hat.sigmoid() - y) * y_hat.sigmoid() * y_hat.sigmoid().neg().add(1)
    if problem.loss == "binary_cross_entropy":
        return (y_hat - y) / y.numel()
    p, s = y_hat.softmax(1), problem.loss_numbers[0][1]
    return (p - (1 - s) * y - s / y.shape[1]) * p * (1 - p) / len(y)


def diagonal(problem, y_hat, y):
    p, s = y_hat.softmax(1), problem.loss_numbers[0][1]
    return -((1 - s) * y + s / y.shape[1]) / p * (p * (1 - p)) / len(y)


ALONE = {
    "gradient-of-the-outputs": lambda problem, y_hat, y: y_hat.sum(),
    "cancelled-derivative-again": with_gradient(not_cancelled),
    "softmax-diagonal-only": with_gradient(diagonal),
}


def autograd(problem, layer, loss):
    """Return the loss and every gradient, as PyTorch gives them of a forward pass."""
    given = {name: torch.tensor(array, requires_grad=True) for name, array in problem.parameters.items()}
    x, y = torch.tensor(problem.x), torch.tensor(problem.y)
    a = x
    for k, activation in enumerate(problem.activations, start=1):
        f = torch_functions.ACTIVATIONS[activation]
        a = layer(a, given[f"W{k}"], given[f"b{k}"], f, k == problem.depth, x)
    value = loss(problem, a, y)
    gradients = torch.autograd.grad(value, list(given.values()), materialize_grads=True)
    named = {f"dL/d{name}": one for name, one in zip(given, gradients, strict=True)}
    return {name: one.detach().numpy() for name, one in {"loss": value, **named}.items()}


PASSES = {f"{name}-differentiated": (layer, right) for name, layer in LAYERS.items()}
RIGHT = each(lambda z, f: f(z))
PASSES |= {name: (RIGHT, loss) for name, loss in (LOSSES | ALONE).items()}


def expressible(name, dtype):
    """Where it can be made; no other activation than σ goes before a loss of probabilities."""
    drawn = PROBLEMS[:-1] if name.endswith("-differentiated") else PROBLEMS
    drawn = drawn + ONE_OUTPUT * name.startswith("targets-broadcast")
    problems = [one if dtype == "float64" else in_format(one, dtype) for one in drawn]
    return [one for one in problems if not isinstance(MISTAKES[name].lines(one), Inexpressible)]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", PASSES)
def test_its_gradients_are_those_that_pytorch_finds_of_the_same_pass(name, dtype):
    problems = expressible(name, dtype)
    assert problems
    for problem in problems:
        bounded = derive(MISTAKES[name].tape(problem), exact_inputs(problem, FORMATS[dtype]), {})
        given = autograd(problem, *PASSES[name])
        for quantity, value in list(given.items())[name in ALONE :]:  # the loss comes first
            off = np.abs(value - bounded[quantity].value)
            assert (off <= bounded[quantity].error).all(), (problem.case, problem.loss, quantity)
            assert np.isfinite(bounded[quantity].error).all()


def equations(name, problem, kinds):
    return {line.name: line.equation for line in MISTAKES[name].lines(problem) if line.name[:2] in kinds}


@pytest.mark.parametrize("name", LAYERS)
def test_before_the_right_backward_pass_the_same_lines_are_wrong_and_what_is_computed_from_a(name):
    for problem in expressible(name, "float64"):
        forward = [f"{letter}{k}" for letter in "za" for k in (1, 2, 3)]
        backward = equations(name, problem, ["da", "dL"])
        assert set(backward.values()) <= {form.format(f"a{k}") for form in SLOPES for k in (1, 2, 3)}
        assert equations(name, problem, forward) == equations(f"{name}-differentiated", problem, forward)


def test_a_wrong_activation_is_looked_for_everywhere_in_the_hidden_layers_and_in_each_layer():
    layers = [(f"a{k}", f"da{k}/dz{k}") for k in (1, 2, 3)]
    sites = {frozenset(site) for site in MISTAKES["activation-relu-differentiated"].sites(DRAWN[1])}
    assert sites == {frozenset(sum(some, ())) for some in (layers, layers[:2], *([one] for one in layers))}
