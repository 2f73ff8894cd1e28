"""JAX: jitted `value_and_grad`, `jax.nn` and `optax.sgd`, judged as two programs.

`plain` is what a user would run: it returns the loss, the gradients and the updated parameters. `observed`
also returns every z and a, and their gradients, found by differentiating with respect to zeros added to them.
Both are judged, because returning an intermediate changes what XLA fuses, and so the last bits.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import jax
import numpy as np
import optax

from adapters.adapter import Adapter, Program
from adapters.jax_cache import use_compilation_cache
from adapters.jax_functions import activate, loss_of
from reference import names
from reference.formats import Accumulators

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from adapters.adapter import Claim
    from cases import Problem

Arrays: TypeAlias = dict[str, jax.Array]

ACCUMULATORS = Accumulators(sums="own")
"""In 16 bits XLA on CPU sums the gradient of a bias in those 16 bits: 60,000 ones in bfloat16 give 8192.

Products and the loss accumulate in float32 (tests/test_formats.py measures all of it).
"""


def forward(activations: tuple[str, ...], parameters: Arrays, added: Arrays, x: jax.Array) -> Arrays:
    """Compute z1, a1, z2, a2, …, adding to each what `added` holds for it."""
    inside: Arrays = {}
    a = x
    for k, activation in enumerate(activations, start=1):
        z = a @ parameters[names.W(k)].T + parameters[names.b(k)]
        z = inside[names.z(k)] = z + added[names.z(k)] if added else z
        a = activate(activation, z)
        a = inside[names.a(k)] = a + added[names.a(k)] if added else a
    return inside


Structure: TypeAlias = tuple[tuple[str, ...], str, str, frozenset[str]]


@lru_cache(maxsize=256)
def compiled_step(structure: Structure) -> Callable[..., tuple[jax.Array, Arrays, Arrays, Arrays]]:
    """Build the training step of one structure; `jit` compiles it once for each set of shapes.

    The step takes parameters, zeros to add (empty in the plain program), x, y and the learning rate, and
    returns the loss, all gradients, the observed intermediates and the updated parameters.
    """
    activations, loss, reduction, not_trained = structure

    def objective(parameters: Arrays, added: Arrays, x: jax.Array, y: jax.Array) -> tuple[jax.Array, Arrays]:
        inside = forward(activations, parameters, added, x)
        observed = inside if added else {}
        return loss_of(loss, reduction, inside[names.a(len(activations))], y), observed

    def step(
        parameters: Arrays, added: Arrays, x: jax.Array, y: jax.Array, learning_rate: jax.Array
    ) -> tuple[jax.Array, Arrays, Arrays, Arrays]:
        differentiate = jax.value_and_grad(objective, argnums=(0, 1), has_aux=True)
        (value, observed), (gradients, observed_gradients) = differentiate(parameters, added, x, y)
        trained = {name: array for name, array in parameters.items() if name not in not_trained}
        optimizer = optax.sgd(learning_rate)
        updates, _ = optimizer.update(
            {name: gradients[name] for name in trained}, optimizer.init(trained), trained
        )
        after: Any = optax.apply_updates(trained, updates)
        return value, gradients | observed_gradients, observed, parameters | after

    return jax.jit(step)


def train(problem: Problem, *, observe: bool) -> Iterator[Claim]:
    """Train with one compiled step; float64 is switched on for each call and never left on."""
    use_compilation_cache()
    step = compiled_step((problem.activations, problem.loss, problem.reduction, problem.not_trained))
    parameters = {name: array.copy() for name, array in problem.parameters.items()}
    added = zeros(problem) if observe else {}
    rate = np.asarray(problem.learning_rate, problem.dtype)
    for _ in range(problem.steps):
        with jax.enable_x64(problem.dtype == "float64"):
            loss, gradients, observed, after = jax.device_get(
                step(parameters, added, problem.x, problem.y, rate)
            )
        parameters = {name: np.array(array) for name, array in after.items()}
        claim = {"loss": loss, **observed}
        claim |= {names.gradient(name): array for name, array in gradients.items()}
        claim |= {names.updated(name): array.copy() for name, array in parameters.items()}
        yield {name: np.asarray(array) for name, array in claim.items()}


def zeros(problem: Problem) -> dict[str, NDArray[Any]]:
    """Return the zeros that are added to each z and a, to differentiate by."""
    added: dict[str, NDArray[Any]] = {}
    for k in range(1, problem.depth + 1):
        shape = (len(problem.x), len(problem.parameters[names.b(k)]))
        added |= {name: np.zeros(shape, problem.dtype) for name in (names.z(k), names.a(k))}
    return added


def plain(problem: Problem) -> Iterator[Claim]:
    """Run what a user would run."""
    return train(problem, observe=False)


def observed(problem: Problem) -> Iterator[Claim]:
    """Run the same with every intermediate shown."""
    return train(problem, observe=True)


adapter = Adapter(
    name="jax",
    title="JAX",
    version=jax.__version__,
    programs=(
        Program("plain", plain, names.outcome, ACCUMULATORS),
        Program("observed", observed, names.observable, ACCUMULATORS),
    ),
)
