"""A JAX function as a captured program, from its jaxpr.

Calls are opened, functions with derivatives of their own too: their derivative is under test, and the
reference derives its own from what they compute. What depends on no floating-point input is evaluated by JAX.
"""

# ruff: noqa: ANN401 - equations hold values of any kind

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var, jaxpr_as_fun

from cases.captured import TRUTHS, Builder, Captured, CapturedProgram, CustomCall, NotCapturedError

MAX_STEPS: Final = 1000  # of a loop, which is unrolled
LIBRARIES: Final = frozenset({"site-packages", "dist-packages"})
HERE: Final = Path(__file__).parent


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
        known: dict[Any, Any] = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*constants, *given), strict=True))

        def value(atom: Any) -> Any:
            return np.asarray(atom.val) if isinstance(atom, Literal) else known[atom]

        for equation in jaxpr.eqns:
            operands = [value(atom) for atom in equation.invars]
            known |= zip(equation.outvars, self._equation(equation, operands), strict=True)
        return [value(atom) for atom in jaxpr.outvars]

    def _equation(self, equation: JaxprEqn, operands: list[Any]) -> Sequence[Any]:
        name = equation.primitive.name
        if not any(isinstance(operand, int) for operand in operands):
            results = equation.primitive.bind(*map(jax.numpy.asarray, operands), **equation.params)
            return [*map(np.asarray, results)] if equation.primitive.multiple_results else [np.asarray(results)]
        self.b.place, self.b.source = _place(equation) or self.b.place, name
        inner: Any = equation.params.get("call_jaxpr", equation.params.get("jaxpr"))
        if name == "scan":
            return self._scan(equation.params, operands)
        if isinstance(inner, ClosedJaxpr):
            return self.read(inner.jaxpr, inner.consts, operands)
        if isinstance(inner, Jaxpr):
            return self.read(inner, (), operands)
        rule = RULES.get(name)
        numbers = [self.number(operand) for operand in operands]
        shapes = [tuple(variable.aval.shape) for variable in equation.outvars]
        try:
            if rule is not None and not self.b.unknown.keys() & set(numbers):
                result = rule(self.b, equation.params, operands, numbers, shapes[0])
                return [result]
        except NotCapturedError as error:
            return [self.b.unreadable(shape, f"{error}{self._at()}") for shape in shapes]
        reasons = [self.b.unknown[number] for number in numbers if number in self.b.unknown]
        reason = reasons[0] if reasons else f"{name} is not known{self._at()}"
        return [self.b.unreadable(shape, reason) for shape in shapes]

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
            results = self.read(body.jaxpr, body.consts, [*constants, *state, *(self._row(x, i) for x in rows)])
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


def _place(equation: JaxprEqn) -> str:
    trace: Any = equation.source_info.traceback
    for frame in trace.frames if trace is not None else ():
        path = Path(frame.file_name)
        if path.parent != HERE and not {*path.parts} & LIBRARIES:
            return f"{path.name}:{frame.line_num}"
    return ""


# A rule takes the builder, the parameters, the operands as they are and by number, and the result's shape.
Rule = Callable[[Builder, Mapping[str, Any], list[Any], list[int], tuple[int, ...]], int]

SAME: Final = {
    "add": "add", "add_any": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative",
    "max": "maximum", "min": "minimum", "exp": "exp", "log": "log", "log1p": "log1p", "expm1": "expm1",
    "tanh": "tanh", "logistic": "logistic", "erf": "erf", "erfc": "erfc", "sqrt": "sqrt", "rsqrt": "rsqrt",
    "abs": "abs", "sign": "sign", "sin": "sin", "cos": "cos", "stop_gradient": "stop", "gt": "greater",
    "ge": "greater_equal", "eq": "equal", "and": "and", "or": "or", "not": "not",
}  # fmt: skip


def _same(kind: str) -> Rule:
    return lambda b, given, operands, numbers, shape: b.add(kind, *numbers)  # noqa: ARG005


def _swapped(kind: str) -> Rule:
    return lambda b, given, operands, numbers, shape: b.add(kind, *numbers[::-1])  # noqa: ARG005


def _axes(kind: str) -> Rule:
    return lambda b, given, operands, numbers, shape: b.reduce(kind, numbers[0], given["axes"])  # noqa: ARG005


