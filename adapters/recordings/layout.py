"""How a recording lays out its arrays: whether a weight is (n_out, n_in), and whether a row is an example.

The shapes tell, from the inputs on; where a weight is square its word does ("kernel", "weight"), the other
weights, or a linear combination that is recorded.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from adapters.recordings.names_of_arrays import role_of
from cases import names
from cases.recording import UnreadableError

Array: TypeAlias = NDArray[Any]

# What the axes of a weight are by its word: Flax and Keras have kernels, PyTorch has weights.
BY_WORD: Final = {
    "kernel": True,
    "kernels": True,
    "coef": True,
    "coefs": True,
    "weight": False,
    "weights": False,
}
LAYER: Final = re.compile(r"(?:[mvu]_|direction_)?(?:dL/d)?([Wbza])([1-9]\d*)(?:_\w+)?")


@dataclass(frozen=True)
class Layout:
    """How arrays are brought into the suite's layout."""

    turned: frozenset[int] = frozenset()  # layers whose weight is recorded as (n_in, n_out)
    by_columns: bool = False  # whether each column of x, of z and of a is an example
    is_column: bool = False  # whether x is a vector of examples of one number each

    def of(self, quantity: str, array: Array) -> Array:  # noqa: PLR0911 - one for each kind of quantity
        """Return an array in the suite's layout: Wk (n_out, n_in), bk (n_out,), rows of examples, loss ()."""
        if quantity == "loss":
            return array.reshape(()) if array.size == 1 else array
        if quantity == "x" and self.is_column:
            return array.reshape(-1, 1)
        if quantity in ("x", "y"):
            return self._rows(array)
        match = LAYER.fullmatch(quantity)
        if match is None:
            return array
        kind, k = match.group(1), int(match.group(2))
        if kind == "W":
            return array.T if k in self.turned else array
        if kind == "b":
            return array.reshape(-1) if max(array.shape, default=1) == array.size else array
        return self._rows(array)

    def _rows(self, array: Array) -> Array:
        return np.atleast_2d(array).T if self.by_columns else np.atleast_2d(array)


def layout_of(arrays: Mapping[str, Array], called: Mapping[str, str], kernels: str = "") -> Layout:
    """Return the layout of a step that holds x and every weight, by our names; `called` has the file's.

    `kernels` is "in-out", "out-in" or "": what the axes of a square weight are. Raises `UnreadableError`.
    """
    x = np.atleast_2d(arrays["x"])
    first = arrays[names.W(1)].shape
    is_column = arrays["x"].ndim == 1 and 1 in first and x.size not in first
    x = x.T if is_column else x
    weights = {k: array for k in range(1, len(arrays)) if (array := arrays.get(names.W(k))) is not None}
    stated = {"in-out": True, "out-in": False}.get(kernels)
    for by_columns in _directions(x, arrays["y"], is_column=is_column):
        turned = _chain(x.shape[0 if by_columns else 1], weights)
        if turned is not None:
            layout = Layout(frozenset(k for k, value in turned.items() if value), by_columns, is_column)
            for k in (k for k, value in turned.items() if value is None):
                layout = _with_square(layout, k, arrays, called, turned, stated)
            return layout
    shapes = ", ".join(f"{called.get(names.W(k), names.W(k))} {array.shape}" for k, array in weights.items())
    raise UnreadableError(f"the weights do not follow one on the other from x {arrays['x'].shape}: {shapes}")


def _directions(x: Array, y: Array, *, is_column: bool) -> tuple[bool, ...]:
    """Return whether each column is an example, the likelier first: y has as many examples as a square x."""
    if is_column:
        return (False,)
    is_square = x.shape[0] == x.shape[-1]
    by_y = is_square and y.ndim == x.ndim and y.shape[0] != x.shape[0] == y.shape[-1]
    return (True, False) if by_y else (False, True)


def _chain(width: int, weights: Mapping[int, Array]) -> dict[int, bool | None] | None:
    """Return for each layer whether its weight is (n_in, n_out), None of a square one; None if none fits."""
    turned: dict[int, bool | None] = {}
    for k, array in weights.items():
        if array.ndim != 2 or width not in array.shape:  # noqa: PLR2004 - a matrix
            return None
        rows, columns = array.shape
        turned[k] = None if rows == columns else rows == width
        width = columns if rows == width else rows
    return turned


def _with_square(
    layout: Layout,
    k: int,
    arrays: Mapping[str, Array],
    called: Mapping[str, str],
    turned: Mapping[int, bool | None],
    stated: bool | None,
) -> Layout:
    name = called.get(names.W(k), names.W(k))
    role = role_of(name)
    by_word = BY_WORD.get(role.word) if role else None
    others = {value for value in turned.values() if value is not None}
    by_others = others.pop() if len(others) == 1 else None
    guesses = (stated, _by_value(layout, k, arrays), by_others, by_word)
    is_turned = next((guess for guess in guesses if guess is not None), None)
    if is_turned is None:
        raise UnreadableError(
            f"{name} is square, so its shape does not tell what its axes are; say --kernels in-out, or out-in"
        )
    return replace(layout, turned=layout.turned | {k}) if is_turned else layout


def _by_value(layout: Layout, k: int, arrays: Mapping[str, Array]) -> bool | None:
    """Return which of the two gives the recorded linear combination, if that and what it is of are there."""
    given = [arrays.get(name) for name in (names.a(k - 1), names.z(k), names.W(k), names.b(k))]
    if any(array is None for array in given[:3]):
        return None
    inputs, z = (layout.of(names.z(k), np.asarray(array, float)) for array in given[:2])
    weight, bias = (
        np.asarray(given[2], float),
        0 if given[3] is None else np.asarray(given[3], float).reshape(-1),
    )
    apart = [np.abs(inputs @ matrix + bias - z).max() for matrix in (weight.T, weight)]
    return bool(apart[1] < apart[0]) if apart[0] != apart[1] else None
