"""The Gaussian error linear unit, z·Φ(z), with Φ from the error function.

Source: D. Hendrycks and K. Gimpel, "Gaussian error linear units (GELUs)", arXiv:1606.08415.
"""

import math

import flint
import numpy as np

from reference.activations.contract import Activation, Contract, bounded_by, of_z, quadratic
from reference.arithmetic import Error, Real

# sup |f'| = 1.1289, |f''| = 2φ(0) = 0.7979 and |f'''| = 0.7788; held to by tests/test_activations.py.
M1, M2, M3 = 1.13, 0.8, 0.78

# Below −40 every implementation's 1 + erf(z/√2) is exactly 0, and so is its erfc: e^{−800} is 1e-348.
MAX_TAIL = 40.0


def _cdf(z: Real) -> Real:
    """Φ(z) = ½·erfc(−z/√2), which keeps its digits in the lower tail; NumPy has no erfc of its own."""
    each = np.frompyfunc(math.erfc, 1, 1)
    halved = -z.astype(np.float64) * math.sqrt(0.5)
    return np.multiply(0.5, each(halved), dtype=object).astype(z.dtype)


def _density(z: Real) -> Real:
    """φ(z) = e^{−z²/2} / √(2π)."""
    with np.errstate(over="ignore"):  # z² may overflow, and e^{−∞} = 0 is then right
        return np.exp(-z * z / 2) * (1 / math.sqrt(2 * math.pi))


def gelu_erf(z: Real) -> Real:
    """z·Φ(z)."""
    return z * _cdf(z)


def slope(z: Real) -> Real:
    """gelu'(z) = Φ(z) + z·φ(z)."""
    return _cdf(z) + z * _density(z)


def bend(z: Real) -> Real:
    """gelu''(z) = φ(z)·(2 − z²), which is 0 far out."""
    near = np.clip(z, -MAX_TAIL, MAX_TAIL)
    return _density(near) * (2 - near * near)


def _rounding(z: Real, e: Error, unit: float) -> Real:
    """8|z| units, absolute also in the lower tail, where ½z(1 + erf) cancels.

    erf within 6 ulps of at most 1 is 6 units, halved 3; its argument's two roundings are ½ (2x·erf'(x) ≤ 1);
    the sum, the products and the constant add 3. Far enough out the sum is exactly 0.
    """
    return np.where(z + e < -MAX_TAIL, 0, 8 * unit * (np.abs(z) + e))


def _slope_rounding(z: Real, e: Error, unit: float) -> Real:
    """12 units: Φ from erf or erfc 7, z·φ(z) 4, and their sum 1.

    Φ as in the value; erfc's 6 ulps are 6 units where it is above 1. In φ the exponent −z²/2 has 3 roundings
    and e^x 5 ulps: |z|·φ(z)·(14 + 1.5z²) is at most 3.8.
    """
    return np.where(z + e < -MAX_TAIL, 0, 12 * unit)


def _cdf_ball(t: flint.arb) -> flint.arb:
    return (-t / flint.arb(2).sqrt()).erfc() / 2


def _ball(t: flint.arb) -> flint.arb:
    return t * _cdf_ball(t)


def _slope_ball(t: flint.arb) -> flint.arb:
    return _cdf_ball(t) + t * (-t * t / 2).exp() / (2 * flint.arb.pi()).sqrt()


_VALUE = Contract(gelu_erf, quadratic(slope, M2, M1), _rounding, times_z=True)
_SLOPE = Contract(
    slope,
    quadratic(bend, M3, M2),
    _slope_rounding,
    times_z=True,
    parts=lambda size: np.maximum(size, 1),  # g·z·φ(z)
)

GELU_ERF = Activation(
    of_z("{0} · Φ({0})", gelu_erf, bounded_by(_VALUE), _ball),
    of_z("Φ({0}) + {0} · φ({0})", slope, bounded_by(_SLOPE), _slope_ball),
)
