"""JAX's programs: the plain one and the observed one, one case at a time and over a stack."""

from collections.abc import Iterator
from functools import partial

import jax

from adapters.jax_grad import ACCUMULATORS, train
from adapters.jax_stacks import train_stack
from cases import Problem, names
from cases.protocol import Adapter, Claim, Program, Stacked


def plain(problem: Problem) -> Iterator[Claim]:
    """Run what a user would run."""
    return train(problem, observe=False)


def observed(problem: Problem) -> Iterator[Claim]:
    """Run the same with every intermediate shown."""
    return train(problem, observe=True)


def over_a_stack(*, observe: bool) -> Stacked:
    """Return either, for a stack of cases."""
    return Stacked("jax.vmap of the training step, compiled", partial(train_stack, observe=observe))


PLAIN = Program("plain", plain, names.outcome, ACCUMULATORS, over_a_stack(observe=False), is_compiled=True)
OBSERVED = Program(
    "observed", observed, names.observable, ACCUMULATORS, over_a_stack(observe=True), is_compiled=True
)

adapter = Adapter(name="jax", title="JAX", version=jax.__version__, programs=(PLAIN, OBSERVED))
