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
from typing import Any, TypeAlias

import flint
import numpy as np
from numpy.typing import NDArray

from reference.arithmetic import EVALUATION, SLACK, Bounded, Elementary, Error, Format, Real

Function: TypeAlias = Callable[[Real], Real]
Enclosure: TypeAlias = Callable[[Any], flint.arb]

# From z and e, sup |f(t) − f(z)| over |t − z| ≤ e.
Spread: TypeAlias = Callable[[Real, Error], Real]

# Beyond it e^{−|z|}·|z| is below the smallest number of every format, so that to lose it costs nothing.
NO_EXPONENTIAL = 1000.0

# More roundings than any form of these functions has in a row.
MAX_ROUNDINGS = 32


@dataclass(frozen=True)
class Activation:
    """An activation a = σ(z) and its derivative da/dz, which takes (z, a) because the document uses both.

    Their equations are templates: {0} is z, {1} is a. `has_the_same_slope_at_a` says that σ'(a) is σ'(z).
    """

    value: Elementary
    derivative: Elementary
    has_the_same_slope_at_a: bool = False


def of_z(
    equation: str, plain: Function, bounded: Callable[[Bounded], Bounded], enclosure: Enclosure
) -> Elementary:
    """Make a function of z alone; a derivative of that kind is given a as well, and leaves it alone."""
    return Elementary(
        equation, lambda z, *_: plain(z), lambda z, *_: bounded(z), lambda z, *_: z.map(enclosure)
    )


@dataclass(frozen=True)
class Contract:
    """A function of z alone, or the derivative of one, and how far from it a correct implementation may be.

    A derivative's implementations are as free in their form as they like: what the forms in use lose is their
    common `rounding`, a function of z, so that a wrong activation a does not widen the derivative's bound.

    - `function`, `spread`: the function, in float64 within the same contract, and how far it moves
    - `rounding`: from z, e and the unit of `rounding_unit`, the sup over |t − z| ≤ e of what is lost at t
    - `times_z`: whether something that underflows is multiplied by z
    - `lost`: from z, e and the format, what else an intermediate result outside the format's range may cost
    - `parts`: of a derivative, from |z| + e, by how much automatic differentiation may multiply on the way,
      if that is more than 1; see `Bounded.parts`
    """

    function: Function
    spread: Spread
    rounding: Callable[[Real, Error, float], Real | float]
    times_z: bool = False
    lost: Callable[[Real, Error, Format], Real | float] = lambda *_: 0.0
    parts: Function | None = None

    def bounded(self, z: Bounded) -> Bounded:
        form, size = z.format, np.abs(z.value) + z.error
        with np.errstate(all="ignore"):  # far out, what overflows is bounded by another term
            value = self.function(z.value)
            error = self.rounding(z.value, z.error, rounding_unit(form))
            flushed = 1 + np.minimum(size, NO_EXPONENTIAL) if self.times_z else 1
            error = error + 2 * form.underflow * flushed + self.lost(z.value, z.error, form)
            error = error if z.is_exact else error + self.spread(z.value, z.error)
            fits = (np.abs(value) + error <= form.largest) & (size < np.inf)  # else ∞/∞, ∞·0, ∞ − ∞
            parts = 1.0 if self.parts is None else self.parts(size)
        return Bounded(value, np.where(fits, error * SLACK, np.inf), form, parts=parts)

    def as_elementary(self, equation: str, enclosure: Enclosure, plain: Function | None = None) -> Elementary:
        """Return the function with its bound, computed in the form `plain`, or else as it stands here."""
        return of_z(equation, plain or self.function, self.bounded, enclosure)


def with_exponential(left: Spread) -> Callable[[Real, Error, Format], Real]:
    """All that is `left` of a function, from z and e, is lost where e⁻ᶻ may overflow, and σ(z) be 0."""
    return lambda z, e, form: np.where(e - z > math.log(form.largest / 2), left(z, e), 0)


def rounding_unit(form: Format) -> float:
    """n roundings lose at most n·u / (1 − n·u): n of these units, for n up to `MAX_ROUNDINGS`."""
    unit = form.unit_roundoff + EVALUATION
    return unit / (1 - MAX_ROUNDINGS * unit)


def relative(function: Function, spread: Spread, ulps: int) -> Callable[[Real, Error, float], Real]:
    """What `ulps` units in the last place are, at most, between z − e and z + e: 2·ulps·u·(|f| + spread)."""

    def rounding(z: Real, e: Error, unit: float) -> Real:
        largest = np.abs(function(z)) + (0 if type(e) is float else spread(z, e))
        return 2 * ulps * unit * largest

    return rounding


def quadratic(slope: Function, most_bend: float, most_slope: float) -> Spread:
    """Taylor's theorem: |f(t) − f(z)| ≤ |f'(z)|·e + M₂e²/2, and at most M₁e.

    `slope` is f', which in float64 may be off by a few units itself; M₂ ≥ sup |f''| and M₁ ≥ sup |f'|.
    """

    def spread(z: Real, e: Error) -> Real:
        moved = (np.abs(slope(z)) + 64 * EVALUATION) * e + most_bend / 2 * np.square(e)
        return np.minimum(moved, np.multiply(most_slope, e))

    return spread


def undecided(z: Bounded, *kinks: float) -> NDArray[np.bool_]:
    """Where z ± e holds points on both sides of a kink (or is subnormal, and flushed onto the kink)."""
    either = np.zeros(z.shape, dtype=bool)
    for kink in kinks:
        distance = np.abs(z.value - kink)
        # equality decides where e is so small that the slack is lost in it, which printed numbers may be
        either |= (distance <= np.multiply(z.error, SLACK)) & (np.asarray(z.error) > 0)
        either |= (distance > 0) & (distance < z.format.underflow)
    return either
