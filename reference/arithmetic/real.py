"""What all of the arithmetic shares: arrays of float64, their extremes, attributes computed once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

Real: TypeAlias = NDArray[np.float64]

# An array of error bounds, or the plain number `EXACT`: an exact operand costs no arithmetic.
Error: TypeAlias = Real | float
EXACT = 0.0

# Elements up to which the index of the largest is found quicker than `max` runs, which goes through Python.
MAX_SIZE_FOR_ARGMAX: Final = 1000


def max_element(array: Real) -> float:
    """Return the largest element; NaN, if there is one."""
    return float(array.max()) if array.size > MAX_SIZE_FOR_ARGMAX else array.item(array.argmax())


def min_element(array: Real) -> float:
    """Return the smallest element; NaN, if there is one."""
    return float(array.min()) if array.size > MAX_SIZE_FOR_ARGMAX else array.item(array.argmin())


def of_each_case(extreme: Callable[..., Real], stack: Real) -> Real:
    """Return each case's extreme element in a stack, in an array that broadcasts; NaN, if there is one."""
    return extreme(stack, axis=tuple(range(1, stack.ndim)), keepdims=True)


def both_errors(one: Error, other: Error) -> Error:
    """Add two errors, where either may be `EXACT`."""
    if type(one) is float:
        return other
    return one if type(other) is float else one + other


class once(Generic[T]):  # noqa: N801 - written as a decorator, like property
    """`functools.cached_property` without the lock it has in Python 3.11, which costs 3 times as much.

    Judging a step computes a hundred such attributes.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute, self.name, self.__doc__ = compute, compute.__name__, compute.__doc__

    def __get__(self, instance: object, owner: type) -> T:
        """Compute the attribute; it is then in the instance's `__dict__`, and this is not called again."""
        value = instance.__dict__[self.name] = self.compute(instance)
        return value