def _min(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], __: Any) -> int:
    return b.add("negative", b.reduce("max", b.add("negative", numbers[0]), given["axes"]))


def _unequal(b: Builder, _: Any, __: Any, numbers: list[int], shape: Any) -> int:
    """x ≠ x asks for NaN, which no right program meets here."""
    if numbers[0] == numbers[1]:
        return b.constant(np.zeros(shape, np.bool_))
    return b.add("not", b.add("equal", *numbers))


def _copied(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], __: Any) -> int:
    """A conversion between formats of numbers; one of truth values selects 1 or 0."""
    operations = {operation.number: operation for operation in b.operations}
    made = operations.get(numbers[0])
    if made is not None and made.kind in TRUTHS:
        return b.add("select", numbers[0], b.constant(1.0), b.constant(0.0))
    if not jax.numpy.issubdtype(given.get("new_dtype", np.float64), np.floating):
        raise NotCapturedError(f"a conversion to {given['new_dtype']} of what depends on the inputs is not known")
    return numbers[0]


def _broadcast(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], shape: Any) -> int:
    places = given["broadcast_dimensions"]
    own = b.shapes[numbers[0]]
    sizes = dict(zip(places, own, strict=True))
    return b.broadcast(b.reshape(numbers[0], [sizes.get(axis, 1) for axis in range(len(shape))]), shape)


def _power(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], __: Any) -> int:
    return b.add("power", numbers[0], exponent=int(given["y"]))


def _real_power(b: Builder, _: Any, operands: list[Any], numbers: list[int], __: Any) -> int:
    exponent = operands[1]
    if isinstance(exponent, int) or np.unique(exponent).size != 1:
        raise NotCapturedError("a power with an exponent that is not one number is not known")
    return raised(b, numbers[0], float(np.unique(exponent)[0]))


def raised(b: Builder, x: int, exponent: float) -> int:
    """Return x to a whole or half power."""
    if exponent == int(exponent):
        return b.add("power", x, exponent=int(exponent))
    if 2 * exponent == int(2 * exponent):
        root = b.add("sqrt" if exponent > 0 else "rsqrt", x)
        return root if abs(exponent) == 0.5 else b.add("power", root, exponent=int(2 * abs(exponent)))  # noqa: PLR2004
    raise NotCapturedError(f"a power of {exponent} is not known")


def _dot(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], shape: Any) -> int:
    """A product over any axes: as a batch of matrix products."""
    (left_over, right_over), (left_batch, right_batch) = given["dimension_numbers"]
    sides = []
    for number, over, batch, last in ((numbers[0], left_over, left_batch, True), (numbers[1], right_over, right_batch, False)):
        own = b.shapes[number]
        free = [axis for axis in range(len(own)) if axis not in {*over, *batch}]
        order = [*batch, *free, *over] if last else [*batch, *over, *free]
        inner, outer = (math.prod(own[axis] for axis in axes) for axes in (over, free))
        sizes = [own[axis] for axis in batch]
        sides.append(b.reshape(b.transpose(number, order), [*sizes, *((outer, inner) if last else (inner, outer))]))
    return b.reshape(b.add("matmul", *sides), shape)


def _select(b: Builder, _: Any, __: Any, numbers: list[int], ___: Any) -> int:
    if len(numbers) != 3:  # noqa: PLR2004 - a condition and two cases
        raise NotCapturedError("a choice between more than two is not known")
    condition, if_false, if_true = numbers
    return b.add("select", condition, if_true, if_false)


def _moved(b: Builder, given: Mapping[str, Any], operands: list[Any], numbers: list[int], _: Any, *, bind: Callable[..., Any]) -> int:
    """What only moves elements of its first operand: JAX moves their positions. −1 is what was padded."""
    return b.gather(np.asarray(bind(b.positions(numbers[0]), operands, given)), numbers[0])


def _concatenated(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], __: Any) -> int:
    begin, parts = 0, []
    for number in numbers:
        positions = b.positions(number)
        parts.append(positions + begin)
        begin += positions.size
    return b.gather(np.concatenate(parts, axis=given["dimension"]), *numbers)


