"""Losses that are linear far from the target: |d|, and Huber's, a square where |d| is small; d = ŷ − y."""

from collections.abc import Mapping
from dataclasses import dataclass

import flint
import numpy as np

from reference.arithmetic import Bounded, Elementary
from reference.losses.terms import Array, Terms, difference, pairwise, with_error


@dataclass(frozen=True)
class Huber:
    """m (|d| − ½ m) / β with m = min(|d|, δ), which is ½ d²/β near the target and linear far from it.

    Source: P. J. Huber, "Robust estimation of a location parameter", Ann. Math. Statist. 35 (1964).
    """

    delta: float
    over: float = 1.0

    def terms(self, equation: str, gradient_equation: str) -> Terms:
        return Terms(
            Elementary(equation, self.value, self.value_bounded, pairwise(self.value_ball)),
            Elementary(gradient_equation, self.gradient, self.gradient_bounded, pairwise(self.gradient_ball)),
        )

    def value(self, y_hat: Array, y: Array) -> Array:
        far = np.abs(y_hat - y)
        near = np.minimum(far, y.dtype.type(self.delta))
        return near * (far - near / 2) / y.dtype.type(self.over)

    def gradient(self, y_hat: Array, y: Array) -> Array:
        limit = y.dtype.type(self.delta)
        return np.clip(y_hat - y, -limit, limit) / y.dtype.type(self.over)

    def value_bounded(self, y_hat: Bounded, y: Bounded) -> Bounded:
        """The slope is at most min(|d|, δ), so which formula is taken near δ costs nothing more."""
        d, off = difference(y_hat, y)
        far = np.abs(d) + off
        near = np.minimum(far, self.delta)
        reach = near * (far + near / 2) / self.over
        error = near * off / self.over + y_hat.format.gamma(6) * reach
        underflows, most = 4 * (1 + 1 / self.over), np.maximum(reach * max(self.over, 1), far)
        bounded = with_error(
            self.value(y_hat.value, y.value), error, most, y_hat.format, underflows=underflows
        )
        return bounded.sized(lambda: self.value(y_hat.scale + y.scale, np.zeros(y.shape)))

    def gradient_bounded(self, y_hat: Bounded, y: Bounded, roundings: int) -> Bounded:
        """1-Lipschitz, and exactly ±δ where all of d ± its error lies beyond δ.

        Autodiff of ½ m² + δ (|d| − m), m = min(|d|, δ), as in optax, gives δ + (m − δ) where |d| < δ: its
        error is absolute, u times δ.
        """
        delta, over = self.delta, self.over
        d, off = difference(y_hat, y)
        cancelling = np.where(np.abs(d) - off <= delta, delta, 0.0)
        off = np.clip(delta + off - np.abs(d), 0, off)
        slope = self.gradient(y_hat.value, y.value)
        reach = np.abs(slope) + (off + cancelling) / over
        error = off / over + y_hat.format.gamma(4 + roundings) * reach
        promised = np.where(np.isfinite(y_hat.error), np.abs(d), np.inf)
        bounded = with_error(slope, error, promised, y_hat.format, underflows=4 * (1 + 1 / over))
        return bounded.sized(lambda: reach + np.minimum(y_hat.scale + y.scale, delta) / over)

    def value_ball(self, a: flint.arb, y: flint.arb) -> flint.arb:
        far = abs(a - y)
        near = far.min(flint.arb(self.delta))
        return near * (far - near / 2) / flint.arb(self.over)

    def gradient_ball(self, a: flint.arb, y: flint.arb) -> flint.arb:
        limit = flint.arb(self.delta)
        return (a - y).max(-limit).min(limit) / flint.arb(self.over)


def _huber(given: Mapping[str, float]) -> Terms:
    delta = given["delta"]
    equation = f"½ d² where |d| ≤ δ, else δ (|d| − ½δ), d = {{0}} − {{1}}, δ = {delta:.6g}"
    return Huber(delta).terms(equation, "clip({0} − {1}, −δ, δ)")


def _smooth_l1(given: Mapping[str, float]) -> Terms:
    """Huber's loss with δ = β, divided by β.

    Source: R. Girshick, "Fast R-CNN", ICCV 2015, with the β that frameworks have added.
    """
    beta = given["beta"]
    equation = f"½ d²/β where |d| < β, else |d| − ½β, d = {{0}} − {{1}}, β = {beta:.6g}"
    return Huber(beta, over=beta).terms(equation, "clip({0} − {1}, −β, β) / β")


def _distance_bounded(y_hat: Bounded, y: Bounded) -> Bounded:
    d, off = difference(y_hat, y)
    return with_error(np.abs(d), off, np.abs(d) + off, y_hat.format, lambda: y_hat.scale + y.scale)


def _sign_bounded(y_hat: Bounded, y: Bounded, roundings: int) -> Bounded:
    """A difference has the right sign in floating point, so there is none to get wrong but where ŷ may be y.

    A subnormal difference may be flushed to 0.
    """
    d, form = y_hat.value - y.value, y_hat.format
    slope = np.sign(d)
    undecided = (np.abs(d) <= y_hat.error) & (np.asarray(y_hat.error) > 0)
    flushed = (np.abs(d) < 2 * form.underflow) & (d != 0)
    error = np.where(undecided, 1 + np.abs(slope), np.where(flushed, 1.0, 0.0))
    error = error + form.gamma(roundings) * (np.abs(slope) + error)
    return with_error(slope, error, np.where(np.isfinite(y_hat.error), np.abs(d), np.inf), form, underflows=0)


def _sign_ball(a: flint.arb, y: flint.arb) -> flint.arb:
    """−1, 0 or 1, or all that lies between where the ball of d holds 0 and more."""
    d = a - y
    if d > 0 or d < 0 or d.is_zero():
        return flint.arb(1 if d > 0 else -1 if d < 0 else 0)
    return flint.arb(0, 1) if d.is_finite() else d


# |d|, whose derivative at the kink d = 0 is stated to be 0.
L1 = Terms(
    Elementary(
        "|{0} − {1}|", lambda a, y: np.abs(a - y), _distance_bounded, pairwise(lambda a, y: abs(a - y))
    ),
    Elementary("sign({0} − {1})", lambda a, y: np.sign(a - y), _sign_bounded, pairwise(_sign_ball)),
)

TERMS = {"huber": _huber, "smooth_l1": _smooth_l1, "l1": lambda _: L1}
