"""Number formats: what one rounding costs in each.

Source: Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., sections 2.1, 2.2 and 3.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

EVALUATION = 2.0**-53
"""Unit roundoff of float64, in which every derived value is itself evaluated."""

SLACK = 1 + 2.0**-30
"""Pays for evaluating the bounds themselves in float64.

A bound of n terms is evaluated with a relative error of (n + 4)·2⁻⁵³ at most. Each bound is enlarged by this
factor where it arises, which is enough for 2²³ such roundings on its way through the lines that follow.
"""

NEGLIGIBLE = 2.0**-32
"""A part of a bound so small beside the rest that `SLACK` has paid for it."""


@dataclass(frozen=True)
class Format:
    """A floating-point format.

    Attributes
    ----------
    name
        NumPy's name of the dtype, or "printed" for published decimals.
    unit_roundoff
        u: the largest relative error of one rounding to nearest.
    smallest_normal
        η: the largest absolute error of one underflow. It is the smallest *normal* number, because XLA on
        CPU flushes subnormal results to zero and reads subnormal operands as zero.
    largest
        The largest finite number.
    evaluation
        Unit roundoff of the arithmetic in which the derived value is evaluated: float64's, or 0 where the
        value is certified and has no rounding of its own to pay for.
    """

    name: str
    unit_roundoff: float
    smallest_normal: float
    largest: float
    evaluation: float = EVALUATION

    @property
    def certified(self) -> Format:
        """The same format beside certified values."""
        return replace(self, evaluation=0.0)

    def gamma(self, n: int) -> float:
        """γ_n of this format plus that of the float64 evaluation: the relative error of n roundings each.

        γ_n = n·u / (1 − n·u), computed so: (1 + u)ⁿ − 1 would be exactly 0 in float64 (Higham, lemma 3.1).
        """
        return (_gamma(n, self.unit_roundoff) + _gamma(n, self.evaluation)) * SLACK

    def ulp(self, value: float) -> float:
        """Return the distance between the numbers of this format next to `value`."""
        magnitude = max(abs(value), self.smallest_normal)
        return math.ldexp(2 * self.unit_roundoff, math.frexp(magnitude)[1] - 1)

    def rounding_of(self, number: float) -> float:
        """Return the largest error of rounding `number` to this format, 0 where it is one of its numbers."""
        fraction = math.frexp(number)[0] / (2 * self.unit_roundoff) if self.unit_roundoff else 0.0
        if fraction.is_integer() and (number == 0 or abs(number) >= self.smallest_normal):
            return 0.0
        return self.unit_roundoff * abs(number) + self.smallest_normal

    @property
    def underflow_threshold(self) -> float:
        """η / u: below it a number's last places are lost to underflow; no relative error is meaningful."""
        return self.smallest_normal / self.unit_roundoff if self.unit_roundoff else 0.0


def _gamma(n: int, u: float) -> float:
    return n * u / (1 - n * u) if n * u < 1 else math.inf


FLOAT64 = Format("float64", 2.0**-53, 2.0**-1022, float.fromhex("0x1.fffffffffffffp1023"))
FLOAT32 = Format("float32", 2.0**-24, 2.0**-126, float.fromhex("0x1.fffffep127"))
PRINTED = Format("printed", 0.0, 0.0, math.inf)
"""Real arithmetic: a publication's rounding is stated by its printed places, not by a format."""

FORMATS = {form.name: form for form in (FLOAT64, FLOAT32)}
