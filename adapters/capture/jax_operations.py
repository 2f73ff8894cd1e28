"""What each JAX primitive computes, by the vocabulary of `cases.captured`: one rule for each.

A rule takes the builder, the equation's parameters, its operands as they are and by number, and the result's
shape.
"""

# ruff: noqa: ANN401, ARG005, PLR2004 - parameters of any kind; rules that leave some alone

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

import jax
import numpy as np

from cases.captured import TRUTHS, Builder, NotCapturedError

Rule: TypeAlias = Callable[
    [Builder, Mapping[str, Any], list[Any], list[int], tuple[int, ...]], int | list[int]
]

SAME: Final = {
    "add": "add", "add_any": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative",
    "max": "maximum", "min": "minimum", "exp": "exp", "log": "log", "log1p": "log1p", "expm1": "expm1",
    "tanh": "tanh", "logistic": "logistic", "erf": "erf", "erfc": "erfc", "sqrt": "sqrt", "rsqrt": "rsqrt",
    "abs": "abs", "sign": "sign", "sin": "sin", "cos": "cos", "stop_gradient": "stop", "gt": "greater",
    "ge": "greater_equal", "eq": "equal", "and": "and", "or": "or", "not": "not",
}  # fmt: skip


def _same(kind: str) -> Rule:
    return lambda b, given, operands, numbers, shape: b.add(kind, *numbers)


def _swapped(kind: str) -> Rule:
    return lambda b, given, operands, numbers, shape: b.add(kind, *numbers[::-1])


def _axes(kind: str) -> Rule:
    return lambda b, given, operands, numbers, shape: b.reduce(kind, numbers[0], given["axes"])


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
        raise NotCapturedError(
            f"a conversion to {given['new_dtype']} of what depends on the inputs is not known"
        )
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
        return root if abs(exponent) == 0.5 else b.add("power", root, exponent=int(2 * abs(exponent)))
    raise NotCapturedError(f"a power of {exponent} is not known")


def _dot(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], shape: Any) -> int:
    """A product over any axes: as a batch of matrix products."""
    (left_over, right_over), (left_batch, right_batch) = given["dimension_numbers"]
    sides = []
    for number, over, batch, last in (
        (numbers[0], left_over, left_batch, True),
        (numbers[1], right_over, right_batch, False),
    ):
        own = b.shapes[number]
        free = [axis for axis in range(len(own)) if axis not in {*over, *batch}]
        order = [*batch, *free, *over] if last else [*batch, *over, *free]
        inner, outer = (math.prod(own[axis] for axis in axes) for axes in (over, free))
        sizes = [own[axis] for axis in batch]
        sides.append(
            b.reshape(b.transpose(number, order), [*sizes, *((outer, inner) if last else (inner, outer))])
        )
    return b.reshape(b.add("matmul", *sides), shape)


def _select(b: Builder, _: Any, __: Any, numbers: list[int], ___: Any) -> int:
    if len(numbers) != 3:
        raise NotCapturedError("a choice between more than two is not known")
    condition, if_false, if_true = numbers
    return b.add("select", condition, if_true, if_false)


def _moved(
    b: Builder,
    given: Mapping[str, Any],
    operands: list[Any],
    numbers: list[int],
    _: Any,
    *,
    bind: Callable[..., Any],
) -> int:
    """What only moves elements of its first operand: JAX moves their positions. −1 is what was padded."""
    return b.gather(np.asarray(bind(b.positions(numbers[0]), operands, given)), numbers[0])


def _concatenated(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], __: Any) -> int:
    begin, parts = 0, []
    for number in numbers:
        positions = b.positions(number)
        parts.append(positions + begin)
        begin += positions.size
    return b.gather(np.concatenate(parts, axis=given["dimension"]), *numbers)


def _split(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], __: Any) -> list[int]:
    ends = np.cumsum(given["sizes"])[:-1]
    return [b.gather(part, numbers[0]) for part in np.split(b.positions(numbers[0]), ends, given["axis"])]


def _bound(primitive: Any) -> Callable[..., Any]:
    def bind(positions: Any, operands: list[Any], given: Mapping[str, Any]) -> Any:
        if any(isinstance(operand, int) for operand in operands[1:]):
            raise NotCapturedError("indices that depend on the inputs are not known")
        return primitive.bind(jax.numpy.asarray(positions), *map(jax.numpy.asarray, operands[1:]), **given)

    return bind


def _padded(positions: Any, operands: list[Any], given: Mapping[str, Any]) -> Any:
    if isinstance(operands[1], int) or float(operands[1]) != 0:
        raise NotCapturedError("a padding with another number than 0 is not known")
    return jax.lax.pad(
        jax.numpy.asarray(positions), jax.numpy.asarray(-1, positions.dtype), given["padding_config"]
    )


def _taken(positions: Any, operands: list[Any], given: Mapping[str, Any]) -> Any:
    params = {**given, "fill_value": -1} if "fill_value" in given else given
    taken = _bound(jax.lax.gather_p)(positions, operands, params)
    if given.get("fill_value") != 0 and (np.asarray(taken) < 0).any():
        raise NotCapturedError("an index outside, filled with another number than 0, is not known")
    return taken


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


def _window(
    b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], shape: Any, *, kind: str
) -> int:
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
    "is_finite": lambda b, given, operands, numbers, shape: b.constant(np.ones(shape, np.bool_)),
    "square": lambda b, given, operands, numbers, shape: b.add("power", numbers[0], exponent=2),
    "integer_pow": _power,
    "pow": _real_power,
    "reduce_sum": _axes("sum"),
    "reduce_max": _axes("max"),
    "reduce_min": _min,
    "convert_element_type": _copied,
    "copy": _copied,
    "copy_p": _copied,
    "reshape": lambda b, given, operands, numbers, shape: b.reshape(numbers[0], shape),
    "squeeze": lambda b, given, operands, numbers, shape: b.reshape(numbers[0], shape),
    "expand_dims": lambda b, given, operands, numbers, shape: b.reshape(numbers[0], shape),
    "transpose": lambda b, given, operands, numbers, shape: b.transpose(numbers[0], given["permutation"]),
    "broadcast_in_dim": _broadcast,
    "dot_general": _dot,
    "select_n": _select,
    "concatenate": _concatenated,
    "slice": partial(_moved, bind=_bound(jax.lax.slice_p)),
    "rev": partial(_moved, bind=_bound(jax.lax.rev_p)),
    "dynamic_slice": partial(_moved, bind=_bound(jax.lax.dynamic_slice_p)),
    "split": _split,
    "pad": partial(_moved, bind=_padded),
    "gather": partial(_moved, bind=_taken),
    "conv_general_dilated": _convolution,
    "reduce_window_max": partial(_window, kind="max"),
    "reduce_window_sum": partial(_window, kind="sum"),
}
