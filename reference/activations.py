"""The activations: each function beside its derivative, its accuracy contract beside both.

The contract says what a correct implementation is allowed: `ulps` for the value, and for the derivative every
form in use (from the activation itself, a(1 − a), or from its input, σ(z)σ(−z)). The derivative's error is
absolute where the unit is saturated: a(1 − a) is then rounded away, in the document and in every framework.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reference.bounded import EXACT, Bounded
from reference.elementary import Elementary
from reference.formats import EVALUATION, SLACK

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from reference.bounded import Error, Real


@dataclass(frozen=True)
class Activation:
    """An activation a = σ(z) and its derivative da/dz, which takes (z, a) because the document uses both."""

    value: Elementary
    derivative: Elementary


# σ(z) = 1 / (1 + e⁻ᶻ)


def sigmoid(z: NDArray[Any]) -> NDArray[Any]:
    """σ(z) = 1 / (1 + e⁻ᶻ)."""
    with np.errstate(over="ignore"):  # e⁻ᶻ may overflow to infinity, and 1/∞ = 0 is then right
        a: NDArray[Any] = 1 / (1 + np.exp(-z))
    return a


def sigmoid_derivative(z: NDArray[Any], a: NDArray[Any]) -> NDArray[Any]:  # noqa: ARG001 - every derivative takes (z, a)
    """σ'(z) = a · (1 − a), with a = σ(z)."""
    da_dz: NDArray[Any] = a * (1 - a)
    return da_dz


def _sigmoid_slope(z: Real) -> Real:
    """σ(z)·σ(−z) = e^{−|z|} / (1 + e^{−|z|})², which keeps its relative accuracy in both tails."""
    e = np.exp(-np.abs(z))
    slope: Real = e / np.square(1 + e)
    return slope


def _sigmoid_spread(z: Real, e: Error) -> Real:
    """sup |σ(t) − σ(z)| over |t − z| ≤ e, from σ'(t) ≤ σ'(z)·e^|t−z|."""
    return np.minimum(_sigmoid_slope(z) * np.expm1(e), 1)


def _sigmoid_slope_spread(z: Real, e: Error) -> Real:
    """sup |σ'(t) − σ'(z)| over |t − z| ≤ e: the same argument, since |σ''| ≤ σ'."""
    return np.minimum(_sigmoid_slope(z) * np.expm1(e), 0.25)


# tanh


def tanh_derivative(z: NDArray[Any], a: NDArray[Any]) -> NDArray[Any]:  # noqa: ARG001 - every derivative takes (z, a)
    """tanh'(z) = 1 − a², with a = tanh(z)."""
    da_dz: NDArray[Any] = 1 - a * a
    return da_dz


def _tanh_slope(z: Real) -> Real:
    """1 − tanh²(z) = 4·σ(2z)·σ(−2z), which keeps its relative accuracy in both tails."""
    slope: Real = 4 * _sigmoid_slope(2 * z)
    return slope


def _tanh_spread(z: Real, e: Error) -> Real:
    """sup |tanh t − tanh z| over |t − z| ≤ e, from tanh'(t) ≤ tanh'(z)·e^{2|t−z|}."""
    spread: Real = np.minimum(_tanh_slope(z) * np.expm1(2 * np.asarray(e)) / 2, 2)
    return spread


def _tanh_slope_spread(z: Real, e: Error) -> Real:
    """sup |tanh'(t) − tanh'(z)| over |t − z| ≤ e, since |tanh''| ≤ 2·tanh'."""
    spread: Real = np.minimum(_tanh_slope(z) * np.expm1(2 * np.asarray(e)), 1)
    return spread


# bounds of smooth activations


def _smooth_value(
    function: Callable[[Real], Real], spread: Callable[[Real, Error], Real], ulps: int
) -> Callable[[Bounded], Bounded]:
    """Bound a function that implementations compute to within `ulps` units in the last place."""

    def bounded(z: Bounded) -> Bounded:
        value = function(z.value)
        unit = z.format.unit_roundoff + EVALUATION
        error = 2 * ulps * unit * np.abs(value) + 2 * z.format.smallest_normal
        error = error if z.is_exact else error + spread(z.value, z.error)
        return Bounded(value, error * SLACK, z.format)

    return bounded


