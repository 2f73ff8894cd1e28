"""The one definition of agreement: a claimed quantity against the same quantity derived with its bound."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from reference.bounded import Bounded
from reference.findings import Finding, Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cases.model import Tolerance
    from reference.bounded import Real

ONE_DIGIT = 0.1
"""A bound of a tenth of the value certifies one digit; a larger one certifies nothing worth the name."""


def compare(
    step: int,
    quantity: str,
    claimed: NDArray,
    derived: Bounded,
    *,
    half_unit: Real | float = 0.0,
    conventional: Tolerance | None = None,
) -> Finding:
    """Judge a claimed array, element by element: |claimed − derived| ≤ the derived error bound.

    Parameters
    ----------
    claimed
        The claimed array, of the derived array's shape. NaN never agrees.
    derived
        What follows from the claimant's own inputs, in the claimant's format.
    half_unit
        For printed numbers: half a unit in the last printed place, which the claim itself leaves open.
    conventional
        An rtol and atol to try as well; the finding tells both and the derived verdict stands.
    """
    exact = np.asarray(claimed, dtype=np.float64)
    tolerance = np.broadcast_to(np.asarray(derived.error + half_unit), derived.shape)
    error = np.abs(exact - derived.value)
    holds = error <= tolerance  # false for NaN
    decided = np.isfinite(tolerance)
    if holds.all() and decided.all():
        verdict, worst = Verdict.AGREES, _largest(_used(error, tolerance))
    elif (~holds & decided).any():
        verdict, worst = Verdict.DIFFERS, _largest(np.where(decided, _used(error, tolerance), -1))
    else:
        verdict, worst = Verdict.UNDECIDED, _largest(~decided)
    reason = ""
    if verdict is not Verdict.DIFFERS and not _certifies(derived):
        verdict, reason = Verdict.UNDECIDED, "the bound certifies less than one digit"
    scalar = float(derived.value[worst])
    return Finding(
        step=step,
        quantity=quantity,
        verdict=verdict,
        reason=reason,
        index=worst,
        claimed=float(exact[worst]),
        derived=scalar,
        error=float(error[worst]),
        tolerance=float(tolerance[worst]),
        used=float(_used(error[worst], tolerance[worst])),
        ulps=float(error[worst]) / derived.format.ulp(scalar) if derived.format.unit_roundoff else math.nan,
        digits=_digits(tolerance, derived.value),
        conventional=None if conventional is None else _within(conventional, exact, derived.value),
    )


def _used(error: Real, tolerance: Real) -> Real:
    """error / tolerance, with 0 of 0 used where nothing was off, and all of it exceeded where NaN is claimed."""
    used = np.divide(error, tolerance, out=np.full(np.shape(error), np.inf), where=np.greater(tolerance, 0))
    return np.where(error == 0, 0.0, np.where(np.isnan(used), np.inf, used))


def _largest(array: NDArray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(np.argmax(array), np.shape(array)))


def _certifies(derived: Bounded) -> bool:
    """Whether the bound, at its largest, certifies a digit of the largest value, or is mere underflow."""
    bound = float(np.max(derived.error))
    largest = float(np.max(np.abs(derived.value)))
    return bound <= ONE_DIGIT * largest or bound <= derived.format.underflow_threshold


def _digits(tolerance: Real, value: Real) -> float:
    bound, largest = float(np.max(tolerance)), float(np.max(np.abs(value)))
    if bound == 0:
        return math.inf
    return -math.log10(bound / largest) if largest > 0 and math.isfinite(bound) else -math.inf


def _within(tolerance: Tolerance, claimed: Real, derived: Real) -> bool:
    return bool(np.allclose(claimed, derived, rtol=tolerance.rtol, atol=tolerance.atol))
