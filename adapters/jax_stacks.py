"""JAX over a stack of cases: `jax.vmap` of the training step, compiled once for each structure."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeAlias

import jax
import numpy as np
from numpy.typing import NDArray

from adapters.jax_cache import use_compilation_cache
from adapters.jax_devices import first_device
from adapters.jax_functions import loss_key
from adapters.jax_grad import Arrays, Step, Structure, step_of, zeros
from adapters.jax_optimizers import Update, optimizer_of
from cases import Problem, names
from cases.protocol import Claim, activations_of

Start: TypeAlias = Callable[[Any, NDArray[Any]], object]


def train_stack(problem: Problem, *, observe: bool) -> Iterator[Claim]:
    """Train a stack of cases; each step goes on from what the step before has stated.

    One program for all steps would be simplified across them, and a state be used that nobody has seen.
    """
    use_compilation_cache()
    structure = Structure(activations_of(problem), loss_key(problem), problem.trained, Update.of(problem))
    start, step = compiled(structure)
    added = zeros(problem) if observe else {}
    rate = np.asarray(problem.learning_rate, problem.dtype)
    wide = problem.dtype == "float64" and problem.forms == "stated"
    parameters = dict(problem.parameters)
    with jax.enable_x64(wide), jax.default_device(first_device("cpu")):
        state = start({name: parameters[name] for name in problem.trained}, rate)
    for count in range(problem.steps):
        with jax.enable_x64(wide), jax.default_device(first_device("cpu")):
            taken = step(parameters, state, added, problem.x, problem.y, rate, np.int32(count))
        seen, parameters, state = jax.tree.map(np.asarray, taken)
        claim = seen | {names.updated(name): array for name, array in parameters.items()}
        if names.RATE in claim:  # the same for every case, and therefore stated once
            claim[names.RATE] = claim[names.RATE][0]
        yield {name: np.array(array) for name, array in claim.items()}


@lru_cache(maxsize=64)
def compiled(structure: Structure) -> tuple[Start, Step]:
    """Build the optimizer's start and the training step of one structure, over a stack.

    `jit` compiles each once for its shapes; an optimizer without a state needs no start to be compiled.
    """

    def start(trained: Arrays, learning_rate: jax.Array) -> object:
        return optimizer_of(structure.update, learning_rate).init(trained)

    each = jax.vmap(start, in_axes=(0, None))
    step = jax.vmap(step_of(structure), in_axes=(0, 0, 0, 0, 0, None, None))
    return jax.jit(each), jax.jit(step)
