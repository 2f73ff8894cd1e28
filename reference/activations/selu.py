"""The scaled exponential linear unit: λz above 0, λα(eᶻ − 1) below, and its kink at 0.

Source: G. Klambauer, T. Unterthiner, A. Mayr and S. Hochreiter, "Self-normalizing neural networks",
arXiv:1706.02515, whose appendix prints both constants.
"""

import flint
import numpy as np

from reference.activations import elu
from reference.activations.contract import Activation, Contract, bounded_by, of_z, undecided
from reference.arithmetic import SLACK, Bounded, Error, Real

LAMBDA = "1.0507009873554804934193349852946"
ALPHA = "1.6732632423543772848170429916717"
SCALE, BELOW = float(LAMBDA), float(LAMBDA) * float(ALPHA)

# expm1's 6; two rounded constants and two products. Measured by tests/test_contract.py.
ULPS = 8


def selu(z: Real) -> Real:
    """λz where z > 0, else λα(eᶻ − 1)."""
    return np.where(z > 0, SCALE * z, BELOW * np.expm1(np.minimum(z, 0)))


def _slope(z: Real) -> Real:
    """λ where z > 0, else λαeᶻ; at the kink z = 0 it is λα, as in PyTorch and JAX."""
    below = BELOW * np.exp(np.minimum(z, 0))
    return np.where(z > 0, z.dtype.type(SCALE), below)


def _rounding(z: Real, e: Error, unit: float) -> Real:
    """8 ulps below 0, at the lower end of z ± e; 2 roundings above, at the upper end."""
    below = 2 * ULPS * unit * BELOW * np.abs(np.expm1(np.minimum(z - e, 0)))
    return np.maximum(below, 2 * unit * SCALE * np.maximum(z + e, 0))


def _slope_rounding(z: Real, e: Error, unit: float) -> Real:
    """Elu's 10 units and 4 more roundings below 0, which the form a + λα shares; the constant's above."""
    return np.where(z - e > 0, unit * SCALE, 14 * unit * BELOW)


def _ball(t: flint.arb) -> flint.arb:
    return flint.arb(LAMBDA) * (t.max(0) + flint.arb(ALPHA) * t.min(0).expm1())


def _slope_ball(t: flint.arb) -> flint.arb:
    """λ, λαeᶻ, or all between where the ball holds points on both sides of the kink."""
    above = flint.arb(LAMBDA)
    if t > 0:
        return above
    below = above * flint.arb(ALPHA) * t.min(0).exp()
    return below if t <= 0 else above.union(below)


_VALUE = Contract(selu, lambda z, e: BELOW * elu.spread(z, e), _rounding)
_SLOPE = Contract(
    _slope,
    lambda z, e: BELOW * elu.slope_spread(z, e),
    _slope_rounding,
    parts=lambda size: np.full_like(size, BELOW),  # g·λ·α·eᶻ
)


def _slope_bounded(z: Bounded) -> Bounded:
    slope = bounded_by(_SLOPE)(z)
    jump: Real = (BELOW - SCALE) * undecided(z, 0).astype(np.float64)
    return Bounded(slope.value, slope.error + jump * SLACK, z.format, parts=slope.parts)


SELU = Activation(
    of_z("λ{0} where {0} > 0, else λα(e^({0}) − 1)", selu, bounded_by(_VALUE), _ball),
    of_z("λ where {0} > 0, else λαe^({0})", _slope, _slope_bounded, _slope_ball),
)
