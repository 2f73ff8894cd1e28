"""Convolution, pooling and bags of embeddings of PyTorch, by windows of positions."""

# ruff: noqa: ANN401, PLR2004 - arguments of any kind, by their places

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, Final

import numpy as np

from adapters.capture import windows
from adapters.capture.torch_lines import Lines, Rule, given, known
from adapters.capture.windows import Positions
from cases.captured import Builder, NotCapturedError


def _convolution(r: Lines, args: Any, _: Any, shape: Any) -> int:
    """A convolution in any number of dimensions, as the product of every patch with the kernel."""
    x, kernel, bias, stride, padding, dilation, transposed, _, groups = args
    b, number, weights = r.b, r.number(x), r.number(kernel)
    size = b.shapes[weights][2:]
    stride, padding, dilation = (_each(one, len(size)) for one in (stride, padding, dilation))

    def patches(positions: Positions) -> Positions:
        wide = windows.padded(positions, [(p, p) for p in padding])
        return windows.windows(wide, size, stride, dilation)

    if transposed:
        at = patches(np.arange(math.prod(shape)).reshape(shape))
        result = _transposed(b, number, weights, at, groups, shape)
    else:
        result = windows.convolved(b, number, weights, patches(b.positions(number)), groups)
    return (
        result if bias is None else b.add("add", result, b.reshape(r.number(bias), (-1, *(1,) * len(size))))
    )


