"""The one definition of agreement: a claimed quantity against the same quantity derived with its bound."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases.problem import Tolerance
from cases.verdict import Verdict
from reference.arithmetic import Bounded, Error, Format, Real, max_element
from reference.findings import Finding

# A bound of a tenth of the value certifies one digit; a larger one certifies nothing worth the name.
#
# Zero is a number, too: what is left of a sum that cancels is held beside the terms that were added up, as
# each of them is known to a bound of its own size (`Bounded.scale`).
ONE_DIGIT = 0.1


def compare(
    step: int,
    quantity: str,
    claimed: NDArray[Any],
    derived: Bounded,
    *,
    half_unit: Error = 0.0,
    conventional: Tolerance | None = None,
) -> Finding:
    """Judge a claimed array: it agrees if |claimed − derived| ≤ the derived error bound in every element.

    NaN never agrees. A bound that certifies less than one digit of the value, or of the terms that it is left
    of, decides nothing, and nor does an infinite one; but an element outside a finite bound differs whatever
    the others do.

    Parameters
    ----------
    claimed
        The claimed array, of the derived array's shape.
    derived
        What follows from the implementation's own inputs, in the implementation's format.
    half_unit
        For printed numbers: half a unit in the last printed place, which the claim itself leaves open.
    conventional
        An rtol and atol to try as well; the finding tells both, and the derived verdict stands.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # NaN and infinity are judged
        return compare_unguarded(
            step, quantity, claimed, derived, half_unit=half_unit, conventional=conventional
        )


def compare_unguarded(
    step: int,
    quantity: str,
    claimed: NDArray[Any],
    derived: Bounded,
    *,
    half_unit: Error = 0.0,
    conventional: Tolerance | None = None,
) -> Finding:
    """Judge as `compare` does, where NumPy's warnings are off already; long runs compare a million times."""
    stated = np.asarray(claimed, dtype=np.float64)
    tolerance = derived.error if type(half_unit) is float else derived.error + half_unit
    most = _maximum(tolerance)
    verdict, reason, worst = _judge(stated, derived, tolerance, most)
    bound = most if tolerance is derived.error else _maximum(derived.error)
    size = derived.peak
    if not certifies(bound, size, derived.format):  # as where a sum cancels
        size = _maximum(derived.scale)
    if verdict is Verdict.AGREES and not certifies(bound, size, derived.format):
        verdict, reason = Verdict.UNDECIDED, "the bound certifies less than one digit"
    value, claim = derived.value.item(worst), stated.item(worst)
    low = derived.low if isinstance(derived.low, float) else derived.low.item(worst)
    off = abs(claim - value - low)
    allowed = tolerance if isinstance(tolerance, float) else tolerance.item(worst)
    ulp = derived.format.ulp(value)
    return Finding(
        step=step,
        quantity=quantity,
        verdict=verdict,
        reason=reason,
        index=_index(worst, stated.shape),
        claimed=claim,
        derived=value,
        error=off,
        tolerance=allowed,
        used=off / allowed if allowed else (0.0 if off == 0 else math.inf),
        ulps=off / ulp if ulp else math.nan,
        digits=_digits(most, size),
        truth="float64" if derived.format.evaluation else "certified",
        conventional=None if conventional is None else _within(conventional, stated, derived.value),
    )


def agreements(
    first: int, quantity: str, stated: Real, derived: Bounded, *, conventional: Tolerance | None = None
) -> list[Finding] | None:
    """Judge a quantity of consecutive steps as `compare_unguarded` does, where all of them agree.

    Parameters
    ----------
    first
        The number of the first step.
    stated, derived
        Stacks, of the shape (steps, …); what is derived is not certified.

    Returns
    -------
    One finding for each step; None if one of them is not plain agreement.
    """
    steps = np.arange(len(stated))
    off = np.abs(stated - derived.value).reshape(len(steps), -1)
    allowed = np.broadcast_to(derived.error, stated.shape).reshape(off.shape)
    used = np.where(off == 0, 0.0, off / allowed)
    worst = used.argmax(axis=1)  # NaN, where there is one
    most = allowed.max(axis=1)
    peak = sizes(most, derived, off.shape)
    agrees = (used[steps, worst] <= 1) & (most < np.inf) & certifies(most, peak, derived.format)
    close = conventional is None or _within(conventional, stated, derived.value)
    if not agrees.all() or not close:
        return None
    digits = np.where(most > 0, np.log10(peak) - np.log10(most), np.inf)
    indices = _indices(worst, stated.shape[1:])
    claims, values = (one.reshape(off.shape)[steps, worst].tolist() for one in (stated, derived.value))
    offs, tolerances, useds = (one[steps, worst].tolist() for one in (off, allowed, used))
    return [
        Finding(
            step=first + i,
            quantity=quantity,
            verdict=Verdict.AGREES,
            index=index,
            claimed=claims[i],
            derived=values[i],
            error=offs[i],
            tolerance=tolerances[i],
            used=useds[i],
            ulps=offs[i] / derived.format.ulp(values[i]),
            digits=digit,
            truth="float64",
            conventional=None if conventional is None else True,
        )
        for i, (index, digit) in enumerate(zip(indices, digits.tolist(), strict=True))
    ]


