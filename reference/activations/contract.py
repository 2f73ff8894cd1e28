"""The accuracy contract: what a correct implementation of a smooth activation is allowed.

The value may be off by a few units in the last place (`ulps`). The derivative may be computed in any form in
use: from the activation itself, as the document does, a(1 − a), or from its input, σ(z)σ(−z). Its error is
absolute where the unit is saturated: a(1 − a) is rounded away there, in the document and in every framework.

In a format of 16 bits the function may be computed in float32 and rounded once, or rounded after each of its
steps. There e⁻ᶻ overflows float16 while σ(z) does not yet underflow: what is left of it may be 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reference.bounded import Bounded
from reference.formats import EVALUATION, SLACK

if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.bounded import Error, Real
    from reference.elementary import Elementary
    from reference.formats import Format


@dataclass(frozen=True)
class Activation:
    """An activation a = σ(z) and its derivative da/dz, which takes (z, a) because the document uses both."""

    value: Elementary
    derivative: Elementary


def smooth_value(
    function: Callable[[Real], Real],
    spread: Callable[[Real, Error], Real],
    ulps: int,
    ulps_of_16_bits: int | None = None,
) -> Callable[[Bounded], Bounded]:
    """Bound a function that implementations compute to within `ulps` units in the last place.

    Parameters
    ----------
    function
        The function, evaluated in float64 within the same contract.
    spread
        From z and e, sup |f(t) − f(z)| over |t − z| ≤ e.
    ulps_of_16_bits
        In the formats of 16 bits, where it is another number.
    """

    def bounded(z: Bounded) -> Bounded:
        value, form = function(z.value), z.format
        unit, allowed = form.unit_roundoff + EVALUATION, _allowed(form, ulps, ulps_of_16_bits)
        error = 2 * allowed * unit * np.abs(value) + 2 * form.underflow
        error = error if z.is_exact else error + spread(z.value, z.error)
        return Bounded(value, _or_zero(value, error, form) * SLACK, form)

    return bounded


@dataclass(frozen=True)
class SlopeForms:
    """The two forms of a derivative, and what the errors of their arguments do to each.

    Attributes
    ----------
    from_input, input_spread
        f'(z), to full relative accuracy; and from z and e, sup |f'(t) − f'(z)| over |t − z| ≤ e.
    from_activation, activation_spread
        The document's form, from z and a; and from a, its error and the unit roundoff, how far it moves.
    """

    from_input: Callable[[Real], Real]
    input_spread: Callable[[Real, Error], Real]
    from_activation: Callable[[Real, Real], Real]
    activation_spread: Callable[[Real, Error, float], Real | float]


def smooth_slope(
    forms: SlopeForms, ulps: int, ulps_of_16_bits: int | None = None
) -> Callable[[Bounded, Bounded], Bounded]:
    """Bound a derivative whichever form an implementation computes.

    The value is the form from z, which keeps its digits where the unit is saturated. The form from a differs
    from it by what σ(z) was allowed, so the bound holds the distance between the two.
    """

    def bounded(z: Bounded, a: Bounded) -> Bounded:
        value, other = forms.from_input(z.value), forms.from_activation(z.value, a.value)
        unit = z.format.unit_roundoff + EVALUATION
        by_input = 4 * _allowed(z.format, ulps, ulps_of_16_bits) * unit * value
        if not z.is_exact:
            by_input = by_input + forms.input_spread(z.value, z.error)
        by_activation = np.abs(value - other) + forms.activation_spread(a.value, a.error, unit)
        by_activation = by_activation + 8 * unit * np.abs(other)
        error = np.maximum(by_activation, by_input) + 2 * z.format.underflow
        return Bounded(value, _or_zero(value, error, z.format) * SLACK, z.format)

    return bounded


def _allowed(form: Format, ulps: int, ulps_of_16_bits: int | None) -> int:
    return ulps if ulps_of_16_bits is None or not form.has_16_bits else ulps_of_16_bits


def _or_zero(value: Real, error: Real, form: Format) -> Real:
    """Allow 0 where 1 / |value| overflows, if that is more than underflow costs anyway: in float16 only."""
    overflow = 1 / form.largest
    if overflow <= 2 * form.underflow:
        return error
    magnitude = np.abs(value)
    return np.where(magnitude - error <= overflow, np.maximum(error, magnitude), error)
