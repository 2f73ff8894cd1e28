"""`jax.test_util.check_grads` with its defaults, on claimed gradients and on JAX's own.

Claimed gradients are those of a `jax.custom_vjp`, which has no forward mode: only "rev" can be checked.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import jax
from jax.test_util import check_grads
from numpy.typing import NDArray

from adapters.jax_functions import LossKey, loss_key, loss_of
from adapters.jax_grad import forward, use_compilation_cache
from cases import Problem, names
from cases.protocol import NoEquivalent

BOTH_MODES = ("fwd", "rev")  # what check_grads checks by default


def not_run(problem: Problem) -> str:
    """Say that optax has no such loss, or nothing: one direction costs little, whatever the size."""
    try:
        with jax.enable_x64(problem.dtype == "float64"):
            jax.eval_shape(_loss(problem), dict(problem.parameters))
    except NoEquivalent as reason:
        return f"not run: {reason}"
    return ""


def claimed(problem: Problem) -> Callable[[Mapping[str, NDArray[Any]]], bool]:
    """Return a function of claimed gradients by parameter: whether check_grads objects."""
    loss = _loss(problem)

    def objects(gradients: Mapping[str, NDArray[Any]]) -> bool:
        function = jax.custom_vjp(loss)

        def backward(_: None, upstream: jax.Array) -> tuple[dict[str, jax.Array]]:
            return ({name: upstream * gradients[name] for name in problem.parameters},)

        function.defvjp(lambda parameters: (loss(parameters), None), backward)
        return _objects(function, problem, ("rev",))

    return objects


def right(problem: Problem) -> bool:
    """Whether check_grads objects to JAX's own gradients."""
    return _objects(_loss(problem), problem, BOTH_MODES)


def _objects(function: Callable[..., jax.Array], problem: Problem, modes: Sequence[str]) -> bool:
    try:
        with jax.enable_x64(problem.dtype == "float64"):
            check_grads(function, (dict(problem.parameters),), order=1, modes=modes)  # type: ignore[no-untyped-call] # JAX leaves it without annotations
    except (AssertionError, TypeError, ValueError):  # the latter two for a gradient of the wrong shape
        return True
    return False


def _loss(problem: Problem) -> Callable[[Mapping[str, jax.Array]], jax.Array]:
    compiled = _compiled(problem.activations, loss_key(problem))
    return lambda parameters: compiled(parameters, problem.x, problem.y)


@lru_cache(maxsize=256)
def _compiled(activations: tuple[str, ...], loss: LossKey) -> Callable[..., jax.Array]:
    use_compilation_cache()
    output = names.a(len(activations))

    def value(parameters: dict[str, jax.Array], x: jax.Array, y: jax.Array) -> jax.Array:
        return loss_of(loss, forward(activations, parameters, {}, x)[output], y)

    return jax.jit(value)
