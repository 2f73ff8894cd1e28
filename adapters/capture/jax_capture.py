"""A JAX function as a captured program, from its jaxpr.

Calls are opened, functions with derivatives of their own too: their derivative is under test, and the
reference derives its own from what they compute. What depends on no floating-point input is evaluated by JAX.
"""

# ruff: noqa: ANN401 - equations hold values of any kind

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from adapters.capture.jax_operations import RULES
from adapters.tracing.jax_equations import LIBRARIES
from cases.captured import Builder, Captured, CapturedProgram, NotCapturedError

MAX_STEPS: Final = 1000  # of a loop, which is unrolled
CALLS: Final = frozenset(
    {"jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint", "custom_jvp_call"}
    | {"custom_vjp_call", "custom_vjp_call_jaxpr"}
)
HERE: Final = Path(__file__).parent
OURS: Final = frozenset({HERE, HERE.parent.parent / "reports"})


def capture_jax(function: Callable[..., Any], args: Sequence[Any], names: Sequence[str]) -> CapturedProgram:
    """Capture a function of trees of arrays; `names` are those of the arguments.

    Each floating-point leaf is an input, named by its path: "params['W']". Raises NotCapturedError where the
    function returns no single array.
    """
    leaves, tree = jax.tree_util.tree_flatten(tuple(args))
    paths = [path for path, _ in jax.tree_util.tree_flatten_with_path(tuple(args))[0]]
    closed = jax.make_jaxpr(lambda *flat: function(*jax.tree_util.tree_unflatten(tree, flat)))(*leaves)
    if len(closed.jaxpr.outvars) != 1:
        raise NotCapturedError(f"the function returns {len(closed.jaxpr.outvars)} arrays, expected one")
    reader = _Reader()
    given = []
    for path, leaf in zip(paths, leaves, strict=True):
        array = np.asarray(leaf)
        name = names[path[0].idx] + jax.tree_util.keystr(path[1:])
        is_float = jax.numpy.issubdtype(array.dtype, np.floating)
        given.append(reader.b.input(name, array.shape) if is_float else array)
    (output,) = reader.read(closed.jaxpr, closed.consts, given)
    return reader.b.program(reader.number(output))


class _Reader:
    """Walks over equations. A value is the number of a line, or an array that is known already."""

    def __init__(self) -> None:
        self.b = Builder()

    def number(self, value: Any) -> int:
        return value if isinstance(value, int) else self.b.constant(np.asarray(value))

    def read(self, jaxpr: Jaxpr, constants: Sequence[Any], given: Sequence[Any]) -> list[Any]:
        known: dict[Any, Any] = dict(
            zip((*jaxpr.constvars, *jaxpr.invars), (*constants, *given), strict=True)
        )

        def value(atom: Any) -> Any:
            return np.asarray(atom.val) if isinstance(atom, Literal) else known[atom]

        for equation in jaxpr.eqns:
            operands = [value(atom) for atom in equation.invars]
            known |= zip(equation.outvars, self._equation(equation, operands), strict=True)
        return [value(atom) for atom in jaxpr.outvars]

    def _equation(self, equation: JaxprEqn, operands: list[Any]) -> Sequence[Any]:
        name = equation.primitive.name
        if not any(isinstance(operand, int) for operand in operands):
            bind: Any = equation.primitive.bind
            results = bind(*map(jax.numpy.asarray, operands), **equation.params)
            return (
                [*map(np.asarray, results)] if equation.primitive.multiple_results else [np.asarray(results)]
            )
        self.b.place, self.b.source = place_of(equation) or self.b.place, name
        inner: Any = equation.params.get("call_jaxpr", equation.params.get("jaxpr"))
        if name == "scan":
            return self._scan(equation.params, operands)
        if isinstance(inner, ClosedJaxpr | Jaxpr) and name in CALLS:
            body, constants = (inner.jaxpr, inner.consts) if isinstance(inner, ClosedJaxpr) else (inner, ())
            begins = not self.b.call and is_of_a_library(body)
            self.b.call = f"{name} {len(self.b.operations)}" if begins else self.b.call
            results = self.read(body, constants, operands)
            self.b.call = "" if begins else self.b.call
            return results
        return self._ruled(equation, operands)

    def _ruled(self, equation: JaxprEqn, operands: list[Any]) -> list[Any]:
        """Write an equation down by its rule; where there is none, or none for this, say so."""
        name, variables = equation.primitive.name, [*equation.outvars]
        rule = RULES.get(name)
        numbers = [self.number(operand) for operand in operands]
        avals: list[Any] = [variable.aval for variable in variables]
        shapes = [tuple(aval.shape) for aval in avals]
        if rule is None or _changes_format(equation):
            reason = f"{name} is not known{self._at()}"
            return [self.b.unreadable(shape, reason, *numbers) for shape in shapes]
        try:
            result = rule(self.b, equation.params, operands, numbers, shapes[0])
        except NotCapturedError as error:
            return [self.b.unreadable(shape, f"{error}{self._at()}", *numbers) for shape in shapes]
        return result if isinstance(result, list) else [result]

    def _at(self) -> str:
        return f" ({self.b.place})" if self.b.place else ""

    def _scan(self, given: Mapping[str, Any], operands: list[Any]) -> list[Any]:
        """Unroll a loop of fixed length."""
        body, steps = given["jaxpr"], given["length"]
        if steps > MAX_STEPS:
            raise NotCapturedError(f"a loop of {steps:,} steps, expected at most {MAX_STEPS:,}")
        fixed, carried = given["num_consts"], given["num_carry"]
        constants, state = operands[:fixed], operands[fixed : fixed + carried]
        rows = operands[fixed + carried :]
        collected: list[list[Any]] = []
        for i in reversed(range(steps)) if given["reverse"] else range(steps):
            results = self.read(
                body.jaxpr, body.consts, [*constants, *state, *(self._row(x, i) for x in rows)]
            )
            state = results[:carried]
            collected.append(results[carried:])
        if given["reverse"]:
            collected.reverse()
        return [*state, *(self._stack(column) for column in zip(*collected, strict=True))]

    def _row(self, x: Any, i: int) -> Any:
        return self.b.gather(self.b.positions(x)[i], x) if isinstance(x, int) else x[i]

    def _stack(self, parts: Sequence[Any]) -> Any:
        if not any(isinstance(part, int) for part in parts):
            return np.stack(parts)
        numbers = [self.number(part) for part in parts]
        shape = self.b.shapes[numbers[0]]
        return self.b.gather(np.arange(len(parts) * math.prod(shape)).reshape(len(parts), *shape), *numbers)


