"""The sigmoid linear unit, z·σ(z), also called swish."""

import numpy as np

from reference.activations import sigmoid as logistic
from reference.activations.contract import Activation, Contract, overflows, quadratic, relative
from reference.activations.sigmoid import sigmoid
from reference.arithmetic import Error, Format, Real

# σ's 4 and the product, or e⁻ᶻ's 5, a sum and a quotient. Measured by tests/test_contract.py.
ULPS = 6

# sup |f'| = 1.0998, |f''| = ½ and |f'''| = 0.3082, to which tests/test_activations.py holds them.
M1, M2, M3 = 1.1, 0.5, 0.31

# Beyond it every implementation's σ(z) is exactly 1: e⁻⁴⁰ is 4e-18.
SATURATED = 40.0


def silu(z: Real) -> Real:
    return z * sigmoid(z)


def _plain_slope(z: Real) -> Real:
    s = sigmoid(z)
    return s * (1 + z * (1 - s))


def slope(z: Real) -> Real:
    """σ(z)·(1 + z·σ(−z)), which does not lose σ(−z) where σ(z) is near 1."""
    return sigmoid(z) * (1 + z * sigmoid(-z))


def bend(z: Real) -> Real:
    """silu''(z) = σ'(z)·(2 + z·(1 − 2σ(z)))."""
    return logistic.slope(z) * (2 - z * np.tanh(z / 2))


_spread = quadratic(slope, M2, M1)


def _slope_rounding(z: Real, e: Error, unit: float) -> Real:
    """What σ(1 + z(1 − σ)), σ + z·σ(1 − σ) and σ + a(1 − σ) lose, all in σ's 12 units (its forms' most).

    1 − σ has the absolute error of σ, 8σ units and never more than 4 (4 ulps below 1), so z(1 − σ) loses
    |z|·8·min(σ, ½), and nothing where σ is exactly 1; products and sums lose up to 15|z|(1 − σ) more.
    """
    grown = np.exp(e)
    here = np.minimum(sigmoid(z) * grown, 1)
    rest = np.minimum(sigmoid(-z) * grown, 1)
    saturated = z - e > SATURATED
    lost = np.where(saturated, 0, 8 * np.minimum(here, 0.5)) + 15 * rest
    return unit * here * (12 + (np.abs(z) + e) * lost)


def _lost(z: Real, e: Error, form: Format) -> Real:
    """All that is left of z·σ(z) where e⁻ᶻ may overflow, and σ(z) be 0."""
    left = np.abs(silu(z)) + (0 if type(e) is float else _spread(z, e))
    return np.where(overflows(e - z, form), left, 0)


def _slope_lost(z: Real, e: Error, form: Format) -> Real:
    """The same of the derivative, at most σ(z)·(1 + |z|) in size."""
    here = np.minimum(sigmoid(z) * np.exp(e), 1)
    return np.where(overflows(e - z, form), here * (1 + np.abs(z) + e), 0)


SILU = Activation(
    Contract(silu, _spread, relative(silu, _spread, ULPS), times_z=True, lost=_lost).as_elementary(
        "{0} · σ({0})", lambda t: t * logistic.ball(t)
    ),
    Contract(
        slope,
        quadratic(bend, M3, M2),
        _slope_rounding,
        times_z=True,
        lost=_slope_lost,
        parts=lambda size: np.maximum(size, 1),  # g·z·σ(z)·(1 − σ(z))
    ).as_elementary(
        "σ({0}) · (1 + {0} · (1 − σ({0})))",
        lambda t: logistic.ball(t) * (1 + t * logistic.ball(-t)),
        plain=_plain_slope,
    ),
)
