"""A JAX function as a captured program, from its jaxpr.

Calls are opened, functions with derivatives of their own too: their derivative is under test, and the
reference derives its own from what they compute. What depends on no floating-point input is evaluated by JAX.
"""

# ruff: noqa: ANN401 - equations hold values of any kind

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from adapters.capture.jax_operations import RULES
from adapters.capture.jax_order import CHOSEN, ORDERED, Run, as_known, evaluated, order_of
from adapters.capture.jax_questions import traced
from adapters.capture.jax_shown import (
    Where,
    body_of,
    is_of_a_library,
    is_own_call,
    name_of,
    place_of,
    values_and_gradients,
)
from adapters.tracing.jax_equations import CALLS, CUSTOM
from cases.captured import Builder, Captured, CapturedProgram, NotCapturedError, ShownValue
from cases.protocol import Accumulators

ACCUMULATORS: Final = Accumulators(products="own", sums="own", totals="own")
MAX_STEPS: Final = 1000  # of a loop, which is unrolled
REPEATED: Final = frozenset(["scan", "while", "cond"])
OPENED: Final = CALLS | CUSTOM | {"custom_vjp_call_jaxpr"}


def capture_jax(
    function: Callable[..., Any], args: Sequence[Any], names: Sequence[str]
) -> tuple[CapturedProgram, dict[Where, tuple[int, str]], ClosedJaxpr]:
    """Capture a function of trees of arrays; `names` are those of the arguments.

    Each floating-point leaf is an input, named by its path: "params['W']". With it are returned the lines of
    the equations' results, each with what it is called, and the equations. Raises NotCapturedError where the
    function returns no single array.
    """
    leaves, tree = jax.tree_util.tree_flatten(tuple(args))
    paths = [path for path, _ in jax.tree_util.tree_flatten_with_path(tuple(args))[0]]
    closed = traced(lambda *flat: function(*jax.tree_util.tree_unflatten(tree, flat)), leaves)
    if len(closed.jaxpr.outvars) != 1:
        raise NotCapturedError(f"the function returns {len(closed.jaxpr.outvars)} arrays, expected one")
    reader = _Reader()
    given = []
    for path, leaf in zip(paths, leaves, strict=True):
        array = as_known(jax.numpy.asarray(leaf))
        name = names[path[0].idx] + jax.tree_util.keystr(path[1:])
        is_float = jax.numpy.issubdtype(array.dtype, np.floating)
        given.append(reader.input(name, array) if is_float else array)
    (output,) = reader.read(closed.jaxpr, closed.consts, given, ())
    return reader.b.program(reader.number(output)), reader.lines, closed