def _smooth_slope(
    from_activation: Callable[[Real, Real], Real],
    from_input: Callable[[Real], Real],
    input_spread: Callable[[Real, Error], Real],
    activation_error: Callable[[Real, Error, float], Real | float],
    ulps: int,
) -> Callable[[Bounded, Bounded], Bounded]:
    """Bound a derivative whichever form an implementation computes: from a, or from z.

    The value is the document's form, from a. The two forms differ by what σ(z) was allowed, so the bound
    holds their distance where a was stated, and the errors of z and a where they were derived.
    """

    def bounded(z: Bounded, a: Bounded) -> Bounded:
        value, other = from_activation(z.value, a.value), from_input(z.value)
        unit = z.format.unit_roundoff + EVALUATION
        by_activation = activation_error(a.value, a.error, unit) + 8 * unit * np.abs(value)
        by_input = np.abs(value - other) + 4 * ulps * unit * other
        if not z.is_exact:
            by_input = by_input + input_spread(z.value, z.error)
        error = np.maximum(by_activation, by_input) + 2 * z.format.smallest_normal
        return Bounded(value, error * SLACK, z.format)

    return bounded


def _sigmoid_activation_error(a: Real, e: Error, unit: float) -> Real | float:  # noqa: ARG001 - see tanh
    """|(a + e)(1 − a − e) − a(1 − a)| ≤ |1 − 2a|·e + e²."""
    return np.abs(1 - 2 * a) * e + np.square(e)


def _tanh_activation_error(a: Real, e: Error, unit: float) -> Real | float:
    """|(1 − (a + e)²) − (1 − a²)| ≤ 2|a|·e + e², and a² itself is rounded."""
    return 2 * np.abs(a) * e + np.square(e) + 2 * unit * a * a


# relu and the identity


def relu(z: NDArray[Any]) -> NDArray[Any]:
    """max(z, 0)."""
    a: NDArray[Any] = np.maximum(z, 0)
    return a


def relu_derivative(z: NDArray[Any], a: NDArray[Any]) -> NDArray[Any]:  # noqa: ARG001 - every derivative takes (z, a)
    """1 where z > 0, else 0; at the kink z = 0 it is 0, as in PyTorch and JAX."""
    da_dz: NDArray[Any] = (z > 0).astype(z.dtype)
    return da_dz


def _relu_bounded(z: Bounded) -> Bounded:
    """Relu is exact, never spreads an error, and is exactly 0 wherever all of z ± e is negative."""
    error = z.error if z.is_exact else np.minimum(z.error, relu(z.value + z.error))
    return Bounded(relu(z.value), error, z.format)


def _relu_slope_bounded(z: Bounded, a: Bounded) -> Bounded:  # noqa: ARG001 - every derivative takes (z, a)
    """Exact, or nothing at all where z may lie on either side of the kink (or is subnormal, and flushed)."""
    distance = np.abs(z.value)
    undecided = (distance <= z.error) & (np.asarray(z.error) > 0)
    undecided |= (distance > 0) & (distance < z.format.smallest_normal)
    error: Error = undecided.astype(np.float64) if undecided.any() else EXACT
    return Bounded(relu_derivative(z.value, z.value), error, z.format)


def identity(z: NDArray[Any]) -> NDArray[Any]:
    """Z itself."""
    return z


def identity_derivative(z: NDArray[Any], a: NDArray[Any]) -> NDArray[Any]:  # noqa: ARG001 - every derivative takes (z, a)
    """1."""
    ones: NDArray[Any] = np.ones_like(z)
    return ones


def _identity_slope_bounded(z: Bounded, a: Bounded) -> Bounded:  # noqa: ARG001 - every derivative takes (z, a)
    return Bounded.exact(np.ones(z.shape), z.format)


SIGMOID_ULPS = 4
"""Measured: at most 2.1 in float64 and 2.9 in float32, over NumPy, PyTorch and XLA."""
TANH_ULPS = 8
"""Measured: at most 6.5 in float64 (XLA) and 3.9 in float32."""

ACTIVATIONS = {
    "sigmoid": Activation(
        Elementary("σ(z) = 1 / (1 + e⁻ᶻ)", sigmoid, _smooth_value(sigmoid, _sigmoid_spread, SIGMOID_ULPS)),
        Elementary(
            "σ'(z) = a · (1 − a)",
            sigmoid_derivative,
            _smooth_slope(
                sigmoid_derivative,
                _sigmoid_slope,
                _sigmoid_slope_spread,
                _sigmoid_activation_error,
                SIGMOID_ULPS,
            ),
        ),
    ),
    "tanh": Activation(
        Elementary("tanh(z)", np.tanh, _smooth_value(np.tanh, _tanh_spread, TANH_ULPS)),
        Elementary(
            "tanh'(z) = 1 − a²",
            tanh_derivative,
            _smooth_slope(
                tanh_derivative, _tanh_slope, _tanh_slope_spread, _tanh_activation_error, TANH_ULPS
            ),
        ),
    ),
    "relu": Activation(
        Elementary("max(z, 0)", relu, _relu_bounded),
        Elementary("1 where z > 0, else 0", relu_derivative, _relu_slope_bounded),
    ),
    "identity": Activation(
        Elementary("z", identity, lambda z: z),
        Elementary("1", identity_derivative, _identity_slope_bounded),
    ),
}
