"""JAX: jitted `value_and_grad`, `jax.nn` and optax, judged as two programs.

`plain` is what a user would run: it returns the loss, the gradients and the updated parameters. `observed`
also returns every z and a, and their gradients, by differentiating with respect to zeros added to them.
Both are judged, because returning an intermediate changes what XLA fuses, and so the last bits.
Over a stack of cases the training step is mapped by `jax.vmap`, and compiled once for each structure.

The other engines differ in how they differentiate or run a step: not compiled, in forward mode and example by
example, which state the loss, the gradients and the updates; and on a CUDA device, where products of float32
are in full precision: TF32 is seen to be off.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache, lru_cache, partial
from typing import Any, NamedTuple, TypeAlias, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from numpy.typing import NDArray

from adapters.jax_functions import LossKey, activate, loss_key, loss_of
from adapters.jax_optimizers import Arrays, State, Update, clip, optimizer_of, rate_of, states, update_of
from cases import Problem, names
from cases.protocol import (
    Accumulators,
    Adapter,
    Claim,
    NoEquivalent,
    Program,
    Stacked,
    TrainingRun,
    Unavailable,
    Verdict,
    activations_of,
)

try:
    from platformdirs import user_cache_path
except ModuleNotFoundError:  # under another interpreter, which has the framework and little else
    user_cache_path = None  # type: ignore[assignment]

# In 16 bits XLA on CPU sums the gradient of a bias in those 16 bits: 60,000 ones in bfloat16 give 8192.
# Products and the loss accumulate in float32 (tests/test_formats.py measures all of it).
ACCUMULATORS = Accumulators(sums="own")

# Forward and by example even a weight's gradient is a sum over the examples, and no matrix product.
ALL_IN_16_BITS = Accumulators(products="own", sums="own", totals="own")

# Forward mode pushes one direction forward for each of P parameters, and so holds P × P numbers.
# Of float64 they fill 256 MiB for this P, the largest that stays within it.
MAX_PARAMETERS_FORWARD = 5792

PRECISION = "float32 products in full precision, TF32 off"


class Structure(NamedTuple):
    """All that a compiled step depends on, apart from the arrays' shapes."""

    activations: tuple[str, ...]
    loss: LossKey
    trained: tuple[str, ...]
    update: Update


def structure_of(problem: Problem) -> Structure:
    return Structure(activations_of(problem), loss_key(problem), problem.trained, update_of(problem))


# Takes parameters, the optimizer's state, zeros to add (empty in the plain program), x, y, the learning rate
# and the count of steps from 0. Returns everything that can be seen by the names of the tape, the updated
# parameters, and the optimizer's state.
Step: TypeAlias = Callable[..., tuple[Arrays, Arrays, State]]
# From parameters, what is added, x and y: the loss, and what is seen.
Objective: TypeAlias = Callable[[Arrays, Arrays, Array, Array], tuple[Array, Arrays]]
# A function of the same: the loss and what is seen, and the gradients by both dicts.
Differentiated: TypeAlias = Callable[..., tuple[tuple[Array, Arrays], tuple[Arrays, Arrays]]]
Differentiate: TypeAlias = Callable[[Structure, Objective], Differentiated]


def forward(activations: tuple[str, ...], parameters: Arrays, added: Arrays, x: Array) -> Arrays:
    """Compute z1, a1, z2, a2, …, adding to each what `added` holds for it."""
    inside: Arrays = {}
    a = x
    for k, activation in enumerate(activations, start=1):
        z = a @ parameters[names.W(k)].T + parameters[names.b(k)]
        z = inside[names.z(k)] = z + added[names.z(k)] if added else z
        a = activate(activation, z)
        a = inside[names.a(k)] = a + added[names.a(k)] if added else a
    return inside


def reverse(_: Structure, objective: Objective) -> Differentiated:
    return jax.value_and_grad(objective, argnums=(0, 1), has_aux=True)


def forward_mode(_: Structure, objective: Objective) -> Differentiated:
    def differentiated(parameters: Arrays, added: Arrays, x: Array, y: Array) -> Any:  # noqa: ANN401 - as `Differentiate` says
        def twice(parameters: Arrays) -> tuple[Array, Array]:
            value, _ = objective(parameters, added, x, y)
            return value, value

        gradients, value = jax.jacfwd(twice, has_aux=True)(parameters)
        return (value, {}), (gradients, {})

    return differentiated


