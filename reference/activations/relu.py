"""The rectified linear unit, max(z, 0), and its kink at 0."""

import flint
import numpy as np

from reference.activations.contract import Activation, of_z, stepped_slope
from reference.arithmetic import Bounded, Real


def relu(z: Real) -> Real:
    return np.maximum(z, 0)


def _slope(z: Real) -> Real:
    """1 where z > 0, else 0; at the kink z = 0 it is 0, as in PyTorch and JAX."""
    return (z > 0).astype(z.dtype)


def _bounded(z: Bounded) -> Bounded:
    """Relu is exact, never spreads an error, and is exactly 0 wherever all of z ± e is negative.

    What is subnormal may be flushed.
    """
    value = relu(z.value)
    error = z.error if z.is_exact else np.minimum(z.error, relu(z.value + z.error))
    flushed = (value > 0) & (value < z.format.underflow)
    return Bounded(value, error + flushed * value if flushed.any() else error, z.format)


def _slope_ball(z: flint.arb) -> flint.arb:
    """0, 1, or all that lies between where the ball holds points on both sides of the kink."""
    if z > 0:
        return flint.arb(1)
    return flint.arb(0) if z <= 0 else flint.arb(0.5, 0.5)


RELU = Activation(
    of_z("max({0}, 0)", relu, _bounded, lambda t: t.max(0)),
    of_z("1 where {0} > 0, else 0", _slope, stepped_slope(_slope, (0,)), _slope_ball),
    has_the_same_slope_at_a=True,
)
