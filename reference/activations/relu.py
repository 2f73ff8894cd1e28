"""The rectified linear unit, max(z, 0), and its kink at 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flint
import numpy as np

from reference.activations.contract import Activation
from reference.bounded import EXACT, Bounded
from reference.elementary import Elementary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from reference.balls import Ball
    from reference.bounded import Error


def relu(z: NDArray[Any]) -> NDArray[Any]:
    """max(z, 0)."""
    a: NDArray[Any] = np.maximum(z, 0)
    return a


def relu_derivative(z: NDArray[Any], a: NDArray[Any]) -> NDArray[Any]:  # noqa: ARG001 - every derivative takes (z, a)
    """1 where z > 0, else 0; at the kink z = 0 it is 0, as in PyTorch and JAX."""
    da_dz: NDArray[Any] = (z > 0).astype(z.dtype)
    return da_dz


def _bounded(z: Bounded) -> Bounded:
    """Relu is exact, never spreads an error, and is exactly 0 wherever all of z ± e is negative.

    What is subnormal may be flushed.
    """
    value = relu(z.value)
    error = z.error if z.is_exact else np.minimum(z.error, relu(z.value + z.error))
    flushed = (value > 0) & (value < z.format.underflow)
    return Bounded(value, error + flushed * value if flushed.any() else error, z.format)


def _slope_bounded(z: Bounded, a: Bounded) -> Bounded:  # noqa: ARG001 - every derivative takes (z, a)
    """Exact, or nothing at all where z may lie on either side of the kink (or is subnormal, and flushed)."""
    distance = np.abs(z.value)
    undecided = (distance <= z.error) & (np.asarray(z.error) > 0)
    undecided |= (distance > 0) & (distance < z.format.underflow)
    error: Error = undecided.astype(np.float64) if undecided.any() else EXACT
    return Bounded(relu_derivative(z.value, z.value), error, z.format)


def _slope_ball(z: Any) -> Any:  # noqa: ANN401 - flint has no type information
    """0, 1, or all that lies between where the ball holds points on both sides of the kink."""
    if z > 0:
        return flint.arb(1)
    return flint.arb(0) if z <= 0 else flint.arb(0.5, 0.5)


def _value_balls(z: Ball) -> Ball:
    return z.map(lambda t: t.max(0))


def _derivative_balls(z: Ball, a: Ball) -> Ball:  # noqa: ARG001 - every derivative takes (z, a)
    return z.map(_slope_ball)


RELU = Activation(
    Elementary("max(z, 0)", relu, _bounded, _value_balls),
    Elementary("1 where z > 0, else 0", relu_derivative, _slope_bounded, _derivative_balls),
)