def by_example(structure: Structure, objective: Objective) -> Differentiated:
    """Differentiate each example's share of the loss by itself, and sum the shares and their gradients.

    A loss that is a mean, over examples or over elements, is the mean of the losses of batches of one: every
    example has as many elements. The share is then a batch of one's loss over the number of examples.
    """

    def differentiated(parameters: Arrays, _: Arrays, x: Array, y: Array) -> Any:  # noqa: ANN401 - as `Differentiate` says
        parts = len(x) if structure.loss[1] == "mean" else 1

        def share(parameters: Arrays, x: Array, y: Array) -> Array:
            return objective(parameters, {}, x[None], y[None])[0] / parts

        shares = jax.vmap(jax.value_and_grad(share), in_axes=(None, 0, 0))(parameters, x, y)
        value, gradients = jax.tree.map(lambda each: each.sum(axis=0), shares)
        return (value, {}), (gradients, {})

    return differentiated


def step_of(structure: Structure, differentiate: Differentiate = reverse) -> Step:
    def objective(parameters: Arrays, added: Arrays, x: Array, y: Array) -> tuple[Array, Arrays]:
        inside = forward(structure.activations, parameters, added, x)
        y_hat = inside[names.a(len(structure.activations))]
        return loss_of(structure.loss, y_hat, y), inside if added else {}

    def step(  # noqa: PLR0913, PLR0917 - all that a training step takes
        parameters: Arrays, state: State, added: Arrays, x: Array, y: Array, rate: Array, count: Array
    ) -> tuple[Arrays, Arrays, State]:
        differentiated = differentiate(structure, objective)(parameters, added, x, y)
        (value, observed), (gradients, observed_gradients) = differentiated
        trained = {name: parameters[name] for name in structure.trained}
        used, seen = clip(structure.update, {name: gradients[name] for name in trained})
        updates, state = optimizer_of(structure.update, rate).update(used, state, trained)
        after = parameters | cast("Arrays", optax.apply_updates(trained, updates))
        seen |= {"loss": value, **observed, **update_seen(structure.update, state, count, x.dtype)}
        seen |= {names.gradient(name): array for name, array in (gradients | observed_gradients).items()}
        return seen, after, state

    return step


def update_seen(update: Update, state: State, count: Array, dtype: jax.typing.DTypeLike) -> Arrays:
    """Return what can be seen of an update: the optimizer's state, and this step's rate as it is applied."""
    rate = rate_of(update, count)
    seen = {names.RATE: jnp.asarray(rate(count), dtype)} if callable(rate) else {}
    return seen | states(update, state)


@lru_cache(maxsize=256)
def compiled_step(
    structure: Structure, differentiate: Differentiate = reverse, *, is_stack: bool = False
) -> Step:
    """Compile the training step of one structure, or of a stack, once for each set of shapes.

    One program for all steps would be simplified across them, and use a state that is not observed.
    """
    step = step_of(structure, differentiate)
    return jax.jit(jax.vmap(step, in_axes=(0, 0, 0, 0, 0, None, None)) if is_stack else step)


