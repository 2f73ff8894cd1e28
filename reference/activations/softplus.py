"""Softplus, ln(1 + eᶻ), its mirror image ln σ(z) = −softplus(−z), and silu (also called swish), z·σ(z)."""

import flint
import numpy as np

from reference.activations import sigmoid as logistic
from reference.activations.contract import Activation, Contract, quadratic, relative, with_exponential
from reference.activations.sigmoid import highest, sigmoid
from reference.arithmetic import Error, Real

# Measured by tests/test_contract.py: at most 2.8 (XLA), PyTorch apart, above its threshold in float64.
ULPS = 4

# Of silu: σ's 4 and the product, or e⁻ᶻ's 5, a sum and a quotient. Measured by tests/test_contract.py.
SILU_ULPS = 6

# sup |f'| = 1.0998, |f''| = ½ and |f'''| = 0.3082 of silu, to which tests/test_activations.py holds them.
M1, M2, M3 = 1.1, 0.5, 0.31

# Beyond it every implementation's σ(z) is exactly 1: e⁻⁴⁰ is 4e-18.
SATURATED = 40.0


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
    return form * highest(z, e)


def _mirrored_slope_rounding(z: Real, e: Error, unit: float) -> Real:
    """What softplus's forms lose at −z, or the forms 1 − σ(z) and 1 − eᵃ, whose error is absolute.

    The last has a's error in its exponent: 4 ulps of |a|, and |a|·eᵃ ≤ 1/e wherever a is.
    """
    absolute = 12 * unit * highest(z, e) + 4 * unit
    return np.maximum(_slope_rounding(-z, e, unit), absolute)


def _ball(t: flint.arb) -> flint.arb:
    """max(z, 0) + ln(1 + e^{−|z|}), without |z|, which would not be monotone within a ball."""
    return t.exp().log1p() if t < 0 else t + (-t).exp().log1p()


def silu(z: Real) -> Real:
    return z * sigmoid(z)


def _plain_silu_slope(z: Real) -> Real:
    s = sigmoid(z)
    return s * (1 + z * (1 - s))


def silu_slope(z: Real) -> Real:
    """σ(z)·(1 + z·σ(−z)), which does not lose σ(−z) where σ(z) is near 1."""
    return sigmoid(z) * (1 + z * sigmoid(-z))


def silu_bend(z: Real) -> Real:
    """silu''(z) = σ'(z)·(2 + z·(1 − 2σ(z)))."""
    return logistic.slope(z) * (2 - z * np.tanh(z / 2))


_silu_spread = quadratic(silu_slope, M2, M1)


def _silu_slope_rounding(z: Real, e: Error, unit: float) -> Real:
    """What σ(1 + z(1 − σ)), σ + z·σ(1 − σ) and σ + a(1 − σ) lose, all in σ's 12 units (its forms' most).

    1 − σ has the absolute error of σ, 8σ units and never more than 4 (4 ulps below 1), so z(1 − σ) loses
    |z|·8·min(σ, ½), and nothing where σ is exactly 1; products and sums lose up to 15|z|(1 − σ) more.
    """
    here, rest = highest(z, e), highest(-z, e)
    saturated = z - e > SATURATED
    lost = np.where(saturated, 0, 8 * np.minimum(here, 0.5)) + 15 * rest
    return unit * here * (12 + (np.abs(z) + e) * lost)


def _silu_highest(z: Real, e: Error) -> Real:
    return np.abs(silu(z)) + (0 if type(e) is float else _silu_spread(z, e))


def _silu_slope_highest(z: Real, e: Error) -> Real:
    return highest(z, e) * (1 + np.abs(z) + e)


SOFTPLUS = Activation(
    Contract(softplus, _spread, relative(softplus, _spread, ULPS)).as_elementary("ln(1 + e^({0}))", _ball),
    Contract(sigmoid, logistic.spread, _slope_rounding, lost=with_exponential(highest)).as_elementary(
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
SILU = Activation(
    Contract(
        silu,
        _silu_spread,
        relative(silu, _silu_spread, SILU_ULPS),
        times_z=True,
        lost=with_exponential(_silu_highest),
    ).as_elementary("{0} · σ({0})", lambda t: t * logistic.ball(t)),
    Contract(
        silu_slope,
        quadratic(silu_bend, M3, M2),
        _silu_slope_rounding,
        times_z=True,
        lost=with_exponential(_silu_slope_highest),
        parts=lambda size: np.maximum(size, 1),  # g·z·σ(z)·(1 − σ(z))
    ).as_elementary(
        "σ({0}) · (1 + {0} · (1 − σ({0})))",
        lambda t: logistic.ball(t) * (1 + t * logistic.ball(-t)),
        plain=_plain_silu_slope,
    ),
)
