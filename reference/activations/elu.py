"""Exponential linear units: z above 0 and eᶻ − 1 below, without a jump in the derivative, and the scaled one.

Sources: D.-A. Clevert, T. Unterthiner and S. Hochreiter, "Fast and accurate deep network learning by
exponential linear units (ELUs)", arXiv:1511.07289, with α = 1; G. Klambauer, T. Unterthiner, A. Mayr and
S. Hochreiter, "Self-normalizing neural networks", arXiv:1706.02515, whose appendix prints λ and α.
"""

import flint
import numpy as np

from reference.activations.contract import Activation, Contract, of_z, undecided
from reference.arithmetic import SLACK, Bounded, Error, Real

LAMBDA = "1.0507009873554804934193349852946"
ALPHA = "1.6732632423543772848170429916717"
SCALE, BELOW = float(LAMBDA), float(LAMBDA) * float(ALPHA)

# Of expm1, measured by tests/test_contract.py.
ULPS = 6

# expm1's 6; two rounded constants and two products. Measured by tests/test_contract.py.
SELU_ULPS = 8


def elu(z: Real) -> Real:
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


def _slope(z: Real) -> Real:
    return np.exp(np.minimum(z, 0))


def _spread(z: Real, e: Error) -> Real:
    """From f'(t) ≤ min(f'(z)·e^{|t−z|}, 1)."""
    return np.minimum(_slope(z) * np.expm1(e), e)


def _slope_spread(z: Real, e: Error) -> Real:
    """The same below 0, and nothing where all of z ± e is above."""
    return np.where(z - e > 0, 0, np.minimum(_slope(z) * np.expm1(e), 1))


def _rounding(z: Real, e: Error, unit: float) -> Real:
    """6 ulps of eᶻ − 1, which is never below −1, at the lower end of z ± e; z itself is exact."""
    return np.where(z - e > 0, 0, 2 * ULPS * unit * np.abs(np.expm1(np.minimum(z - e, 0))))


def _slope_rounding(z: Real, e: Error, unit: float) -> Real:
    """10 units: eᶻ's 5 ulps; the form 1 + a has 6 units at most of a, and a rounding. Above 0 it is 1."""
    return np.where(z - e > 0, 0, 10 * unit)


def selu(z: Real) -> Real:
    return np.where(z > 0, SCALE * z, BELOW * np.expm1(np.minimum(z, 0)))


def _selu_slope(z: Real) -> Real:
    """λ where z > 0, else λαeᶻ; at the kink z = 0 it is λα, as in PyTorch and JAX."""
    return np.where(z > 0, z.dtype.type(SCALE), BELOW * _slope(z))


def _selu_rounding(z: Real, e: Error, unit: float) -> Real:
    """8 ulps below 0, at the lower end of z ± e; 2 roundings above, at the upper end."""
    below = 2 * SELU_ULPS * unit * BELOW * np.abs(np.expm1(np.minimum(z - e, 0)))
    return np.maximum(below, 2 * unit * SCALE * np.maximum(z + e, 0))


def _selu_slope_rounding(z: Real, e: Error, unit: float) -> Real:
    """Elu's 10 units and 4 more roundings below 0, which the form a + λα shares; the constant's above."""
    return np.where(z - e > 0, unit * SCALE, 14 * unit * BELOW)


def _selu_slope_bounded(z: Bounded) -> Bounded:
    slope = _SELU_SLOPE.bounded(z)
    jump: Real = (BELOW - SCALE) * undecided(z, 0).astype(np.float64)
    return Bounded(slope.value, slope.error + jump * SLACK, z.format, parts=slope.parts)


def _selu_slope_ball(t: flint.arb) -> flint.arb:
    """λ, λαeᶻ, or all between where the ball holds points on both sides of the kink."""
    above = flint.arb(LAMBDA)
    if t > 0:
        return above
    below = above * flint.arb(ALPHA) * t.min(0).exp()
    return below if t <= 0 else above.union(below)


ELU = Activation(
    Contract(elu, _spread, _rounding).as_elementary(
        "{0} where {0} > 0, else e^({0}) − 1", lambda t: t.max(0) + t.min(0).expm1()
    ),
    Contract(_slope, _slope_spread, _slope_rounding).as_elementary(
        "1 where {0} > 0, else e^({0})", lambda t: t.min(0).exp()
    ),
)

_SELU_SLOPE = Contract(
    _selu_slope,
    lambda z, e: BELOW * _slope_spread(z, e),
    _selu_slope_rounding,
    parts=lambda size: np.full_like(size, BELOW),  # g·λ·α·eᶻ
)
SELU = Activation(
    Contract(selu, lambda z, e: BELOW * _spread(z, e), _selu_rounding).as_elementary(
        "λ{0} where {0} > 0, else λα(e^({0}) − 1)",
        lambda t: flint.arb(LAMBDA) * (t.max(0) + flint.arb(ALPHA) * t.min(0).expm1()),
    ),
    of_z("λ where {0} > 0, else λαe^({0})", _selu_slope, _selu_slope_bounded, _selu_slope_ball),
)
