"""The exponential linear unit with α = 1: z above 0, eᶻ − 1 below. Its derivative has no jump.

Source: D.-A. Clevert, T. Unterthiner and S. Hochreiter, "Fast and accurate deep network learning by
exponential linear units (ELUs)", arXiv:1511.07289.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.activations.contract import Activation, Contract, bounded_by, on_balls
from reference.arithmetic import Elementary, Error, Real

# Of expm1, measured by tests/test_contract.py.
ULPS = 6


def elu(z: NDArray[Any]) -> NDArray[Any]:
    """Z where z > 0, else eᶻ − 1."""
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


def elu_derivative(z: NDArray[Any], a: NDArray[Any]) -> NDArray[Any]:  # noqa: ARG001 - every derivative takes (z, a)
    """1 where z > 0, else eᶻ; at 0 both are 1."""
    return slope(z)


def slope(z: NDArray[Any]) -> NDArray[Any]:
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


def _ball(t: Any) -> Any:  # noqa: ANN401 - flint has no type information
    return t.max(0) + t.min(0).expm1()


def _slope_ball(t: Any) -> Any:  # noqa: ANN401 - flint has no type information
    return t.min(0).exp()


ELU = Activation(
    Elementary(
        "z where z > 0, else eᶻ − 1", elu, bounded_by(Contract(elu, spread, _rounding)), on_balls(_ball)
    ),
    Elementary(
        "1 where z > 0, else eᶻ",
        elu_derivative,
        bounded_by(Contract(slope, slope_spread, _slope_rounding)),
        on_balls(_slope_ball),
    ),
)
