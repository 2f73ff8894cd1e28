"""The logistic sigmoid, σ(z) = 1 / (1 + e⁻ᶻ)."""

import flint
import numpy as np

from reference.activations.contract import Activation, SlopeForms, Ulps, of_z, smooth_slope, smooth_value
from reference.arithmetic import Elementary, Error, Real

# Measured by tests/test_contract.py: at most 2.4 in float64 and 2.6 in float32 (NumPy).
ULPS = 4

# Measured by tests/test_formats.py on every number: at most 1.08 in bfloat16, 0.99 in float16 (XLA).
ULPS_OF_16_BITS = 2


def sigmoid(z: Real) -> Real:
    """σ(z) = 1 / (1 + e⁻ᶻ)."""
    with np.errstate(over="ignore"):  # e⁻ᶻ may overflow to infinity, and 1/∞ = 0 is then right
        return 1 / (1 + np.exp(-z))


def slope_from_a(a: Real) -> Real:
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


def _a_spread(a: Real, e: Error, unit: float) -> Real | float:
    """|(a + e)(1 − a − e) − a(1 − a)| ≤ |1 − 2a|·e + e²; and of the form a − a² the square is rounded."""
    return np.abs(1 - 2 * a) * e + np.square(e) + unit * np.square(a + e)


def ball(t: flint.arb) -> flint.arb:
    """1 / (1 + e⁻ᶻ) or, for negative z, the same as eᶻ / (1 + eᶻ): e^{huge} has no finite ball."""
    if t < 0:
        e = t.exp()
        return e / (1 + e)
    return 1 / (1 + (-t).exp())


def slope_ball(t: flint.arb) -> flint.arb:
    """σ'(z) = e^{−|z|} / (1 + e^{−|z|})²."""
    e = (-abs(t)).exp()
    return e / (1 + e) ** 2


_ULPS = Ulps(ULPS, ULPS_OF_16_BITS)
_FORMS = SlopeForms(slope, _slope_spread, slope_from_a, _a_spread)

SIGMOID = Activation(
    of_z("1 / (1 + e^(−{0}))", sigmoid, smooth_value(sigmoid, _spread, _ULPS), ball),
    Elementary(
        "{1} · (1 − {1})",
        lambda _, a: slope_from_a(a),
        smooth_slope(_FORMS, _ULPS),
        lambda z, _: z.map(slope_ball),
    ),
)