def _bound(primitive: Any) -> Callable[..., Any]:
    def bind(positions: Any, operands: list[Any], given: Mapping[str, Any]) -> Any:
        if any(isinstance(operand, int) for operand in operands[1:]):
            raise NotCapturedError("indices that depend on the inputs are not known")
        return primitive.bind(jax.numpy.asarray(positions), *map(jax.numpy.asarray, operands[1:]), **given)

    return bind


def _padded(positions: Any, operands: list[Any], given: Mapping[str, Any]) -> Any:
    if isinstance(operands[1], int) or float(operands[1]) != 0:
        raise NotCapturedError("a padding with another number than 0 is not known")
    return jax.lax.pad(jax.numpy.asarray(positions), jax.numpy.asarray(-1, positions.dtype), given["padding_config"])


def _taken(positions: Any, operands: list[Any], given: Mapping[str, Any]) -> Any:
    params = {**given, "fill_value": -1} if "fill_value" in given else given
    return _bound(jax.lax.gather_p)(positions, operands, params)


def _convolution(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], shape: Any) -> int:
    """A convolution as the product of every patch with the kernel."""
    x, kernel = numbers
    if given["feature_group_count"] != 1 or given["batch_group_count"] != 1:
        raise NotCapturedError("a convolution in groups is not known")
    spec = given["dimension_numbers"]
    kernel_shape = [b.shapes[kernel][axis] for axis in spec.rhs_spec]
    positions = np.transpose(b.positions(x), spec.lhs_spec) + 1.0
    patches = jax.lax.conv_general_dilated_patches(
        jax.numpy.asarray(positions), kernel_shape[2:], given["window_strides"], given["padding"],
        given["lhs_dilation"], given["rhs_dilation"], precision=jax.lax.Precision.HIGHEST,
    )  # fmt: skip
    indices = np.rint(np.asarray(patches)).astype(np.intp) - 1  # (N, C·k, …out)
    spatial = indices.shape[2:]
    indices = np.moveaxis(indices, 1, -1).reshape(-1, indices.shape[1])
    rows = b.reshape(b.transpose(kernel, spec.rhs_spec), (kernel_shape[0], -1))
    product = b.add("matmul", b.gather(indices, x), b.swap(rows))
    product = b.reshape(product, (b.shapes[x][spec.lhs_spec[0]], *spatial, kernel_shape[0]))
    channels_second = b.transpose(product, (0, len(spatial) + 1, *range(1, len(spatial) + 1)))
    result = b.transpose(channels_second, tuple(np.argsort(spec.out_spec)))
    if b.shapes[result] != shape:
        raise NotCapturedError("a convolution of this layout is not known")
    return result


def _window(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], shape: Any, *, kind: str) -> int:
    """A reduction over windows: of the elements of each, gathered."""
    size, strides = given["window_dimensions"], given["window_strides"]
    if any(map(any, given["padding"])) or set(given["base_dilation"] + given["window_dilation"]) != {1}:
        raise NotCapturedError("windows that are padded or dilated are not known")
    positions = b.positions(numbers[0])
    windows = np.lib.stride_tricks.sliding_window_view(positions, size)
    windows = windows[tuple(slice(None, None, stride) for stride in strides)].reshape(*shape, -1)
    return b.reduce(kind, b.gather(windows, numbers[0]), [len(shape)])


RULES: Final[dict[str, Rule]] = {
    **{name: _same(kind) for name, kind in SAME.items()},
    "lt": _swapped("greater"),
    "le": _swapped("greater_equal"),
    "ne": _unequal,
    "square": lambda b, given, operands, numbers, shape: b.add("power", numbers[0], exponent=2),  # noqa: ARG005
    "integer_pow": _power,
    "pow": _real_power,
    "reduce_sum": _axes("sum"),
    "reduce_max": _axes("max"),
    "reduce_min": _min,
    "convert_element_type": _copied,
    "copy": _copied,
    "copy_p": _copied,
    "reshape": lambda b, given, operands, numbers, shape: b.reshape(numbers[0], shape),  # noqa: ARG005
    "squeeze": lambda b, given, operands, numbers, shape: b.reshape(numbers[0], shape),  # noqa: ARG005
    "expand_dims": lambda b, given, operands, numbers, shape: b.reshape(numbers[0], shape),  # noqa: ARG005
    "transpose": lambda b, given, operands, numbers, shape: b.transpose(numbers[0], given["permutation"]),  # noqa: ARG005
    "broadcast_in_dim": _broadcast,
    "dot_general": _dot,
    "select_n": _select,
    "concatenate": _concatenated,
    "slice": partial(_moved, bind=_bound(jax.lax.slice_p)),
    "rev": partial(_moved, bind=_bound(jax.lax.rev_p)),
    "dynamic_slice": partial(_moved, bind=_bound(jax.lax.dynamic_slice_p)),
    "split": partial(_moved, bind=_bound(jax.lax.split_p)),
    "pad": partial(_moved, bind=_padded),
    "gather": partial(_moved, bind=_taken),
    "conv_general_dilated": _convolution,
    "reduce_window_max": partial(_window, kind="max"),
    "reduce_window_sum": partial(_window, kind="sum"),
}


