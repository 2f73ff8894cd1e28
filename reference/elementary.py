"""Functions that are evaluated in one way on arrays and bounded by a contract on `Bounded` numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

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
        The formula on NumPy arrays, in their own dtype.
    bounded
        The same on bounded numbers: the value, and an error that covers every correct implementation.
    """

    equation: str
    plain: Callable[..., NDArray[Any]]
    bounded: Callable[..., Bounded]

    @overload
    def __call__(self, *arguments: Bounded) -> Bounded: ...
    @overload
    def __call__(self, *arguments: NDArray[Any]) -> NDArray[Any]: ...
    def __call__(self, *arguments: NDArray[Any] | Bounded) -> NDArray[Any] | Bounded:
        """Evaluate on arrays, or on bounded numbers."""
        return self.bounded(*arguments) if isinstance(arguments[0], Bounded) else self.plain(*arguments)
