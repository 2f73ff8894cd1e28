"""The rectified linear unit cut off at 6, and its kinks at 0 and 6."""

import flint
import numpy as np

from reference.activations.contract import Activation, clipped_value, of_z, stepped_slope
from reference.arithmetic import Real

TOP = 6


def relu6(z: Real) -> Real:
    return np.clip(z, 0, TOP)


def _slope(z: Real) -> Real:
    """1 where 0 < z < 6, else 0; at the kinks z = 0 and z = 6 it is 0, as in PyTorch and JAX."""
    return ((z > 0) & (z < TOP)).astype(z.dtype)


def _slope_ball(t: flint.arb) -> flint.arb:
    """1, 0, or all between where the ball holds points on both sides of a kink."""
    if t > 0 and t < TOP:
        return flint.arb(1)
    return flint.arb(0) if t <= 0 or t >= TOP else flint.arb(0.5, 0.5)


RELU6 = Activation(
    of_z("min(max({0}, 0), 6)", relu6, clipped_value(relu6, 0, TOP), lambda t: t.max(0).min(TOP)),
    of_z("1 where 0 < {0} < 6, else 0", _slope, stepped_slope(_slope, (0, TOP)), _slope_ball),
    has_the_same_slope_at_a=True,
)
