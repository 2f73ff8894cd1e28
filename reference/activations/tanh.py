"""The hyperbolic tangent."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.activations import sigmoid
from reference.activations.contract import Activation, SlopeForms, smooth_slope, smooth_value
from reference.arithmetic import Ball, Elementary, Error, Real

# Measured by tests/test_contract.py: at most 6.5 in float64 and 3.9 in float32 (both XLA).
ULPS = 8

# Measured by tests/test_formats.py on every number: at most half of one, the rounding of the result.
ULPS_OF_16_BITS = 2


def tanh_derivative(z: NDArray[Any], a: NDArray[Any]) -> NDArray[Any]:  # noqa: ARG001 - every derivative takes (z, a)
    """tanh'(z) = 1 − a², with a = tanh(z)."""
    return 1 - a * a


def slope(z: Real) -> Real:
    """tanh'(z) = 4·σ'(2z), which keeps its relative accuracy in both tails."""
    return 4 * sigmoid.slope(2 * z)


def _spread(z: Real, e: Error) -> Real:
    """sup |tanh t − tanh z| over |t − z| ≤ e, from tanh'(t) ≤ tanh'(z)·e^{2|t−z|}."""
    return np.minimum(slope(z) * np.expm1(np.multiply(2, e)) / 2, 2)


def _slope_spread(z: Real, e: Error) -> Real:
    """sup |tanh'(t) − tanh'(z)| over |t − z| ≤ e, since |tanh''| ≤ 2·tanh'."""
    return np.minimum(slope(z) * np.expm1(np.multiply(2, e)), 1)


def _activation_spread(a: Real, e: Error, unit: float) -> Real | float:
    """|(1 − (a + e)²) − (1 − a²)| ≤ 2|a|·e + e², and a² itself is rounded."""
    return 2 * np.abs(a) * e + np.square(e) + 2 * unit * a * a


def _value_balls(z: Ball) -> Ball:
    return z.map(lambda t: t.tanh())


def _derivative_balls(z: Ball, a: Ball) -> Ball:  # noqa: ARG001 - every derivative takes (z, a)
    """tanh'(z) = 4·σ'(2z)."""
    return z.map(lambda t: 4 * sigmoid.slope_ball(2 * t))


TANH = Activation(
    Elementary("tanh(z)", np.tanh, smooth_value(np.tanh, _spread, ULPS, ULPS_OF_16_BITS), _value_balls),
    Elementary(
        "1 − a²",
        tanh_derivative,
        smooth_slope(
            SlopeForms(
                slope, _slope_spread, tanh_derivative, _activation_spread, parts=2.0
            ),  # g·(1 − a)·(1 + a)
            ULPS,
            ULPS_OF_16_BITS,
        ),
        _derivative_balls,
    ),
)
