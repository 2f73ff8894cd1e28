"""Ball arithmetic: arrays of (midpoint, radius) that provably hold the exact value, through python-flint.

The operators are those of `Bounded` and of NumPy arrays, so the same tape is evaluated on balls. Nothing here
is rounded as an implementation would round: a ball holds what the equations say, to about 40 digits.

Source: F. Johansson, "Arb: efficient arbitrary-precision midpoint-radius interval arithmetic", IEEE
Transactions on Computers 66 (2017); Arb is part of FLINT.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import flint
import numpy as np
from numpy.typing import ArrayLike, NDArray

from reference.arithmetic.number_formats import Real

# Working precision: three times float64's, so that what cancels or saturates in float64 keeps its digits.
BITS = 160


def precision(bits: int = BITS) -> AbstractContextManager[None]:
    """Work with `bits` bits inside a `with`. A ball computed outside is still right, only wider."""
    return flint.ctx.workprec(bits)


@dataclass(frozen=True, eq=False)
class Ball:
    """An array of balls of any of the shapes the tape knows: (), (n,) and (m, n).

    `matrix` holds them as an `arb_mat`; a vector is one row, a scalar is 1 by 1.
    """

    matrix: Any
    shape: tuple[int, ...]

    __array_ufunc__ = None  # so that `array @ ball` is left to this class

    @classmethod
    def of(cls, entries: list[Any], shape: tuple[int, ...]) -> Ball:
        return cls(flint.arb_mat(*_rows_and_columns(shape), entries), shape)

    @classmethod
    def exact(cls, value: ArrayLike) -> Ball:
        """Take binary numbers as they are; each is a ball of radius 0."""
        array = np.asarray(value, dtype=np.float64)
        return cls.of(array.ravel().tolist(), array.shape)

    @classmethod
    def of_fractions(cls, value: NDArray[Any], radius: NDArray[Any] | None = None) -> Ball:
        """Take fractions, each known to ± its radius if there is one; what is not binary widens its ball."""
        entries = list(map(_ball, value.flat))
        if radius is not None:
            entries = list(map(flint.arb, entries, map(_ball, radius.flat)))
        return cls.of(entries, value.shape)

    @property
    def mT(self) -> Ball:  # noqa: N802 - NumPy's name
        return Ball(self.matrix.transpose(), self.shape[::-1])

    def __matmul__(self, other: Ball) -> Ball:
        return Ball(self.matrix * other.matrix, (self.shape[0], other.shape[1]))

    def __add__(self, other: Ball) -> Ball:
        return self.combined(other, operator.add)

    def __sub__(self, other: Ball) -> Ball:
        return self.combined(other, operator.sub)

    def __mul__(self, other: Ball) -> Ball:
        """Element-wise product; a scalar multiplies every element, which FLINT does at once."""
        if other._is_one_number_for(self):
            return Ball(self.matrix * other.matrix[0, 0], self.shape)
        if self._is_one_number_for(other):
            return Ball(other.matrix * self.matrix[0, 0], other.shape)
        return self.combined(other, operator.mul)

    def _is_one_number_for(self, array: Ball) -> bool:
        return math.prod(self.shape) == 1 and len(self.shape) <= len(array.shape)

    def __rmul__(self, factor: int) -> Ball:
        return Ball(self.matrix * flint.arb(factor), self.shape)

    def __rsub__(self, whole: int) -> Ball:
        return self.map(lambda entry: whole - entry)

    def __abs__(self) -> Ball:
        return self.map(abs)

    def sqrt(self) -> Ball:
        return self.map(flint.arb.sqrt)

    def maximum(self, other: Ball) -> Ball:
        return self.combined(other, flint.arb.max)

    def __truediv__(self, divisor: int | Ball) -> Ball:
        """Divide by a whole number, or element by element by another array."""
        if isinstance(divisor, Ball):
            if divisor._is_one_number_for(self):
                return Ball(self.matrix / divisor.matrix[0, 0], self.shape)
            return self.combined(divisor, operator.truediv)
        return Ball(self.matrix / flint.arb(divisor), self.shape)

    def sum(self, axis: int | tuple[int, ...] | None = None) -> Ball:
        """Sum over all elements, or over the examples: the first axis, the last but one."""
        rows, columns = _rows_and_columns(self.shape)
        by_column = flint.arb_mat(1, rows, [1] * rows) * self.matrix
        if axis in {0, -2}:
            return Ball(by_column, self.shape[1:])
        return Ball(by_column * flint.arb_mat(columns, 1, [1] * columns), ())

    def map(self, function: Callable[[Any], Any]) -> Ball:
        return Ball.of(list(map(function, self.matrix.entries())), self.shape)

    def combined(self, other: Ball, operation: Callable[[Any, Any], Any]) -> Ball:
        """Apply a function of two `flint.arb` to each pair of elements, broadcast to one shape."""
        if self.shape != other.shape:
            shape = _broadcast(self.shape, other.shape)
        elif operation in {operator.add, operator.sub}:
            return Ball(operation(self.matrix, other.matrix), self.shape)  # FLINT does it at once
        else:
            shape = self.shape
        size = math.prod(shape)
        return Ball.of(list(map(operation, self._repeated(size), other._repeated(size))), shape)

    def _repeated(self, size: int) -> list[Any]:
        """Return the elements as if broadcast to so large an array: a scalar, or one row for all."""
        entries: list[Any] = self.matrix.entries()
        return entries * (size // len(entries))

    def split(self) -> tuple[Real, Real, Real]:
        """Return (high, low, radius): the exact value is within `radius` of high + low, element by element.

        One float64 would lose half an ulp, which is as much as a correct float64 result may be off by.
        """
        return split_entries(self.matrix.entries(), self.shape)

    def width(self) -> float:
        """Return log2 of the largest radius, relative to 1 and to the largest number: −∞ where all are exact.

        A radius may be far below float64's smallest number. Infinite where a ball is not finite.
        """
        entries = self.matrix.entries()
        if not all(entry.is_finite() for entry in entries):
            return math.inf
        widest = max(_log2(entry.rad()) for entry in entries)
        return widest - max(0.0, *(_log2(entry.mid()) for entry in entries))

    def middle(self) -> Ball:
        return Ball(self.matrix.mid(), self.shape)

    def widened(self, other: Ball, times: int) -> Ball:
        """Return balls that also hold what is `times` times as far away as the other's middles."""
        return self.combined(other, lambda a, b: a + flint.arb(0, (times * (a - b)).abs_upper()))


