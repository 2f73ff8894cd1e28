"""Kinks: where a derivative jumps, a z that is not known exactly may lie on either side."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from reference.activations.contract import rounding_unit
from reference.arithmetic import EXACT, SLACK, Bounded, Real


def undecided(z: Bounded, *kinks: float) -> NDArray[np.bool_]:
    """Where z ± e holds points on both sides of a kink (or is subnormal, and flushed onto the kink)."""
    either = np.zeros(z.shape, dtype=bool)
    for kink in kinks:
        distance = np.abs(z.value - kink)
        # equality decides where e is so small that the slack is lost in it, which printed numbers may be
        either |= (distance <= np.multiply(z.error, SLACK)) & (np.asarray(z.error) > 0)
        either |= (distance > 0) & (distance < z.format.underflow)
    return either


def clipped_value(function: Callable[[Real], Real], low: float, high: float) -> Callable[[Bounded], Bounded]:
    """Bound a function that is z from `low` to `high` and constant outside: exact, and steepest inside."""

    def bounded(z: Bounded) -> Bounded:
        if z.is_exact:
            return Bounded(function(z.value), EXACT, z.format)
        reach = np.multiply(z.error, SLACK)
        moves = (z.value + reach >= low) & (z.value - reach <= high)
        return Bounded(function(z.value), np.where(moves, z.error, EXACT), z.format)

    return bounded


def stepped_slope(
    slope: Callable[[Real], Real], kinks: tuple[float, ...], low: float = 0.0
) -> Callable[[Bounded, Bounded], Bounded]:
    """Bound a derivative that is `low` or 1: exact, or off by the whole jump where z may lie on either side.

    A `low` such as 0.01 is itself rounded to the format.
    """

    def bounded(z: Bounded, a: Bounded) -> Bounded:  # noqa: ARG001 - every derivative takes (z, a)
        value, either = slope(z.value), undecided(z, *kinks)
        error = either * (1 - low) + rounding_unit(z.format) * low * (either | (value < 1)) * SLACK
        return Bounded(value, error if error.any() else EXACT, z.format, sizes=lambda: np.ones(z.shape))

    return bounded
