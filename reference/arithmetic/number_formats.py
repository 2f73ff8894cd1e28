"""Number formats, what one rounding costs in each, and the float64 arrays in which errors are computed.

Source: Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., sections 2.1, 2.2 and 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from cases.protocol import IN_FLOAT32, SIXTEEN_BITS, Accumulators

T = TypeVar("T")

Real: TypeAlias = NDArray[np.float64]

# An array of error bounds, or the plain number `EXACT`: an exact operand costs no arithmetic.
Error: TypeAlias = Real | float
EXACT = 0.0

# Elements up to which the index of the largest takes less time than `max`, which goes through Python. What
# these three functions return is NaN, if there is one.
MAX_SIZE_FOR_ARGMAX: Final = 1000


def max_element(array: Real) -> float:
    return float(array.max()) if array.size > MAX_SIZE_FOR_ARGMAX else array.item(array.argmax())


def min_element(array: Real) -> float:
    return float(array.min()) if array.size > MAX_SIZE_FOR_ARGMAX else array.item(array.argmin())


def of_each_case(extreme: Callable[..., Real], stack: Real) -> Real:
    """Return each case's extreme element in a stack, in an array that broadcasts."""
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
        value = instance.__dict__[self.name] = self.compute(instance)
        return value


# Unit roundoff of float64, in which every derived value is itself evaluated.
EVALUATION = 2.0**-53

# Pays for evaluating the bounds themselves in float64, with a relative error of (n + 4)·2⁻⁵³ for n terms:
# each is enlarged by this factor where it arises, enough for 2²³ such roundings in the lines that follow.
SLACK = 1 + 2.0**-30

# A part of a bound so small next to the rest that `SLACK` has paid for it.
NEGLIGIBLE = 2.0**-32