# NumPy's own takes as long as the operation on a small array.
_broadcast = lru_cache(maxsize=1024)(np.broadcast_shapes)


def split(balls: Sequence[Ball]) -> tuple[Real, Real, Real]:
    """Split balls of one shape likewise, into arrays with one axis more in front."""
    entries = [entry for ball in balls for entry in ball.matrix.entries()]
    return split_entries(entries, (len(balls), *balls[0].shape))


def split_entries(entries: list[Any], shape: tuple[int, ...]) -> tuple[Real, Real, Real]:
    high = list(map(float, entries))  # a ball's middle, as everywhere here
    rests = list(map(flint.arb.__sub__, entries, high))
    low = list(map(float, rests))
    radius = list(map(float, map(flint.arb.abs_upper, map(flint.arb.__sub__, rests, low))))
    return np.array(high).reshape(shape), np.array(low).reshape(shape), np.array(radius).reshape(shape)


def exact_each(stack: Real) -> list[Ball]:
    """Take binary numbers as they are, in a ball for each array along the first axis."""
    shape = stack.shape[1:]
    return [Ball.of(elements, shape) for elements in stack.reshape(len(stack), -1).tolist()]


def _log2(number: Any) -> float:  # noqa: ANN401 - python-flint has no types
    mantissa, exponent = number.man_exp()
    return int(exponent) + int(mantissa).bit_length() if mantissa else -math.inf


def _ball(number: Fraction) -> Any:  # noqa: ANN401 - python-flint has no types
    return flint.arb(flint.fmpq(number.numerator, number.denominator))


def _rows_and_columns(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) > 2:  # noqa: PLR2004 - the axes of a matrix
        raise ValueError(f"a ball array of shape {shape}, expected at most two axes")
    rows, columns = (1, 1, *shape)[-2:]
    return rows, columns