def train(
    problem: Problem,
    *,
    observe: bool = False,
    step_for: Callable[[Structure], Step] = compiled_step,
    platform: str = "cpu",
    step_context: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Iterator[Claim]:
    """Train one case, or a stack of them with a `step_for` a stack, by one engine's step.

    Each step runs in `step_context`, with float64 switched on where it is wanted, which by JAX's defaults is
    computed with in float32. Neither is left on between steps.
    """
    use_compilation_cache()
    structure, device = structure_of(problem), first_device(platform)
    step, parameters = step_for(structure), dict(problem.parameters)
    added = zeros(problem) if observe else {}
    rate = np.asarray(problem.learning_rate, problem.dtype)
    is_wide = problem.dtype == "float64" and problem.forms == "stated"
    with jax.enable_x64(is_wide), jax.default_device(device), step_context():
        state = initial_state(structure.update, problem)
    for count in range(problem.steps):
        with jax.enable_x64(is_wide), jax.default_device(device), step_context():
            taken = step(parameters, state, added, problem.x, problem.y, rate, np.int32(count))
        seen, parameters, state = jax.tree.map(np.asarray, taken)  # a tenth of device_get's time
        claim = seen | {names.updated(name): array for name, array in parameters.items()}
        if problem.x.ndim > 2 and names.RATE in claim:  # noqa: PLR2004 - of a stack it is the same for each case
            claim[names.RATE] = claim[names.RATE][0]
        yield {name: np.array(array) for name, array in claim.items()}


def initial_state(update: Update, problem: Problem) -> State:
    """Return the optimizer's state before the first step; of a stack the same for every case."""
    cases = problem.x.shape[:-2]
    trained = {name: problem.parameters[name][(0,) * len(cases)] for name in problem.trained}
    state = jax.device_get(optimizer_of(update, problem.learning_rate).init(trained))
    return jax.tree.map(lambda array: np.broadcast_to(array, (*cases, *array.shape)), state)


def zeros(problem: Problem) -> dict[str, NDArray[Any]]:
    """Return the zeros that are added to each z and a, to differentiate by."""
    layers, rows = range(1, problem.depth + 1), problem.x.shape[:-1]
    widths = {
        name(k): problem.parameters[names.b(k)].shape[-1] for k in layers for name in (names.z, names.a)
    }
    return {name: np.zeros((*rows, width), problem.dtype) for name, width in widths.items()}


@cache
def use_compilation_cache() -> None:
    """Point JAX's compilation cache at a folder of our own, once, unless the user has chosen one."""
    config: Any = jax.config  # JAX leaves it without annotations
    if config.jax_compilation_cache_dir is not None or user_cache_path is None:
        return
    folder = user_cache_path("backprop-parity") / "jax"
    folder.mkdir(parents=True, exist_ok=True)
    config.update("jax_compilation_cache_dir", str(folder))
    config.update("jax_persistent_cache_min_compile_time_secs", 0)
    config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@cache
def first_device(platform: str) -> jax.Device | None:
    """Return the first device of a platform, "cpu" or "cuda", or None where there is none.

    What JAX logs while it looks, such as that there is a GPU and no CUDA in this jaxlib, is not printed: the
    report says it. Without preallocation it leaves memory on the device to PyTorch.
    """
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    log = logging.getLogger("jax._src.xla_bridge")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        return jax.devices(platform)[0]
    except RuntimeError:
        return None
    finally:
        log.setLevel(before)


@contextmanager
def full_precision() -> Iterator[None]:
    """Ask for the highest precision of products; on a CUDA device JAX's own default is TF32."""
    config: Any = jax.config
    with jax.default_matmul_precision("highest"):
        if config.jax_default_matmul_precision != "highest":
            raise RuntimeError("TF32 cannot be switched off")
        yield


def train_forward(problem: Problem) -> Iterator[Claim]:
    if problem.size > MAX_PARAMETERS_FORWARD:
        limit = f"forward mode is run for up to {MAX_PARAMETERS_FORWARD:,} parameters"
        raise NoEquivalent(f"{limit}, not {problem.size:,}")
    return train(problem, step_for=partial(compiled_step, differentiate=forward_mode))


train_eagerly = partial(train, step_for=step_of, step_context=jax.disable_jit)
train_by_example = partial(train, step_for=partial(compiled_step, differentiate=by_example))
train_on_device = partial(train, step_context=full_precision)


def find_cuda() -> Adapter | Unavailable:
    device = first_device("cuda")
    if device is None:
        return Unavailable("jax-cuda", Verdict.NOT_RUN, "no CUDA device")
    on_cuda = partial(train_on_device, platform="cuda")
    plain = Program("plain", on_cuda, names.outcome)
    observed = Program("observed", partial(on_cuda, observe=True), names.observable)
    version = f"{jax.__version__} on {device.device_kind} ({PRECISION})"
    return Adapter("jax-cuda", "JAX on CUDA", version, (plain, observed), framework="jax")


def _program(name: str, promises: Callable[[int], frozenset[str]], *, observe: bool) -> Program:
    run = partial(train, observe=observe)
    of_stack = partial(run, step_for=partial(compiled_step, is_stack=True))
    stacked = Stacked("jax.vmap of the training step, compiled", of_stack)
    return Program(name, run, promises, ACCUMULATORS, stacked, is_compiled=True)


def _engine(name: str, title: str, run: TrainingRun, accumulators: Accumulators = ALL_IN_16_BITS) -> Adapter:
    program = Program("", run, accumulators=accumulators)
    return Adapter(name, title, jax.__version__, (program,), framework="jax")


_plain = _program("plain", names.outcome, observe=False)
_observed = _program("observed", names.observable, observe=True)
adapter = Adapter("jax", "JAX", jax.__version__, (_plain, _observed))
EAGER = _engine("jax-eager", "JAX, not compiled", train_eagerly, ACCUMULATORS)
FORWARD = _engine("jax-forward", "JAX, forward mode", train_forward)
VMAP = _engine("jax-vmap", "JAX, gradients by example", train_by_example)
