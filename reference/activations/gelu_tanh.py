"""The Gaussian error linear unit with Φ(z) approximated by ½(1 + tanh p), p = √(2/π)·(z + 0.044715·z³).

Source: D. Hendrycks and K. Gimpel, "Gaussian error linear units (GELUs)", arXiv:1606.08415.
"""

import math

import flint
import numpy as np

from reference.activations import sigmoid as logistic
from reference.activations.contract import Activation, Contract, bounded_by, of_z, quadratic
from reference.arithmetic import Error, Format, Real

SCALE, CUBIC = math.sqrt(2 / math.pi), 0.044715

# sup |f'| = 1.1290, |f''| = √(2/π) = 0.7979 and |f'''| = 0.7767; held to by tests/test_activations.py.
M1, M2, M3 = 1.13, 0.8, 0.78

# Beyond it p is above 20, where every implementation's tanh p is exactly 1, so that 1 − tanh² is 0.
SATURATED = 7.5

# Beyond it the derivative is 0 or 1 to any precision here; z² may overflow, and is not taken.
FAR_OUT = 30.0


def _inner(z: Real) -> Real:
    with np.errstate(over="ignore"):  # z³ may overflow, and tanh ∞ = 1 is then right
        return SCALE * (z + CUBIC * (z * z * z))


def _inner_slope(z: Real) -> Real:
    return SCALE * (1 + 3 * CUBIC * (z * z))


def gelu_tanh(z: Real) -> Real:
    """½z·(1 + tanh p)."""
    return 0.5 * z * (1 + np.tanh(_inner(z)))


def slope(z: Real) -> Real:
    """½(1 + tanh p) + ½z·(1 − tanh² p)·p', with p' = √(2/π)·(1 + 3·0.044715·z²)."""
    near = np.clip(z, -FAR_OUT, FAR_OUT)
    t = np.tanh(_inner(near))
    return 0.5 * (1 + t) + 0.5 * near * (1 - t * t) * _inner_slope(near)


def bend(z: Real) -> Real:
    """gelu''(z) = (1 − t²)·(p' − z·t·p'² + ½z·p''), with p'' = 6·0.044715·√(2/π)·z."""
    near = np.clip(z, -FAR_OUT, FAR_OUT)
    p, p1 = _inner(near), _inner_slope(near)
    t, p2 = np.tanh(p), 6 * CUBIC * SCALE * near
    return 4 * logistic.slope(2 * p) * (p1 - near * t * p1 * p1 + 0.5 * near * p2)


def _rounding(z: Real, e: Error, unit: float) -> Real:
    """8|z| units, absolute also in the lower tail, where 1 + tanh p cancels.

    tanh within 8 ulps of at most 1 is 8 units, halved 4; p's roundings are 1.4 (|p|·tanh'(p) ≤ 0.45); the sum
    and the products add up to 3, but not where p's count. Far enough out the sum is 0, and |f| is lost.
    """
    near = np.clip(-(z + e), SATURATED, FAR_OUT)
    return np.where(z + e < -SATURATED, near * _tail(near, unit), 8 * unit * (np.abs(z) + e))


def _tail(size: Real, unit: float) -> Real:
    """1 + tanh p ≤ 2·e^{2p} for negative p = −p(size), which itself has lost up to 8 units."""
    return np.exp(-2 * (1 - 8 * unit) * _inner(size))


def _slope_rounding(z: Real, e: Error, unit: float) -> Real:
    """What t = tanh p has lost, dt, is doubled in 1 − t² and multiplied by ½|z|p', which grows.

    dt is tanh's 8 ulps, 8 units of at most 1, and p's 7 roundings: 7|p|(1 − t²), at most 3.2 and, with their
    growth in short formats, 4. So ½(1 + t) loses 7 units, the products' own roundings 4 (½z(1 − t²)p' ≤ ¼),
    the last sum 1; and 1 − t² loses 2dt + dt² and 3 roundings. Where t is exactly ±1 nothing is lost but what
    is left of the derivative, or of its difference from 1.
    """
    dt = 12 * unit
    far = np.abs(z) - e > SATURATED
    size = np.minimum(np.abs(z) + e, SATURATED)
    lost = 0.5 * size * _inner_slope(size) * (2 * dt + dt * dt + 3 * unit)
    near = np.clip(-(z + e), SATURATED, FAR_OUT)
    below = (1 + 2 * near * _inner_slope(near)) * _tail(near, unit)
    return np.where(far, np.where(z < 0, below, 4 * unit), 12 * unit + lost)


def _slope_lost(z: Real, e: Error, form: Format) -> Real:
    """Everything where 3z² may overflow: (1 − t²)·p' is then 0·∞, which is NaN."""
    return np.where(3 * np.square(np.abs(z) + e) > form.largest, np.inf, 0)


def _argument(t: flint.arb) -> flint.arb:
    """2p, because ½(1 + tanh p) = σ(2p), which keeps its digits in the lower tail."""
    cubic = flint.arb(flint.fmpq(44715, 10**6))
    return 2 * (2 / flint.arb.pi()).sqrt() * (t + cubic * t**3)


def _ball(t: flint.arb) -> flint.arb:
    return t * logistic.ball(_argument(t))


def _slope_ball(t: flint.arb) -> flint.arb:
    steepness = 2 * (2 / flint.arb.pi()).sqrt() * (1 + flint.arb(flint.fmpq(3 * 44715, 10**6)) * t**2)
    q = _argument(t)
    return logistic.ball(q) + t * logistic.slope_ball(q) * steepness


_VALUE = Contract(gelu_tanh, quadratic(slope, M2, M1), _rounding, times_z=True)
_SLOPE = Contract(
    slope,
    quadratic(bend, M3, M2),
    _slope_rounding,
    times_z=True,
    lost=_slope_lost,
    parts=lambda size: np.maximum(size * _inner_slope(size), 1),  # g·½z·(1 − t²)·p'
)

GELU_TANH = Activation(
    of_z("½{0} · (1 + tanh(√(2/π) · ({0} + 0.044715·{0}³)))", gelu_tanh, bounded_by(_VALUE), _ball),
    of_z("½(1 + t) + ½{0} · (1 − t²) · p'", slope, bounded_by(_SLOPE), _slope_ball),
)
