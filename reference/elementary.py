"""Functions beyond + − × ÷: a formula on arrays, a contract on `Bounded` numbers, an enclosure on balls."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from reference.balls import Ball
from reference.bounded import Bounded, Real


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
