"""The few operations that wrong formulas need and right ones do not, on arrays and on `Bounded` numbers."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from reference.arithmetic import Bounded

Array = TypeVar("Array", NDArray[Any], Bounded)


def magnitude(w: Array) -> Array:
    """|w|; an error bound stays what it is."""
    if isinstance(w, Bounded):
        return Bounded(np.abs(w.value), w.error, w.format)
    return np.abs(w)


def negative(array: Array) -> Array:
    """−w, exact."""
    if isinstance(array, Bounded):
        return Bounded(-array.value, array.error, array.format)
    return -array


def none_of(array: Array) -> Array:
    """Return zeros of the same shape: where a state was not carried over."""
    if isinstance(array, Bounded):
        return Bounded.exact(np.zeros_like(array.value), array.format)
    return np.zeros_like(array)


def one_more(step: Array) -> Array:
    """t + 1 for a count t."""
    if isinstance(step, Bounded):
        return Bounded.exact(step.value + 1, step.format)
    return step + 1


def first_example(rows: Array) -> Array:
    """Return the first row alone, shape (1, n)."""
    return _rearranged(rows, lambda array: array[:1])


def broadcast(rows: Array, like: Array) -> Array:
    """Repeat a single column until it has the shape of `like`, as NumPy does silently."""
    return _rearranged(rows, lambda array: np.broadcast_to(array, like.shape))


def row_sums(rows: Array) -> Array:
    """Return each row's sum, in the place of each of its elements: shape (N, n)."""
    ones = np.ones((rows.shape[1], rows.shape[1]))
    if isinstance(rows, Bounded):
        return rows @ Bounded.exact(ones, rows.format)
    return rows @ ones.astype(rows.dtype)


def _rearranged(rows: Array, move: Callable[[NDArray[Any]], NDArray[Any]]) -> Array:
    if isinstance(rows, Bounded):
        error = rows.error if isinstance(rows.error, float) else move(rows.error)
        return Bounded(move(rows.value), error, rows.format)
    return move(rows)