class _Reader:
    """Walks over equations. A value is the number of a line, or an array that is known already."""

    def __init__(self) -> None:
        self.b = Builder()
        self.lines: dict[Where, tuple[int, str]] = {}  # of equations that can be evaluated by themselves
        self._run = Run()

    def input(self, name: str, array: Any) -> int:
        number = self.b.input(name, array.shape, str(array.dtype))
        self._run.values[number] = array
        return number

    def number(self, value: Any) -> int:
        return value if isinstance(value, int) else self.b.constant(np.asarray(value))

    def read(
        self, jaxpr: Jaxpr, constants: Sequence[Any], given: Sequence[Any], within: Where | None = None
    ) -> list[Any]:
        """Return what a function returns; `within` is where it is called, if it is of the user's own."""
        known: dict[Any, Any] = dict(
            zip((*jaxpr.constvars, *jaxpr.invars), (*constants, *given), strict=True)
        )

        def value(atom: Any) -> Any:
            return np.asarray(atom.val) if isinstance(atom, Literal) else known[atom]

        for i, equation in enumerate(jaxpr.eqns):
            operands = [value(atom) for atom in equation.invars]
            begin, where = len(self.b.shapes), None if within is None else (*within, i)
            results = self._equation(equation, operands, where)
            if where is not None and not is_own_call(equation):
                made = [k for k, line in enumerate(results) if isinstance(line, int) and line >= begin]
                self.lines |= {(*where, k): (results[k], name_of(equation)) for k in made}
            known |= zip(equation.outvars, results, strict=True)
        return [value(atom) for atom in jaxpr.outvars]

    def _equation(self, equation: JaxprEqn, operands: list[Any], where: Where | None) -> Sequence[Any]:
        name = equation.primitive.name
        if not equation.outvars:  # it prints, for one
            return []
        if not any(isinstance(operand, int) for operand in operands):
            return evaluated(equation, *operands)
        self.b.place, self.b.source = place_of(equation) or self.b.place, name
        inner: Any = equation.params.get("call_jaxpr", equation.params.get("jaxpr"))
        if name in REPEATED:
            return self._controlled(equation, operands)
        if isinstance(inner, ClosedJaxpr | Jaxpr) and name in OPENED:
            body, constants = body_of(equation)
            # Other functions are differentiated equation by equation, wherever they stand.
            begins = name in CUSTOM and not self.b.call and is_of_a_library(body)
            self.b.call = f"{name} {len(self.b.operations)}" if begins else self.b.call
            results = self.read(body, constants, operands, where if is_own_call(equation) else None)
            self.b.call = "" if begins else self.b.call
            return results
        results = self._of_this_run(equation, operands) or self._ruled(equation, operands)
        self._run.add(partial(evaluated, equation), operands, results)
        return results

    def _controlled(self, equation: JaxprEqn, operands: list[Any]) -> list[Any]:
        """Open a loop or a choice of branches, where it does not depend on the inputs which."""
        own = {"scan": self._scan, "while": self._while, "cond": self._branch}[equation.primitive.name]
        begin = len(self.b.shapes)
        try:
            return own(equation.params, operands)
        except NotCapturedError as error:
            depends = [one for one in operands if isinstance(one, int)]
            depends += range(begin, len(self.b.shapes))
            avals: list[Any] = [variable.aval for variable in equation.outvars]
            shapes = [tuple(aval.shape) for aval in avals]
            return [self.b.unreadable(shape, f"{error}{self._at()}", *depends) for shape in shapes]

    def _of_this_run(self, equation: JaxprEqn, operands: list[Any]) -> list[Any]:
        """Return places that follow from the inputs, as of the largest element, and what is in order."""
        name = equation.primitive.name
        if name in CHOSEN:
            return evaluated(equation, *map(self._run.value, operands))
        if name not in ORDERED:
            return []
        self.b.dtype = self._format(operands)
        places = order_of(equation, [*map(self._run.value, operands)])
        if name == "top_k":
            return [self._taken(operands[0], places), *evaluated(equation, self._run.value(operands[0]))[1:]]
        return [self._taken(operand, places) for operand in operands]

    def _taken(self, x: Any, places: Any) -> Any:
        """Take elements by their places in the flat array."""
        return self.b.gather(places, x) if isinstance(x, int) else x.reshape(-1)[places]

    def _ruled(self, equation: JaxprEqn, operands: list[Any]) -> list[Any]:
        """Write an equation down by its rule; where there is none, or none for this, say so."""
        name, variables = equation.primitive.name, [*equation.outvars]
        rule = RULES.get(name)
        numbers = [self.number(operand) for operand in operands]
        avals: list[Any] = [variable.aval for variable in variables]
        shapes = [tuple(aval.shape) for aval in avals]
        if _changes_format(equation):
            return [self.b.convert(numbers[0], str(avals[0].dtype))]
        is_float = jax.numpy.issubdtype(avals[0].dtype, np.floating)
        self.b.dtype = str(avals[0].dtype) if is_float else self._format(operands)
        if rule is None:
            reason = f"{name} is not known{self._at()}"
            return [self.b.unreadable(shape, reason, *numbers) for shape in shapes]
        try:
            result = rule(self.b, equation.params, operands, numbers, shapes[0])
        except NotCapturedError as error:
            return [self.b.unreadable(shape, f"{error}{self._at()}", *numbers) for shape in shapes]
        return result if isinstance(result, list) else [result]

    def _format(self, operands: Sequence[Any]) -> str:
        return next((self.b.formats[one] for one in operands if isinstance(one, int)), "")

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

    def _while(self, given: Mapping[str, Any], operands: list[Any]) -> list[Any]:
        """Repeat a body as often as is known."""
        goes_on, body = given["cond_jaxpr"], given["body_jaxpr"]
        first, second = given["cond_nconsts"], given["cond_nconsts"] + given["body_nconsts"]
        state = operands[second:]
        for _ in range(MAX_STEPS + 1):
            (more,) = self.read(goes_on.jaxpr, goes_on.consts, [*operands[:first], *state])
            if isinstance(more, int):
                raise NotCapturedError("a loop whose end depends on the inputs is not known")
            if not more:
                return state
            state = self.read(body.jaxpr, body.consts, [*operands[first:second], *state])
        raise NotCapturedError(f"a loop of more than {MAX_STEPS:,} steps is not known")

    def _branch(self, given: Mapping[str, Any], operands: list[Any]) -> list[Any]:
        if isinstance(operands[0], int):
            raise NotCapturedError("a branch that depends on the inputs is not known")
        branch = given["branches"][int(np.clip(operands[0], 0, len(given["branches"]) - 1))]
        return self.read(branch.jaxpr, branch.consts, operands[1:])

    def _row(self, x: Any, i: int) -> Any:
        if not isinstance(x, int):
            return x[i]
        row = self.b.gather(self.b.positions(x)[i], x)
        self._run.add(lambda rows: [rows[i]], [x], [row])
        return row

    def _stack(self, parts: Sequence[Any]) -> Any:
        if not any(isinstance(part, int) for part in parts):
            return np.stack(parts)
        numbers = [self.number(part) for part in parts]
        shape = self.b.shapes[numbers[0]]
        places = np.arange(len(parts) * math.prod(shape)).reshape(len(parts), *shape)
        stacked = self.b.gather(places, *numbers)
        self._run.add(lambda *rows: [np.stack(rows)], parts, [stacked])
        return stacked


