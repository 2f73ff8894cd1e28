"""What a JAX program computes on the way, equation by equation, and the gradient of each.

The gradient of a value is that of a 0 which is added to it, so that JAX differentiates the program as always.
"""

# ruff: noqa: ANN401 - equations hold values of any kind

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import jax
import numpy as np
from jax import Array
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from adapters.tracing.jax_equations import CALLS, CUSTOM, LIBRARIES, as_function

HERE: Final = Path(__file__).parent
REPORTS: Final = HERE.parent.parent / "reports"
OURS: Final = frozenset({HERE, HERE.parent / "tracing", REPORTS, REPORTS / "user_programs"})

# Where a value stands: the indices of an equation, and of those that it is called by; and which of its
# results it is.
Where: TypeAlias = tuple[int, ...]

# Is given an equation, where it stands, its operands and its results; returns what to go on with.
Visit: TypeAlias = Callable[[JaxprEqn, Where, Sequence[Any], Sequence[Any]], Sequence[Any]]


def body_of(equation: JaxprEqn) -> tuple[Jaxpr, Sequence[Any]]:
    """Return what a call calls, and the constants of it."""
    inner: Any = equation.params.get("call_jaxpr", equation.params.get("jaxpr"))
    return (inner.jaxpr, inner.consts) if isinstance(inner, ClosedJaxpr) else (inner, ())


def name_of(equation: JaxprEqn) -> str:
    """Return what an equation does; of a call, what is called."""
    name = equation.primitive.name
    if name not in CALLS | CUSTOM:
        return name
    return str(
        equation.params.get("name") or getattr(body_of(equation)[0].debug_info, "func_name", "") or name
    )


def is_of_a_library(body: Jaxpr) -> bool:
    """Whether a call is of a function in an installed package, which may have a derivative of any form."""
    source = str(getattr(body.debug_info, "func_src_info", ""))
    return any(f"/{folder}/" in source for folder in LIBRARIES)


def is_own_call(equation: JaxprEqn) -> bool:
    """Whether it calls a function of the user's own that has no derivative of its own."""
    return equation.primitive.name in CALLS and not is_of_a_library(body_of(equation)[0])


def place_of(equation: JaxprEqn) -> str:
    """Return where in the user's program an equation stands: "model.py:12"; "" where that is not known."""
    trace: Any = equation.source_info.traceback
    for frame in trace.frames if trace is not None else ():
        path = Path(frame.file_name)
        if path.parent not in OURS and not {*path.parts} & LIBRARIES:
            return f"{path.name}:{frame.line_num}"
    return ""


def evaluate(
    jaxpr: Jaxpr,
    constants: Sequence[Any],
    given: Sequence[Any],
    visit: Visit,
    opens: Callable[[JaxprEqn], bool],
    within: Where = (),
) -> list[Any]:
    """Evaluate a program by its equations, those of the calls that are opened too."""
    known: dict[Any, Any] = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*constants, *given), strict=True))

    def value(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else known[atom]

    for i, equation in enumerate(jaxpr.eqns):
        operands = [value(atom) for atom in equation.invars]
        where = (*within, i)
        if opens(equation):
            arrays = [jax.numpy.asarray(operand) for operand in operands]
            results: Sequence[Any] = evaluate(*body_of(equation), arrays, visit, opens, where)
        else:
            own = [value(atom) for atom in equation.invars if not isinstance(atom, Literal)]
            results = visit(equation, where, operands, as_function(equation, jaxpr)(*own))
        known |= zip(equation.outvars, results, strict=True)
    return [value(atom) for atom in jaxpr.outvars]


def values_and_gradients(
    closed: ClosedJaxpr, leaves: Sequence[Any], wanted: Sequence[int]
) -> tuple[Array, Sequence[Array], dict[Where, Array], dict[Where, Array]]:
    """Evaluate a program of arrays that returns one number equation by equation, and differentiate it.

    Returned are the output, its gradients of the leaves that are wanted, all values on the way, and the
    gradients of these.
    """

    def run(floats: Sequence[Any], added: dict[Where, Array]) -> tuple[Array, dict[Where, Array]]:
        every = list(leaves)
        for i, leaf in zip(wanted, floats, strict=True):
            every[i] = leaf
        values: dict[Where, Array] = {}

        def visit(_: JaxprEqn, where: Where, __: Sequence[Any], results: Sequence[Any]) -> Sequence[Any]:
            kept = []
            for k, result in enumerate(results):
                key = (*where, k)
                is_float = jax.numpy.issubdtype(result.dtype, np.floating)
                if is_float:
                    values[key] = result
                kept.append(result + added[key] if key in added else result)
            return kept

        (output,) = evaluate(closed.jaxpr, closed.consts, every, visit, is_own_call)
        return output.reshape(()), values

    floats = [jax.numpy.asarray(leaves[i]) for i in wanted]
    shapes = jax.eval_shape(run, floats, {})[1]
    zeros = {key: jax.numpy.zeros(one.shape, one.dtype) for key, one in shapes.items()}
    differentiated = jax.value_and_grad(run, argnums=(0, 1), has_aux=True)
    (output, values), (gradients, slopes) = differentiated(floats, zeros)
    return output, gradients, values, slopes
