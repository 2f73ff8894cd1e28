"""The calls that a JAX program makes of functions with derivatives of their own, each by itself."""

# ruff: noqa: ANN401 - equations hold values of any kind

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var

from adapters.capture.jax_capture import is_of_a_library, place_of
from adapters.tracing.jax_equations import as_function
from cases.captured import CustomCall


def custom_calls_jax(function: Callable[..., Any], args: Sequence[Any]) -> list[CustomCall]:
    """Return the calls that a function makes of functions with derivatives of their own."""
    leaves, tree = jax.tree_util.tree_flatten(tuple(args))
    closed = jax.make_jaxpr(lambda *flat: function(*jax.tree_util.tree_unflatten(tree, flat)))(*leaves)
    calls: list[CustomCall] = []
    if "custom_" not in str(closed.jaxpr):  # spares the evaluation, which compiles every operation
        return calls
    _evaluate(closed.jaxpr, closed.consts, leaves, calls)
    return calls


CUSTOM: Final = frozenset({"custom_jvp_call", "custom_vjp_call"})
OPENED: Final = frozenset({"jit", "pjit", "closed_call", "remat", "checkpoint"})


def _evaluate(
    jaxpr: Jaxpr, constants: Sequence[Any], given: Sequence[Any], calls: list[CustomCall]
) -> list[Any]:
    known: dict[Any, Any] = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*constants, *given), strict=True))

    def value(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else known[atom]

    for equation in jaxpr.eqns:
        operands = [jax.numpy.asarray(value(atom)) for atom in equation.invars]
        if equation.primitive.name in OPENED:
            inner: Any = equation.params["jaxpr"]
            closed = inner if isinstance(inner, ClosedJaxpr) else ClosedJaxpr(inner, ())
            results: Sequence[Any] = _evaluate(closed.jaxpr, closed.consts, operands, calls)
        else:
            alone = as_function(equation, jaxpr)
            given_to = [value(atom) for atom in equation.invars if isinstance(atom, Var)]
            results = alone(*given_to)
            if equation.primitive.name in CUSTOM and not is_of_a_library(_body(equation)):
                name, place = _called(equation), place_of(equation)
                calls.append(CustomCall(name, place, _summed(alone), tuple(given_to)))
        known |= zip(equation.outvars, results, strict=True)
    return [value(atom) for atom in jaxpr.outvars]


def _body(equation: Any) -> Any:
    inner = equation.params.get("call_jaxpr", equation.params.get("jaxpr"))
    return getattr(inner, "jaxpr", inner)


def _called(equation: JaxprEqn) -> str:
    inner: Any = equation.params.get("call_jaxpr", equation.params.get("jaxpr"))
    return str(getattr(inner.jaxpr.debug_info, "func_name", "") or equation.primitive.name)


def _summed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the sum of all that a function returns, each element with a weight of its own."""

    def summed(*operands: Any) -> Any:
        parts = [result for result in function(*operands) if jax.numpy.issubdtype(result.dtype, np.floating)]
        return sum(jax.numpy.sum(part * _weights(part.shape).astype(part.dtype)) for part in parts)

    return summed


def _weights(shape: tuple[int, ...]) -> Any:
    """Weights between 1 and 2, that a float32 holds, so that no two elements are mistaken for one another."""
    return 1 + (np.arange(math.prod(shape)) % 97).reshape(shape) / 128
