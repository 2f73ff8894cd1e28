"""Windows over arrays, for convolution and pooling, of the positions of their elements; −1 is what is padded.

Arrays of positions are moved about by NumPy; what is gathered by them is a line of the program.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cases.captured import Builder

Positions = NDArray[np.intp]
Pairs = Sequence[tuple[int, int]]


def padded(positions: Positions, pairs: Pairs, fill: int = -1) -> Positions:
    """Pad the last axes, each before and behind; a negative number takes away."""
    first = positions.ndim - len(pairs)
    keeps = [slice(max(-low, 0), size - max(-high, 0)) for size, (low, high) in _sized(positions, pairs)]
    kept = positions[(slice(None),) * first + tuple(keeps)]
    widths = [(0, 0)] * first + [(max(low, 0), max(high, 0)) for low, high in pairs]
    return np.pad(kept, widths, constant_values=fill)


def _sized(positions: Positions, pairs: Pairs) -> list[tuple[int, tuple[int, int]]]:
    return list(zip(positions.shape[positions.ndim - len(pairs) :], pairs, strict=True))


def spread(positions: Positions, steps: Sequence[int], fill: int = -1) -> Positions:
    """Put `step − 1` padded places between the elements along each of the last axes."""
    first, shape = positions.ndim - len(steps), positions.shape
    sizes = [max((size - 1) * step + 1, 0) for size, step in zip(shape[first:], steps, strict=True)]
    result = np.full((*shape[:first], *sizes), fill, dtype=np.intp)
    places = (slice(None),) * first + tuple(slice(None, None, step) for step in steps)
    result[places] = positions
    return result


def windows(
    positions: Positions, size: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Positions:
    """Return all windows over the last axes: (…, places…, size…)."""
    count = len(size)
    first = positions.ndim - count
    reach = [(k - 1) * d + 1 for k, d in zip(size, dilation, strict=True)]
    every = np.lib.stride_tricks.sliding_window_view(
        positions, reach, axis=tuple(range(first, first + count))
    )
    places, within = ([slice(None, None, step) for step in steps] for steps in (strides, dilation))
    return every[(slice(None),) * first + (*places, *within)]


def convolved(b: Builder, x: int, kernel: int, places: Positions, groups: int = 1) -> int:
    """Multiply every window with the kernel: (N, C, out…, size…) by (O, C/groups, size…) is (N, O, out…).

    `places`: the positions of x in each window of each channel.
    """
    shape, dims = b.shapes[kernel], len(b.shapes[kernel]) - 2
    count, out = places.shape[0], places.shape[2 : 2 + dims]
    split = places.reshape(count, groups, shape[1], *places.shape[2:])
    # (groups, N, out…, C/groups, size…)
    order = (1, 0, *range(3, 3 + dims), 2, *range(3 + dims, 3 + 2 * dims))
    rows = split.transpose(order).reshape(groups, count * math.prod(out), math.prod(shape[1:]))
    weights = b.reshape(kernel, (groups, shape[0] // groups, math.prod(shape[1:])))
    product = b.add("matmul", b.gather(rows, x), b.swap(weights))
    parts = b.reshape(product, (groups, count, *out, shape[0] // groups))
    channels_second = b.transpose(parts, (1, 0, 2 + dims, *range(2, 2 + dims)))
    return b.reshape(channels_second, (count, shape[0], *out))


def largest(b: Builder, x: int, places: Positions, count: int) -> int:
    """Return the largest element of each window, whose places are the last axes; not of what is padded."""
    outside = b.constant(-np.inf)
    indices = np.where(places < 0, b.positions(x).size, places)
    axes = range(places.ndim - count, places.ndim)
    gathered = b.gather(indices, x, outside) if (places < 0).any() else b.gather(places, x)
    return b.reduce("max", gathered, list(axes))


def summed(b: Builder, x: int, places: Positions, count: int) -> int:
    """Return the sum of each window; what is padded is 0."""
    return b.reduce("sum", b.gather(places, x), list(range(places.ndim - count, places.ndim)))
