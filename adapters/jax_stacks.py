"""JAX over a stack of cases: `jax.vmap` of the whole training, compiled once for each structure."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import jax
import numpy as np

from adapters.adapter import activations_of
from adapters.jax_cache import use_compilation_cache
from adapters.jax_devices import first_device
from adapters.jax_functions import loss_key
from adapters.jax_grad import Arrays, Structure, step_of, zeros
from adapters.jax_optimizers import Update, optimizer_of
from reference import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from adapters.adapter import Claim
    from cases import Problem

    Training: TypeAlias = Callable[..., list[tuple[Arrays, Arrays]]]


def train_stack(problem: Problem, *, observe: bool) -> Iterator[Claim]:
    """Train a stack of cases; all steps are one compiled program."""
    use_compilation_cache()
    structure = Structure(activations_of(problem), loss_key(problem), problem.trained, Update.of(problem))
    train = compiled_training(structure, problem.steps)
    added = zeros(problem) if observe else {}
    rate = np.asarray(problem.learning_rate, problem.dtype)
    wide = problem.dtype == "float64" and problem.forms == "stated"
    with jax.enable_x64(wide), jax.default_device(first_device("cpu")):
        taken = train(dict(problem.parameters), added, problem.x, problem.y, rate)
    for seen, parameters in jax.tree.map(np.asarray, taken):
        claim = seen | {names.updated(name): array for name, array in parameters.items()}
        if names.RATE in claim:  # the same for every case, and therefore stated once
            claim[names.RATE] = claim[names.RATE][0]
        yield {name: np.array(array) for name, array in claim.items()}


@lru_cache(maxsize=64)
def compiled_training(structure: Structure, steps: int) -> Training:
    """Build the training of one structure, from its parameters on; `jit` compiles it once for its shapes."""
    step = step_of(structure)

    def train(
        parameters: Arrays, added: Arrays, x: jax.Array, y: jax.Array, learning_rate: jax.Array
    ) -> list[tuple[Arrays, Arrays]]:
        trained = {name: parameters[name] for name in structure.trained}
        state = optimizer_of(structure.update, learning_rate).init(trained)
        claims = []
        for count in range(steps):  # not `scan`: for a few steps a loop takes twice as long to compile
            seen, parameters, state = step(parameters, state, added, x, y, learning_rate, np.int32(count))
            claims.append((seen, parameters))
        return claims

    return jax.jit(jax.vmap(train, in_axes=(0, 0, 0, 0, None)))
