"""The hard tanh, z cut off at −1 and 1, and its kinks there."""

import flint
import numpy as np

from reference.activations.contract import Activation, clipped_value, of_z, stepped_slope
from reference.arithmetic import Real


def hardtanh(z: Real) -> Real:
    return np.clip(z, -1, 1)


def _slope(z: Real) -> Real:
    """1 where |z| < 1, else 0; at the kinks z = ±1 it is 0, as in PyTorch. JAX has 1 there."""
    return (np.abs(z) < 1).astype(z.dtype)


def _slope_ball(t: flint.arb) -> flint.arb:
    """1, 0, or all between where the ball holds points on both sides of a kink."""
    if abs(t) < 1:
        return flint.arb(1)
    return flint.arb(0) if abs(t) >= 1 else flint.arb(0.5, 0.5)


HARDTANH = Activation(
    of_z("min(max({0}, −1), 1)", hardtanh, clipped_value(hardtanh, -1, 1), lambda t: t.max(-1).min(1)),
    of_z("1 where |{0}| < 1, else 0", _slope, stepped_slope(_slope, (-1, 1)), _slope_ball),
    has_the_same_slope_at_a=True,
)
