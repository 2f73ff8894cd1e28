"""HIPS autograd: NumPy's own functions, differentiated by it; plain descent, which is all that it can be."""

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from typing import Any, Final

import autograd.numpy as np
from autograd import value_and_grad
from autograd.scipy.special import erf, expit

from cases import Problem, names
from cases.problem import SGD
from cases.protocol import Adapter, Claim, NoEquivalent, Program

ACTIVATIONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "sigmoid": expit,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "identity": lambda z: z,
    "softplus": lambda z: np.logaddexp(z, 0),
    "gelu_erf": lambda z: z * (1 + erf(z / np.sqrt(2))) / 2,
    "silu": lambda z: z * expit(z),
    "softsign": lambda z: z / (1 + np.abs(z)),
}
# Of predictions and targets, summed over all elements or, where a mean is over those, over the examples.
LOSSES: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "half_squared_error": lambda a, y: np.sum((a - y) ** 2) / 2,
    "l1": lambda a, y: np.sum(np.abs(a - y)),
}


def loss_of(parameters: Mapping[str, Any], problem: Problem) -> Any:  # noqa: ANN401 - autograd's own boxes
    a = problem.x
    for k, name in enumerate(problem.activations, start=1):
        a = ACTIVATIONS[name](np.dot(a, parameters[names.W(k)].T) + parameters[names.b(k)])
    count = len(problem.y) if problem.loss == "half_squared_error" else problem.y.size
    return LOSSES[problem.loss](a, problem.y) / (count if problem.reduction == "mean" else 1)


def train(problem: Problem) -> Iterator[Claim]:
    if (problem.optimizer, problem.schedule, problem.clipping) != (SGD, None, None):
        raise NoEquivalent("autograd has no such update")
    if problem.loss not in LOSSES or not {*problem.activations} <= {*ACTIVATIONS}:
        raise NoEquivalent("autograd has no such activation or loss")
    if problem.dtype not in ("float64", "float32"):
        raise NoEquivalent("autograd computes in float64 and float32")
    parameters = dict(problem.parameters)
    rate = np.asarray(problem.learning_rate, problem.dtype)
    for _ in range(problem.steps):
        value, gradients = value_and_grad(loss_of)(parameters, problem)
        for name in problem.trained:
            parameters[name] = parameters[name] - rate * gradients[name]
        yield {
            "loss": np.asarray(value, problem.dtype),
            **{names.gradient(name): gradients[name] for name in parameters},
            **{names.updated(name): parameters[name] for name in parameters},
        }


adapter = Adapter("autograd", "HIPS autograd", version("autograd"), (Program("", train),))
