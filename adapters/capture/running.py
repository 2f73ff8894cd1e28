"""Running reductions: over all elements up to each, along an axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cases.captured import Builder


def _upto(b: Builder, x: int, axis: int, *, backwards: bool) -> NDArray[np.intp]:
    """Return for each place the positions up to it, in a further last axis; behind it one more than all."""
    positions = np.moveaxis(b.positions(x), axis, -1)
    count = positions.shape[-1]
    upto = np.tri(count, dtype=bool)
    every = np.where(upto.T if backwards else upto, positions[..., None, :], positions.size)
    return np.moveaxis(every, -2, axis)


def running_extreme(b: Builder, x: int, axis: int, *, is_max: bool, backwards: bool = False) -> int:
    """Return the largest or smallest element up to each."""
    sign = (lambda y: y) if is_max else (lambda y: b.add("negative", y))
    places = _upto(b, x, axis, backwards=backwards)
    gathered = b.gather(places, sign(x), b.constant(-np.inf))
    return sign(b.reduce("max", gathered, [places.ndim - 1]))


def running_product(b: Builder, x: int, axis: int, *, backwards: bool = False) -> int:
    places = _upto(b, x, axis, backwards=backwards)
    return b.reduce("prod", b.gather(places, x, b.constant(1.0)), [places.ndim - 1])


def running_logsumexp(b: Builder, x: int, axis: int, *, backwards: bool = False) -> int:
    """log Σ e^x up to each element; the shift, the largest up to there, has no derivative."""
    places = _upto(b, x, axis, backwards=backwards)
    gathered = b.gather(places, x, b.constant(-np.inf))
    last = [places.ndim - 1]
    shift = b.add("stop", b.reduce("max", gathered, last, keep=True))
    total = b.reduce("sum", b.add("exp", b.add("subtract", gathered, shift)), last)
    return b.add("add", b.add("log", total), b.reshape(shift, b.shapes[total]))


def running_sum(b: Builder, x: int, axis: int, *, backwards: bool = False) -> int:
    if not backwards:
        return b.add("cumsum", x, axes=(axis,))
    order = np.flip(b.positions(x), axis)
    return b.gather(order, b.add("cumsum", b.gather(order, x), axes=(axis,)))
