"""Softsign, z / (1 + |z|)."""

import numpy as np

from reference.activations.contract import Activation, Contract, relative
from reference.arithmetic import Error, Format, Real

# A sum and a quotient: two roundings, or 2 ulps. Measured by tests/test_contract.py.
ULPS = 2


def softsign(z: Real) -> Real:
    return z / (1 + np.abs(z))


def slope(z: Real) -> Real:
    """softsign'(z) = (1 / (1 + |z|))², whose square never overflows."""
    return np.square(1 / (1 + np.abs(z)))


def _nearest(z: Real, e: Error) -> Real:
    """1 / (1 + |t|) at the t in z ± e that is nearest to 0."""
    return 1 / (1 + np.maximum(np.abs(z) - e, 0))


def _spread(z: Real, e: Error) -> Real:
    """From f' ≤ 1/(1 + |t|)² at the t nearest to 0."""
    return np.minimum(np.square(_nearest(z, e)) * e, 2)


def _slope_spread(z: Real, e: Error) -> Real:
    """From |f''| = 2/(1 + |t|)³ at the t nearest to 0."""
    return np.minimum(2 * _nearest(z, e) ** 3 * e, 1)


def _slope_rounding(z: Real, e: Error, unit: float) -> Real:
    """10 units of 1/(1 + |z|): the forms 1/(1 + |z|) − |z|/(1 + |z|)² (7) and (1 − |a|)² cancel."""
    return 10 * unit * _nearest(z, e)


def _lost(z: Real, e: Error, form: Format) -> Real:
    """What z·(1/(1 + |z|)) loses where the reciprocal is subnormal: |z| times η, and never more than all."""
    return np.minimum(2 * form.underflow * (np.abs(z) + e), 1)


def _slope_lost(z: Real, e: Error, form: Format) -> Real:
    """1/(1 + |z|), where the square that is to be divided by overflows, or its reciprocal underflows.

    The form 1/(1 + |z|) − |z|·(1/(1 + |z|)²) has then lost its second part.
    """
    return np.where(np.square(1 + np.abs(z) + e) * form.smallest_normal > 1, _nearest(z, e), 0)


SOFTSIGN = Activation(
    Contract(softsign, _spread, relative(softsign, _spread, ULPS), lost=_lost).as_elementary(
        "{0} / (1 + |{0}|)", lambda t: t / (1 + abs(t))
    ),
    Contract(
        slope,
        _slope_spread,
        _slope_rounding,
        times_z=True,
        lost=_slope_lost,
        parts=lambda size: np.maximum(size, 1),  # g·z·(1/(1 + |z|)²)
    ).as_elementary("1 / (1 + |{0}|)²", lambda t: 1 / (1 + abs(t)) ** 2),
)
