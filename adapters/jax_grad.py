"""JAX: jitted `value_and_grad`, `jax.nn` and optax, judged as two programs.

`plain` is what a user would run: it returns the loss, the gradients and the updated parameters. `observed`
also returns every z and a, and their gradients, found by differentiating with respect to zeros added to them.
Both are judged, because returning an intermediate changes what XLA fuses, and so the last bits.
The other engines differ in how they differentiate or run a step, and share all the rest of this module.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from adapters.jax_cache import use_compilation_cache
from adapters.jax_devices import first_device
from adapters.jax_functions import LossKey, activate, loss_key, loss_of
from adapters.jax_optimizers import Update, clip, optimizer_of, rate_of, states
from cases import Problem, names
from cases.dtypes import Accumulators
from cases.protocol import Claim, activations_of

Arrays: TypeAlias = dict[str, jax.Array]

# In 16 bits XLA on CPU sums the gradient of a bias in those 16 bits: 60,000 ones in bfloat16 give 8192.
#
# Products and the loss accumulate in float32 (tests/test_formats.py measures all of it).
ACCUMULATORS = Accumulators(sums="own")


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


@dataclass(frozen=True)
class Structure:
    """All that a compiled step depends on, beside the arrays' shapes."""

    activations: tuple[str, ...]
    loss: LossKey
    trained: tuple[str, ...]
    update: Update


Seen: TypeAlias = dict[str, jax.Array]
Step: TypeAlias = Callable[..., tuple[Seen, Arrays, Any]]
Objective: TypeAlias = Callable[[Arrays, Arrays, jax.Array, jax.Array], tuple[jax.Array, Arrays]]
# From an objective, a function of the same: its value and what is seen, and the gradients by both dicts.
Differentiate: TypeAlias = (
    "Callable[[Objective], Callable[..., tuple[tuple[jax.Array, Arrays], tuple[Arrays, Arrays]]]]"
)


def reverse(objective: Objective) -> Callable[..., tuple[tuple[jax.Array, Arrays], tuple[Arrays, Arrays]]]:
    """Differentiate backwards, as nearly everybody does."""
    return jax.value_and_grad(objective, argnums=(0, 1), has_aux=True)


@lru_cache(maxsize=256)
def compiled_step(structure: Structure) -> Step:
    """Build the training step of one structure; `jit` compiles it once for each set of shapes."""
    return jax.jit(step_of(structure))


def step_of(structure: Structure, differentiate: Differentiate = reverse) -> Step:
    """Build the training step of one structure, not compiled.

    The step takes parameters, the optimizer's state, zeros to add (empty in the plain program), x, y, the
    learning rate and the count of steps from 0. It returns everything that can be seen by the names of the
    tape, the updated parameters, and the optimizer's state.
    """

    def objective(parameters: Arrays, added: Arrays, x: jax.Array, y: jax.Array) -> tuple[jax.Array, Arrays]:
        inside = forward(structure.activations, parameters, added, x)
        observed = inside if added else {}
        y_hat = inside[names.a(len(structure.activations))]
        return loss_of(structure.loss, y_hat, y), observed

    def step(  # noqa: PLR0913, PLR0917 - all that a training step takes
        parameters: Arrays,
        state: Any,  # noqa: ANN401 - a tree of named tuples
        added: Arrays,
        x: jax.Array,
        y: jax.Array,
        learning_rate: jax.Array,
        count: jax.Array,
    ) -> tuple[Seen, Arrays, Any]:
        differentiated = differentiate(objective)(parameters, added, x, y)
        (value, observed), (gradients, observed_gradients) = differentiated
        trained = {name: parameters[name] for name in structure.trained}
        used, seen = clip(structure.update, {name: gradients[name] for name in trained})
        updates, state = optimizer_of(structure.update, learning_rate).update(used, state, trained)
        after = parameters | cast("Arrays", optax.apply_updates(trained, updates))
        seen |= {"loss": value, **observed, **update_seen(structure.update, state, count, x.dtype)}
        seen |= {names.gradient(name): array for name, array in (gradients | observed_gradients).items()}
        return seen, after, state

    return step


def update_seen(
    update: Update,
    state: Any,  # noqa: ANN401 - a tree of named tuples
    count: jax.Array,
    dtype: jax.typing.DTypeLike,
) -> Seen:
    """Return what can be seen of an update: the optimizer's state, and this step's rate as it is applied."""
    seen = {
        names.updated(names.state(kind, name)): array
        for kind, kept in states(update, state).items()
        for name, array in kept.items()
    }
    rate = rate_of(update, count)
    return {names.RATE: jnp.asarray(rate(count), dtype), **seen} if callable(rate) else seen


def train(
    problem: Problem,
    *,
    observe: bool = False,
    step_for: Callable[[Structure], Step] = compiled_step,
    platform: str = "cpu",
) -> Iterator[Claim]:
    """Train with one engine's step; float64 is switched on for each call and never left on.

    By JAX's defaults it is off, and float64 inputs are computed with in float32.
    """
    use_compilation_cache()
    update = Update.of(problem)
    step = step_for(Structure(activations_of(problem), loss_key(problem), problem.trained, update))
    parameters = {name: array.copy() for name, array in problem.parameters.items()}
    added = zeros(problem) if observe else {}
    rate = np.asarray(problem.learning_rate, problem.dtype)
    wide = problem.dtype == "float64" and problem.forms == "stated"
    device = first_device(platform)
    with jax.enable_x64(wide), jax.default_device(device):
        trained = {name: jnp.array(parameters[name]) for name in problem.trained}
        state = jax.device_get(optimizer_of(update, problem.learning_rate).init(trained))
    for count in range(problem.steps):
        with jax.enable_x64(wide), jax.default_device(device):
            taken = step(parameters, state, added, problem.x, problem.y, rate, np.int32(count))
        seen, parameters, state = jax.tree.map(np.asarray, taken)  # a tenth of device_get's time
        claim = seen | {names.updated(name): array for name, array in parameters.items()}
        yield {name: np.array(array) for name, array in claim.items()}


def zeros(problem: Problem) -> dict[str, NDArray[Any]]:
    """Return the zeros that are added to each z and a, to differentiate by."""
    added: dict[str, NDArray[Any]] = {}
    for k in range(1, problem.depth + 1):
        shape = (*problem.x.shape[:-1], problem.parameters[names.b(k)].shape[-1])
        added |= {name: np.zeros(shape, problem.dtype) for name in (names.z(k), names.a(k))}
    return added
