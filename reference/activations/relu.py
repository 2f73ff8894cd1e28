"""The rectified linear unit, max(z, 0), and its kink at 0."""

from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from reference.activations.contract import Activation, on_balls
from reference.activations.kinks import stepped_slope
from reference.arithmetic import Bounded, Elementary, Real


def relu(z: NDArray[Any]) -> NDArray[Any]:
    """max(z, 0)."""
    return np.maximum(z, 0)


def relu_derivative(z: NDArray[Any], a: NDArray[Any]) -> NDArray[Any]:  # noqa: ARG001 - every derivative takes (z, a)
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


def _slope(z: Real) -> Real:
    return relu_derivative(z, z)


def _slope_ball(z: Any) -> Any:  # noqa: ANN401 - flint has no type information
    """0, 1, or all that lies between where the ball holds points on both sides of the kink."""
    if z > 0:
        return flint.arb(1)
    return flint.arb(0) if z <= 0 else flint.arb(0.5, 0.5)


RELU = Activation(
    Elementary("max(z, 0)", relu, _bounded, on_balls(lambda t: t.max(0))),
    Elementary("1 where z > 0, else 0", relu_derivative, stepped_slope(_slope, (0,)), on_balls(_slope_ball)),
)
