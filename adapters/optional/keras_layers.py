"""Keras 3 on JAX: its dense layers, losses and optimizers, differentiated by JAX.

The backend is the one that is chosen (`KERAS_BACKEND`), or else JAX. Keras adds ε inside the root in RMSprop
and Adagrad; in Adam before the correction, and so it has no equal form of what a case states.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import jax
import numpy as np

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras

from adapters.jax_grad import ACCUMULATORS
from cases import Problem, Rule, names
from cases.protocol import Adapter, Claim, NoEquivalent, Program, activations_of

ACTIVATIONS: Final[Mapping[str, Any]] = {
    **{
        name: name
        for name in ("sigmoid", "tanh", "relu", "softplus", "silu", "elu", "selu", "relu6", "softsign")
    },
    "identity": "linear",
    "log_sigmoid": "log_sigmoid",
    "gelu": "gelu",
    "gelu_erf": lambda z: keras.activations.gelu(z, approximate=False),
    "gelu_tanh": lambda z: keras.activations.gelu(z, approximate=True),
    "leaky_relu": lambda z: keras.activations.leaky_relu(z, negative_slope=0.01),
    "hardtanh": "hard_tanh",
}
# Of targets and predictions: the losses of the examples or of the elements.
LOSSES: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "half_squared_error": lambda y, a: keras.ops.sum(keras.ops.square(a - y), axis=-1) / 2,
    "mean_squared_error": keras.losses.mean_squared_error,
    "softmax_cross_entropy": lambda y, a: keras.losses.categorical_crossentropy(y, a, from_logits=True),
}


def _optimizer(rule: Rule, rate: float) -> Any:  # noqa: ANN401 - one of Keras' classes
    if rule.has("weight_decay") or rule.has("dampening"):
        raise NoEquivalent("Keras has no such weight decay, and no dampening")
    optimizers = keras.optimizers
    if rule.name == "sgd":
        return optimizers.SGD(rate, momentum=rule.get("momentum"), nesterov="nesterov" in rule.options)
    inside = "eps_in_sqrt" in rule.options
    if rule.name == "rmsprop" and inside:
        return optimizers.RMSprop(
            rate, rho=rule["alpha"], epsilon=rule["eps"], centered="centered" in rule.options
        )
    if rule.name == "adagrad" and inside:
        return optimizers.Adagrad(rate, rule["initial_accumulator"], rule["eps"])
    raise NoEquivalent(f"Keras has no {rule.name} with such an ε")


def _model(problem: Problem) -> Any:  # noqa: ANN401 - one of Keras' models
    widths = [len(problem.parameters[names.b(k)]) for k in range(1, problem.depth + 1)]
    model = keras.Sequential([keras.Input((problem.x.shape[1],), dtype=problem.dtype)])
    for width, name in zip(widths, activations_of(problem), strict=True):
        model.add(keras.layers.Dense(width, activation=ACTIVATIONS[name], dtype=problem.dtype))
    weights = []
    for k in range(1, problem.depth + 1):
        weights += [problem.parameters[names.W(k)].T, problem.parameters[names.b(k)]]
    model.set_weights(weights)
    return model


def train(problem: Problem) -> Iterator[Claim]:
    known = (
        {*activations_of(problem)} <= {*ACTIVATIONS} and problem.loss in LOSSES and not problem.loss_numbers
    )
    if not known or problem.schedule or problem.clipping or problem.not_trained:
        raise NoEquivalent("this adapter has no such activation, loss or update")
    if problem.dtype != "float32":  # in float64 its layers give float32 unless JAX has 64 bits from the start
        raise NoEquivalent("Keras on JAX computes in float32")
    optimizer = _optimizer(problem.optimizer, problem.learning_rate)
    model = _model(problem)
    optimizer.build(model.trainable_variables)
    step = _step(problem, model, optimizer)
    trained, fixed, state = (
        [variable.value for variable in variables]
        for variables in (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
    )
    for _ in range(problem.steps):
        value, gradients, trained, state = step(trained, fixed, state, problem.x, problem.y)
        yield {
            "loss": np.asarray(value),
            **{names.gradient(name): array for name, array in _arrays(gradients)},
            **{names.updated(name): array for name, array in _arrays(trained)},
        }


def _step(problem: Problem, model: Any, optimizer: Any) -> Any:  # noqa: ANN401 - Keras' classes
    """Return the training step, compiled."""

    def objective(trained: Any, fixed: Any, x: Any, y: Any) -> Any:  # noqa: ANN401 - lists of JAX's arrays
        output, _ = model.stateless_call(trained, fixed, x, training=True)
        each = LOSSES[problem.loss](y, output)
        return keras.ops.sum(each) if problem.reduction == "sum" else keras.ops.mean(each)

    def step(trained: Any, fixed: Any, state: Any, x: Any, y: Any) -> Any:  # noqa: ANN401 - the same
        value, gradients = jax.value_and_grad(objective)(trained, fixed, x, y)
        return value, gradients, *optimizer.stateless_apply(state, gradients, trained)

    return jax.jit(step)


def _arrays(variables: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Give what belongs to each parameter, in the order of Keras' variables: a kernel is (n_in, n_out)."""
    for i, array in enumerate(variables):
        k = i // 2 + 1
        yield (names.b(k), np.array(array)) if i % 2 else (names.W(k), np.array(array).T)


adapter = Adapter(
    "keras", "Keras", keras.__version__, (Program("", train, accumulators=ACCUMULATORS, is_compiled=True),)
)
