"""The leaky rectified linear unit with slope 0.01 below 0, and its kink at 0."""

import flint
import numpy as np

from reference.activations.contract import Activation, Contract, bounded_by, of_z, stepped_slope
from reference.arithmetic import Error, Real

SLOPE = 0.01


def leaky_relu(z: Real) -> Real:
    return np.where(z > 0, z, SLOPE * z)


def _slope(z: Real) -> Real:
    """1 where z > 0, else 0.01; at the kink z = 0 it is 0.01, as in PyTorch. JAX has 1 there."""
    return np.where(z > 0, z.dtype.type(1), z.dtype.type(SLOPE))


def _spread(z: Real, e: Error) -> Real:
    return np.where(z + e > 0, e, np.multiply(SLOPE, e))


def _rounding(z: Real, e: Error, unit: float) -> Real:
    """Two roundings below 0, of 0.01 and of the product; z itself is exact."""
    return 2 * unit * SLOPE * np.maximum(e - z, 0)


def _ball(t: flint.arb) -> flint.arb:
    return t.max(0) + flint.arb(flint.fmpq(1, 100)) * t.min(0)


def _slope_ball(t: flint.arb) -> flint.arb:
    """1, 0.01, or all between where the ball holds points on both sides of the kink."""
    above, below = flint.arb(1), flint.arb(flint.fmpq(1, 100))
    if t > 0:
        return above
    return below if t <= 0 else above.union(below)


LEAKY_RELU = Activation(
    of_z(
        "{0} where {0} > 0, else 0.01·{0}",
        leaky_relu,
        bounded_by(Contract(leaky_relu, _spread, _rounding)),
        _ball,
    ),
    of_z("1 where {0} > 0, else 0.01", _slope, stepped_slope(_slope, (0,), low=SLOPE), _slope_ball),
    has_the_same_slope_at_a=True,
)
