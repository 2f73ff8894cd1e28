"""What a loss is, and how one is made of its terms and a reduction.

A loss is a sum of terms, one for each element of ŷ, or the mean of that sum: over the examples, or over all
elements. Where an implementation applies the mean's factor is left to it: to the sum, to each term, or to
each part of a term before the parts are subtracted. So the factor's roundings are counted on the magnitudes
of the parts.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.arithmetic import SLACK, Ball, Bounded, Elementary, Error, Format, Real

EXP_ULPS = 5
# Measured by tests/test_contract.py, as are the ulps of the sigmoid and of softplus.
LOG_ULPS = 4

SOFTPLUS_ULPS = 4
# Roundings of the mean's factor where it is no power of two, as `Bounded` divides by a whole number.
FACTOR = 3


@dataclass(frozen=True)
class Loss:
    """A loss of predictions and targets, both (N, n_out), and its gradient at the predictions."""

    equation: str
    gradient_equation: str
    value: Callable[..., Any]
    gradient: Callable[..., Any]


@dataclass(frozen=True)
class Terms:
    """A loss before its reduction. Every function takes ŷ and y, both (N, n); y is exact.

    Attributes
    ----------
    equation, gradient_equation
        What is summed, and the gradient of that sum at ŷ.
    value
        The terms, (N, n): their sum over outputs and examples is the loss's sum.
    gradient
        The gradient of the sum. Its bounded form takes how many roundings the mean's factor may add, too.
    over
        What the mean is over: "examples" or "elements".
    """

    equation: str
    gradient_equation: str
    value: Elementary
    gradient: Elementary
    over: str

    def reduced(self, reduction: str) -> Loss:
        """Return the sum, or the mean."""
        factor = {"examples": "N", "elements": "(N·n)"}[self.over]
        fraction, quotient = (f"1/{factor} · ", f" / {factor}") if reduction == "mean" else ("", "")
        gradient = f"({self.gradient_equation}){quotient}" if quotient else self.gradient_equation
        return Loss(
            f"{fraction}Σ {self.equation}",
            gradient,
            _value(self, reduction),
            _gradient(self, reduction),
        )

    def divisor(self, shape: tuple[int, ...], reduction: str) -> int:
        """Return what the sum is divided by: 1, the number of examples, or that of all elements."""
        if reduction == "sum":
            return 1
        examples, outputs = shape[-2:]
        return examples if self.over == "examples" else examples * outputs


def _value(terms: Terms, reduction: str) -> Elementary:
    def plain(y_hat: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        total = terms.value.plain(y_hat, y).sum(axis=(-2, -1))
        return total / terms.divisor(y.shape, reduction)

    def bounded(y_hat: Bounded, y: Bounded) -> Bounded:
        """Divide each term, which is the wider bound; but the sum may overflow where the mean does not."""
        each = terms.value.bounded(y_hat, y)
        divided = (each / terms.divisor(y.shape, reduction)).sum(axis=(-2, -1))
        overflows = ~np.isfinite(each.sum(axis=(-2, -1)).error)
        return Bounded(
            divided.value,
            np.where(overflows, np.inf, divided.error),
            y.format,
            sizes=divided.sizes,
        )

    def balls(y_hat: Ball, y: Ball) -> Ball:
        return terms.value.balls(y_hat, y).sum(axis=(-2, -1)) / terms.divisor(y.shape, reduction)

    return Elementary(terms.equation, plain, bounded, balls)


def _gradient(terms: Terms, reduction: str) -> Elementary:
    def plain(y_hat: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        return terms.gradient.plain(y_hat, y) / terms.divisor(y.shape, reduction)

    def bounded(y_hat: Bounded, y: Bounded) -> Bounded:
        divisor, form = terms.divisor(y.shape, reduction), y.format
        if divisor == 1:
            return terms.gradient.bounded(y_hat, y, 0)
        small = replace(form, smallest_normal=form.smallest_normal * divisor)  # where the factor comes first
        whole = terms.gradient.bounded(replace(y_hat, format=small), y, _roundings(divisor, form))
        error = (whole.error / divisor + (FACTOR + 1) * form.underflow) * SLACK
        error = np.where(divisor <= form.largest, error, np.inf)
        return Bounded(whole.value / divisor, error, form, sizes=lambda: whole.scale / divisor)

    def balls(y_hat: Ball, y: Ball) -> Ball:
        return terms.gradient.balls(y_hat, y) / terms.divisor(y.shape, reduction)

    return Elementary(terms.gradient_equation, plain, bounded, balls)


def _roundings(divisor: int, form: Format) -> int:
    """Return how many roundings the mean's factor adds, counting what a subnormal 1/N has lost."""
    subnormal = divisor * form.smallest_normal > 1
    lost = math.ceil(form.underflow * divisor / form.unit_roundoff) if subnormal else 0
    return lost if divisor & (divisor - 1) == 0 else FACTOR + lost


def settled(value: Real, error: Error, reach: Real, form: Format, underflows: Error = 4.0) -> Bounded:
    """Return the bounded value; nothing is promised where a partial result, at most `reach`, may overflow.

    Nor is anything where the value or the bound is no number, as after log 0.
    """
    error = (error + underflows * form.underflow) * SLACK
    promised = np.isfinite(value) & np.isfinite(error) & (reach <= form.largest)
    return Bounded(value, np.where(promised, error, np.inf), form)


def difference(y_hat: Bounded, y: Bounded) -> tuple[Real, Real]:
    """Return d = ŷ − y and what an implementation's d may be off by: what ŷ is, and one rounding."""
    d = y_hat.value - y.value
    return d, y_hat.error + y_hat.format.gamma(1) * (np.abs(d) + y_hat.error)
