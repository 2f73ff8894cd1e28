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

from reference.formats import SLACK

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from reference.formats import Format

Real: TypeAlias = "NDArray[np.float64]"
Error: TypeAlias = "NDArray[np.float64] | float"
"""An array of error bounds, or the plain number 0.0: an exact operand costs no arithmetic."""

EXACT = 0.0


@dataclass(frozen=True, slots=True, eq=False)
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
    """

    value: Real
    error: Error
    format: Format
    terms: int = 1

    __array_ufunc__ = None  # so that `array @ bounded` is left to this class

    @classmethod
    def exact(cls, value: ArrayLike, form: Format) -> Bounded:
        """Take `value` as it is: an input, or a number the claimant states."""
        return cls(np.asarray(value, dtype=np.float64), EXACT, form)

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self.value.shape

    @property
    def is_exact(self) -> bool:
        """Whether every element is known exactly."""
        return type(self.error) is float

    @property
    def T(self) -> Bounded:  # noqa: N802 - NumPy's name
        """The transpose, exact."""
        error = self.error if self.is_exact else np.transpose(self.error)
        return Bounded(self.value.T, error, self.format)

    def __matmul__(self, other: Bounded) -> Bounded:
        """Matrix product of inner length n: |A|·eB + eA·(|B| + eB) + γ_{n+1}(|A||B| + …), any order of summation.

        One rounding more than n, because an addend may come first (see `terms`). Underflow may strike each
        product, the sum, and each operand that is subnormal.
        """
        n = self.shape[-1]
        left, right = np.abs(self.value), np.abs(other.value)
        carried = _carried(left, self, right, other, np.matmul)
        reach = _added(left @ right, carried)
        tiny = n + 1 + left.sum(-1, keepdims=True) + right.sum(0)
        error = _added(self.format.gamma(n + 1) * reach, carried)
        return _settled(self.value @ other.value, error, reach, tiny, self.format, terms=n)

    def __mul__(self, other: Bounded) -> Bounded:
        """Element-wise product: |a|·e_b + e_a·(|b| + e_b), and one rounding."""
        left, right = np.abs(self.value), np.abs(other.value)
        carried = _carried(left, self, right, other, np.multiply)
        reach = _added(left * right, carried)
        error = _added(self.format.gamma(1) * reach, carried)
        return _settled(self.value * other.value, error, reach, 1 + left + right, self.format)

    def __add__(self, other: Bounded) -> Bounded:
        """Sum; an addend of a dot product meets as many roundings as that product's own terms."""
        return self._combined(self.value + other.value, other)

    def __sub__(self, other: Bounded) -> Bounded:
        """Difference; bounded like the sum."""
        return self._combined(self.value - other.value, other)

    def _combined(self, value: Real, other: Bounded) -> Bounded:
        carried = EXACT if self.is_exact and other.is_exact else (self.error + other.error) * SLACK
        reach = _added(np.abs(value), carried)
        error = _added(self.format.gamma(1) * reach, carried)
        for product, addend in ((self, other), (other, self)):
            if product.terms > 1:
                error = error + self.format.gamma(product.terms) * (np.abs(addend.value) + addend.error)
        return _settled(value, error, reach, 1.0, self.format)

    def sum(self, axis: int | None = None) -> Bounded:
        """Sum over an axis, or over all n elements, in any order: γ_n Σ(|v| + e) + Σe."""
        n = self.value.size if axis is None else self.shape[axis]
        carried = EXACT if self.is_exact else np.sum(self.error, axis=axis) * SLACK
        reach = _added(np.abs(self.value).sum(axis), carried)
        error = _added(self.format.gamma(n) * reach, carried)
        return _settled(self.value.sum(axis), error, reach, float(n), self.format)

    def __truediv__(self, divisor: int) -> Bounded:
        """Divide by a whole number: exact for a power of two, else 3 roundings.

        Implementations multiply by a rounded reciprocal, or split the factor (2/n, then the difference).
        """
        return self._scaled(self.value / divisor, 1 / divisor, divisor)

    def __rmul__(self, factor: int) -> Bounded:
        """Multiply by a whole number: exact for a power of two, else 3 roundings."""
        return self._scaled(self.value * factor, factor, factor)

    def _scaled(self, value: Real, scale: float, factor: int) -> Bounded:
        carried = EXACT if self.is_exact else self.error * (scale * SLACK)
        reach = _added(np.abs(value), carried)
        roundings = 0.0 if _is_power_of_two(factor) else self.format.gamma(3)
        return _settled(value, _added(roundings * reach, carried), reach, 3.0, self.format)


def _carried(left: Real, a: Bounded, right: Real, b: Bounded, product: Callable[[Real, Real], Real]) -> Error:
    """What the operands' errors do to a product: |A|·eB + eA·(|B| + eB)."""
    carried: Error = EXACT
    if not b.is_exact:
        carried = product(left, np.asarray(b.error))
    if not a.is_exact:
        carried = carried + product(np.asarray(a.error), right + b.error)
    return carried if type(carried) is float else carried * SLACK


def _added(magnitude: Real, carried: Error) -> Real:
    return magnitude if type(carried) is float else magnitude + carried


def _settled(value: Real, error: Real, reach: Real, tiny: Real | float, form: Format, terms: int = 1) -> Bounded:
    """Allow underflow where anything non-zero was combined; promise nothing where a step may overflow.

    `reach` bounds the magnitude of every partial result. Where it is 0, the result is exactly 0.
    """
    if form.smallest_normal:
        error = error + (form.smallest_normal * tiny) * (reach > 0)
    if not np.max(reach) <= form.largest:  # written so that NaN counts as overflow
        error = np.where(reach <= form.largest, error, np.inf)
    return Bounded(value, error, form, terms)


def _is_power_of_two(n: int) -> bool:
    return n > 0 and n & (n - 1) == 0
