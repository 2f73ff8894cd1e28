"""Networks for the tests: built from a few numbers, the same on every machine."""

from dataclasses import replace
from itertools import product
from types import MappingProxyType

import numpy as np

from cases import Problem, catalog
from cases.names import outcome
from cases.numbers import rounded_once

ACTIVATIONS, LOSSES = list(catalog.ACTIVATIONS), list(catalog.REDUCED_LOSSES)
SQUARES = [(name, reduction) for name, reduction in LOSSES if name.endswith("squared_error")]
assert (len(ACTIVATIONS), len(LOSSES), len(SQUARES)) == (15, 17, 3)

# The numbers that the losses with both reductions are given here.
NUMBERS = {
    "softmax_cross_entropy": {"label_smoothing": 0.1},
    "softmax_cross_entropy_with_integer_labels": {"label_smoothing": 0.0},
    "binary_cross_entropy_with_logits": {},
    "binary_cross_entropy": {},
    "huber": {"delta": 0.7},
    "smooth_l1": {"beta": 0.3},
    "l1": {},
}


def network(
    widths=(2, 3, 1),
    batch=4,
    *,
    activations="sigmoid",
    loss=("half_squared_error", "sum"),
    dtype="float64",
    scale=1.0,
    seed=0,
    **others,
) -> Problem:
    """Draw a network whose pre-activations are of the order of `scale`, and targets that fit its loss.

    A loss of probabilities has a sigmoid before it, whatever is asked for, and one that is not saturated.
    """
    rng = np.random.default_rng([seed, *widths, batch])
    depth = len(widths) - 1
    parameters = {}
    named = [activations] * depth if isinstance(activations, str) else list(activations)
    if loss[0] == "binary_cross_entropy":
        named[-1], scale = "sigmoid", min(scale, 1.0)
    numbers = others.pop("loss_numbers", NUMBERS.get(loss[0], {}))
    for k in range(1, depth + 1):
        weights = rng.standard_normal((widths[k], widths[k - 1])) * scale / np.sqrt(widths[k - 1])
        parameters |= {f"W{k}": rounded_once(weights, dtype)}
        parameters |= {f"b{k}": rounded_once(rng.standard_normal(widths[k]), dtype)}
    return Problem(
        case=f"net-{'-'.join(map(str, widths))}",
        dtype=dtype,
        activations=tuple(named),
        parameters=MappingProxyType(parameters),
        x=rounded_once(rng.standard_normal((batch, widths[0])), dtype),
        y=rounded_once(targets(loss[0], rng, (batch, widths[-1])), dtype),
        loss=loss[0],
        reduction=loss[1],
        loss_numbers=rounded(numbers, dtype),
        learning_rate=float(rounded_once(others.pop("learning_rate", 0.1), dtype)),
        **others,
    )


def rounded(numbers, dtype):
    """Return a loss's numbers as a problem in `dtype` has them."""
    return tuple((name, float(rounded_once(number, dtype))) for name, number in numbers.items())


def targets(loss, rng, shape):
    """Draw targets that a loss makes sense of: probabilities, classes, yes or no, or any numbers."""
    match loss:
        case "softmax_cross_entropy":
            return rng.dirichlet(np.ones(shape[1]), shape[0])
        case "softmax_cross_entropy_with_integer_labels":
            return np.eye(shape[1])[rng.integers(shape[1], size=shape[0])]
        case "binary_cross_entropy_with_logits" | "binary_cross_entropy":
            return np.where(rng.random(shape) < 0.7, rng.integers(2, size=shape), rng.random(shape))
    return rng.standard_normal(shape)


# Several, in which nearly every mistake can be made.
DRAWN = [
    network((3, 4, 4, 3), 5, activations=("tanh", "sigmoid", "sigmoid"), loss=("half_squared_error", "mean")),
    network((4, 4, 4, 4), 3, activations="tanh", not_trained=frozenset({"b2"})),
    network((2, 3, 3, 3), 4, activations="sigmoid", loss=("mean_squared_error", "mean")),
    network((3, 4, 3), 4, loss=("softmax_cross_entropy", "mean")),
    network((3, 4, 3), 4, loss=("binary_cross_entropy_with_logits", "sum")),
    network((3, 3, 1), 3, activations=("leaky_relu", "sigmoid"), loss=("huber", "mean")),
]


def confident():
    """Draw relu before a softmax that is sure of itself, of targets that do not sum to 1."""
    net = network(
        (3, 4, 3), 4, activations=("relu", "identity"), loss=("softmax_cross_entropy", "mean"), scale=3.5
    )
    return replace(net, y=1.5 * net.y)


def exactly(problem, dtype):
    """Return the same numbers in another format, without rounding where it is wider."""
    parameters = {name: array.astype(dtype) for name, array in problem.parameters.items()}
    x, y = problem.x.astype(dtype), problem.y.astype(dtype)
    return replace(problem, dtype=dtype, x=x, y=y, parameters=MappingProxyType(parameters))


def in_format(problem, dtype):
    """Return the same problem in another format, its learning rate rounded as well."""
    rate = float(np.dtype(dtype).type(problem.learning_rate))
    return replace(exactly(problem, dtype), learning_rate=rate)


def damaged(run, damage):
    """Wrap an implementation so that `damage` changes each of its claims before they are judged."""

    def implementation(problem):
        for claim in run(problem):
            changed = {name: np.array(value) for name, value in claim.items()}
            damage(changed)
            yield changed

    return implementation


def showing(run, names):
    """Wrap an implementation so that it shows only these quantities."""
    return lambda problem: (
        {name: value for name, value in claim.items() if name in names} for claim in run(problem)
    )


def hiding(run):
    """Wrap a program so that it shows only its outcome: the loss, the gradients, the updated parameters."""
    return lambda problem: showing(run, outcome(problem.depth))(problem)


def pairs(*, every):
    """Every activation with a loss and every loss with an activation, in one format after another; or all."""
    for (i, activation), (j, loss) in product(enumerate(ACTIVATIONS), enumerate(LOSSES)):
        if every or (i + j) % 15 == 0:
            for dtype in ("float64", "float32") if every else (("float64", "float32")[i % 2],):
                yield activation, loss, dtype


def parametrize_pairs(metafunc, *, one_in=1):
    """Give a test that takes them `activation`, `loss` and `dtype`: with --slow, all there are."""
    if {"activation", "loss", "dtype"} <= set(metafunc.fixturenames):
        slow = metafunc.config.getoption("--slow")
        given = list(pairs(every=slow))[:: 1 if slow else one_in]
        ids = [f"{activation}-{'-'.join(loss)}-{dtype}" for activation, loss, dtype in given]
        metafunc.parametrize(("activation", "loss", "dtype"), given, ids=ids)
