"""The accuracy contract: what a correct implementation of a smooth activation is allowed.

The value may be off by a few units in the last place (`ulps`). The derivative may be computed in any form in
use: from the activation itself, as the document does, a(1 − a), or from its input, σ(z)σ(−z). Its error is
absolute where the unit is saturated: a(1 − a) is rounded away there, in the document and in every framework.

In a format of 16 bits the function may be computed in float32 and rounded once, or rounded after each of its
steps. There e⁻ᶻ overflows float16 while σ(z) does not yet underflow: what is left of it may be 0. So the
bounds say of each intermediate result in use what it costs where it leaves the range of the format.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.arithmetic import EVALUATION, SLACK, Ball, Bounded, Elementary, Error, Format, Real


@dataclass(frozen=True)
class Activation:
    """An activation a = σ(z) and its derivative da/dz, which takes (z, a) because the document uses both."""

    value: Elementary
    derivative: Elementary


def smooth_value(
    function: Callable[[Real], Real],
    spread: Callable[[Real, Error], Real],
    ulps: int,
    ulps_of_16_bits: int | None = None,
) -> Callable[[Bounded], Bounded]:
    """Bound a function that implementations compute to within `ulps` units in the last place.

    Parameters
    ----------
    function
        The function, evaluated in float64 within the same contract.
    spread
        From z and e, sup |f(t) − f(z)| over |t − z| ≤ e.
    ulps_of_16_bits
        In the formats of 16 bits, where it is another number.
    """

    def bounded(z: Bounded) -> Bounded:
        value, form = function(z.value), z.format
        unit, allowed = form.unit_roundoff + EVALUATION, _allowed(form, ulps, ulps_of_16_bits)
        error = 2 * allowed * unit * np.abs(value) + 2 * form.underflow
        error = error if z.is_exact else error + spread(z.value, z.error)
        return Bounded(value, _promised(z, _or_zero(value, error, form)), form)

    return bounded


@dataclass(frozen=True)
class SlopeForms:
    """The two forms of a derivative, and what the errors of their arguments do to each.

    Attributes
    ----------
    from_input, input_spread
        f'(z), to full relative accuracy; and from z and e, sup |f'(t) − f'(z)| over |t − z| ≤ e.
    from_activation, activation_spread
        The document's form, from z and a; and from a, its error and the unit roundoff, how far it moves.
    parts
        The largest factor by which automatic differentiation may multiply on the way. See `Bounded.parts`.
    """

    from_input: Callable[[Real], Real]
    input_spread: Callable[[Real, Error], Real]
    from_activation: Callable[[Real, Real], Real]
    activation_spread: Callable[[Real, Error, float], Real | float]
    parts: float = 1.0


def smooth_slope(
    forms: SlopeForms, ulps: int, ulps_of_16_bits: int | None = None
) -> Callable[[Bounded, Bounded], Bounded]:
    """Bound a derivative whichever form an implementation computes.

    The value is the form from z, which keeps its digits where the unit is saturated. The form from a differs
    from it by what σ(z) was allowed, so the bound holds the distance between the two.
    """

    def bounded(z: Bounded, a: Bounded) -> Bounded:
        value, other = forms.from_input(z.value), forms.from_activation(z.value, a.value)
        unit = z.format.unit_roundoff + EVALUATION
        by_input = 4 * _allowed(z.format, ulps, ulps_of_16_bits) * unit * value
        if not z.is_exact:
            by_input = by_input + forms.input_spread(z.value, z.error)
        by_activation = np.abs(value - other) + forms.activation_spread(a.value, a.error, unit)
        by_activation = by_activation + 8 * unit * np.abs(other)
        error = np.maximum(by_activation, by_input) + 2 * z.format.underflow
        parts = 1.0 if forms.parts == 1 else np.full(z.shape, forms.parts)
        return Bounded(value, _promised(z, _or_zero(value, error, z.format)), z.format, parts=parts)

    return bounded


def _allowed(form: Format, ulps: int, ulps_of_16_bits: int | None) -> int:
    return ulps if ulps_of_16_bits is None or not form.has_16_bits else ulps_of_16_bits


def _or_zero(value: Real, error: Real, form: Format) -> Real:
    """Allow 0 where 1 / |value| overflows, if that is more than underflow costs anyway: in float16 only."""
    overflow = 1 / form.largest
    if overflow <= 2 * form.underflow:
        return error
    magnitude = np.abs(value)
    return np.where(magnitude - error <= overflow, np.maximum(error, magnitude), error)


def _promised(z: Bounded, error: Real) -> Real:
    """Return the bound, and nothing where a z that is not shown may have overflowed, and be ∞ − ∞."""
    return error * SLACK if z.is_exact else np.where(np.less(z.error, np.inf), error * SLACK, np.inf)


@dataclass(frozen=True)
class Contract:
    """A function of z alone, or the derivative of one, and how far from it a correct implementation may be.

    A derivative's implementations are as free in their form as they like: what the forms in use lose is their
    common `rounding`, a function of z, so that a wrong activation a does not widen the derivative's bound.

    Attributes
    ----------
    function
        The function, evaluated in float64 within the same contract.
    spread
        From z and e, sup |f(t) − f(z)| over |t − z| ≤ e.
    rounding
        From z, e and the unit of `rounding_unit`, the sup over |t − z| ≤ e of what implementations lose at t.
    times_z
        Whether something that underflows is multiplied by z.
    lost
        From z, e and the format, what an intermediate result that leaves the format's range may cost besides.
    parts
        Of a derivative, from |z| + e: the largest factor by which automatic differentiation may multiply on
        the way, if it is more than 1. See `Bounded.parts`.
    """

    function: Callable[[Real], Real]
    spread: Callable[[Real, Error], Real]
    rounding: Callable[[Real, Error, float], Real | float]
    times_z: bool = False
    lost: Callable[[Real, Error, Format], Real | float] = lambda *_: 0.0
    parts: Callable[[Real], Real] | None = None


# Beyond it e^{−|z|}·|z| is below the smallest number of every format, so that to lose it costs nothing.
NO_EXPONENTIAL = 1000.0

# More roundings than any form of these functions has in a row.
ROUNDINGS = 32


def bounded_by(contract: Contract) -> Callable[..., Bounded]:
    """Bound a function of z within its contract; a derivative is given a as well, and leaves it alone."""

    def bounded(z: Bounded, *_: Bounded) -> Bounded:
        form, size = z.format, np.abs(z.value) + z.error
        with np.errstate(all="ignore"):  # far out, what overflows is bounded by another term
            value = contract.function(z.value)
            error = contract.rounding(z.value, z.error, rounding_unit(form))
            flushed = 1 + np.minimum(size, NO_EXPONENTIAL) if contract.times_z else 1
            error = error + 2 * form.underflow * flushed + contract.lost(z.value, z.error, form)
            error = error if z.is_exact else error + contract.spread(z.value, z.error)
            fits = (np.abs(value) + error <= form.largest) & (size < np.inf)  # else ∞/∞, ∞·0, ∞ − ∞
            parts = 1.0 if contract.parts is None else contract.parts(size)
        return Bounded(value, np.where(fits, error * SLACK, np.inf), form, parts=parts)

    return bounded


def overflows(exponent: Real, form: Format) -> NDArray[np.bool_]:
    """Say where e to this power may overflow, as an implementation computes it."""
    return exponent > math.log(form.largest / 2)


def rounding_unit(form: Format) -> float:
    """n roundings lose at most n·u / (1 − n·u): n of these units, for n up to `ROUNDINGS`."""
    unit = form.unit_roundoff + EVALUATION
    return unit / (1 - ROUNDINGS * unit)


def relative(
    function: Callable[[Real], Real], spread: Callable[[Real, Error], Real], ulps: int
) -> Callable[[Real, Error, float], Real]:
    """What `ulps` units in the last place are, at most, between z − e and z + e: 2·ulps·u·(|f| + spread)."""

    def rounding(z: Real, e: Error, unit: float) -> Real:
        largest = np.abs(function(z)) + (0 if type(e) is float else spread(z, e))
        return 2 * ulps * unit * largest

    return rounding


def quadratic(
    slope: Callable[[Real], Real], most_bend: float, most_slope: float
) -> Callable[[Real, Error], Real]:
    """Taylor's theorem: |f(t) − f(z)| ≤ |f'(z)|·e + M₂e²/2, and at most M₁e.

    Parameters
    ----------
    slope
        f', which in float64 may be off by a few units itself.
    most_bend, most_slope
        M₂ ≥ sup |f''| and M₁ ≥ sup |f'|.
    """

    def spread(z: Real, e: Error) -> Real:
        moved = (np.abs(slope(z)) + 64 * EVALUATION) * e + most_bend / 2 * np.square(e)
        return np.minimum(moved, np.multiply(most_slope, e))

    return spread


def on_balls(enclosure: Callable[[Any], Any]) -> Callable[..., Ball]:
    """Apply a function of one `flint.arb` to each z; a derivative is given a as well, and leaves it alone."""

    def balls(z: Ball, *_: Ball) -> Ball:
        return z.map(enclosure)

    return balls
