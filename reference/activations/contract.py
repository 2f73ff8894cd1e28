"""The accuracy contract: what a correct implementation of an activation is allowed.

The value may be off by a few units in the last place (`ulps`). The derivative may be computed in any form in
use: from the activation itself, as the document does, a(1 − a), or from its input, σ(z)σ(−z). Its error is
absolute where the unit is saturated: a(1 − a) is rounded away there, in the document and in every framework.

In a format of 16 bits the function may be computed in float32 and rounded once, or rounded after each of its
steps. There e⁻ᶻ overflows float16 while σ(z) does not yet underflow: what is left of it may be 0. So the
bounds say of each intermediate result in use what it costs where it leaves the range of the format.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import flint
import numpy as np
from numpy.typing import NDArray

from reference.arithmetic import EVALUATION, EXACT, SLACK, Bounded, Elementary, Error, Format, Real


@dataclass(frozen=True)
class Activation:
    """An activation a = σ(z) and its derivative da/dz, which takes (z, a) because the document uses both.

    Their equations are templates: {0} is z, {1} is a. `has_the_same_slope_at_a` says that σ'(a) is σ'(z).
    """

    value: Elementary
    derivative: Elementary
    has_the_same_slope_at_a: bool = False


def of_z(
    equation: str,
    plain: Callable[[Real], Real],
    bounded: Callable[[Bounded], Bounded],
    enclosure: Callable[[flint.arb], flint.arb],
) -> Elementary:
    """Make a function of z alone; a derivative of that kind is given a as well, and leaves it alone."""
    return Elementary(
        equation, lambda z, *_: plain(z), lambda z, *_: bounded(z), lambda z, *_: z.map(enclosure)
    )


# Functions of z whose bound holds every form in use.


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
MAX_ROUNDINGS = 32


def bounded_by(contract: Contract) -> Callable[[Bounded], Bounded]:
    """Bound a function of z within its contract."""

    def bounded(z: Bounded) -> Bounded:
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
    """n roundings lose at most n·u / (1 − n·u): n of these units, for n up to `MAX_ROUNDINGS`."""
    unit = form.unit_roundoff + EVALUATION
    return unit / (1 - MAX_ROUNDINGS * unit)


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

    `slope` is f', which in float64 may be off by a few units itself; M₂ ≥ sup |f''| and M₁ ≥ sup |f'|.
    """

    def spread(z: Real, e: Error) -> Real:
        moved = (np.abs(slope(z)) + 64 * EVALUATION) * e + most_bend / 2 * np.square(e)
        return np.minimum(moved, np.multiply(most_slope, e))

    return spread


# Kinks: where a derivative jumps, a z that is not known exactly may lie on either side.


def undecided(z: Bounded, *kinks: float) -> NDArray[np.bool_]:
    """Where z ± e holds points on both sides of a kink (or is subnormal, and flushed onto the kink)."""
    either = np.zeros(z.shape, dtype=bool)
    for kink in kinks:
        distance = np.abs(z.value - kink)
        # equality decides where e is so small that the slack is lost in it, which printed numbers may be
        either |= (distance <= np.multiply(z.error, SLACK)) & (np.asarray(z.error) > 0)
        either |= (distance > 0) & (distance < z.format.underflow)
    return either


def clipped_value(function: Callable[[Real], Real], low: float, high: float) -> Callable[[Bounded], Bounded]:
    """Bound a function that is z from `low` to `high` and constant outside: exact, and steepest inside."""

    def bounded(z: Bounded) -> Bounded:
        if z.is_exact:
            return Bounded(function(z.value), EXACT, z.format)
        reach = np.multiply(z.error, SLACK)
        moves = (z.value + reach >= low) & (z.value - reach <= high)
        return Bounded(function(z.value), np.where(moves, z.error, EXACT), z.format)

    return bounded


