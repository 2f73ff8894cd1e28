"""The few operations that have no operator, on arrays, on `Bounded` numbers and on balls alike."""

from typing import Any, TypeVar

import flint
import numpy as np
from numpy.typing import NDArray

from reference.balls import Ball
from reference.bounded import Bounded

Array = TypeVar("Array", NDArray[Any], Bounded, Ball)


def as_row(b: Array, x: Array) -> Array:
    """b with an axis of length 1 in front of its last, (n,) → (1, n): the same for every example of x.

    What has as many axes as x, as a bias that somebody forgot to sum over the examples, stays as it is.
    """
    if len(b.shape) == len(x.shape):
        return b
    if isinstance(b, Bounded):
        error = b.error if isinstance(b.error, float) else b.error[..., None, :]
        low = b.low if isinstance(b.low, float) else b.low[..., None, :]
        value = b.value[..., None, :]
        return Bounded(value, error, b.format, b.terms, low, sizes=lambda: b.scale[..., None, :])
    if isinstance(b, Ball):
        return Ball(b.matrix, (1, *b.shape))
    return b[..., None, :]


def for_each_element(number: Array, array: Array) -> Array:
    """Shape a number, of a stack one for each case, so that it broadcasts over an array's elements."""
    if not number.shape or isinstance(number, Ball):  # balls are not stacked
        return number
    shape = (*number.shape, *(1,) * (len(array.shape) - len(number.shape)))
    if isinstance(number, Bounded):
        error = number.error if isinstance(number.error, float) else number.error.reshape(shape)
        reshaped = Bounded(number.value.reshape(shape), error, number.format)
        return reshaped.sized(lambda: number.scale.reshape(shape))
    return number.reshape(shape)


def sqrt(v: Array) -> Array:
    """√v, element by element."""
    if isinstance(v, Bounded | Ball):
        return v.sqrt()
    return np.sqrt(v)


def maximum(a: Array, b: Array) -> Array:
    """The larger of two, element by element."""
    if isinstance(a, Bounded | Ball):
        return a.maximum(b)
    return np.maximum(a, b)


def quotient_up_to_one(a: Array, b: Array) -> Array:
    """min(1, a / b) of numbers that are not negative; exactly 1 where b is certainly no larger."""
    if isinstance(a, Ball):
        return a.combined(b, lambda p, q: flint.arb(1) if q <= p else (p / q).min(1))
    with np.errstate(divide="ignore"):  # a / 0 is above 1
        ratio: Any = a / b
    if isinstance(a, Bounded):
        certain = b.value + b.error <= a.value - a.error
        value, error = np.minimum(ratio.value, 1), np.where(certain, 0.0, ratio.error)
        return Bounded(value, error, ratio.format, sizes=lambda: np.minimum(ratio.scale, 1))
    return np.minimum(ratio, ratio.dtype.type(1))


def cast(number: Any) -> Any:  # noqa: ANN401 - a number, or a bounded number or a ball of one
    """Return a number of a program's own as it meets arrays: rounded to their format, where it must be."""
    return number.rounded if isinstance(number, Bounded) else number


def whole(number: float | NDArray[Any] | Bounded | Ball) -> int:
    """Return a single whole number, such as the count of the training step, as Python's own."""
    match number:
        case Bounded():
            return int(number.value)
        case Ball():
            return int(float(number.matrix.entries()[0]))
    return int(number)
