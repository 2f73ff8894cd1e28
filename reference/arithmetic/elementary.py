"""Operations without an operator, and functions beyond + − × ÷: on arrays, `Bounded` numbers and balls."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

import flint
import numpy as np
from numpy.typing import NDArray

from reference.arithmetic.balls import Ball
from reference.arithmetic.bounded import Bounded
from reference.arithmetic.real import Real

Array = TypeVar("Array", NDArray[Any], Bounded, Ball)


@dataclass(frozen=True)
class Elementary:
    """A function of arrays with its bound: calling it takes whichever its arguments are.

    Attributes
    ----------
    equation
        The formula, in the document's notation.
    plain
        The formula on NumPy arrays, in their own dtype; or on Python's own numbers.
    bounded
        The same on bounded numbers: the value, and an error that covers every correct implementation.
    balls
        The same on balls: what the formula says, enclosed.
    """

    equation: str
    plain: Callable[..., Any]
    bounded: Callable[..., Bounded]
    balls: Callable[..., Ball]

    @overload
    def __call__(self, *arguments: Bounded) -> Bounded: ...
    @overload
    def __call__(self, *arguments: Ball) -> Ball: ...
    @overload
    def __call__(self, *arguments: NDArray[Any]) -> NDArray[Any]: ...
    def __call__(self, *arguments: NDArray[Any] | Bounded | Ball) -> NDArray[Any] | Bounded | Ball:
        """Evaluate on arrays, on bounded numbers, or on balls."""
        match arguments[0]:
            case Bounded():
                return self._sized(self.bounded(*arguments), *arguments)
            case Ball():
                return self.balls(*arguments)
        return self.plain(*arguments)

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


def to_int(number: float | NDArray[Any] | Bounded | Ball) -> int:
    """Return a single whole number, such as the count of the training step, as Python's own."""
    match number:
        case Bounded():
            return int(number.value)
        case Ball():
            return int(float(number.matrix.entries()[0]))
    return int(number)