def _transposed(b: Builder, x: int, kernel: int, at: Positions, groups: int, shape: Any) -> int:
    """Multiply each place with the kernel, (C, O/groups, size…), and add this to the patch of the result.

    `at`: the positions of the result in each patch, (N, O, places…, size…). Each product is rounded before it
    is added, as PyTorch does in 16 bits.
    """
    (count, channels, *places), out = b.shapes[x], b.shapes[kernel][1:]
    rows = b.reshape(kernel, (groups, channels // groups, math.prod(out)))
    columns = b.reshape(x, (count, groups, channels // groups, math.prod(places)))
    product = b.add("matmul", b.swap(rows), columns)  # (N, groups, O/groups·size, places)
    first = at[(slice(None), slice(None), *map(slice, places))]
    dims = len(places)
    ordered = first.transpose(0, 1, *range(2 + dims, 2 + 2 * dims), *range(2, 2 + dims))
    return b.add("scatter", product, indices=ordered.reshape(b.shapes[product]), shape=shape)


def _each(value: Any, count: int) -> list[int]:
    given = [value] if isinstance(value, int) else list(value)
    return given * count if len(given) == 1 else given


def _pooled(dims: int, kind: str) -> Rule:
    """Make the rule of a reduction over windows, which may be padded and, at the far end, cut off."""

    def rule(r: Lines, args: Any, kwargs: Any, _: Any) -> Any:
        b, x, size = r.b, r.number(args[0]), _each(args[1], dims)
        stride = _each(given(args, kwargs, 2, "stride", None) or size, dims)
        padding = _each(given(args, kwargs, 3, "padding", 0), dims)
        dilation = _each(given(args, kwargs, 4, "dilation", 1) if kind == "max" else 1, dims)
        ceil = given(args, kwargs, 5 if kind == "max" else 4, "ceil_mode", False)
        every = zip(b.shapes[x][-dims:], size, stride, padding, dilation, strict=True)
        pairs = [_pads(*one, ceil=ceil) for one in every]

        def places(positions: Positions) -> Positions:
            return windows.windows(windows.padded(positions, pairs), size, stride, dilation)

        if kind == "max":
            return windows.largest(b, x, places(b.positions(x)), dims), None
        counted = np.zeros(b.shapes[x][-dims:], np.intp)
        if given(args, kwargs, 5, "count_include_pad", True):
            counted = windows.padded(counted, [(p, p) for p in padding], 0)
            further = [(low - p, high - p) for (low, high), p in zip(pairs, padding, strict=True)]
            counts = windows.windows(windows.padded(counted, further), size, stride, dilation)
        else:
            counts = places(counted)
        number = (counts >= 0).sum(tuple(range(dims, 2 * dims))).astype(np.float64)
        divisor = given(args, kwargs, 6, "divisor_override", None) or number
        return b.add("divide", windows.summed(b, x, places(b.positions(x)), dims), b.constant(divisor))

    return rule


def _pads(length: int, size: int, stride: int, padding: int, dilation: int, *, ceil: bool) -> tuple[int, int]:
    """Return what is padded before and behind; the last window begins inside what is not padded behind."""
    reach = dilation * (size - 1) + 1
    room = length + 2 * padding - reach
    count = (-(-room // stride) if ceil else room // stride) + 1
    if ceil and (count - 1) * stride >= length + padding:
        count -= 1
    return padding, (count - 1) * stride + reach - length - padding


def _adaptive(dims: int, kind: str) -> Rule:
    """Make the rule of a reduction over so many windows as are asked for, of nearly equal sizes."""

    def rule(r: Lines, args: Any, _: Any, __: Any) -> Any:
        b, x = r.b, r.number(args[0])
        positions = b.positions(x)
        first = positions.ndim - dims
        for axis, count in enumerate(args[1]):
            positions = _bins(positions, first + 2 * axis, count)
        order = [
            *range(first),
            *(first + 2 * i for i in range(dims)),
            *(first + 2 * i + 1 for i in range(dims)),
        ]
        places = positions.transpose(order)
        if kind == "max":
            return windows.largest(b, x, places, dims), None
        counts = (places >= 0).sum(tuple(range(places.ndim - dims, places.ndim))).astype(np.float64)
        return b.add("divide", windows.summed(b, x, places, dims), b.constant(counts))

    return rule


def _bins(positions: Positions, axis: int, count: int) -> Positions:
    """Split an axis into windows from ⌊i·n/count⌋ to ⌈(i + 1)·n/count⌉: two axes in its place."""
    length = positions.shape[axis]
    ends = [(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]
    widest = max((high - low for low, high in ends), default=0)
    more = np.full((*positions.shape[:axis], 1, *positions.shape[axis + 1 :]), -1)
    indices = [[*range(low, high), *[length] * (widest - high + low)] for low, high in ends]
    return np.take(np.concatenate([positions, more], axis), np.array(indices, np.intp), axis)


def _bags(r: Lines, args: Any, kwargs: Any, _: Any) -> Any:
    """Sums, means or largest elements of the rows that each bag names."""
    table, indices, offsets = args[:3]
    mode, weights = given(args, kwargs, 4, "mode", 0), given(args, kwargs, 6, "per_sample_weights", None)
    is_closed, ignored = (given(args, kwargs, 7 + i, "", (False, -1)[i]) for i in range(2))
    known(indices, offsets)
    b, number, rows = r.b, r.number(table), indices.tolist()
    ends = [*offsets.tolist(), *([] if is_closed else [len(rows)])]
    bags = [[i for i in range(low, high) if rows[i] != ignored] for low, high in pairwise(ends)]
    most = max(map(len, bags), default=0)
    used = np.array([bag + [-1] * (most - len(bag)) for bag in bags], np.intp).reshape(len(bags), most)
    columns = b.positions(number)[np.append(rows, 0).astype(np.intp)]
    places = np.where((used < 0)[..., None], -1, columns[used])  # (bags, most, columns)
    picked = b.gather(places, number)
    if weights is not None:
        picked = b.add("multiply", picked, b.gather(used[..., None], r.number(weights)))
    if mode == 2:
        return windows.largest(b, number, places.swapaxes(1, 2), 1), None, None, None
    total = b.reduce("sum", picked, [1])
    counts = np.array([max(len(bag), 1) for bag in bags], np.float64)[:, None]
    return b.add("divide", total, b.constant(counts)) if mode == 1 else total, None, None, None


def _embedding(r: Lines, args: Any, kwargs: Any, _: Any) -> int:
    """Rows of a table; that of `padding_idx` has no gradient."""
    table, indices = args[:2]
    known(indices)
    if any(args[3:]):
        raise NotCapturedError("an embedding with scale_grad_by_freq or sparse is not known")
    number, padding = r.number(table), given(args, kwargs, 2, "padding_idx", -1)
    positions, chosen = r.b.positions(number), indices.numpy()
    if padding < 0:
        return r.b.gather(positions[chosen], number)
    is_padding = (chosen == padding)[..., None]
    places = positions[chosen] + np.where(is_padding, positions.size, 0)
    return r.b.gather(places, number, r.b.add("stop", number))


RULES: Final[dict[str, Rule]] = {
    "convolution": _convolution,
    "embedding": _embedding,
    "_embedding_bag_forward_only": _bags,
    "_embedding_bag": _bags,
    **{f"max_pool{n}d_with_indices": _pooled(n, "max") for n in (1, 2, 3)},
    **{f"avg_pool{n}d": _pooled(n, "mean") for n in (1, 2, 3)},
    **{f"_adaptive_avg_pool{n}d": _adaptive(n, "mean") for n in (2, 3)},
    **{f"adaptive_max_pool{n}d": _adaptive(n, "max") for n in (2, 3)},
}
