"""Schedules: the learning rate of each step, counted from 1, in float64.

Source of the cosine: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017).
"""

import math
from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from reference.arithmetic import EVALUATION, Ball, Bounded, Elementary, to_int
from reference.line import Formula


def _falls(step: Any, every: Any) -> int:  # noqa: ANN401 - an array, a bounded number or a ball
    return (to_int(step) - 1) // to_int(every)


def _by_steps_bounded(eta: Bounded, step: Bounded, every: Bounded, factor: Bounded) -> Bounded:
    """One product after another, or a power that is 5 ulps off."""
    falls = _falls(step, every)
    rate = eta.value * factor.value**falls
    return Bounded(rate, np.asarray(eta.format.gamma(falls + 12) * np.abs(rate)), eta.format)


BY_STEPS = Elementary(
    "η γ^⌊(t − 1) / k⌋",
    lambda eta, step, every, factor: float(eta) * factor ** _falls(step, every),
    _by_steps_bounded,
    lambda eta, step, every, factor: eta * factor.map(lambda entry: entry ** _falls(step, every)),
)


def cosine(eta: NDArray[Any], step: NDArray[Any], over: float, final: float) -> float:
    """From step T + 1 on it is η f."""
    done, last = min(to_int(step) - 1, to_int(over)) / to_int(over), float(final)
    return float(eta) * (last + (1 - last) * (1 + math.cos(math.pi * done)) / 2)


def _cosine_bounded(eta: Bounded, step: Bounded, over: Bounded, final: Bounded) -> Bounded:
    """16 roundings of η, and 8 a step in float64 for PyTorch's recurrence, whose factors are at most 1."""
    steps = min(to_int(step) - 1, to_int(over))
    error = (eta.format.gamma(16) + 8 * steps * EVALUATION) * eta.magnitude
    rate = cosine(eta.value, step.value, float(over.value), float(final.value))
    return Bounded(np.asarray(rate), np.asarray(error), eta.format)


def _cosine_balls(eta: Ball, step: Ball, over: Ball, final: Ball) -> Ball:
    done = flint.arb(min(to_int(step) - 1, to_int(over))) / to_int(over)
    return eta * final.map(lambda last: last + (1 - last) * (1 + done.cos_pi()) / 2)


COSINE = Elementary("η (f + (1 − f) ½ (1 + cos π (t − 1)/T))", cosine, _cosine_bounded, _cosine_balls)

FORMULAS = {
    "step schedule": Formula(BY_STEPS, "{0} {3}^⌊({1} − 1) / {2}⌋"),
    "cosine schedule": Formula(COSINE, "{0} ({3} + (1 − {3}) ½ (1 + cos π ({1} − 1)/{2}))"),
}
