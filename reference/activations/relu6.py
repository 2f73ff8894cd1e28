"""The rectified linear unit cut off at 6, and its kinks at 0 and 6."""

from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from reference.activations.contract import Activation, on_balls
from reference.activations.kinks import clipped_value, stepped_slope
from reference.arithmetic import Elementary


def relu6(z: NDArray[Any]) -> NDArray[Any]:
    """min(max(z, 0), 6)."""
    return np.clip(z, 0, 6)


def relu6_derivative(z: NDArray[Any], a: NDArray[Any]) -> NDArray[Any]:  # noqa: ARG001 - every derivative takes (z, a)
    """1 where 0 < z < 6, else 0; at the kinks z = 0 and z = 6 it is 0, as in PyTorch and JAX."""
    return _slope(z)


def _slope(z: NDArray[Any]) -> NDArray[Any]:
    da_dz: NDArray[Any] = ((z > 0) & (z < 6)).astype(z.dtype)  # noqa: PLR2004 - the 6 of its name
    return da_dz


def _ball(t: Any) -> Any:  # noqa: ANN401 - flint has no type information
    return t.max(0).min(6)


def _slope_ball(t: Any) -> Any:  # noqa: ANN401 - flint has no type information
    """1, 0, or all between where the ball holds points on both sides of a kink."""
    if t > 0 and t < 6:  # noqa: PLR2004 - the 6 of its name
        return flint.arb(1)
    outside = t <= 0 or t >= 6  # noqa: PLR2004 - as above
    return flint.arb(0) if outside else flint.arb(0.5, 0.5)


RELU6 = Activation(
    Elementary("min(max(z, 0), 6)", relu6, clipped_value(relu6, 0, 6), on_balls(_ball)),
    Elementary(
        "1 where 0 < z < 6, else 0", relu6_derivative, stepped_slope(_slope, (0, 6)), on_balls(_slope_ball)
    ),
)
