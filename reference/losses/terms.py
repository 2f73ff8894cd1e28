"""What a loss is, and how one is made of its terms and a reduction.

A loss is a sum of terms, one for each element of ŷ, or the mean of that sum: over the examples, or over all
elements. Where an implementation applies the mean's factor is left to it: to the sum, to each term, or to
each part of a term before the parts are subtracted. So the factor's roundings are counted on the magnitudes
of the parts.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import flint
import numpy as np
from numpy.typing import NDArray

from reference.arithmetic import SLACK, Ball, Bounded, Elementary, Error, Format, Real
from reference.arithmetic.bounded import Sizes

Array: TypeAlias = NDArray[Any]

# Units in the last place, measured by tests/test_contract.py.
EXP_ULPS = 5
LOG_ULPS = 4
SOFTPLUS_ULPS = 4

# Roundings of the mean's factor where it is no power of two, as `Bounded` divides by a whole number.
FACTOR_ROUNDINGS = 3

# How the number is written that a mean is over.
COUNTS = {"examples": "N", "elements": "(N·n)"}


@dataclass(frozen=True)
class Loss:
    """A loss of predictions ŷ and targets y, both (N, n), and its gradient at the predictions.

    Both equations are templates over ŷ, {0}, and y, {1}.
    """

    equation: str
    gradient_equation: str
    value: Callable[..., Any]
    gradient: Callable[..., Any]


@dataclass(frozen=True)
class Terms:
    """A loss before its reduction. Every function takes ŷ and y, both (N, n); y is exact.

    The values are (N, n), and the gradient is that of their sum; its bounded form takes, too, how many
    roundings the mean's factor may add. The equations are templates over ŷ, {0}, and y, {1}.
    """

    value: Elementary
    gradient: Elementary

    def reduced(self, over: str) -> Loss:
        """Return the mean over "examples" or "elements", or for "" the sum."""
        equation, gradient_equation = f"Σ {self.value.equation}", self.gradient.equation
        if over:
            equation = f"1/{COUNTS[over]} · {equation}"
            gradient_equation = f"({gradient_equation}) / {COUNTS[over]}"
        return Loss(equation, gradient_equation, _divided_value(self, over), _divided_gradient(self, over))


def count(shape: tuple[int, ...], over: str) -> int:
    """Return the number of "examples" or of "elements" of (…, N, n), by which a mean divides; 1 for ""."""
    examples, outputs = shape[-2:]
    return {"": 1, "examples": examples, "elements": examples * outputs}[over]


def pairwise(function: Callable[[flint.arb, flint.arb], flint.arb]) -> Callable[[Ball, Ball], Ball]:
    return lambda y_hat, y: y_hat.combined(y, function)


def _divided_value(terms: Terms, over: str) -> Elementary:
    def divided(line: Callable[..., Any]) -> Callable[..., Any]:
        return lambda y_hat, y: line(y_hat, y).sum(axis=(-2, -1)) / count(y.shape, over)

    def bounded(y_hat: Bounded, y: Bounded) -> Bounded:
        """Divide each term, which is the wider bound; but the sum may overflow where the mean does not."""
        each = terms.value.bounded(y_hat, y)
        mean = (each / count(y.shape, over)).sum(axis=(-2, -1))
        overflows = ~np.isfinite(each.sum(axis=(-2, -1)).error)
        return Bounded(mean.value, np.where(overflows, np.inf, mean.error), y.format, sizes=mean.sizes)

    value = terms.value
    return Elementary(value.equation, divided(value.plain), bounded, divided(value.balls))


def _divided_gradient(terms: Terms, over: str) -> Elementary:
    def divided(line: Callable[..., Any]) -> Callable[..., Any]:
        return lambda y_hat, y: line(y_hat, y) / count(y.shape, over)

    def bounded(y_hat: Bounded, y: Bounded) -> Bounded:
        divisor, form = count(y.shape, over), y.format
        if divisor == 1:
            return terms.gradient.bounded(y_hat, y, 0)
        small = replace(form, smallest_normal=form.smallest_normal * divisor)  # where the factor comes first
        whole = terms.gradient.bounded(replace(y_hat, format=small), y, _roundings(divisor, form))
        error = (whole.error / divisor + (FACTOR_ROUNDINGS + 1) * form.underflow) * SLACK
        error = np.where(divisor <= form.largest, error, np.inf)
        return Bounded(whole.value / divisor, error, form, sizes=lambda: whole.scale / divisor)

    gradient = terms.gradient
    return Elementary(gradient.equation, divided(gradient.plain), bounded, divided(gradient.balls))


def _roundings(divisor: int, form: Format) -> int:
    """Return how many roundings the mean's factor adds, counting what a subnormal 1/N has lost."""
    subnormal = divisor * form.smallest_normal > 1
    lost = math.ceil(form.underflow * divisor / form.unit_roundoff) if subnormal else 0
    return lost if divisor & (divisor - 1) == 0 else FACTOR_ROUNDINGS + lost


def with_error(
    value: Real, error: Error, reach: Real, form: Format, sizes: Sizes = None, underflows: Error = 4.0
) -> Bounded:
    """Promise nothing where a partial result, at most `reach`, may overflow, nor for what is no number."""
    error = (error + underflows * form.underflow) * SLACK
    promised = np.isfinite(value) & np.isfinite(error) & (reach <= form.largest)
    return Bounded(value, np.where(promised, error, np.inf), form, sizes=sizes)


def difference(y_hat: Bounded, y: Bounded) -> tuple[Real, Real]:
    """Return d = ŷ − y and what an implementation's d may be off by: what ŷ is, and one rounding."""
    d = y_hat.value - y.value
    return d, y_hat.error + y_hat.format.gamma(1) * (np.abs(d) + y_hat.error)
