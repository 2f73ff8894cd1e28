"""Softplus, ln(1 + eᶻ), whose derivative is the sigmoid."""

import flint
import numpy as np

from reference.activations import sigmoid as logistic
from reference.activations.contract import Activation, Contract, bounded_by, of_z, overflows, relative
from reference.activations.sigmoid import sigmoid
from reference.arithmetic import Error, Format, Real

# Measured by tests/test_contract.py: at most 2.8 (XLA), PyTorch apart, above its threshold in float64.
ULPS = 4


def softplus(z: Real) -> Real:
    """ln(1 + eᶻ) = max(z, 0) + ln(1 + e^{−|z|}), in which nothing overflows."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def spread(z: Real, e: Error) -> Real:
    """sup |f(t) − f(z)| over |t − z| ≤ e, from f'(t) = σ(t) ≤ min(σ(z)·e^{|t−z|}, 1)."""
    return np.minimum(sigmoid(z) * np.expm1(e), e)


def slope_spread(z: Real, e: Error) -> Real:
    """sup |σ(t) − σ(z)| over |t − z| ≤ e, from σ'(t) ≤ σ'(z)·e^{|t−z|}."""
    return np.minimum(logistic.slope(z) * np.expm1(e), 1)


def slope_rounding(z: Real, e: Error, unit: float) -> Real:
    """What the forms of σ(z) lose: σ(z) and eᶻ/(1 + eᶻ) 12 units, and e^{z − a} its exponent's error besides.

    a and z − a are rounded. Rounding to nearest never loses more than the distance to z, which is a number of
    the format: l = ln(1 + e^{−|z|}). What a has lost in l itself is 4 ulps, and a few roundings of it.
    """
    small = np.log1p(np.exp(-np.abs(z)) * np.exp(e))  # at least l, wherever t is
    exponent = np.minimum(unit * (np.abs(z) + e + small), small) + 11 * unit * small
    form = np.expm1(exponent) * (1 + 12 * unit) + 12 * unit
    return form * np.minimum(sigmoid(z) * np.exp(e), 1)


def _slope_lost(z: Real, e: Error, form: Format) -> Real:
    """All that is left of σ(z) where e⁻ᶻ may overflow."""
    return np.where(overflows(e - z, form), np.minimum(sigmoid(z) * np.exp(e), 1), 0)


def ball(t: flint.arb) -> flint.arb:
    """max(z, 0) + ln(1 + e^{−|z|}), without |z|, which would not be monotone within a ball."""
    return t.exp().log1p() if t < 0 else t + (-t).exp().log1p()


_VALUE = Contract(softplus, spread, relative(softplus, spread, ULPS))
_SLOPE = Contract(sigmoid, slope_spread, slope_rounding, lost=_slope_lost)

SOFTPLUS = Activation(
    of_z("ln(1 + e^({0}))", softplus, bounded_by(_VALUE), ball),
    of_z("σ({0})", sigmoid, bounded_by(_SLOPE), logistic.ball),
)
