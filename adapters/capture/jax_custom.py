"""The calls that a JAX program makes of functions with derivatives of their own, each by itself."""

# ruff: noqa: ANN401 - equations hold values of any kind

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import JaxprEqn, Literal

from adapters.capture.jax_shown import Where, body_of, evaluate, is_of_a_library, name_of, place_of
from adapters.tracing.jax_equations import CALLS, CUSTOM, as_function
from cases.captured import CustomCall


def custom_calls_jax(function: Callable[..., Any], args: Sequence[Any]) -> list[CustomCall]:
    """Return the calls that a function makes of functions with derivatives of their own."""
    leaves, tree = jax.tree_util.tree_flatten(tuple(args))
    closed = jax.make_jaxpr(lambda *flat: function(*jax.tree_util.tree_unflatten(tree, flat)))(*leaves)
    calls: list[CustomCall] = []

    def visit(equation: JaxprEqn, _: Where, operands: Sequence[Any], results: Sequence[Any]) -> Sequence[Any]:
        if equation.primitive.name in CUSTOM and not is_of_a_library(body_of(equation)[0]):
            alone = as_function(equation, closed.jaxpr)
            pairs = zip(equation.invars, operands, strict=True)
            own = tuple(operand for atom, operand in pairs if not isinstance(atom, Literal))
            calls.append(CustomCall(name_of(equation), place_of(equation), _summed(alone), own))
        return results

    if "custom_" in str(closed.jaxpr):  # spares the evaluation, which compiles every operation
        evaluate(closed.jaxpr, closed.consts, leaves, visit, lambda one: one.primitive.name in CALLS)
    return calls


def _summed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the sum of all that a function returns, each element with a weight of its own."""

    def summed(*operands: Any) -> Any:
        parts = [result for result in function(*operands) if jax.numpy.issubdtype(result.dtype, np.floating)]
        return sum(jax.numpy.sum(part * _weights(part.shape).astype(part.dtype)) for part in parts)

    return summed


def _weights(shape: tuple[int, ...]) -> Any:
    """Weights between 1 and 2, that a float32 holds, so that no two elements are mistaken for one another."""
    return 1 + (np.arange(math.prod(shape)) % 97).reshape(shape) / 128
