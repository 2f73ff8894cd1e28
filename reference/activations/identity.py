"""The identity, for layers that are only linear."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.activations.contract import Activation
from reference.arithmetic import Ball, Bounded, Elementary


def identity(z: NDArray[Any]) -> NDArray[Any]:
    """Z itself."""
    return z


def identity_derivative(z: NDArray[Any], a: NDArray[Any]) -> NDArray[Any]:  # noqa: ARG001 - every derivative takes (z, a)
    """1."""
    return np.ones_like(z)


def _slope_bounded(z: Bounded, a: Bounded) -> Bounded:  # noqa: ARG001 - every derivative takes (z, a)
    return Bounded.exact(np.ones(z.shape), z.format)


def _derivative_balls(z: Ball, a: Ball) -> Ball:  # noqa: ARG001 - every derivative takes (z, a)
    return Ball.exact(np.ones(z.shape))


IDENTITY = Activation(
    Elementary("z", identity, lambda z: z, lambda z: z),
    Elementary("1", identity_derivative, _slope_bounded, _derivative_balls),
)
