"""Gaussian error linear units: z·Φ(z), and z·½(1 + tanh p) with p = √(2/π)·(z + 0.044715·z³).

Source: D. Hendrycks and K. Gimpel, "Gaussian error linear units (GELUs)", arXiv:1606.08415.
"""

import math

import flint
import numpy as np

from reference.activations import sigmoid as logistic
from reference.activations.contract import Activation, Contract, quadratic
from reference.arithmetic import Error, Format, Real

# sup |f'|, |f''| and |f'''|, to which tests/test_activations.py holds them:
# 1.1289, 2φ(0) = 0.7979 and 0.7788 with the error function, and 1.1290, √(2/π) = 0.7979 and 0.7767 with tanh.
M1, M2, M3 = 1.13, 0.8, 0.78

# Below −40 every implementation's 1 + erf(z/√2) is exactly 0, and so is its erfc: e^{−800} is 1e-348.
MAX_TAIL = 40.0

# Beyond it p is above 20, where every implementation's tanh p is exactly 1, so that 1 − tanh² is 0.
SATURATED = 7.5

# Beyond it the derivative of gelu_tanh is 0 or 1 to any precision here; z² may overflow, and is not taken.
FAR_OUT = 30.0

SCALE, CUBIC = math.sqrt(2 / math.pi), 0.044715


def _cdf(z: Real) -> Real:
    """Φ(z) = ½·erfc(−z/√2), which keeps its digits in the lower tail; NumPy has no erfc of its own."""
    each = np.frompyfunc(math.erfc, 1, 1)
    halved = -z.astype(np.float64) * math.sqrt(0.5)
    return np.multiply(0.5, each(halved), dtype=object).astype(z.dtype)


def _density(z: Real) -> Real:
    """φ(z) = e^{−z²/2} / √(2π)."""
    with np.errstate(over="ignore"):  # z² may overflow, and e^{−∞} = 0 is then right
        return np.exp(-z * z / 2) * (1 / math.sqrt(2 * math.pi))


def erf_slope(z: Real) -> Real:
    return _cdf(z) + z * _density(z)


def erf_bend(z: Real) -> Real:
    """gelu''(z) = φ(z)·(2 − z²), which is 0 far out."""
    near = np.clip(z, -MAX_TAIL, MAX_TAIL)
    return _density(near) * (2 - near * near)


def _erf_rounding(z: Real, e: Error, unit: float) -> Real:
    """8|z| units, absolute also in the lower tail, where ½z(1 + erf) cancels.

    erf within 6 ulps of at most 1 is 6 units, halved 3; its argument's two roundings are ½ (2x·erf'(x) ≤ 1);
    the sum, the products and the constant add 3. Far enough out the sum is exactly 0.
    """
    return np.where(z + e < -MAX_TAIL, 0, 8 * unit * (np.abs(z) + e))


def _erf_slope_rounding(z: Real, e: Error, unit: float) -> Real:
    """12 units: Φ from erf or erfc 7, z·φ(z) 4, and their sum 1.

    Φ as in the value; erfc's 6 ulps are 6 units where it is above 1. In φ the exponent −z²/2 has 3 roundings
    and e^x 5 ulps: |z|·φ(z)·(14 + 1.5z²) is at most 3.8.
    """
    return np.where(z + e < -MAX_TAIL, 0, 12 * unit)


def _inner(z: Real) -> Real:
    with np.errstate(over="ignore"):  # z³ may overflow, and tanh ∞ = 1 is then right
        return SCALE * (z + CUBIC * (z * z * z))


def _inner_slope(z: Real) -> Real:
    return SCALE * (1 + 3 * CUBIC * (z * z))


def tanh_slope(z: Real) -> Real:
    """½(1 + tanh p) + ½z·(1 − tanh² p)·p', with p' = √(2/π)·(1 + 3·0.044715·z²)."""
    near = np.clip(z, -FAR_OUT, FAR_OUT)
    t = np.tanh(_inner(near))
    return 0.5 * (1 + t) + 0.5 * near * (1 - t * t) * _inner_slope(near)


