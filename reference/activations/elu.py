"""The exponential linear unit with α = 1: z above 0, eᶻ − 1 below. Its derivative has no jump.

Source: D.-A. Clevert, T. Unterthiner and S. Hochreiter, "Fast and accurate deep network learning by
exponential linear units (ELUs)", arXiv:1511.07289.
"""

import numpy as np

from reference.activations.contract import Activation, Contract, bounded_by, of_z
from reference.arithmetic import Error, Real

# Of expm1, measured by tests/test_contract.py.
ULPS = 6


def elu(z: Real) -> Real:
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


def slope(z: Real) -> Real:
    """e^{min(z, 0)}."""
    return np.exp(np.minimum(z, 0))


def spread(z: Real, e: Error) -> Real:
    """sup |f(t) − f(z)| over |t − z| ≤ e, from f'(t) ≤ min(f'(z)·e^{|t−z|}, 1)."""
    return np.minimum(slope(z) * np.expm1(e), e)


def slope_spread(z: Real, e: Error) -> Real:
    """sup |f'(t) − f'(z)| over |t − z| ≤ e: the same below 0, and nothing where all of z ± e is above."""
    return np.where(z - e > 0, 0, np.minimum(slope(z) * np.expm1(e), 1))


def _rounding(z: Real, e: Error, unit: float) -> Real:
    """6 ulps of eᶻ − 1, which is never below −1, at the lower end of z ± e; z itself is exact."""
    return np.where(z - e > 0, 0, 2 * ULPS * unit * np.abs(np.expm1(np.minimum(z - e, 0))))


def _slope_rounding(z: Real, e: Error, unit: float) -> Real:
    """10 units: eᶻ's 5 ulps; the form 1 + a has 6 units at most of a, and a rounding. Above 0 it is 1."""
    return np.where(z - e > 0, 0, 10 * unit)


ELU = Activation(
    of_z(
        "{0} where {0} > 0, else e^({0}) − 1",
        elu,
        bounded_by(Contract(elu, spread, _rounding)),
        lambda t: t.max(0) + t.min(0).expm1(),
    ),
    of_z(
        "1 where {0} > 0, else e^({0})",
        slope,
        bounded_by(Contract(slope, slope_spread, _slope_rounding)),
        lambda t: t.min(0).exp(),
    ),
)
