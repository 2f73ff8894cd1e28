"""scikit-learn's MLPRegressor: one step of `partial_fit` on the whole batch, from given parameters.

Its gradients and its solvers are its own; they are seen in what its private `_backprop` returns. The loss is
half the mean over all elements, and the gradients are of the mean over the examples: with several outputs
the two are not of one function (scikit-learn, sklearn/neural_network/_multilayer_perceptron.py and _base.py).
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import sklearn
from sklearn.neural_network import MLPRegressor

from cases import Problem, names
from cases.protocol import Adapter, Claim, NoEquivalent, Program

ACTIVATIONS: Final = {"sigmoid": "logistic", "tanh": "tanh", "relu": "relu", "identity": "identity"}


class Regressor(MLPRegressor):  # type: ignore[misc] # scikit-learn ships no type information
    """The same, which keeps the loss and the gradients of its last step."""

    seen: tuple[float, list[Any], list[Any]]

    def _backprop(self, *given: Any) -> Any:  # noqa: ANN401 - whatever the release passes
        loss, weights, biases = super()._backprop(*given)
        self.seen = float(loss), [array.copy() for array in weights], [array.copy() for array in biases]
        return loss, weights, biases


def _solver(problem: Problem) -> dict[str, Any]:
    rule = problem.optimizer
    if problem.schedule or problem.clipping or problem.not_trained or rule.has("weight_decay"):
        raise NoEquivalent("MLPRegressor has no such update")
    if rule.name == "sgd" and not rule.has("dampening"):
        nesterov = "nesterov" in rule.options
        return {"solver": "sgd", "momentum": rule.get("momentum"), "nesterovs_momentum": nesterov}
    if rule.name == "adam" and problem.forms == "defaults":
        return {"solver": "adam"}
    raise NoEquivalent("MLPRegressor's solvers are SGD, and Adam with ε added before the bias correction")


def _hidden(problem: Problem) -> str:
    *hidden, last = problem.activations
    if last != "identity" or len({*hidden}) > 1 or not {*hidden} <= {*ACTIVATIONS}:
        raise NoEquivalent("MLPRegressor has one activation in all hidden layers, and none in the last")
    return ACTIVATIONS[hidden[0]] if hidden else "identity"


def train(problem: Problem) -> Iterator[Claim]:
    is_mean = problem.reduction == "mean" or len(problem.x) == 1
    if problem.loss != "half_squared_error" or not is_mean:
        raise NoEquivalent("MLPRegressor's loss is half the mean squared error")
    if problem.dtype not in ("float64", "float32") or problem.depth == 1:
        raise NoEquivalent("MLPRegressor has a hidden layer, and computes in float64 and float32")
    widths = tuple(len(problem.parameters[names.b(k)]) for k in range(1, problem.depth))
    model = Regressor(
        hidden_layer_sizes=widths,
        activation=_hidden(problem),
        alpha=0.0,
        batch_size=len(problem.x),
        learning_rate_init=problem.learning_rate,
        shuffle=False,
        **_solver(problem),
    )
    y = problem.y if problem.y.shape[1] > 1 else problem.y[:, 0]
    layers = range(1, problem.depth + 1)
    model.partial_fit(problem.x, y)  # makes arrays of these shapes, which are then given their numbers
    for k in layers:
        model.coefs_[k - 1][:] = problem.parameters[names.W(k)].T
        model.intercepts_[k - 1][:] = problem.parameters[names.b(k)]
    _forget(model)
    for _ in range(problem.steps):
        model.partial_fit(problem.x, y)
        yield _claim(model, problem)


def _forget(model: Regressor) -> None:
    """Begin the solver's state anew: velocities, averages and the count of steps."""
    solver = model._optimizer  # noqa: SLF001 - there is no other way to begin from given parameters
    for name in ("velocities", "ms", "vs"):
        for array in getattr(solver, name, ()):
            array[...] = 0
    if hasattr(solver, "t"):
        solver.t = 0


def _claim(model: Regressor, problem: Problem) -> Claim:
    loss, weights, biases = model.seen
    claim = {"loss": np.asarray(loss, problem.dtype)}
    for k, (weight, bias) in enumerate(zip(weights, biases, strict=True), start=1):
        claim |= {names.gradient(names.W(k)): weight.T, names.gradient(names.b(k)): bias}
        claim |= {
            names.updated(names.W(k)): model.coefs_[k - 1].T.copy(),
            names.updated(names.b(k)): model.intercepts_[k - 1].copy(),
        }
    return claim


adapter = Adapter("sklearn", "scikit-learn", sklearn.__version__, (Program("", train),))
