"""The hyperbolic tangent."""

import numpy as np

from reference.activations import sigmoid
from reference.activations.contract import Activation, SlopeForms, Ulps, of_z, smooth_slope, smooth_value
from reference.arithmetic import Elementary, Error, Real

# Measured by tests/test_contract.py: at most 6.5 in float64 and 3.9 in float32 (both XLA).
ULPS = 8

# Measured by tests/test_formats.py on every number: at most half of one, the rounding of the result.
ULPS_OF_16_BITS = 2


def _slope_from_a(a: Real) -> Real:
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


def _a_spread(a: Real, e: Error, unit: float) -> Real | float:
    """|(1 − (a + e)²) − (1 − a²)| ≤ 2|a|·e + e², and a² itself is rounded."""
    return 2 * np.abs(a) * e + np.square(e) + 2 * unit * a * a


_ULPS = Ulps(ULPS, ULPS_OF_16_BITS)
_FORMS = SlopeForms(slope, _slope_spread, _slope_from_a, _a_spread, parts=2.0)  # g·(1 − a)·(1 + a)

TANH = Activation(
    of_z("tanh({0})", np.tanh, smooth_value(np.tanh, _spread, _ULPS), lambda t: t.tanh()),
    Elementary(
        "1 − {1}²",
        lambda _, a: _slope_from_a(a),
        smooth_slope(_FORMS, _ULPS),
        lambda z, _: z.map(lambda t: 4 * sigmoid.slope_ball(2 * t)),
    ),
)
