"""Operations without an operator, and functions beyond + − × ÷: on arrays, `Bounded` numbers and balls."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import flint
import numpy as np
from numpy.typing import NDArray

from reference.arithmetic.balls import Ball
from reference.arithmetic.bounded import Bounded
from reference.arithmetic.number_formats import Real

Array = TypeVar("Array", NDArray[Any], Bounded, Ball)


@dataclass(frozen=True)
class Elementary:
    """A function of arrays with its bound: calling it takes whichever its arguments are.

    `equation` is in the document's notation. `plain` takes NumPy arrays, in their dtype, or Python's numbers;
    `bounded` gives the value, and an error that covers every correct implementation; `balls` enclose it.
    """

    equation: str
    plain: Callable[..., Any]
    bounded: Callable[..., Bounded]
    balls: Callable[..., Ball]

    def __call__(self, *arguments: Array) -> Array:
        result: Any
        if isinstance(arguments[0], Bounded):
            result = self._sized(self.bounded(*arguments), *arguments)
        else:
            result = (self.balls if isinstance(arguments[0], Ball) else self.plain)(*arguments)
        return result

    def _sized(self, result: Bounded, first: Any, *others: Any) -> Bounded:  # noqa: ANN401 - see __call__
        """Say how large the function is where its first argument is as large as the terms it is made of."""
        if first.is_exact or result.is_exact or result.sizes is not None:
            return result

        def sizes() -> Real:
            rest = [argument.scale for argument in others]
            ends = (np.abs(self.plain(end, *rest)) for end in (first.scale, -first.scale))
            return np.fmax(*ends)

        return result.sized(sizes)


def as_row(b: Array, x: Array) -> Array:
    """b with an axis of length 1 in front of its last, (n,) → (1, n): the same for every example of x.

    What has as many axes as x, as a bias that somebody forgot to sum over the examples, stays as it is.
    """
    return b if len(b.shape) == len(x.shape) else _reshaped(b, (*b.shape[:-1], 1, b.shape[-1]))


def for_each_element(number: Array, array: Array) -> Array:
    """Shape a number, of a stack one for each case, so that it broadcasts over an array's elements."""
    if not number.shape or isinstance(number, Ball):  # balls are not stacked
        return number
    return _reshaped(number, (*number.shape, *(1,) * (len(array.shape) - len(number.shape))))


def _reshaped(array: Array, shape: tuple[int, ...]) -> Array:
    if isinstance(array, Ball):
        return Ball(array.matrix, shape)
    if isinstance(array, Bounded):
        error, low = (
            part if isinstance(part, float) else part.reshape(shape) for part in (array.error, array.low)
        )
        value, scale = array.value.reshape(shape), lambda: array.scale.reshape(shape)
        return Bounded(value, error, array.format, array.terms, low, sizes=scale)
    return array.reshape(shape)


def sqrt(v: Array) -> Array:
    return v.sqrt() if isinstance(v, Bounded | Ball) else np.sqrt(v)


def maximum(a: Array, b: Array) -> Array:
    return a.maximum(b) if isinstance(a, Bounded | Ball) else np.maximum(a, b)


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


def to_int(number: float | NDArray[Any] | Bounded | Ball) -> int:
    """Return a single whole number, such as the count of the training step, as Python's own."""
    if isinstance(number, Ball):
        return int(float(number.matrix[0, 0]))
    return int(number.value if isinstance(number, Bounded) else number)