def tanh_bend(z: Real) -> Real:
    """gelu''(z) = (1 − t²)·(p' − z·t·p'² + ½z·p''), with p'' = 6·0.044715·√(2/π)·z."""
    near = np.clip(z, -FAR_OUT, FAR_OUT)
    p, p1 = _inner(near), _inner_slope(near)
    t, p2 = np.tanh(p), 6 * CUBIC * SCALE * near
    return 4 * logistic.slope(2 * p) * (p1 - near * t * p1 * p1 + 0.5 * near * p2)


def _tanh_rounding(z: Real, e: Error, unit: float) -> Real:
    """8|z| units, absolute also in the lower tail, where 1 + tanh p cancels.

    tanh within 8 ulps of at most 1 is 8 units, halved 4; p's roundings are 1.4 (|p|·tanh'(p) ≤ 0.45); the sum
    and the products add up to 3, but not where p's count. Far enough out the sum is 0, and |f| is lost.
    """
    near = np.clip(-(z + e), SATURATED, FAR_OUT)
    return np.where(z + e < -SATURATED, near * _tail(near, unit), 8 * unit * (np.abs(z) + e))


def _tail(size: Real, unit: float) -> Real:
    """1 + tanh p ≤ 2·e^{2p} for negative p = −p(size), which itself has lost up to 8 units."""
    return np.exp(-2 * (1 - 8 * unit) * _inner(size))


def _tanh_slope_rounding(z: Real, e: Error, unit: float) -> Real:
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


def _tanh_slope_lost(z: Real, e: Error, form: Format) -> Real:
    """Everything where 3z² may overflow: (1 − t²)·p' is then 0·∞, which is NaN."""
    return np.where(3 * np.square(np.abs(z) + e) > form.largest, np.inf, 0)


def _cdf_ball(t: flint.arb) -> flint.arb:
    return (-t / flint.arb(2).sqrt()).erfc() / 2


def _argument(t: flint.arb) -> flint.arb:
    """2p, because ½(1 + tanh p) = σ(2p), which keeps its digits in the lower tail."""
    cubic = flint.arb(flint.fmpq(44715, 10**6))
    return 2 * (2 / flint.arb.pi()).sqrt() * (t + cubic * t**3)


def _tanh_slope_ball(t: flint.arb) -> flint.arb:
    steepness = 2 * (2 / flint.arb.pi()).sqrt() * (1 + flint.arb(flint.fmpq(3 * 44715, 10**6)) * t**2)
    q = _argument(t)
    return logistic.ball(q) + t * logistic.slope_ball(q) * steepness


GELU_ERF = Activation(
    Contract(lambda z: z * _cdf(z), quadratic(erf_slope, M2, M1), _erf_rounding, times_z=True).as_elementary(
        "{0} · Φ({0})", lambda t: t * _cdf_ball(t)
    ),
    Contract(
        erf_slope,
        quadratic(erf_bend, M3, M2),
        _erf_slope_rounding,
        times_z=True,
        parts=lambda size: np.maximum(size, 1),  # g·z·φ(z)
    ).as_elementary(
        "Φ({0}) + {0} · φ({0})",
        lambda t: _cdf_ball(t) + t * (-t * t / 2).exp() / (2 * flint.arb.pi()).sqrt(),
    ),
)
GELU_TANH = Activation(
    Contract(
        lambda z: 0.5 * z * (1 + np.tanh(_inner(z))),
        quadratic(tanh_slope, M2, M1),
        _tanh_rounding,
        times_z=True,
    ).as_elementary(
        "½{0} · (1 + tanh(√(2/π) · ({0} + 0.044715·{0}³)))", lambda t: t * logistic.ball(_argument(t))
    ),
    Contract(
        tanh_slope,
        quadratic(tanh_bend, M3, M2),
        _tanh_slope_rounding,
        times_z=True,
        lost=_tanh_slope_lost,
        parts=lambda size: np.maximum(size * _inner_slope(size), 1),  # g·½z·(1 − t²)·p'
    ).as_elementary("½(1 + t) + ½{0} · (1 − t²) · p'", _tanh_slope_ball),
)
