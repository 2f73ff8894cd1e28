"""Bounded arithmetic: arrays of (value, error bound), so that a tolerance is derived and never typed in.

A `Bounded` is the set of every result that a correct implementation in its format may produce from the same
inputs: whatever the order of summation, with or without fused multiply-add. Values are evaluated in float64;
that evaluation's own rounding is part of the bound (`Format.gamma`).

In a format of 16 bits a sum may have an accumulator of another format: its roundings, then one to the format
in which the result is stored. Element-wise steps may be rounded to the format after each, or done in float32
and rounded once, which is less than the bound allows.

The operators are the few that the document's equations use, so one formula serves NumPy arrays and bounds.
Source of the bounds: Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., sections 3.1-3.5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from reference.arithmetic.number_formats import (
    EXACT,
    FLOAT64,
    Error,
    Format,
    Real,
    both_errors,
    max_element,
    min_element,
    of_each_case,
    once,
)

# How large the terms of a value were; computed where it is asked for, which is seldom.
Sizes: TypeAlias = Callable[[], Real] | None

# The smallest number of float64.
TINIEST = 2.0**-1074


@dataclass(eq=False)
class Bounded:
    """A float64 array and a bound on the absolute error of each of its elements. Nothing writes to one.

    - `value`: the evaluated array
    - `error`: an array of the same shape, or `EXACT`; an infinite or NaN bound promises nothing
    - `format`: whose roundings the bound allows
    - `terms`: how many roundings a further addend of the same accumulation may meet. After a dot product of
      length n it is n: BLAS may start its accumulator with the bias instead of adding it last.
    - `low`: what is left of a certified value beyond `value`, its nearest float64; else 0
    - `parts`: the largest factor, at least 1, on the way to this one where it is not multiplied in at once
      but by parts, as a derivative is by automatic differentiation: g·z·e^{−z} overflows before z·e^{−z} does
    - `sizes`: computes `scale`; None where the terms are no larger than the value itself
    - `addends`: Σ|terms| of a sum whose terms a later line may add up in another order, as the update does
      with those of the momentum: w − ημm − ηg. `EXACT` where none does.
    """

    value: Real
    error: Error
    format: Format
    terms: int = 1
    low: Error = EXACT
    parts: Error = 1.0
    sizes: Sizes = None
    addends: Error = EXACT

    __array_ufunc__ = None  # so that `array @ bounded` is left to this class

    @classmethod
    def exact(cls, value: ArrayLike, form: Format) -> Bounded:
        """Take `value` as it is: an input, or a number the implementation states."""
        return cls(np.asarray(value, dtype=np.float64), EXACT, form)

    def stated(self, value: ArrayLike) -> Bounded:
        """Take what an implementation states of this, as it is; its terms are those that were derived."""
        return Bounded(np.asarray(value, np.float64), EXACT, self.format, addends=self.addends)

    def kept(self) -> Bounded:
        """Return the same in memory of its own: an implementation may write on into the arrays it gave."""
        if self.is_exact:
            return Bounded(self.value.copy(), EXACT, self.format, self.terms, self.low)
        scale = self.scale.copy()  # and not what it is computed from, which is a whole step
        return Bounded(self.value.copy(), self.error, self.format, self.terms, self.low, sizes=lambda: scale)

    def in_format(self, form: Format) -> Bounded:
        """Return the same for another arithmetic; what is left of a certified value joins its bound."""
        error = self.error if type(self.low) is float else self.error + np.abs(self.low)
        return Bounded(self.value, error, form, sizes=self.sizes)

    def sized(self, sizes: Sizes) -> Bounded:
        same = self.value, self.error, self.format, self.terms, self.low, self.parts
        return Bounded(*same, sizes, self.addends)

    def with_addends(self, addends: Error) -> Bounded:
        return replace(self, addends=addends)

    def widened(self, more: Error) -> Bounded:
        """Return the same with a larger bound, for another form that implementations compute."""
        error = np.asarray(self.error + more)
        if error.shape != self.shape:  # an array of its own, as a plain number would mean exact
            error = np.zeros(self.shape) + error
        return Bounded(self.value, error, self.format, self.terms, sizes=self.sizes, addends=self.addends)

    def regrouped(self, addends: Real, sums: int) -> Bounded:
        """Return the same as a sum that is added up in another order, of terms that are multiplied out.

        To its own roundings come `sums` more of the sum, and 3 of each term, whose magnitudes are `addends`.
        """
        form = self.format
        return self.widened(form.gamma(sums) * self.most + form.gamma(3) * addends)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def is_exact(self) -> bool:
        return type(self.error) is float

    @once
    def magnitude(self) -> Real:
        """|value|, kept because weights and activations are used by several lines."""
        return np.abs(self.value)

    @once
    def most(self) -> Real:
        """|value| + error, kept because several terms are bounded by it."""
        return self.magnitude if self.is_exact else self.magnitude + self.error

    @once
    def peak(self) -> Any:  # noqa: ANN401 - a float, or an array of a stack's
        """The largest magnitude, a float; in a stack one for each case, in an array that broadcasts."""
        if self.format.stacked:
            return of_each_case(np.max, self.magnitude)
        if "magnitude" in self.__dict__:
            return max_element(self.magnitude)
        return max(max_element(self.value), -min_element(self.value))

    @once
    def scale(self) -> Real:
        """The size of what was added up to give each element: Σ|terms|, and at least its magnitude.

        What is left of a sum that cancels is 0 but for rounding: its bound is small compared with the terms,
        not with the value. An exact number is its own only term. A product's terms are those of its factors,
        each with each, so that x − x times a weight is as well known as x − x is.
        """
        if self.is_exact or self.sizes is None:
            return self.magnitude
        with np.errstate(all="ignore"):  # a term that overflows says nothing, and a NaN is left out
            return np.fmax(self.sizes(), self.magnitude)

    @once
    def rounded(self) -> Bounded:
        """A number of a program's own as it meets arrays: rounded to the format, where it must be."""
        rounding = self.format.rounding_of(float(self.value))
        return self.widened(rounding) if rounding else self

    @once
    def mT(self) -> Bounded:  # noqa: N802 - NumPy's name
        """The transpose, exact; in a stack that of each matrix."""
        error = self.error if self.is_exact else np.asarray(self.error).mT
        sizes = None if self.is_exact else lambda: self.scale.mT  # which would keep both alive in a cycle
        transpose = Bounded(self.value.mT, error, self.format, sizes=sizes)
        transpose.__dict__["magnitude"] = self.magnitude.mT  # known already
        return transpose

    def __matmul__(self, other: Bounded) -> Bounded:
        """Matrix product of inner length n, in any order: |A|·eB + eA·(|B| + eB) + γ_{n+1}(|A||B| + …).

        One rounding more than n, because an addend may come first (see `terms`): a spare, as that one is the
        rounding of the whole sum, which `_combined` counts too. Underflow may strike each product, each sum,
        and each operand that is subnormal. In 16 bits the roundings are the accumulator's, and the product
        may be rounded to the format before something is added.
        """
        n, accumulator = self.shape[-1], self.format.products
        reach = self.magnitude @ other.magnitude
        carried = _carried(self, other, np.matmul)
        underflows = n * (1 + (accumulator or self.format).underflows(self.peak + other.peak))
        value = self.value @ other.value
        reach = self._with_lost_products(reach, other, np.matmul)
        error = self.format.error_bound(value, reach, carried, n + 1, underflows, accumulator)
        return Bounded(value, error, self.format, terms=n, sizes=lambda: self.scale @ other.scale)

    def __mul__(self, other: Bounded) -> Bounded:
        """Element-wise product: |a|·e_b + e_a·(|b| + e_b), and one rounding.

        Where b may be multiplied in part by part, a part's underflow grows and its product may overflow.
        """
        value = self.value * other.value
        carried = _carried(self, other, np.multiply)
        underflows = self.format.underflows(self.peak + other.peak)
        reach = self._with_lost_products(np.abs(value), other, np.multiply)
        error = self.format.error_bound(value, reach, carried, 1, underflows)
        product = Bounded(value, error, self.format, sizes=lambda: self.scale * other.scale)
        if type(other.parts) is float:
            return product
        fits = (self.magnitude + self.error) * other.parts <= self.format.largest
        return product.widened(np.where(fits, self.format.underflow * underflows * other.parts, np.inf))

    def _with_lost_products(self, reach: Real, other: Bounded, product: Callable[[Real, Real], Real]) -> Real:
        """Return a product's reach, above 0 also where its evaluation in float64 has underflowed to 0.

        In the shorter formats nothing does: the product of their smallest numbers is one of float64's.
        """
        if self.format.smallest_normal == FLOAT64.smallest_normal and min_element(reach) == 0:
            factors = ((factor.value != 0).astype(np.float64) for factor in (self, other))
            reach += TINIEST * product(*factors)
        return reach

    def __add__(self, other: Bounded) -> Bounded:
        """Sum; an addend of a dot product meets as many roundings as that product's own terms."""
        return self._combined(self.value + other.value, other)

    def __sub__(self, other: Bounded) -> Bounded:
        return self._combined(self.value - other.value, other)

    def __rsub__(self, whole: int) -> Bounded:
        return Bounded.exact(whole, self.format) - self

    def _combined(self, value: Real, other: Bounded) -> Bounded:
        carried = both_errors(self.error, other.error)
        for product, addend in ((self, other), (other, self)):
            if product.terms > 1:
                gamma = self.format.gamma(product.terms, self.format.products)
                carried = carried + gamma * (addend.magnitude + addend.error)
        error = self.format.error_bound(value, np.abs(value), carried, roundings=1, underflows=1)
        return Bounded(value, error, self.format, sizes=lambda: self.scale + other.scale)

    def sum(self, axis: int | tuple[int, ...] | None = None) -> Bounded:
        """Sum over an axis, over several, or over all n elements, in any order: γ_n Σ(|v| + e) + Σe.

        No order has more than n − 1 roundings, which tests/test_bounded.py attains: the n-th is a spare.
        """
        value, reach = np.add.reduce(self.value, axis), np.add.reduce(self.magnitude, axis)
        n = self.value.size // value.size
        carried = EXACT if self.is_exact else np.add.reduce(self.error, axis)
        accumulator = self.format.sums if isinstance(axis, int) else self.format.totals
        error = self.format.error_bound(value, reach, carried, n, n, accumulator)
        return Bounded(value, error, self.format, sizes=lambda: np.add.reduce(self.scale, axis))

    def __truediv__(self, divisor: int | Bounded) -> Bounded:
        """Divide by a whole number: exact for a power of two, else 3 roundings.

        Implementations multiply by a rounded reciprocal, or split the factor (2/n, then the difference).
        Element-wise by another array: (e_a + |a/b|·e_b) / (|b| − e_b), and 2 roundings for the reciprocal.
        """
        if isinstance(divisor, Bounded):
            return self._over(divisor)
        return self._scaled(self.value / divisor, 1 / divisor, divisor)

    def _over(self, other: Bounded) -> Bounded:
        value, eta = self.value / other.value, self.format.underflow
        least = other.magnitude - other.error
        least = np.where(least > eta, least, 0.0)  # one that may be 0 promises nothing
        nearest = self.error + np.abs(value) * other.error
        carried = np.where(nearest > 0, nearest / least, np.where(least > 0, 0.0, np.inf))
        smallest = of_each_case(np.min, least) if self.format.stacked else least.min()
        underflows = 1 + np.where(smallest > 0, 1 / smallest, 0.0)
        error = self.format.error_bound(value, np.abs(value), carried, 2, underflows)
        return Bounded(value, error, self.format, sizes=lambda: self.scale / other.magnitude)

    def __rmul__(self, factor: int) -> Bounded:
        """Multiply by a whole number: exact for a power of two, else 3 roundings."""
        return self._scaled(self.value * factor, factor, factor)

    def _scaled(self, value: Real, scale: float, factor: int) -> Bounded:
        carried = EXACT if self.is_exact else self.error * scale
        roundings, lost = 0 if factor & (factor - 1) == 0 else 3, self.format.lost_in_scaling(factor)
        if lost:
            carried = carried + lost * np.abs(value)
        error = self.format.error_bound(value, np.abs(value), carried, roundings, underflows=3)
        return Bounded(value, error, self.format, sizes=lambda: self.scale * scale)

    def sqrt(self) -> Bounded:
        """√v: |√t − √v| ≤ min(√e, e/√v) for |t − v| ≤ e, and 2 roundings, as of 1/√ and a product."""
        tiny = (self.value > 0) & (self.value < self.format.underflow)
        error = self.error + np.where(tiny, self.value, 0.0)  # a subnormal may be flushed
        root = np.sqrt(self.value)
        carried = np.fmin(np.sqrt(error), error / root) if np.any(error) else EXACT  # 0/0 is left out
        error = self.format.error_bound(root, root.copy(), carried, roundings=2, underflows=1)
        return Bounded(root, error, self.format, sizes=lambda: np.sqrt(self.scale))

    def maximum(self, other: Bounded) -> Bounded:
        """The larger of two, element by element: exact, and no error grows."""
        value = np.maximum(self.value, other.value)
        error = np.maximum(self.error, other.error) + np.zeros(value.shape)
        return Bounded(value, error, self.format, sizes=lambda: np.maximum(self.scale, other.scale))

    def __abs__(self) -> Bounded:
        """|v|: exact, and no error grows."""
        return Bounded(self.magnitude, self.error, self.format, sizes=self.sizes)


def _carried(a: Bounded, b: Bounded, product: Callable[[Real, Real], Real]) -> Error:
    """What the operands' errors do to a product: |A|·eB + eA·(|B| + eB)."""
    from_right = EXACT if b.is_exact else product(a.magnitude, np.asarray(b.error))
    from_left = EXACT if a.is_exact else product(np.asarray(a.error), b.magnitude + b.error)
    return both_errors(from_left, from_right)
