"""The hard tanh, z cut off at −1 and 1, and its kinks there."""

from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from reference.activations.contract import Activation, on_balls
from reference.activations.kinks import clipped_value, stepped_slope
from reference.arithmetic import Elementary


def hardtanh(z: NDArray[Any]) -> NDArray[Any]:
    """min(max(z, −1), 1)."""
    return np.clip(z, -1, 1)


def hardtanh_derivative(z: NDArray[Any], a: NDArray[Any]) -> NDArray[Any]:  # noqa: ARG001 - every derivative takes (z, a)
    """1 where |z| < 1, else 0; at the kinks z = ±1 it is 0, as in PyTorch. JAX has 1 there."""
    return _slope(z)


def _slope(z: NDArray[Any]) -> NDArray[Any]:
    return (np.abs(z) < 1).astype(z.dtype)


def _ball(t: Any) -> Any:  # noqa: ANN401 - flint has no type information
    return t.max(-1).min(1)


def _slope_ball(t: Any) -> Any:  # noqa: ANN401 - flint has no type information
    """1, 0, or all between where the ball holds points on both sides of a kink."""
    if abs(t) < 1:
        return flint.arb(1)
    return flint.arb(0) if abs(t) >= 1 else flint.arb(0.5, 0.5)


HARDTANH = Activation(
    Elementary("min(max(z, −1), 1)", hardtanh, clipped_value(hardtanh, -1, 1), on_balls(_ball)),
    Elementary(
        "1 where |z| < 1, else 0", hardtanh_derivative, stepped_slope(_slope, (-1, 1)), on_balls(_slope_ball)
    ),
)
