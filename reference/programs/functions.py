"""Functions of one number that a program may call: their values, their balls, and how far each may be off.

All are monotone, or convex and even as cosh, but for sine, cosine and the slope of erf, which move by no
more than a factor of their argument. So an operand that is known to ± e is evaluated at both ends: nothing
else has to be known of a function, and its derivative is a line of its own.
"""

# ruff: noqa: ANN401 - python-flint has no types

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import flint
import numpy as np

from reference.activations import sigmoid
from reference.arithmetic import EVALUATION, SLACK, Bounded, Format, Real
from reference.losses.terms import EXP_ULPS, LOG_ULPS

# Units in the last place, to which tests/test_programs.py holds PyTorch and JAX.
ERF_ULPS: Final = 6
ERFC_ULPS: Final = 16  # 12.3, XLA
LOG1P_ULPS: Final = 128  # XLA loses up to 7 bits in float64
ROOT_ULPS: Final = 2
CIRCULAR_ULPS: Final = 4
INVERSE_ULPS: Final = 8
HYPERBOLIC_ULPS: Final = 8
ATANH_ULPS: Final = 2 * LOG1P_ULPS  # which XLA takes it from; 127
ERFINV_ULPS: Final = 16
ULPS_OF_16_BITS: Final = 2

# What this evaluation's own functions may be off by, in units of 2⁻⁵³ of the result, at each of two ends.
NOISE: Final = 16


@dataclass(frozen=True)
class Function:
    """A function of one number: `plain` in float64, `ball` in ball arithmetic, `ulps` that it may be off by.

    `lipschitz`: the largest slope, of a function that is not monotone. `more`: ulps that come to those, by
    the operand and the format, as where it is squared and rounded first.
    """

    plain: Callable[[Real], Real]
    ball: Callable[[Any], Any]
    ulps: int
    lipschitz: float = 0.0
    more: Callable[[Real, Format], Real] | None = None

    def bounded(self, x: Bounded) -> Bounded:
        """Return the value with a bound that covers every correct implementation."""
        form, value = x.format, self.plain(x.value)
        moved = self._moved(x, value)
        ulps: Any = ULPS_OF_16_BITS if form.has_16_bits else self.ulps
        ulps = ulps if self.more is None else ulps + self.more(x.value, form)
        size = np.abs(value) + moved
        error = moved + 2 * ulps * (form.unit_roundoff + form.evaluation) * size + 2 * form.underflow
        fits = np.isfinite(error) & (size <= form.largest)
        return Bounded(value, np.where(fits, error * SLACK, np.inf), form)

    def _moved(self, x: Bounded, value: Real) -> Real:
        """How far the function may be from its value here, for operands within the bound."""
        if x.is_exact:
            return np.zeros(x.shape)
        if self.lipschitz:
            return np.minimum(self.lipschitz * x.error, 2.0)
        low, high = self.plain(x.value - x.error), self.plain(x.value + x.error)
        farthest = np.maximum(np.abs(low - value), np.abs(high - value))
        largest = np.maximum(np.maximum(np.abs(low), np.abs(high)), np.abs(value))
        moved = farthest + NOISE * EVALUATION * largest
        return np.where(np.isnan(moved), np.inf, np.where(np.asarray(x.error) == 0, 0.0, moved))

    def balls(self, x: Any) -> Any:
        return np.frompyfunc(self.ball, 1, 1)(x)


def _each(function: Callable[[float], float]) -> Callable[[Real], Real]:
    each = np.frompyfunc(function, 1, 1)
    return lambda x: np.asarray(each(x), dtype=np.float64)


def _by_ball(function: Callable[[Any], Any]) -> Callable[[Real], Real]:
    """Make a plain function of one in balls, where NumPy has none; NaN where it is not defined."""
    return _each(lambda x: float(function(flint.arb(x))))


def _near_one(x: Real, *_: Any) -> Real:
    """XLA takes the inverse of erf from log(1 − x²), whose square is rounded first."""
    return 1 / (1 - x * x)


def _exp2_ball(x: flint.arb) -> flint.arb:
    return (x * flint.arb.const_log2()).exp()


def _log2_ball(x: flint.arb) -> flint.arb:
    return x.log() / flint.arb.const_log2()


def _log10_ball(x: flint.arb) -> flint.arb:
    return x.log() / flint.arb.const_log10()


TWO_OVER_ROOT_PI: Final = 2 / math.sqrt(math.pi)


def _flushed(x: Real, form: Format) -> Real:
    """1/(1 + e⁻ˣ) is 0 where e⁻ˣ overflows, as in float16 below −11.1."""
    return np.where(-x > math.log(form.largest), 0.5 / form.unit_roundoff, 0.0)


def _erf_slope(x: Real) -> Real:
    return TWO_OVER_ROOT_PI * np.exp(-x * x)


def _erf_slope_ball(x: flint.arb) -> flint.arb:
    return 2 * (-x * x).exp() / flint.arb.pi().sqrt()


FUNCTIONS: Final = {
    "exp": Function(np.exp, flint.arb.exp, EXP_ULPS),
    "expm1": Function(np.expm1, flint.arb.expm1, EXP_ULPS),
    "log": Function(np.log, flint.arb.log, LOG_ULPS),
    "log1p": Function(np.log1p, flint.arb.log1p, LOG1P_ULPS),
    "tanh": Function(np.tanh, flint.arb.tanh, sigmoid.TANH_ULPS),
    "logistic": Function(sigmoid.sigmoid, sigmoid.ball, sigmoid.ULPS, more=_flushed),
    "erf": Function(_each(math.erf), flint.arb.erf, ERF_ULPS),
    "erfc": Function(_each(math.erfc), flint.arb.erfc, ERFC_ULPS, more=lambda x, _: np.maximum(x, 0) ** 2),
    "erf_slope": Function(_erf_slope, _erf_slope_ball, EXP_ULPS + 4, 1.0, lambda x, _: x * x),
    "sqrt": Function(np.sqrt, flint.arb.sqrt, ROOT_ULPS),
    "rsqrt": Function(lambda x: 1 / np.sqrt(x), flint.arb.rsqrt, 2 * ROOT_ULPS),
    "sin": Function(np.sin, flint.arb.sin, CIRCULAR_ULPS, 1.0),
    "cos": Function(np.cos, flint.arb.cos, CIRCULAR_ULPS, 1.0),
    "exp2": Function(np.exp2, _exp2_ball, EXP_ULPS, more=lambda x, *_: np.abs(x)),  # XLA: e^(x log 2)
    "log2": Function(np.log2, _log2_ball, LOG_ULPS),
    "log10": Function(np.log10, _log10_ball, LOG_ULPS),
    "asin": Function(np.arcsin, flint.arb.asin, INVERSE_ULPS),
    "acos": Function(np.arccos, flint.arb.acos, INVERSE_ULPS),
    "atan": Function(np.arctan, flint.arb.atan, INVERSE_ULPS),
    "sinh": Function(np.sinh, flint.arb.sinh, HYPERBOLIC_ULPS),
    "cosh": Function(np.cosh, flint.arb.cosh, HYPERBOLIC_ULPS),
    "asinh": Function(np.arcsinh, flint.arb.asinh, HYPERBOLIC_ULPS),
    "acosh": Function(np.arccosh, flint.arb.acosh, HYPERBOLIC_ULPS),
    "atanh": Function(np.arctanh, flint.arb.atanh, ATANH_ULPS),
    "erfinv": Function(_by_ball(flint.arb.erfinv), flint.arb.erfinv, ERFINV_ULPS, more=_near_one),
}