def _changes_format(equation: JaxprEqn) -> bool:
    """Whether floating-point numbers are converted to those of another format."""
    if equation.primitive.name != "convert_element_type":
        return False
    aval: Any = equation.invars[0].aval
    before, after = aval.dtype, equation.params["new_dtype"]
    both = all(jax.numpy.issubdtype(dtype, np.floating) for dtype in (before, after))
    return both and before != after


def is_of_a_library(body: Jaxpr) -> bool:
    """Whether a call is of a function in an installed package, which may have a derivative of any form."""
    source = str(getattr(body.debug_info, "func_src_info", ""))
    return any(f"/{folder}/" in source for folder in LIBRARIES)


def place_of(equation: JaxprEqn) -> str:
    trace: Any = equation.source_info.traceback
    for frame in trace.frames if trace is not None else ():
        path = Path(frame.file_name)
        if path.parent not in OURS and not {*path.parts} & LIBRARIES:
            return f"{path.name}:{frame.line_num}"
    return ""


def read_jax(
    function: Callable[..., Any], args: Sequence[Any], names: Sequence[str]
) -> tuple[CapturedProgram, dict[str, Any], str]:
    """Capture a function; return it, its inputs by their names, and their widest number format."""
    leaves = map(jax.numpy.asarray, jax.tree_util.tree_leaves(tuple(args)))
    floats = [np.asarray(leaf) for leaf in leaves if jax.numpy.issubdtype(leaf.dtype, np.floating)]
    program = capture_jax(function, args, names)
    dtype = str(jax.numpy.result_type(*floats))
    return program, dict(zip(program.inputs, floats, strict=True)), dtype


def run_jax(function: Callable[..., Any], args: Sequence[Any], names: Sequence[str]) -> Captured:
    """Capture a function, and run it and JAX's gradient of it, with respect to every float leaf."""
    program, values, dtype = read_jax(function, args, names)
    program.is_scalar()
    leaves, tree = jax.tree_util.tree_flatten(tuple(args))
    dtypes = [jax.numpy.asarray(leaf).dtype for leaf in leaves]
    floats = [i for i, dtype in enumerate(dtypes) if jax.numpy.issubdtype(dtype, np.floating)]

    def of_floats(*given: Any) -> Any:
        every = list(leaves)
        for i, value in zip(floats, given, strict=True):
            every[i] = value
        return function(*jax.tree_util.tree_unflatten(tree, every)).reshape(())

    own = [jax.numpy.asarray(leaves[i]) for i in floats]
    output, gradients = jax.value_and_grad(of_floats, argnums=tuple(range(len(own))))(*own)
    made = dict(zip(program.inputs, map(np.asarray, gradients), strict=True))
    output = np.asarray(output).reshape(program.shapes[program.output])
    return Captured(program, values, dtype, f"jax {jax.__version__}", output, made)
