"""JAX's other engines over the one forward pass: eager, forward mode, and gradients by example.

Each states the loss, the gradients and the updates. The eager one compiles nothing: with `disable_jit` each
primitive is dispatched by itself, also inside `jax.nn` and optax. The other two are compiled as a whole.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any

import jax

from adapters.jax_grad import ACCUMULATORS, Arrays, Objective, Step, Structure, step_of, train
from adapters.within import each_step_within
from cases import Problem
from cases.dtypes import Accumulators
from cases.protocol import Adapter, Claim, Program, TrainingRun
from cases.verdict import NoEquivalent

# Forward mode pushes one direction forward for each of P parameters, and so holds P × P numbers.
#
# Of float64 they fill 256 MiB for this P, the largest that stays within it.
LARGEST = 5792


def train_eagerly(problem: Problem) -> Iterator[Claim]:
    """Train with no compiled function at all."""
    return each_step_within(jax.disable_jit, train(problem, step_for=step_of))


def train_forward(problem: Problem) -> Iterator[Claim]:
    """Train with derivatives by `jax.jacfwd`.

    Raises
    ------
    NoEquivalent
        For more parameters than there is memory for.
    """
    if problem.size > LARGEST:
        raise NoEquivalent(f"forward mode is run for up to {LARGEST:,} parameters, not {problem.size:,}")
    return train(problem, step_for=forward_step)


def train_by_example(problem: Problem) -> Iterator[Claim]:
    """Train with gradients of each example's own loss."""
    return train(problem, step_for=step_by_example)


@lru_cache(maxsize=256)
def forward_step(structure: Structure) -> Step:
    """Build and compile the step in forward mode."""
    return jax.jit(step_of(structure, forward_mode))


@lru_cache(maxsize=256)
def step_by_example(structure: Structure) -> Step:
    """Build and compile the step by example."""
    return jax.jit(step_of(structure, partial(by_example, structure.loss[1])))


def forward_mode(objective: Objective) -> Callable[..., Any]:
    """Differentiate by the parameters, forwards."""

    def differentiated(parameters: Arrays, added: Arrays, x: jax.Array, y: jax.Array) -> Any:  # noqa: ANN401 - as `Differentiate` says
        def twice(parameters: Arrays) -> tuple[jax.Array, jax.Array]:
            value, _ = objective(parameters, added, x, y)
            return value, value

        gradients, value = jax.jacfwd(twice, has_aux=True)(parameters)
        return (value, {}), (gradients, {})

    return differentiated


def by_example(reduction: str, objective: Objective) -> Callable[..., Any]:
    """Differentiate each example's share of the loss by itself, and sum the shares and their gradients.

    A loss that is a mean, over examples or over elements, is the mean of the losses of batches of one: every
    example has as many elements. The share is then a batch of one's loss over the number of examples.
    """

    def differentiated(parameters: Arrays, _: Arrays, x: jax.Array, y: jax.Array) -> Any:  # noqa: ANN401 - as `Differentiate` says
        parts = len(x) if reduction == "mean" else 1

        def share(parameters: Arrays, x: jax.Array, y: jax.Array) -> jax.Array:
            return objective(parameters, {}, x[None], y[None])[0] / parts

        shares = jax.vmap(jax.value_and_grad(share), in_axes=(None, 0, 0))(parameters, x, y)
        value, gradients = jax.tree.map(lambda each: each.sum(axis=0), shares)
        return (value, {}), (gradients, {})

    return differentiated


# Forward and by example even a weight's gradient is a sum over the examples, and no matrix product.
ALL_IN_16_BITS = Accumulators(products="own", sums="own", totals="own")


def _engine(name: str, title: str, run: TrainingRun, accumulators: Accumulators = ALL_IN_16_BITS) -> Adapter:
    program = Program("", run, accumulators=accumulators)
    return Adapter(name, title, jax.__version__, (program,), framework="jax")


eager = _engine("jax-eager", "JAX, not compiled", train_eagerly, ACCUMULATORS)
forward = _engine("jax-forward", "JAX, forward mode", train_forward)
vmap = _engine("jax-vmap", "JAX, gradients by example", train_by_example)
