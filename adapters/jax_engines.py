"""JAX's other engines over the one forward pass: eager, forward mode, by example, and on a CUDA device.

The first three state the loss, the gradients and the updates. The eager one compiles nothing: with
`disable_jit` each primitive is dispatched by itself, also inside `jax.nn` and optax. On a device, products of
float32 are in full precision: TF32 is seen to be off.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import jax

from adapters import jax_grad
from adapters.jax_grad import (
    ACCUMULATORS,
    Arrays,
    Differentiated,
    Objective,
    Structure,
    compiled_step,
    step_of,
)
from cases import Problem, names
from cases.protocol import (
    Accumulators,
    Adapter,
    Claim,
    NoEquivalent,
    Program,
    TrainingRun,
    Unavailable,
    Verdict,
)

# Forward mode pushes one direction forward for each of P parameters, and so holds P × P numbers.
#
# Of float64 they fill 256 MiB for this P, the largest that stays within it.
MAX_PARAMETERS_FORWARD = 5792

PRECISION = "float32 products in full precision, TF32 off"


def train_eagerly(problem: Problem) -> Iterator[Claim]:
    """Train with no compiled function at all."""
    return jax_grad.train(problem, step_for=step_of, step_context=jax.disable_jit)


def train_forward(problem: Problem) -> Iterator[Claim]:
    """Train with derivatives by `jax.jacfwd`.

    Raises
    ------
    NoEquivalent
        For more parameters than there is memory for.
    """
    if problem.size > MAX_PARAMETERS_FORWARD:
        limit = f"forward mode is run for up to {MAX_PARAMETERS_FORWARD:,} parameters"
        raise NoEquivalent(f"{limit}, not {problem.size:,}")
    return jax_grad.train(problem, step_for=partial(compiled_step, differentiate=forward_mode))


def train_by_example(problem: Problem) -> Iterator[Claim]:
    """Train with gradients of each example's own loss."""
    return jax_grad.train(problem, step_for=partial(compiled_step, differentiate=by_example))


def forward_mode(_: Structure, objective: Objective) -> Differentiated:
    """Differentiate by the parameters, forwards."""

    def differentiated(parameters: Arrays, added: Arrays, x: jax.Array, y: jax.Array) -> Any:  # noqa: ANN401 - as `Differentiate` says
        def twice(parameters: Arrays) -> tuple[jax.Array, jax.Array]:
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

    def differentiated(parameters: Arrays, _: Arrays, x: jax.Array, y: jax.Array) -> Any:  # noqa: ANN401 - as `Differentiate` says
        parts = len(x) if structure.loss[1] == "mean" else 1

        def share(parameters: Arrays, x: jax.Array, y: jax.Array) -> jax.Array:
            return objective(parameters, {}, x[None], y[None])[0] / parts

        shares = jax.vmap(jax.value_and_grad(share), in_axes=(None, 0, 0))(parameters, x, y)
        value, gradients = jax.tree.map(lambda each: each.sum(axis=0), shares)
        return (value, {}), (gradients, {})

    return differentiated


def train_on_device(problem: Problem, *, observe: bool, platform: str = "cuda") -> Iterator[Claim]:
    """Train on the first device of a platform."""
    return jax_grad.train(problem, observe=observe, platform=platform, step_context=full_precision)


@contextmanager
def full_precision() -> Iterator[None]:
    """Ask for the highest precision of products; JAX's own default on such a device is TF32.

    Raises
    ------
    RuntimeError
        If another is in force all the same.
    """
    config: Any = jax.config  # JAX leaves it without annotations
    with jax.default_matmul_precision("highest"):
        if config.jax_default_matmul_precision != "highest":
            raise RuntimeError("TF32 cannot be switched off")
        yield


def find_cuda() -> Adapter | Unavailable:
    """Return the adapter on the first CUDA device, or that there is none."""
    device = jax_grad.first_device("cuda")
    if device is None:
        return Unavailable("jax-cuda", Verdict.NOT_RUN, "no CUDA device")
    version = f"{jax.__version__} on {device.device_kind} ({PRECISION})"
    programs = (
        Program("plain", partial(train_on_device, observe=False), names.outcome),
        Program("observed", partial(train_on_device, observe=True), names.observable),
    )
    return Adapter("jax-cuda", "JAX on CUDA", version, programs, framework="jax")


# Forward and by example even a weight's gradient is a sum over the examples, and no matrix product.
ALL_IN_16_BITS = Accumulators(products="own", sums="own", totals="own")


def _engine(name: str, title: str, run: TrainingRun, accumulators: Accumulators = ALL_IN_16_BITS) -> Adapter:
    program = Program("", run, accumulators=accumulators)
    return Adapter(name, title, jax.__version__, (program,), framework="jax")


eager = _engine("jax-eager", "JAX, not compiled", train_eagerly, ACCUMULATORS)
forward = _engine("jax-forward", "JAX, forward mode", train_forward)
vmap = _engine("jax-vmap", "JAX, gradients by example", train_by_example)
cuda = find_cuda()
