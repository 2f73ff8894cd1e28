"""Functions beyond + − × ÷: a formula on arrays, a contract on `Bounded` numbers, an enclosure on balls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from reference.balls import Ball
from reference.bounded import Bounded

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Elementary:
    """A function of arrays beside its bound: calling it takes whichever its arguments are.

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
                return self.bounded(*arguments)
            case Ball():
                return self.balls(*arguments)
        result: NDArray[Any] = self.plain(*arguments)
        return result
