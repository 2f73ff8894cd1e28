"""Activations of straight pieces: the identity, and those with a kink where two pieces meet."""

from dataclasses import dataclass
from fractions import Fraction

import flint
import numpy as np

from reference.activations.contract import Activation, Contract, of_z, rounding_unit, undecided
from reference.arithmetic import EXACT, SLACK, Bounded, Elementary, Real

LEAK = Fraction(1, 100)


@dataclass(frozen=True)
class Step:
    """A derivative that is 1 above the first kink and below the second, if there is one, and else `low`.

    At a kink it is `low`, as in PyTorch; JAX has 1 at those of leaky_relu and hardtanh.
    """

    kinks: tuple[float, ...]
    low: Fraction = Fraction(0)

    def plain(self, z: Real) -> Real:
        inside = z > self.kinks[0]
        for top in self.kinks[1:]:
            inside &= z < top
        return np.where(inside, z.dtype.type(1), z.dtype.type(float(self.low)))

    def bounded(self, z: Bounded) -> Bounded:
        """Exact, or off by the whole jump where z may lie on either side; a `low` of 0.01 is rounded."""
        value, either, low = self.plain(z.value), undecided(z, *self.kinks), float(self.low)
        error = either * (1 - low) + rounding_unit(z.format) * low * (either | (value < 1)) * SLACK
        return Bounded(value, error if error.any() else EXACT, z.format, sizes=lambda: np.ones(z.shape))

    def ball(self, t: flint.arb) -> flint.arb:
        """1, `low`, or all between where the ball holds points on both sides of a kink."""
        low, tops = flint.arb(flint.fmpq(self.low.numerator, self.low.denominator)), self.kinks[1:]
        if t > self.kinks[0] and all(t < top for top in tops):
            return flint.arb(1)
        is_outside = t <= self.kinks[0] or any(t >= top for top in tops)
        return low if is_outside else flint.arb((1 + low) / 2, (1 - low) / 2)

    def elementary(self, equation: str) -> Elementary:
        return of_z(equation, self.plain, self.bounded, self.ball)


def clipped(low: int, high: int, equation: str, slope_equation: str) -> Activation:
    """z from `low` to `high`, and constant outside."""

    def plain(z: Real) -> Real:
        return np.clip(z, low, high)

    def bounded(z: Bounded) -> Bounded:
        """Exact, and steepest inside."""
        if z.is_exact:
            return Bounded(plain(z.value), EXACT, z.format)
        reach = np.multiply(z.error, SLACK)
        moves = (z.value + reach >= low) & (z.value - reach <= high)
        return Bounded(plain(z.value), np.where(moves, z.error, EXACT), z.format)

    value = of_z(equation, plain, bounded, lambda t: t.max(low).min(high))
    return Activation(value, Step((low, high)).elementary(slope_equation), has_the_same_slope_at_a=True)


def relu(z: Real) -> Real:
    return np.maximum(z, 0)


def _relu_bounded(z: Bounded) -> Bounded:
    """Relu is exact, never spreads an error, and is exactly 0 wherever all of z ± e is negative.

    What is subnormal may be flushed.
    """
    value = relu(z.value)
    error = z.error if z.is_exact else np.minimum(z.error, relu(z.value + z.error))
    flushed = (value > 0) & (value < z.format.underflow)
    return Bounded(value, error + flushed * value if flushed.any() else error, z.format)


def leaky_relu(z: Real) -> Real:
    return np.where(z > 0, z, float(LEAK) * z)


IDENTITY = Activation(
    of_z("{0}", lambda z: z, lambda z: z, lambda t: t),
    of_z("1", np.ones_like, lambda z: Bounded.exact(np.ones(z.shape), z.format), lambda _: flint.arb(1)),
    has_the_same_slope_at_a=True,
)
RELU = Activation(
    of_z("max({0}, 0)", relu, _relu_bounded, lambda t: t.max(0)),
    Step((0,)).elementary("1 where {0} > 0, else 0"),
    has_the_same_slope_at_a=True,
)
LEAKY_RELU = Activation(
    Contract(
        leaky_relu,
        lambda z, e: np.where(z + e > 0, e, np.multiply(float(LEAK), e)),
        # two roundings below 0, of 0.01 and of the product; z itself is exact
        lambda z, e, unit: 2 * unit * float(LEAK) * np.maximum(e - z, 0),
    ).as_elementary(
        "{0} where {0} > 0, else 0.01·{0}", lambda t: t.max(0) + flint.arb(flint.fmpq(1, 100)) * t.min(0)
    ),
    Step((0,), low=LEAK).elementary("1 where {0} > 0, else 0.01"),
    has_the_same_slope_at_a=True,
)
HARDTANH = clipped(-1, 1, "min(max({0}, −1), 1)", "1 where |{0}| < 1, else 0")
RELU6 = clipped(0, 6, "min(max({0}, 0), 6)", "1 where 0 < {0} < 6, else 0")