def stepped_slope(
    slope: Callable[[Real], Real], kinks: tuple[float, ...], low: float = 0.0
) -> Callable[[Bounded], Bounded]:
    """Bound a derivative that is `low` or 1: exact, or off by the whole jump where z may lie on either side.

    A `low` such as 0.01 is itself rounded to the format.
    """

    def bounded(z: Bounded) -> Bounded:
        value, either = slope(z.value), undecided(z, *kinks)
        error = either * (1 - low) + rounding_unit(z.format) * low * (either | (value < 1)) * SLACK
        return Bounded(value, error if error.any() else EXACT, z.format, sizes=lambda: np.ones(z.shape))

    return bounded


# Sigmoid and tanh, whose derivatives are taken from a: a narrower bound, in which a's own error counts.


@dataclass(frozen=True)
class Ulps:
    """How many units in the last place a value may be off by; in the formats of 16 bits another number."""

    wide: int
    of_16_bits: int

    def of(self, form: Format) -> int:
        return self.of_16_bits if form.has_16_bits else self.wide


def smooth_value(
    function: Callable[[Real], Real], spread: Callable[[Real, Error], Real], ulps: Ulps
) -> Callable[[Bounded], Bounded]:
    """Bound a function that implementations compute to within `ulps`; `spread` as in `Contract`."""

    def bounded(z: Bounded) -> Bounded:
        value, form = function(z.value), z.format
        unit = form.unit_roundoff + EVALUATION
        error = 2 * ulps.of(form) * unit * np.abs(value) + 2 * form.underflow
        error = error if z.is_exact else error + spread(z.value, z.error)
        return Bounded(value, _unless_overflown(z, _allow_flush_to_zero(value, error, form)), form)

    return bounded


@dataclass(frozen=True)
class SlopeForms:
    """The two forms of a derivative, and what the errors of their arguments do to each.

    From z that is f'(z) to full relative accuracy and, from z and e, sup |f'(t) − f'(z)| over |t − z| ≤ e;
    from a it is the document's form and, from a, its error and the unit roundoff, how far that moves. `parts`
    is as in `Contract`.
    """

    from_z: Callable[[Real], Real]
    z_spread: Callable[[Real, Error], Real]
    from_a: Callable[[Real], Real]
    a_spread: Callable[[Real, Error, float], Real | float]
    parts: float = 1.0


def smooth_slope(forms: SlopeForms, ulps: Ulps) -> Callable[[Bounded, Bounded], Bounded]:
    """Bound a derivative whichever form an implementation computes.

    The value is the form from z, which keeps its digits where the unit is saturated. The form from a differs
    from it by what σ(z) was allowed, so the bound holds the distance between the two.
    """

    def bounded(z: Bounded, a: Bounded) -> Bounded:
        value, other = forms.from_z(z.value), forms.from_a(a.value)
        unit = z.format.unit_roundoff + EVALUATION
        by_z = 4 * ulps.of(z.format) * unit * value
        if not z.is_exact:
            by_z = by_z + forms.z_spread(z.value, z.error)
        by_a = np.abs(value - other) + forms.a_spread(a.value, a.error, unit)
        by_a = by_a + 8 * unit * np.abs(other)
        error = np.maximum(by_a, by_z) + 2 * z.format.underflow
        parts = 1.0 if forms.parts == 1 else np.full(z.shape, forms.parts)
        error = _unless_overflown(z, _allow_flush_to_zero(value, error, z.format))
        return Bounded(value, error, z.format, parts=parts)

    return bounded


def _allow_flush_to_zero(value: Real, error: Real, form: Format) -> Real:
    """Allow 0 where 1 / |value| overflows, if that is more than underflow costs anyway: in float16 only."""
    overflow = 1 / form.largest
    if overflow <= 2 * form.underflow:
        return error
    magnitude = np.abs(value)
    return np.where(magnitude - error <= overflow, np.maximum(error, magnitude), error)


def _unless_overflown(z: Bounded, error: Real) -> Real:
    """Return the bound; infinite where a z that is not observed may have overflowed, and be ∞ − ∞."""
    return error * SLACK if z.is_exact else np.where(np.less(z.error, np.inf), error * SLACK, np.inf)
