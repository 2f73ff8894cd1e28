"""The logistic sigmoid, σ(z) = 1 / (1 + e⁻ᶻ)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.activations.contract import Activation, SlopeForms, smooth_slope, smooth_value
from reference.arithmetic import Ball, Elementary, Error, Real

# Measured by tests/test_contract.py: at most 2.4 in float64 and 2.6 in float32 (NumPy).
ULPS = 4

# Measured by tests/test_formats.py on every number: at most 1.08 in bfloat16, 0.99 in float16 (XLA).
ULPS_OF_16_BITS = 2


def sigmoid(z: NDArray[Any]) -> NDArray[Any]:
    """σ(z) = 1 / (1 + e⁻ᶻ)."""
    with np.errstate(over="ignore"):  # e⁻ᶻ may overflow to infinity, and 1/∞ = 0 is then right
        a: NDArray[Any] = 1 / (1 + np.exp(-z))
    return a


def sigmoid_derivative(z: NDArray[Any], a: NDArray[Any]) -> NDArray[Any]:  # noqa: ARG001 - every derivative takes (z, a)
    """σ'(z) = a · (1 − a), with a = σ(z)."""
    return a * (1 - a)


def slope(z: Real) -> Real:
    """σ'(z) = e^{−|z|} / (1 + e^{−|z|})², which keeps its relative accuracy in both tails."""
    e = np.exp(-np.abs(z))
    return e / np.square(1 + e)


def _spread(z: Real, e: Error) -> Real:
    """sup |σ(t) − σ(z)| over |t − z| ≤ e, from σ'(t) ≤ σ'(z)·e^|t−z|."""
    return np.minimum(slope(z) * np.expm1(e), 1)


def _slope_spread(z: Real, e: Error) -> Real:
    """sup |σ'(t) − σ'(z)| over |t − z| ≤ e: the same argument, since |σ''| ≤ σ'."""
    return np.minimum(slope(z) * np.expm1(e), 0.25)


def _activation_spread(a: Real, e: Error, unit: float) -> Real | float:
    """|(a + e)(1 − a − e) − a(1 − a)| ≤ |1 − 2a|·e + e²; and of the form a − a² the square is rounded."""
    return np.abs(1 - 2 * a) * e + np.square(e) + unit * np.square(a + e)


def ball(t: Any) -> Any:  # noqa: ANN401 - flint has no type information
    """1 / (1 + e⁻ᶻ) or, for negative z, the same as eᶻ / (1 + eᶻ): e^{huge} has no finite ball."""
    if t < 0:
        e = t.exp()
        return e / (1 + e)
    return 1 / (1 + (-t).exp())


def slope_ball(t: Any) -> Any:  # noqa: ANN401 - flint has no type information
    """σ'(z) = e^{−|z|} / (1 + e^{−|z|})²."""
    e = (-abs(t)).exp()
    return e / (1 + e) ** 2


def _value_balls(z: Ball) -> Ball:
    return z.map(ball)


def _derivative_balls(z: Ball, a: Ball) -> Ball:  # noqa: ARG001 - every derivative takes (z, a)
    return z.map(slope_ball)


SIGMOID = Activation(
    Elementary("1 / (1 + e⁻ᶻ)", sigmoid, smooth_value(sigmoid, _spread, ULPS, ULPS_OF_16_BITS), _value_balls),
    Elementary(
        "a · (1 − a)",
        sigmoid_derivative,
        smooth_slope(
            SlopeForms(slope, _slope_spread, sigmoid_derivative, _activation_spread), ULPS, ULPS_OF_16_BITS
        ),
        _derivative_balls,
    ),
)
