"""Equinox: its linear layers and its filtered gradients, with JAX's functions and optax's updates."""

from collections.abc import Iterator
from typing import Any

import equinox
import jax
import numpy as np
import optax

from adapters.jax_functions import activate, loss_key, loss_of
from adapters.jax_grad import ACCUMULATORS
from adapters.jax_optimizers import optimizer_of, update_of
from cases import Problem, names
from cases.protocol import Adapter, Claim, NoEquivalent, Program, activations_of


class Network(equinox.Module):  # type: ignore[misc] # Equinox's types are not read
    """Linear layers with activations between them; it takes one example."""

    layers: list[Any]
    activations: tuple[str, ...] = equinox.field(static=True)

    def __call__(self, x: jax.Array) -> jax.Array:
        for layer, activation in zip(self.layers, self.activations, strict=True):
            x = activate(activation, layer(x))
        return x


def network_of(problem: Problem) -> Network:
    layers = []
    for k in range(1, problem.depth + 1):
        weight, bias = problem.parameters[names.W(k)], problem.parameters[names.b(k)]
        drawn = equinox.nn.Linear(weight.shape[1], len(weight), dtype=problem.dtype, key=jax.random.key(0))
        stated = (jax.numpy.asarray(weight), jax.numpy.asarray(bias))
        layers.append(equinox.tree_at(lambda one: (one.weight, one.bias), drawn, stated))
    return Network(layers, activations_of(problem))


def train(problem: Problem) -> Iterator[Claim]:
    if problem.schedule or problem.clipping or problem.not_trained:
        raise NoEquivalent("this adapter has a rate that stays, no clipping, and trains every parameter")
    key, update = loss_key(problem), update_of(problem)

    @equinox.filter_jit  # type: ignore[untyped-decorator] # the same
    def step(model: Network, state: Any, x: jax.Array, y: jax.Array) -> Any:  # noqa: ANN401 - optax's trees
        def objective(model: Network) -> jax.Array:
            return loss_of(key, jax.vmap(model)(x), y)

        value, gradients = equinox.filter_value_and_grad(objective)(model)
        updates, state = optimizer_of(update, problem.learning_rate).update(
            gradients, state, equinox.filter(model, equinox.is_array)
        )
        return value, gradients, equinox.apply_updates(model, updates), state

    with jax.enable_x64(problem.dtype == "float64"):
        model = network_of(problem)
        state = optimizer_of(update, problem.learning_rate).init(equinox.filter(model, equinox.is_array))
    for _ in range(problem.steps):
        with jax.enable_x64(problem.dtype == "float64"):
            value, gradients, model, state = step(model, state, problem.x, problem.y)
        yield {
            "loss": np.asarray(value),
            **{names.gradient(name): array for name, array in _arrays(gradients)},
            **{names.updated(name): array for name, array in _arrays(model)},
        }


def _arrays(model: Network) -> Iterator[tuple[str, Any]]:
    for k, layer in enumerate(model.layers, start=1):
        yield names.W(k), np.array(layer.weight)
        yield names.b(k), np.array(layer.bias)


adapter = Adapter(
    "equinox",
    "Equinox",
    f"{equinox.__version__}, optax {optax.__version__}",
    (Program("", train, accumulators=ACCUMULATORS, is_compiled=True),),
)
