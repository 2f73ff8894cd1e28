"""The scaled exponential linear unit: λz above 0, λα(eᶻ − 1) below, and its kink at 0.

Source: G. Klambauer, T. Unterthiner, A. Mayr and S. Hochreiter, "Self-normalizing neural networks",
arXiv:1706.02515, whose appendix prints both constants.
"""

from collections.abc import Callable
from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from reference.activations import elu
from reference.activations.contract import Activation, Contract, bounded_by, on_balls
from reference.activations.kinks import undecided
from reference.arithmetic import SLACK, Bounded, Elementary, Error, Real

LAMBDA = "1.0507009873554804934193349852946"
ALPHA = "1.6732632423543772848170429916717"
SCALE, BELOW = float(LAMBDA), float(LAMBDA) * float(ALPHA)

# expm1's 6; two rounded constants and two products. Measured by tests/test_contract.py.
ULPS = 8


def selu(z: NDArray[Any]) -> NDArray[Any]:
    """λz where z > 0, else λα(eᶻ − 1)."""
    return np.where(z > 0, SCALE * z, BELOW * np.expm1(np.minimum(z, 0)))


def selu_derivative(z: NDArray[Any], a: NDArray[Any]) -> NDArray[Any]:  # noqa: ARG001 - every derivative takes (z, a)
    """λ where z > 0, else λαeᶻ; at the kink z = 0 it is λα, as in PyTorch and JAX."""
    return _slope(z)


def _slope(z: NDArray[Any]) -> NDArray[Any]:
    below = BELOW * np.exp(np.minimum(z, 0))
    return np.where(z > 0, z.dtype.type(SCALE), below)


def _spread(z: Real, e: Error) -> Real:
    return BELOW * elu.spread(z, e)


def _slope_spread(z: Real, e: Error) -> Real:
    return BELOW * elu.slope_spread(z, e)


def _rounding(z: Real, e: Error, unit: float) -> Real:
    """8 ulps below 0, at the lower end of z ± e; 2 roundings above, at the upper end."""
    below = 2 * ULPS * unit * BELOW * np.abs(np.expm1(np.minimum(z - e, 0)))
    return np.maximum(below, 2 * unit * SCALE * np.maximum(z + e, 0))


def _slope_rounding(z: Real, e: Error, unit: float) -> Real:
    """Elu's 10 units and 4 more roundings below 0, which the form a + λα shares; the constant's above."""
    return np.where(z - e > 0, unit * SCALE, 14 * unit * BELOW)


def _with_kink(smooth: Callable[..., Bounded]) -> Callable[[Bounded, Bounded], Bounded]:
    def bounded(z: Bounded, a: Bounded) -> Bounded:
        slope = smooth(z, a)
        jump: Real = (BELOW - SCALE) * undecided(z, 0).astype(np.float64)
        return Bounded(slope.value, slope.error + jump * SLACK, z.format, parts=slope.parts)

    return bounded


def _ball(t: Any) -> Any:  # noqa: ANN401 - flint has no type information
    return flint.arb(LAMBDA) * (t.max(0) + flint.arb(ALPHA) * t.min(0).expm1())


def _slope_ball(t: Any) -> Any:  # noqa: ANN401 - flint has no type information
    """λ, λαeᶻ, or all between where the ball holds points on both sides of the kink."""
    above = flint.arb(LAMBDA)
    if t > 0:
        return above
    below = above * flint.arb(ALPHA) * t.min(0).exp()
    return below if t <= 0 else above.union(below)


_VALUE = Contract(selu, _spread, _rounding)
_SLOPE = Contract(
    _slope,
    _slope_spread,
    _slope_rounding,
    parts=lambda size: np.full_like(size, BELOW),  # g·λ·α·eᶻ
)

SELU = Activation(
    Elementary("λz where z > 0, else λα(eᶻ − 1)", selu, bounded_by(_VALUE), on_balls(_ball)),
    Elementary(
        "λ where z > 0, else λαeᶻ", selu_derivative, _with_kink(bounded_by(_SLOPE)), on_balls(_slope_ball)
    ),
)
