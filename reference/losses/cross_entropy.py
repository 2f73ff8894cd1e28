"""Softmax cross-entropy of logits: −Σ y log softmax(ŷ), with the softmax over the outputs of an example.

Source of the bounds: P. Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and
softmax functions", IMA Journal of Numerical Analysis 41 (2021): the algorithms shifted by the largest logit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np

from reference.arithmetic import Ball, Bounded, Elementary, Format, Real
from reference.losses.terms import EXP_ULPS, LOG_ULPS, Array, Terms, with_error

# Roundings of (1 − s) y + s/n: of 1 − s, s/n, the product and the sum; frameworks also add s/n · Σ later.
SMOOTHING_ROUNDINGS = 5


def log_softmax(z: Array) -> Array:
    """z − max z − log Σ e^{z − max z}, for each row."""
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class LogSoftmax:
    """log softmax(ŷ), evaluated in float64, and what an implementation's may be off by.

    `normalizer`, (N, 1), bounds |log Σ eᶻ| of each row: it counts where z is taken off that, not shifted.
    """

    value: Real
    error: Real
    normalizer: Real

    @classmethod
    def of(cls, z: Bounded) -> LogSoftmax:
        """Bound it: shift, exp, sum, log, subtract; log Σ eᶻ is 1-Lipschitz in the largest difference."""
        form, n = z.format, z.shape[-1]
        e = np.broadcast_to(z.error, z.shape)
        most = e.max(axis=-1, keepdims=True)
        peak = z.value.max(axis=-1, keepdims=True)
        shifted = z.value - peak
        distance = np.abs(shifted) + e + most
        powers = np.exp(shifted)
        total = powers.sum(axis=-1, keepdims=True)
        nearer = np.exp(-np.abs(shifted) * (1 - min(form.gamma(1), 1)))  # the exponent's rounding
        off = (nearer * -np.expm1(-form.gamma(1) * distance)).sum(axis=-1, keepdims=True)
        off = off + form.gamma(2 * EXP_ULPS + n) * nearer.sum(axis=-1, keepdims=True) + n * form.underflow
        part = off / total * np.exp(4 * most)  # as large as it may be anywhere within z ± e
        log_total = np.log(total)
        summed = np.where(part < 1, part / (1 - np.minimum(part, 0.999)), np.inf)
        summed = summed + form.gamma(2 * LOG_ULPS) * (log_total + summed + 2 * most)
        value = shifted - log_total
        error = form.gamma(1) * distance + summed
        error = error + form.gamma(1) * (np.abs(value) + error) + e + most
        return cls(value, np.where(distance <= form.largest, error, np.inf), np.abs(peak) + log_total + most)

    def softmax_error(self, form: Format) -> Real:
        """Return what softmax(ŷ) may be off by, as e^{log softmax(ŷ)} or as e^{z − max z} / Σ."""
        at_most = np.minimum(self.error, -self.value)  # because p is at most 1
        off: Real = np.exp(self.value + at_most) * (-np.expm1(-at_most) + form.gamma(2 * EXP_ULPS + 2))
        return np.where(np.isfinite(self.error), off, np.inf)


def softmax_bounded(z: Bounded) -> Bounded:
    log_p = LogSoftmax.of(z)
    p = np.exp(log_p.value)
    return with_error(p, log_p.softmax_error(z.format), p, z.format)


@dataclass(frozen=True)
class CrossEntropy:
    """Softmax cross-entropy with the targets y' = (1 − s) y + s/n, where s is `smoothing`.

    `by_class` says that each row of y is one-hot: log Σ eᶻ may come before the class's z is taken off it.
    """

    smoothing: float
    by_class: bool = False

    def smooth(self, y: Array) -> Array:
        return (1 - self.smoothing) * y + self.smoothing / y.shape[-1] if self.smoothing else y

    def value(self, y_hat: Array, y: Array) -> Array:
        return -self.smooth(y) * log_softmax(y_hat)

    def gradient(self, y_hat: Array, y: Array) -> Array:
        targets = self.smooth(y)
        return np.exp(log_softmax(y_hat)) * targets.sum(axis=-1, keepdims=True) - targets

    @property
    def roundings(self) -> int:
        return SMOOTHING_ROUNDINGS if self.smoothing else 0

    def value_bounded(self, y_hat: Bounded, y: Bounded) -> Bounded:
        log_p, form = LogSoftmax.of(y_hat), y_hat.format
        error = log_p.error + (form.gamma(2) * log_p.normalizer if self.by_class else 0.0)
        weight = self.smooth(y.magnitude)
        reach = weight * (np.abs(log_p.value) + error)
        off = np.where(weight > 0, weight * error + form.gamma(2 + self.roundings) * reach, 0.0)
        value = np.where(weight > 0, -self.smooth(y.value) * log_p.value, 0.0)
        promised = np.where(np.isfinite(log_p.error), np.maximum(reach, log_p.normalizer), np.inf)
        if self.smoothing:  # PyTorch sums all of log softmax(ŷ) before it multiplies by s/n
            promised = np.maximum(promised, (np.abs(log_p.value) + error).sum(axis=(-2, -1), keepdims=True))
        cancelling = weight * (np.abs(log_p.value) + log_p.normalizer + y_hat.magnitude)
        return with_error(value, off, promised, form, lambda: cancelling)

    def gradient_bounded(self, y_hat: Bounded, y: Bounded, roundings: int) -> Bounded:
        log_p, form, n = LogSoftmax.of(y_hat), y_hat.format, y.shape[-1]
        p, off = np.exp(log_p.value), log_p.softmax_error(form)
        weight = self.smooth(y.magnitude)
        total = weight.sum(axis=-1, keepdims=True)
        common = self.roundings + 2 + roundings
        error = off * total * (1 + form.gamma(n + common)) + form.gamma(n + common) * p * total
        error = error + form.gamma(common) * weight + (n + 4) * form.underflow * (1 + total)
        targets = self.smooth(y.value)
        value = p * targets.sum(axis=-1, keepdims=True) - targets
        return with_error(value, error, total + np.abs(value), form, lambda: p * total + weight)

    def value_balls(self, y_hat: Ball, y: Ball) -> Ball:
        pairs = zip(_rows(y_hat), self._targets(y), strict=True)
        values = [-t * log_p for z, target in pairs for t, log_p in zip(target, _log_p(z), strict=True)]
        return Ball.of(values, y.shape)

    def gradient_balls(self, y_hat: Ball, y: Ball) -> Ball:
        gradients = []
        for z, target in zip(_rows(y_hat), self._targets(y), strict=True):
            total = sum(target, flint.arb(0))
            gradients += [log_p.exp() * total - t for t, log_p in zip(target, _log_p(z), strict=True)]
        return Ball.of(gradients, y.shape)

    def _targets(self, y: Ball) -> list[list[Any]]:
        if not self.smoothing:
            return _rows(y)
        s = flint.arb(self.smoothing)
        return [[(1 - s) * target + s / len(row) for target in row] for row in _rows(y)]

    def terms(self) -> Terms:
        s = f"{self.smoothing:.6g}"
        equation, gradient_equation = "−{1} log softmax({0})", "softmax({0}) Σₖ yₖ − {1}"
        if self.smoothing:
            equation = f"−y' log softmax({{0}}), y' = (1 − {s}) {{1}} + {s}/n"
            gradient_equation = "softmax({0}) Σₖ y'ₖ − y'"
        return Terms(
            Elementary(equation, self.value, self.value_bounded, self.value_balls),
            Elementary(gradient_equation, self.gradient, self.gradient_bounded, self.gradient_balls),
        )


def _rows(ball: Ball) -> list[list[Any]]:
    entries, n = ball.matrix.entries(), ball.shape[1]
    return [entries[i : i + n] for i in range(0, len(entries), n)]


def _log_p(z: list[Any]) -> list[Any]:
    """Shift by a point, not by a ball, so that the shift itself adds no radius."""
    peak = max((t.mid() for t in z), key=float)
    total = sum(((t - peak).exp() for t in z), flint.arb(0)).log()
    return [t - peak - total for t in z]


def _terms(given: Mapping[str, float], *, by_class: bool = False) -> Terms:
    return CrossEntropy(given.get("label_smoothing", 0.0), by_class).terms()


TERMS = {
    "softmax_cross_entropy": _terms,
    "softmax_cross_entropy_with_integer_labels": lambda given: _terms(given, by_class=True),
}
