"""Convolution, windows and writes of JAX, by positions of elements."""

# ruff: noqa: ANN401 - parameters of any kind

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import jax
import numpy as np

from adapters.capture import windows
from cases.captured import Builder, NotCapturedError

# Takes the builder, the equation's parameters, its operands as they are and by number, the result's shape.
Rule: TypeAlias = Callable[
    [Builder, Mapping[str, Any], list[Any], list[int], tuple[int, ...]], int | list[int]
]


def known(operands: list[Any]) -> None:
    """Raise NotCapturedError where one of the operands, which are indices, depends on the inputs."""
    if any(isinstance(operand, int) for operand in operands):
        raise NotCapturedError("indices that depend on the inputs are not known")


def _convolution(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], __: Any) -> int:
    """A convolution as the product of every patch with the kernel."""
    spec = given["dimension_numbers"]
    batches, groups = given["batch_group_count"], given["feature_group_count"]
    positions = np.transpose(b.positions(numbers[0]), spec.lhs_spec)
    if batches > 1:  # each part of the examples has output channels of its own
        parts = positions.reshape(batches, -1, *positions.shape[1:]).swapaxes(0, 1)
        positions = parts.reshape(parts.shape[0], -1, *positions.shape[2:])
    kernel = b.transpose(numbers[1], spec.rhs_spec)
    size, strides = b.shapes[kernel][2:], given["window_strides"]
    spread = windows.padded(windows.spread(positions, given["lhs_dilation"]), given["padding"])
    places = windows.windows(spread, size, strides, given["rhs_dilation"])
    result = windows.convolved(b, numbers[0], kernel, places, groups * batches)
    return b.transpose(result, tuple(np.argsort(spec.out_spec)))


def _window(kind: str) -> Rule:
    """Make the rule of a reduction over windows, of the elements of each, gathered."""

    def rule(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], __: Any) -> int:
        size, x = given["window_dimensions"], numbers[0]
        spread = windows.padded(windows.spread(b.positions(x), given["base_dilation"]), given["padding"])
        places = windows.windows(spread, size, given["window_strides"], given["window_dilation"])
        if kind == "sum":
            return windows.summed(b, x, places, len(size))
        if kind == "max":
            return windows.largest(b, x, places, len(size))
        return b.add("negative", windows.largest(b, b.add("negative", x), places, len(size)))

    return rule


# What is written.


def _joined(b: Builder, numbers: list[int]) -> list[Any]:
    """Return the positions of the elements of several arrays, counted through."""
    begins = np.cumsum([0, *(b.positions(number).size for number in numbers)])
    return [jax.numpy.asarray(b.positions(n) + begin) for n, begin in zip(numbers, begins, strict=False)]


def _updated(b: Builder, _: Any, operands: list[Any], numbers: list[int], __: Any) -> int:
    """A slice that is written over: JAX writes positions."""
    known(operands[2:])
    starts = [int(start) for start in operands[2:]]
    before, new = _joined(b, numbers[:2])
    moved = jax.lax.dynamic_update_slice(before, new, starts)
    return b.gather(np.asarray(moved), *numbers[:2])


def _scattered(b: Builder, given: Mapping[str, Any], operands: list[Any], numbers: list[int], _: Any) -> int:
    known(operands[1:2])
    x, indices, updates = numbers[0], jax.numpy.asarray(operands[1]), numbers[2]
    options = {name: given[name] for name in ("indices_are_sorted", "unique_indices", "mode")}
    before, new = _joined(b, [x, updates])
    moved = jax.lax.scatter(before, indices, new, given["dimension_numbers"], **options)
    return b.gather(np.asarray(moved), x, updates)


def _scatter_added(
    b: Builder, given: Mapping[str, Any], operands: list[Any], numbers: list[int], shape: Any
) -> int:
    """Add each update where a gather by the same indices takes from."""
    known(operands[1:2])
    numbered, sizes = given["dimension_numbers"], b.shapes[numbers[2]]
    alone = {*numbered.inserted_window_dims, *numbered.operand_batching_dims}
    within = iter(numbered.update_window_dims)
    taken = [1 if axis in alone else sizes[next(within)] for axis in range(len(shape))]
    backwards = jax.lax.GatherDimensionNumbers(
        offset_dims=numbered.update_window_dims,
        collapsed_slice_dims=numbered.inserted_window_dims,
        start_index_map=numbered.scatter_dims_to_operand_dims,
        operand_batching_dims=numbered.operand_batching_dims,
        start_indices_batching_dims=numbered.scatter_indices_batching_dims,
    )
    positions, indices = (jax.numpy.asarray(one) for one in (b.positions(numbers[0]), operands[1]))
    at = jax.lax.gather(positions, indices, backwards, taken, mode=given["mode"], fill_value=-1)
    added = b.add("scatter", numbers[2], indices=np.asarray(at, np.intp), shape=b.shapes[numbers[0]])
    return b.add("add", numbers[0], added)


def _padded(b: Builder, given: Mapping[str, Any], operands: list[Any], numbers: list[int], _: Any) -> int:
    x, value = numbers
    is_zero = not isinstance(operands[1], int) and float(operands[1]) == 0
    positions = jax.numpy.asarray(b.positions(x))
    fill = jax.numpy.asarray(-1 if is_zero else positions.size, positions.dtype)
    moved = np.asarray(jax.lax.pad(positions, fill, given["padding_config"]))
    return b.gather(moved, x) if is_zero else b.gather(moved, x, value)


def _stacked(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], __: Any) -> int:
    return b.gather(np.stack(_joined(b, numbers), given["axis"]), *numbers)


def _tiled(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], __: Any) -> int:
    return b.gather(np.tile(b.positions(numbers[0]), given["reps"]), numbers[0])


RULES: Final[dict[str, Rule]] = {
    "stack": _stacked,
    "tile": _tiled,
    "conv_general_dilated": _convolution,
    **{f"reduce_window_{kind}": _window(kind) for kind in ("sum", "max", "min")},
    "dynamic_update_slice": _updated,
    "scatter": _scattered,
    "scatter-add": _scatter_added,
    "pad": _padded,
}
