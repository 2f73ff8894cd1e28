"""The logistic sigmoid, σ(z) = 1 / (1 + e⁻ᶻ), and tanh(z) = 2σ(2z) − 1, whose derivatives are taken from a.

So their bounds are narrower than those of a `Contract`, and a's own error counts in them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import flint
import numpy as np

from reference.activations.contract import Activation, Enclosure, Function, Spread, of_z
from reference.arithmetic import EVALUATION, SLACK, Bounded, Elementary, Error, Format, Real

# Measured by tests/test_contract.py: at most 2.4 in float64 and 2.6 in float32 (NumPy).
ULPS = 4

# Likewise: at most 6.5 in float64 and 3.9 in float32 (both XLA).
TANH_ULPS = 8

# Of both, measured by tests/test_formats.py on every number: at most 1.08 in bfloat16, 0.99 in float16 (XLA).
ULPS_OF_16_BITS = 2


@dataclass(frozen=True)
class Saturating:
    """A function that implementations compute to within `ulps`, and the two forms of its derivative.

    These are from z, to full relative accuracy, and from a, as the document has it. The spreads say how far
    each moves where z, or a, is only known to ± e; that of a takes the unit roundoff as well.
    """

    function: Function
    spread: Spread
    ulps: int
    slope: Function
    slope_spread: Spread
    slope_from_a: Function
    a_spread: Callable[[Real, Error, float], Real | float]
    parts: float = 1.0  # see `Bounded.parts`

    def ulps_of(self, form: Format) -> int:
        return ULPS_OF_16_BITS if form.has_16_bits else self.ulps

    def value_bounded(self, z: Bounded) -> Bounded:
        value, form = self.function(z.value), z.format
        unit = form.unit_roundoff + EVALUATION
        moved = 0.0 if z.is_exact else self.spread(z.value, z.error)
        error = 2 * self.ulps_of(form) * unit * (np.abs(value) + moved) + 2 * form.underflow + moved
        return Bounded(value, _assembled(z, value, error), form)

    def slope_bounded(self, z: Bounded, a: Bounded) -> Bounded:
        """Bound the derivative whichever form an implementation computes.

        The value is the form from z, which keeps its digits where the unit is saturated. The form from a
        differs from it by what σ(z) was allowed, so the bound holds the distance between the two. What is
        rounded is as large as it is at t; where z is exact, 8 units pay for that of the form from a, too.
        """
        value, other = self.slope(z.value), self.slope_from_a(a.value)
        unit = z.format.unit_roundoff + EVALUATION
        units, moved = 4 * self.ulps_of(z.format) * unit, self.a_spread(a.value, a.error, unit)
        by_z, by_a = units * value, np.abs(value - other) + moved + 8 * unit * np.abs(other)
        if not z.is_exact:
            by_a = by_a + 8 * unit * moved
            moved = self.slope_spread(z.value, z.error)
            by_z = by_z + units * moved + moved
        error = _assembled(z, value, np.maximum(by_a, by_z) + 2 * z.format.underflow)
        parts = 1.0 if self.parts == 1 else np.full(z.shape, self.parts)
        return Bounded(value, error, z.format, parts=parts)

    def activation(
        self, equation: str, ball: Enclosure, slope_equation: str, slope_ball: Enclosure
    ) -> Activation:
        value = of_z(equation, self.function, self.value_bounded, ball)
        from_a, balls = lambda _, a: self.slope_from_a(a), lambda z, _: z.map(slope_ball)
        return Activation(value, Elementary(slope_equation, from_a, self.slope_bounded, balls))


def _assembled(z: Bounded, value: Real, error: Real) -> Real:
    """Return the bound, infinite where a z that is not observed may have overflowed, and be ∞ − ∞.

    0 is allowed where 1 / |value| overflows, if that is more than underflow costs anyway: in float16 only.
    """
    overflow = 1 / z.format.largest
    if overflow > 2 * z.format.underflow:
        magnitude = np.abs(value)
        error = np.where(magnitude - error <= overflow, np.maximum(error, magnitude), error)
    return error * SLACK if z.is_exact else np.where(np.less(z.error, np.inf), error * SLACK, np.inf)


def sigmoid(z: Real) -> Real:
    with np.errstate(over="ignore"):  # e⁻ᶻ may overflow to infinity, and 1/∞ = 0 is then right
        return 1 / (1 + np.exp(-z))


def slope(z: Real) -> Real:
    """σ'(z) = e^{−|z|} / (1 + e^{−|z|})², which keeps its relative accuracy in both tails."""
    e = np.exp(-np.abs(z))
    return e / np.square(1 + e)


def spread(z: Real, e: Error) -> Real:
    """From σ'(t) ≤ σ'(z)·e^|t−z|."""
    return np.minimum(slope(z) * np.expm1(e), 1)


def highest(z: Real, e: Error) -> Real:
    """At least σ(t), wherever t is."""
    return np.minimum(sigmoid(z) * np.exp(e), 1)


def _slope_spread(z: Real, e: Error) -> Real:
    """The same argument, since |σ''| ≤ σ'."""
    return np.minimum(slope(z) * np.expm1(e), 0.25)


def _a_spread(a: Real, e: Error, unit: float) -> Real | float:
    """|(a + e)(1 − a − e) − a(1 − a)| ≤ |1 − 2a|·e + e²; and of the form a − a² the square is rounded."""
    return np.abs(1 - 2 * a) * e + np.square(e) + unit * np.square(a + e)


def _tanh_a_spread(a: Real, e: Error, unit: float) -> Real | float:
    """|(1 − (a + e)²) − (1 − a²)| ≤ 2|a|·e + e², and a² itself is rounded."""
    return 2 * np.abs(a) * e + np.square(e) + 2 * unit * a * a


def ball(t: flint.arb) -> flint.arb:
    """1 / (1 + e⁻ᶻ) or, for negative z, the same as eᶻ / (1 + eᶻ): e^{huge} has no finite ball."""
    if t < 0:
        e = t.exp()
        return e / (1 + e)
    return 1 / (1 + (-t).exp())


def slope_ball(t: flint.arb) -> flint.arb:
    e = (-abs(t)).exp()
    whole = 1 + e
    return e / (whole * whole)  # a sixth faster than ** 2


SIGMOID = Saturating(
    sigmoid, spread, ULPS, slope, _slope_spread, lambda a: a * (1 - a), _a_spread
).activation("1 / (1 + e^(−{0}))", ball, "{1} · (1 − {1})", slope_ball)

TANH = Saturating(
    np.tanh,
    lambda z, e: 2 * spread(2 * z, np.multiply(2, e)),
    TANH_ULPS,
    lambda z: 4 * slope(2 * z),
    lambda z, e: 4 * _slope_spread(2 * z, np.multiply(2, e)),
    lambda a: 1 - a * a,
    _tanh_a_spread,
    parts=2.0,  # g·(1 − a)·(1 + a)
).activation("tanh({0})", lambda t: t.tanh(), "1 − {1}²", lambda t: 4 * slope_ball(2 * t))
