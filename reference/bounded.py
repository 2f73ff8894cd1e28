"""Bounded arithmetic: arrays of (value, error bound), so that a tolerance is derived and never typed in.

A `Bounded` stands for every result that a correct implementation in its format may produce from the same
inputs: whatever the order of summation, with or without fused multiply-add. Values are evaluated in float64;
that evaluation's own rounding is part of the bound (`Format.gamma`).

The operators are the few that the document's equations use, so one formula serves NumPy arrays and bounds.
Source of the bounds: Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., sections 3.1-3.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from reference.formats import NEGLIGIBLE
from reference.once import once

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from reference.formats import Format

Real: TypeAlias = "NDArray[np.float64]"
Error: TypeAlias = "NDArray[np.float64] | float"
"""An array of error bounds, or the plain number 0.0: an exact operand costs no arithmetic."""

EXACT = 0.0


@dataclass(frozen=True, eq=False)
class Bounded:
    """A float64 array and a bound on the absolute error of each of its elements.

    Attributes
    ----------
    value
        The evaluated array.
    error
        An array of the same shape, or `EXACT`. An infinite or NaN bound promises nothing.
    format
        The format whose roundings the bound allows.
    terms
        How many roundings a further addend of the same accumulation may meet. After a dot product of length
        n it is n: BLAS may start its accumulator with the bias instead of adding it last.
    low
        What is left of a certified value beyond `value`, its nearest float64; 0 where it is not certified.
    """

    value: Real
    error: Error
    format: Format
    terms: int = 1
    low: Error = EXACT

    __array_ufunc__ = None  # so that `array @ bounded` is left to this class

    @classmethod
    def exact(cls, value: ArrayLike, form: Format) -> Bounded:
        """Take `value` as it is: an input, or a number the claimant states."""
        return cls(np.asarray(value, dtype=np.float64), EXACT, form)

    def kept(self) -> Bounded:
        """Return the same in memory of its own: a claimant may write on into the arrays it gave."""
        return Bounded(self.value.copy(), self.error, self.format, self.terms, self.low)

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self.value.shape

    @property
    def is_exact(self) -> bool:
        """Whether every element is known exactly."""
        return type(self.error) is float

    @once
    def magnitude(self) -> Real:
        """|value|, kept because weights and activations are used by several lines."""
        return np.abs(self.value)

    @once
    def peak(self) -> float:
        """The largest magnitude, found without making another array."""
        if "magnitude" in self.__dict__:
            return maximum(self.magnitude)
        return max(maximum(self.value), -minimum(self.value))

    @once
    def T(self) -> Bounded:  # noqa: N802 - NumPy's name
        """The transpose, exact."""
        error = self.error if self.is_exact else np.transpose(self.error)
        transpose = Bounded(self.value.T, error, self.format)
        transpose.__dict__["magnitude"] = self.magnitude.T  # frozen, and known already
        return transpose

    def __matmul__(self, other: Bounded) -> Bounded:
        """Matrix product of inner length n, in any order: |A|·eB + eA·(|B| + eB) + γ_{n+1}(|A||B| + …).

        One rounding more than n, because an addend may come first (see `terms`). Underflow may strike each
        product, each sum, and each operand that is subnormal.
        """
        n = self.shape[-1]
        reach = self.magnitude @ other.magnitude
        carried = _carried(self, other, np.matmul)
        underflows = n * (2 + self.peak + other.peak)
        return self._settled(
            self.value @ other.value, reach, carried, roundings=n + 1, underflows=underflows, terms=n
        )

    def __mul__(self, other: Bounded) -> Bounded:
        """Element-wise product: |a|·e_b + e_a·(|b| + e_b), and one rounding."""
        value = self.value * other.value
        carried = _carried(self, other, np.multiply)
        underflows = 1 + self.peak + other.peak
        return self._settled(value, np.abs(value), carried, roundings=1, underflows=underflows)

    def __add__(self, other: Bounded) -> Bounded:
        """Sum; an addend of a dot product meets as many roundings as that product's own terms."""
        return self._combined(self.value + other.value, other)

    def __sub__(self, other: Bounded) -> Bounded:
        """Difference; bounded like the sum."""
        return self._combined(self.value - other.value, other)

    def _combined(self, value: Real, other: Bounded) -> Bounded:
        carried = _both(self.error, other.error)
        for product, addend in ((self, other), (other, self)):
            if product.terms > 1:
                carried = carried + self.format.gamma(product.terms) * (addend.magnitude + addend.error)
        return self._settled(value, np.abs(value), carried, roundings=1, underflows=1)

    def sum(self, axis: int | None = None) -> Bounded:
        """Sum over an axis, or over all n elements, in any order: γ_n Σ(|v| + e) + Σe."""
        n = self.value.size if axis is None else self.shape[axis]
        value, reach = np.add.reduce(self.value, axis), np.add.reduce(self.magnitude, axis)
        carried = EXACT if self.is_exact else np.add.reduce(self.error, axis)
        return self._settled(value, reach, carried, roundings=n, underflows=n)

    def __truediv__(self, divisor: int) -> Bounded:
        """Divide by a whole number: exact for a power of two, else 3 roundings.

        Implementations multiply by a rounded reciprocal, or split the factor (2/n, then the difference).
        """
        return self._scaled(self.value / divisor, 1 / divisor, divisor)

    def __rmul__(self, factor: int) -> Bounded:
        """Multiply by a whole number: exact for a power of two, else 3 roundings."""
        return self._scaled(self.value * factor, factor, factor)

    def _scaled(self, value: Real, scale: float, factor: int) -> Bounded:
        carried = EXACT if self.is_exact else self.error * scale
        roundings = 0 if _is_power_of_two(factor) else 3
        return self._settled(value, np.abs(value), carried, roundings=roundings, underflows=3)

    def _settled(
        self, value: Real, reach: Real, carried: Error, *, roundings: int, underflows: float, terms: int = 1
    ) -> Bounded:
        """Put a result's bound together: what is carried, `roundings`, underflow; no promise on overflow.

        `reach` (written to here) bounds the magnitude of every partial result before the operands' errors,
        `carried`, are counted. Where both are 0 the result is exactly 0.
        """
        form, carries = self.format, type(carried) is not float
        if carries:
            reach += carried
        gamma, eta = form.gamma(roundings), form.smallest_normal * underflows
        smallest, largest = minimum(reach), maximum(reach)
        underflow = eta * (reach > 0) if eta > NEGLIGIBLE * gamma * smallest else EXACT
        overflow = ~(reach <= form.largest) if not largest <= form.largest else None  # NaN counts as overflow
        error = reach  # its memory, used again
        error *= gamma
        if carries:
            error += carried
        if type(underflow) is not float:
            error += underflow
        if overflow is not None:
            error = np.where(overflow, np.inf, error)
        return Bounded(value, error, form, terms)


FEW = 1000
"""Elements up to which finding the place of the largest is quicker than `max`, which goes through Python."""


def maximum(array: Real) -> float:
    """Return the largest element; NaN, if there is one."""
    return float(array.max()) if array.size > FEW else array.item(array.argmax())


def minimum(array: Real) -> float:
    """Return the smallest element; NaN, if there is one."""
    return float(array.min()) if array.size > FEW else array.item(array.argmin())


def _carried(a: Bounded, b: Bounded, product: Callable[[Real, Real], Real]) -> Error:
    """What the operands' errors do to a product: |A|·eB + eA·(|B| + eB)."""
    from_right = EXACT if b.is_exact else product(a.magnitude, np.asarray(b.error))
    from_left = EXACT if a.is_exact else product(np.asarray(a.error), b.magnitude + b.error)
    return _both(from_left, from_right)


def _both(one: Error, other: Error) -> Error:
    """Add two errors, where either may be `EXACT`."""
    if type(one) is float:
        return other
    return one if type(other) is float else one + other


def _is_power_of_two(n: int) -> bool:
    return n > 0 and n & (n - 1) == 0
