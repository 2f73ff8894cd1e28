"""The logarithm of the sigmoid, ln σ(z) = −softplus(−z)."""

import numpy as np

from reference.activations import sigmoid as logistic
from reference.activations import softplus as mirrored
from reference.activations.contract import Activation, Contract, bounded_by, of_z, relative
from reference.activations.sigmoid import sigmoid
from reference.arithmetic import Error, Real

# Softplus's own.
ULPS = 4


def log_sigmoid(z: Real) -> Real:
    """ln σ(z) = min(z, 0) − ln(1 + e^{−|z|}): nothing overflows, and no logarithm of 0 is taken."""
    return np.minimum(z, 0) - np.log1p(np.exp(-np.abs(z)))


def _slope(z: Real) -> Real:
    """(ln σ)'(z) = 1 − σ(z) = σ(−z)."""
    return sigmoid(-z)


def _spread(z: Real, e: Error) -> Real:
    return mirrored.spread(-z, e)


def _slope_rounding(z: Real, e: Error, unit: float) -> Real:
    """What softplus's forms lose at −z, or the forms 1 − σ(z) and 1 − eᵃ, whose error is absolute.

    The last has a's error in its exponent: 4 ulps of |a|, and |a|·eᵃ ≤ 1/e wherever a is.
    """
    absolute = 12 * unit * np.minimum(sigmoid(z) * np.exp(e), 1) + 4 * unit
    return np.maximum(mirrored.slope_rounding(-z, e, unit), absolute)


_VALUE = Contract(log_sigmoid, _spread, relative(log_sigmoid, _spread, ULPS))
_SLOPE = Contract(_slope, lambda z, e: mirrored.slope_spread(-z, e), _slope_rounding)

LOG_SIGMOID = Activation(
    of_z("ln σ({0})", log_sigmoid, bounded_by(_VALUE), lambda t: -mirrored.ball(-t)),
    of_z("σ(−{0})", _slope, bounded_by(_SLOPE), lambda t: logistic.ball(-t)),
)
