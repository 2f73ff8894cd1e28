"""The leaky rectified linear unit with slope 0.01 below 0, and its kink at 0."""

from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from reference.activations.contract import Activation, Contract, bounded_by, on_balls
from reference.activations.kinks import stepped_slope
from reference.arithmetic import Elementary, Error, Real

SLOPE = 0.01


def leaky_relu(z: NDArray[Any]) -> NDArray[Any]:
    """Z where z > 0, else 0.01·z."""
    return np.where(z > 0, z, SLOPE * z)


def leaky_relu_derivative(z: NDArray[Any], a: NDArray[Any]) -> NDArray[Any]:  # noqa: ARG001 - every derivative takes (z, a)
    """1 where z > 0, else 0.01; at the kink z = 0 it is 0.01, as in PyTorch. JAX has 1 there."""
    return _slope(z)


def _slope(z: NDArray[Any]) -> NDArray[Any]:
    return np.where(z > 0, z.dtype.type(1), z.dtype.type(SLOPE))


def _spread(z: Real, e: Error) -> Real:
    return np.where(z + e > 0, e, np.multiply(SLOPE, e))


def _rounding(z: Real, e: Error, unit: float) -> Real:
    """Two roundings below 0, of 0.01 and of the product; z itself is exact."""
    return 2 * unit * SLOPE * np.maximum(e - z, 0)


def _ball(t: Any) -> Any:  # noqa: ANN401 - flint has no type information
    return t.max(0) + flint.arb(flint.fmpq(1, 100)) * t.min(0)


def _slope_ball(t: Any) -> Any:  # noqa: ANN401 - flint has no type information
    """1, 0.01, or all between where the ball holds points on both sides of the kink."""
    above, below = flint.arb(1), flint.arb(flint.fmpq(1, 100))
    if t > 0:
        return above
    return below if t <= 0 else above.union(below)


_VALUE = Contract(leaky_relu, _spread, _rounding)

LEAKY_RELU = Activation(
    Elementary("z where z > 0, else 0.01·z", leaky_relu, bounded_by(_VALUE), on_balls(_ball)),
    Elementary(
        "1 where z > 0, else 0.01",
        leaky_relu_derivative,
        stepped_slope(_slope, (0,), low=SLOPE),
        on_balls(_slope_ball),
    ),
)