@dataclass(frozen=True)
class Format:
    """A floating-point format.

    - `name`: NumPy's name of the dtype, or "printed" for published decimals
    - `unit_roundoff`: u, the largest relative error of one rounding to nearest
    - `smallest_normal`: below it numbers have fewer digits
    - `largest`: the largest finite number
    - `evaluation`: unit roundoff of the arithmetic in which the derived value is evaluated: float64's, or 0
      where the value is certified and has no rounding of its own to pay for
    - `flushes`: whether some implementation flushes subnormal results to zero and reads subnormal operands as
      zero, as XLA on CPU does in every format but float16 (tests/test_formats.py measures it)
    - `products`, `sums`, `totals`: in what matrix products, sums along an axis and sums of everything
      accumulate before the result is rounded to this format; None where that is this format itself
    - `stacked`: whether the first axis of every array counts cases, of which none is part of another's bound
    """

    name: str
    unit_roundoff: float
    smallest_normal: float
    largest: float
    evaluation: float = EVALUATION
    flushes: bool = True
    products: Format | None = None
    sums: Format | None = None
    totals: Format | None = None
    stacked: bool = False

    @property
    def certified(self) -> Format:
        return replace(self, evaluation=0.0)

    @once
    def of_one(self) -> Format:
        """The same of one case alone, not of a stack."""
        return replace(self, stacked=False)

    @property
    def has_16_bits(self) -> bool:
        return self.name in SIXTEEN_BITS

    @property
    def underflow(self) -> float:
        """η, of one underflow: the smallest *normal* number if flushed, else half the smallest subnormal."""
        return self.smallest_normal * (1 if self.flushes else self.unit_roundoff)

    def underflows(self, operands: Error) -> Error:
        """Return how many η one product costs: its own, and one for each operand that is read as zero.

        `operands` is the sum of their largest magnitudes, by which what is lost of the other is multiplied.
        Where nothing is flushed, a factor may still be multiplied in by parts, as (g + g·a)(1 − a): the first
        part may underflow, and is then multiplied by another that is 2 at most.
        """
        return 1 + operands if self.flushes else 3

    def gamma(self, n: int, accumulator: Format | None = None) -> float:
        """γ_n of this format plus that of the float64 evaluation: the relative error of n roundings each.

        γ_n = n·u / (1 − n·u), computed so: (1 + u)ⁿ − 1 would be exactly 0 in float64 (Higham, lemma 3.1).
        With an accumulator the n roundings are those of its format.
        """
        return (_gamma(n, (accumulator or self).unit_roundoff) + _gamma(n, self.evaluation)) * SLACK

    def ulp(self, value: float) -> float:
        """Return the distance between the numbers of this format next to `value`."""
        magnitude = max(abs(value), self.smallest_normal)
        return math.ldexp(2 * self.unit_roundoff, math.frexp(magnitude)[1] - 1)

    def lost_in_scaling(self, factor: int) -> float:
        """What float16 loses beyond rounding: a reciprocal is subnormal, or a factor too large for it."""
        if factor > self.largest:
            return np.inf
        return self.underflow * factor if factor * self.smallest_normal > 1 else 0.0

    def rounding_of(self, number: float) -> float:
        """Return the largest error of rounding `number` to this format, 0 where it is one of its numbers."""
        fraction = math.frexp(number)[0] / self.unit_roundoff if self.unit_roundoff else 0.0
        if fraction.is_integer() and (number == 0 or abs(number) >= self.smallest_normal):
            return 0.0
        return self.unit_roundoff * abs(number) + self.underflow

    @property
    def underflow_threshold(self) -> float:
        """η / u: below it a number's last places are lost to underflow; no relative error is meaningful."""
        return self.underflow / self.unit_roundoff if self.unit_roundoff else 0.0

    def error_bound(
        self,
        value: Real,
        reach: Real,
        carried: Error,
        roundings: int,
        underflows: Error,
        accumulator: Format | None = None,
    ) -> Real:
        """Put the bound of a result together: what is carried, `roundings`, underflow; none on overflow.

        `reach` (written to here) bounds the magnitude of every partial result before the operands' errors,
        `carried`, are counted. Where both are 0 the result is exactly 0. With an accumulator all of this is
        in its format, and the result is then rounded to this one.
        """
        form, carries = accumulator or self, type(carried) is not float
        if carries:
            reach += carried
        gamma, eta = self.gamma(roundings, accumulator), form.underflow * underflows
        smallest, largest = min_element(reach), max_element(reach)
        negligible = eta <= NEGLIGIBLE * gamma * smallest  # not so where something is NaN
        counts = not (negligible if type(negligible) is bool else negligible.all())
        underflow = eta * (reach > 0) if counts else EXACT
        if counts and self.stacked:  # in some case, which changes no bound of another
            underflow = np.where(eta <= NEGLIGIBLE * gamma * of_each_case(np.min, reach), EXACT, underflow)
        overflow = ~(reach <= form.largest) if not largest <= form.largest else None  # NaN counts as overflow
        error = reach  # its memory, used again
        error *= gamma
        if carries:
            error += carried
        if type(underflow) is not float:
            error += underflow
        if overflow is not None:
            error = np.where(overflow, np.inf, error)
        return self._stored(value, error) if accumulator else error

    def _stored(self, value: Real, error: Real) -> Real:
        """Add what rounding an accumulated result to this format costs; no bound where that overflows."""
        magnitude = np.abs(value) + error
        stored = error + self.gamma(1) * magnitude + self.underflow * (magnitude > 0)
        return np.where(magnitude <= self.largest, stored, np.inf)


def _gamma(n: int, u: float) -> float:
    return n * u / (1 - n * u) if n * u < 1 else math.inf


FLOAT64 = Format("float64", 2.0**-53, 2.0**-1022, float.fromhex("0x1.fffffffffffffp1023"))
FLOAT32 = Format("float32", 2.0**-24, 2.0**-126, float.fromhex("0x1.fffffep127"))
# Real arithmetic: a publication's rounding is stated by its printed places, not by a format.
PRINTED = Format("printed", 0.0, 0.0, math.inf)

BFLOAT16 = Format("bfloat16", 2.0**-8, 2.0**-126, float.fromhex("0x1.fep127"))
FLOAT16 = Format("float16", 2.0**-11, 2.0**-14, 65504.0, flushes=False)

FORMATS = {form.name: form for form in (FLOAT64, FLOAT32, BFLOAT16, FLOAT16)}


def format_of(dtype: str, accumulators: Accumulators = IN_FLOAT32) -> Format:
    """Return the format of a program's numbers; with the accumulators it declares, if it has 16 bits."""
    form = FORMATS[dtype]
    wide: Any = {kind: FLOAT32 for kind, declared in vars(accumulators).items() if declared == "float32"}
    return replace(form, **wide) if form.has_16_bits else form