def _judge(stated: Real, derived: Bounded, tolerance: Error, most: float) -> tuple[Verdict, str, int]:
    """Return the verdict, its reason and the worst element's place, counted along the rows."""
    used = distance(stated, derived)
    if most == 0 and not used.any():  # NaN counts as a distance
        return Verdict.AGREES, "", 0
    used /= tolerance  # NaN where nothing is allowed and nothing is off
    worst = int(used.argmax())
    if used.item(worst) <= 1 and most < math.inf:
        return Verdict.AGREES, "", worst
    return _judge_closely(*after_overflow(stated, derived, tolerance))


def distance(stated: Real, derived: Bounded) -> Real:
    """Return |stated − derived|; the difference of two near float64 is exact, so the low part is not lost."""
    distance = np.asarray(stated - derived.value)
    if type(derived.low) is not float:
        distance -= derived.low
    np.abs(distance, out=distance)
    return distance


def after_overflow(stated: Real, derived: Bounded, tolerance: Error) -> tuple[Real, Real]:
    """Return each element's distance and tolerance where something is infinite or NaN already.

    A copy of an infinity is right, though the difference is NaN. What follows from NaN is not known.
    """
    off = distance(stated, derived)
    off[np.isinf(stated) & (stated == derived.value)] = 0
    return off, np.where(np.isnan(derived.value), np.inf, tolerance)


def _judge_closely(error: Real, tolerance: Error) -> tuple[Verdict, str, int]:
    """Return the same where some bound is 0, infinite or exceeded."""
    allowed = np.broadcast_to(tolerance, error.shape)
    finite = np.isfinite(allowed)
    outside = finite & ~(error <= allowed)  # written so that NaN is outside
    used = np.where(error == 0, 0.0, np.nan_to_num(error / allowed, nan=np.inf))
    if outside.any():
        return Verdict.DIFFERS, "", int(np.where(outside, used, -1).argmax())
    if not finite.all():
        return (
            Verdict.UNDECIDED,
            "the bound is infinite, because a step may overflow",
            int((~finite).argmax()),
        )
    return Verdict.AGREES, "", int(used.argmax())


def sizes(bounds: Real, derived: Bounded, shape: tuple[int, ...]) -> Real:
    """Return the size beside which each case's bound is held: its largest value, or its largest terms.

    Parameters
    ----------
    bounds
        The largest of each case, (C,).
    shape
        (C, elements).
    """
    peak: Real = derived.magnitude.reshape(shape).max(axis=1)
    certain = certifies(bounds, peak, derived.format)
    if certain.all():
        return peak
    return np.where(certain, peak, np.broadcast_to(derived.scale, derived.shape).reshape(shape).max(axis=1))


def certifies(bound: Any, largest: Any, form: Format) -> Any:  # noqa: ANN401 - floats, or arrays of them
    """Whether the bound, at its largest, certifies a digit of the largest value, or is mere underflow."""
    return (bound <= ONE_DIGIT * largest) | (bound <= form.underflow_threshold)


def _digits(bound: float, largest: float) -> float:
    """−log10(bound / largest): infinite for an exact comparison, −infinite where nothing is certified."""
    if bound == 0:
        return math.inf
    return math.log10(largest) - math.log10(bound) if largest > 0 and math.isfinite(bound) else -math.inf


def _maximum(error: Error) -> float:
    return error if isinstance(error, float) else max_element(error)


def _within(tolerance: Tolerance, claimed: Real, derived: Real) -> bool:
    return bool(np.allclose(claimed, derived, rtol=tolerance.rtol, atol=tolerance.atol))


def _index(place: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the index of the element at a place counted along the rows."""
    index = []
    for size in reversed(shape):
        place, i = divmod(place, size)
        index.append(i)
    return tuple(reversed(index))


def _indices(places: NDArray[np.intp], shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the index of each of several elements at their places."""
    if not shape:
        return [()] * len(places)
    return list(zip(*(axis.tolist() for axis in np.unravel_index(places, shape)), strict=True))
