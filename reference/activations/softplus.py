"""Softplus, ln(1 + eᶻ), whose derivative is the sigmoid, and its mirror image ln σ(z) = −softplus(−z)."""

import flint
import numpy as np

from reference.activations import sigmoid as logistic
from reference.activations.contract import Activation, Contract, overflows, relative
from reference.activations.sigmoid import sigmoid
from reference.arithmetic import Error, Format, Real

# Measured by tests/test_contract.py: at most 2.8 (XLA), PyTorch apart, above its threshold in float64.
ULPS = 4


def softplus(z: Real) -> Real:
    """ln(1 + eᶻ) = max(z, 0) + ln(1 + e^{−|z|}), in which nothing overflows."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def log_sigmoid(z: Real) -> Real:
    """ln σ(z) = min(z, 0) − ln(1 + e^{−|z|}): nothing overflows, and no logarithm of 0 is taken."""
    return np.minimum(z, 0) - np.log1p(np.exp(-np.abs(z)))


def _spread(z: Real, e: Error) -> Real:
    """From f'(t) = σ(t) ≤ min(σ(z)·e^{|t−z|}, 1)."""
    return np.minimum(sigmoid(z) * np.expm1(e), e)


def _mirrored_spread(z: Real, e: Error) -> Real:
    return _spread(-z, e)


def _slope_rounding(z: Real, e: Error, unit: float) -> Real:
    """What the forms of σ(z) lose: σ(z) and eᶻ/(1 + eᶻ) 12 units, and e^{z − a} its exponent's error as well.

    a and z − a are rounded. Rounding to nearest never loses more than the distance to z, which is a number of
    the format: l = ln(1 + e^{−|z|}). What a has lost in l itself is 4 ulps, and a few roundings of it.
    """
    small = np.log1p(np.exp(-np.abs(z)) * np.exp(e))  # at least l, wherever t is
    exponent = np.minimum(unit * (np.abs(z) + e + small), small) + 11 * unit * small
    form = np.expm1(exponent) * (1 + 12 * unit) + 12 * unit
    return form * np.minimum(sigmoid(z) * np.exp(e), 1)


def _mirrored_slope_rounding(z: Real, e: Error, unit: float) -> Real:
    """What softplus's forms lose at −z, or the forms 1 − σ(z) and 1 − eᵃ, whose error is absolute.

    The last has a's error in its exponent: 4 ulps of |a|, and |a|·eᵃ ≤ 1/e wherever a is.
    """
    absolute = 12 * unit * np.minimum(sigmoid(z) * np.exp(e), 1) + 4 * unit
    return np.maximum(_slope_rounding(-z, e, unit), absolute)


def _slope_lost(z: Real, e: Error, form: Format) -> Real:
    """All that is left of σ(z) where e⁻ᶻ may overflow."""
    return np.where(overflows(e - z, form), np.minimum(sigmoid(z) * np.exp(e), 1), 0)


def _ball(t: flint.arb) -> flint.arb:
    """max(z, 0) + ln(1 + e^{−|z|}), without |z|, which would not be monotone within a ball."""
    return t.exp().log1p() if t < 0 else t + (-t).exp().log1p()


SOFTPLUS = Activation(
    Contract(softplus, _spread, relative(softplus, _spread, ULPS)).as_elementary("ln(1 + e^({0}))", _ball),
    Contract(sigmoid, logistic.spread, _slope_rounding, lost=_slope_lost).as_elementary(
        "σ({0})", logistic.ball
    ),
)
LOG_SIGMOID = Activation(
    Contract(log_sigmoid, _mirrored_spread, relative(log_sigmoid, _mirrored_spread, ULPS)).as_elementary(
        "ln σ({0})", lambda t: -_ball(-t)
    ),
    Contract(
        lambda z: sigmoid(-z), lambda z, e: logistic.spread(-z, e), _mirrored_slope_rounding
    ).as_elementary("σ(−{0})", lambda t: logistic.ball(-t)),
)