def run_jax(function: Callable[..., Any], args: Sequence[Any], names: Sequence[str]) -> Captured:
    """Capture a function, and run it and JAX's own gradient of it, with respect to every floating-point leaf."""
    program = capture_jax(function, args, names)
    leaves, tree = jax.tree_util.tree_flatten(tuple(args))
    floats = [i for i, leaf in enumerate(leaves) if jax.numpy.issubdtype(jax.numpy.asarray(leaf).dtype, np.floating)]

    def of_floats(*given: Any) -> Any:
        every = list(leaves)
        for i, value in zip(floats, given, strict=True):
            every[i] = value
        return function(*jax.tree_util.tree_unflatten(tree, every)).reshape(())

    own = [jax.numpy.asarray(leaves[i]) for i in floats]
    output, gradients = jax.value_and_grad(of_floats, argnums=tuple(range(len(own))))(*own)
    values = dict(zip(program.inputs, map(np.asarray, own), strict=True))
    made = dict(zip(program.inputs, map(np.asarray, gradients), strict=True))
    output = np.asarray(output).reshape(program.shapes[program.output])
    return Captured(program, values, str(output.dtype), f"jax {jax.__version__}", output, made)


def custom_calls_jax(function: Callable[..., Any], args: Sequence[Any]) -> list[CustomCall]:
    """Return the calls that a function makes of functions with derivatives of their own."""
    leaves, tree = jax.tree_util.tree_flatten(tuple(args))
    closed = jax.make_jaxpr(lambda *flat: function(*jax.tree_util.tree_unflatten(tree, flat)))(*leaves)
    calls: list[CustomCall] = []
    _evaluate(closed.jaxpr, closed.consts, leaves, calls)
    return calls


CUSTOM: Final = frozenset({"custom_jvp_call", "custom_vjp_call"})


def _evaluate(jaxpr: Jaxpr, constants: Sequence[Any], given: Sequence[Any], calls: list[CustomCall]) -> list[Any]:
    known: dict[Any, Any] = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*constants, *given), strict=True))

    def value(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else known[atom]

    for equation in jaxpr.eqns:
        operands = [jax.numpy.asarray(value(atom)) for atom in equation.invars]
        inner: Any = equation.params.get("jaxpr")
        if equation.primitive.name in {"jit", "pjit", "closed_call", "remat", "checkpoint"}:
            body = inner if isinstance(inner, Jaxpr) else inner.jaxpr
            results = _evaluate(body, () if isinstance(inner, Jaxpr) else inner.consts, operands, calls)
        else:
            alone = jaxpr_as_fun(ClosedJaxpr(jaxpr.replace(constvars=[], invars=_places(equation), outvars=equation.outvars, eqns=[_renamed(equation)]), ()))
            results = alone(*operands)
            if equation.primitive.name in CUSTOM:
                calls.append(CustomCall(_called(equation), _place(equation), _summed(alone), tuple(operands)))
        known |= zip(equation.outvars, results, strict=True)
    return [value(atom) for atom in jaxpr.outvars]


def _places(equation: JaxprEqn) -> list[Var]:
    return _fresh(equation)[0]


def _renamed(equation: JaxprEqn) -> JaxprEqn:
    return _fresh(equation)[1]


@cache
def _fresh(equation: JaxprEqn) -> tuple[list[Var], JaxprEqn]:
    """Return an equation that takes each operand by a variable of its own."""
    places = [Var(atom.aval) for atom in equation.invars]
    return places, equation.replace(invars=list(places))


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