def _changes_format(equation: JaxprEqn) -> bool:
    """Whether floating-point numbers are converted to those of another format."""
    if equation.primitive.name != "convert_element_type":
        return False
    aval: Any = equation.invars[0].aval
    before, after = aval.dtype, equation.params["new_dtype"]
    both = all(jax.numpy.issubdtype(dtype, np.floating) for dtype in (before, after))
    return both and before != after


def read_jax(
    function: Callable[..., Any], args: Sequence[Any], names: Sequence[str]
) -> tuple[CapturedProgram, dict[str, Any], str]:
    """Capture a function; return it, its inputs by their names, and their widest number format."""
    program, _, _ = capture_jax(function, args, names)
    return program, *_inputs(program, args)


def _inputs(program: CapturedProgram, args: Sequence[Any]) -> tuple[dict[str, Any], str]:
    leaves = map(jax.numpy.asarray, jax.tree_util.tree_leaves(tuple(args)))
    floats = [np.asarray(leaf) for leaf in leaves if jax.numpy.issubdtype(leaf.dtype, np.floating)]
    return dict(zip(program.inputs, floats, strict=True)), str(jax.numpy.result_type(*floats))


def run_jax(function: Callable[..., Any], args: Sequence[Any], names: Sequence[str]) -> Captured:
    """Capture a function, and run it and JAX's gradient of it, with respect to every float leaf."""
    program, lines, closed = capture_jax(function, args, names)
    program.is_scalar()
    values, dtype = _inputs(program, args)
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

    def run(number: Any, slopes: Sequence[Any], shown: Mapping[int, ShownValue]) -> Captured:
        made = dict(zip(program.inputs, map(np.asarray, slopes), strict=True))
        value = np.asarray(number).reshape(program.shapes[program.output])
        return Captured(program, values, dtype, f"jax {jax.__version__}", value, made, shown, ACCUMULATORS)

    whole = run(output, gradients, {})
    try:
        number, slopes, *between = values_and_gradients(closed, leaves, floats)
    except Exception:  # noqa: BLE001 - it does not bear to be taken apart, and is judged by its ends
        return whole
    apart = run(number, slopes, _by_line(lines, *between))
    return apart if whole.has_ends_of(apart) else replace(whole, apart=apart)


def _by_line(
    lines: Mapping[Where, tuple[int, str]], values: dict[Where, Any], slopes: dict[Where, Any]
) -> dict[int, ShownValue]:
    return {
        line: ShownValue(name, np.asarray(values[where]), np.asarray(slopes[where]))
        for where, (line, name) in lines.items()
        if where in values
    }
