"""Regimes: where in the range of numbers a block's cases lie, weighted towards the edges."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Regime:
    """How large numbers are, and how often they are special.

    Attributes
    ----------
    weights, inputs
        Exponents of 2, the least and the most: each array of each case is scaled by one of them.
    of_format
        Whether those exponents are shares of the format's own largest (or smallest) exponent.
    grid
        Numbers are rounded to multiples of this, so that sums are often 0 or exactly at a kink; 0 for none.
    zeros
        The share of numbers that are exactly 0.
    """

    name: str
    weights: tuple[float, float] = (0, 0)
    inputs: tuple[float, float] = (0, 0)
    of_format: bool = False
    grid: float = 0.0
    zeros: float = 0.0


ORDINARY: Final = Regime("ordinary", (-2, 1), (-2, 1))

# One block in each so many.
REGIMES: Final = (
    ORDINARY,
    Regime("mixed", (-6, 3), (-6, 3)),
    Regime("saturated", (1, 5), (0, 4)),
    Regime("on a grid", (0, 1), (0, 1), grid=0.25, zeros=0.2),
    ORDINARY,
    Regime("sparse", (-2, 2), (-2, 2), zeros=0.6),
    Regime("tiny", (-30, -8), (-10, 0)),
    Regime("large", (2, 7), (2, 7)),
    Regime("near underflow", (-0.6, -0.3), (-0.6, -0.3), of_format=True),
    Regime("near overflow", (0.2, 0.5), (0.2, 0.5), of_format=True),
)
