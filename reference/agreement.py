"""The one definition of agreement: a claimed quantity against the same quantity derived with its bound.

An element agrees if |claimed − derived| ≤ the derived error bound; NaN never does. An array agrees if all of
its elements do and its bound, at its largest, certifies a digit. `compare_cases` says so of many arrays along
a leading axis; one array that plainly agrees, as nearly all do, is decided before by a few operations.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cases.problem import Tolerance
from cases.verdict import Verdict
from reference.arithmetic import EXACT, Bounded, Error, Format, Real, max_element
from reference.findings import Finding

# A bound of a tenth of the value certifies one digit; a larger one certifies nothing worth the name.
#
# Zero is a number, too: what is left of a sum that cancels is held beside the terms that were added up, as
# each of them is known to a bound of its own size (`Bounded.scale`).
ONE_DIGIT = 0.1

# Verdicts by their indices in arrays, the better first.
VERDICTS: Final = (Verdict.AGREES, Verdict.UNDECIDED, Verdict.DIFFERS)
AGREES, UNDECIDED, DIFFERS = range(3)


def compare(
    step: int,
    quantity: str,
    claimed: ArrayLike,
    derived: Bounded,
    *,
    half_unit: Error = EXACT,
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
    with np.errstate(all="ignore"):  # NaN and infinity are judged
        return compare_array(step, quantity, claimed, derived, half_unit, conventional)


def compare_array(
    step: int,
    quantity: str,
    claimed: ArrayLike,
    derived: Bounded,
    half_unit: Error = EXACT,
    conventional: Tolerance | None = None,
) -> Finding:
    """Judge as `compare` does, inside a walk, where NumPy's warnings are off: that alone takes 2 µs."""
    stated = np.asarray(claimed, dtype=np.float64)
    worst = _plain_agreement(stated, derived) if type(half_unit) is float else None
    if worst is None:
        return compare_steps(step, quantity, stated[None], _stack_of_one(derived), half_unit, conventional)[0]
    close = None if conventional is None else _are_close(stated[None], derived.value, conventional)[0]
    return _finding(step, quantity, stated, derived, derived.error, worst, stated.shape, close)


def compare_steps(
    first: int,
    quantity: str,
    claimed: Real,
    derived: Bounded,
    half_unit: Error = EXACT,
    conventional: Tolerance | None = None,
) -> list[Finding]:
    """Judge a quantity of consecutive steps, from the `first` on, as `compare` does; all are stacks."""
    close = conventional and _are_close(claimed, derived.value, conventional)
    tolerance, shape = derived.error + half_unit, claimed.shape[1:]
    return [
        _finding(first + i, quantity, claimed, derived, tolerance, worst, shape, close[i] if close else None)
        for i, worst in enumerate(compare_cases(claimed, derived, half_unit).worst_of_each())
    ]


class Worst(NamedTuple):
    """What decides a case: an element by its flat index, the largest bound, and the size beside that."""

    element: int
    bound: float
    size: float
    verdict: Verdict = Verdict.AGREES


@dataclass(frozen=True, eq=False)
class Comparison:
    """Many cases of one quantity compared, in arrays with one entry for each of C cases.

    Attributes
    ----------
    verdicts
        Indices in `VERDICTS`.
    worst
        The flat index of the element that decides.
    used
        The largest error divided by its tolerance; infinite where nothing is allowed and something is off.
    bound, size
        The largest bound, and the largest value, or the largest terms, beside which it is held.
    """

    verdicts: NDArray[np.int8]
    worst: NDArray[np.intp]
    used: Real
    bound: Real
    size: Real

    @property
    def digits(self) -> Real:
        """Decimal digits that are certified: −log10(bound / size), infinite for an exact comparison."""
        fine = np.isfinite(self.bound) & (self.size > 0)
        digits = np.where(fine, np.log10(self.size) - np.log10(self.bound), -np.inf)
        return np.where(self.bound == 0, np.inf, digits)

    def worst_of_each(self) -> list[Worst]:
        parts = (self.worst, self.bound, self.size, np.array(VERDICTS, object)[self.verdicts])
        return list(map(Worst, *(part.tolist() for part in parts)))


def _plain_agreement(stated: Real, derived: Bounded) -> Worst | None:
    """Return the worst element of an array that agrees; None where that takes a closer look."""
    used, error = distance(stated, derived), derived.error
    bound = error if isinstance(error, float) else max_element(error)
    if bound == 0:
        return None if used.any() else Worst(0, bound, derived.peak)  # NaN counts as a distance
    nothing = used == 0
    used /= error
    worst = int(used.argmax())
    if math.isnan(used.item(worst)):  # as where nothing is allowed and nothing is off
        used[nothing] = 0
        worst = int(used.argmax())
    if not (used.item(worst) <= 1 and bound < math.inf):
        return None
    size = derived.peak
    if not certifies(bound, size, derived.format):  # as where a sum cancels
        size = max_element(derived.scale)
    return Worst(worst, bound, size) if certifies(bound, size, derived.format) else None


def compare_cases(claimed: Real, derived: Bounded, half_unit: Error = EXACT) -> Comparison:
    """Compare C cases, stacked along the first axis; a number without axes is common to them, as one case."""
    shape = (len(claimed), -1) if claimed.ndim else (1, 1)
    off = distance(claimed, derived)
    off[np.isinf(claimed) & (claimed == derived.value)] = 0  # a copy of an infinity, though ∞ − ∞ is NaN
    allowed = np.where(np.isnan(derived.value), np.inf, derived.error + half_unit)  # nothing follows from NaN
    off, allowed = off.reshape(shape), np.broadcast_to(allowed, claimed.shape).reshape(shape)
    used = np.where(off == 0, 0.0, off / allowed)
    rows, worst, bound = np.arange(len(off)), used.argmax(axis=1), allowed.max(axis=1)
    agrees = (used[rows, worst] <= 1) & (bound < np.inf)
    verdicts = np.where(agrees, AGREES, UNDECIDED).astype(np.int8)
    if not agrees.all():
        off, allowed, shares = (part[~agrees] for part in (off, allowed, np.nan_to_num(used, nan=np.inf)))
        finite = np.isfinite(allowed)
        outside = finite & ~(off <= allowed)  # written so that NaN is outside
        differs = outside.any(axis=1)
        verdicts[~agrees] = np.where(differs, DIFFERS, UNDECIDED)
        farthest, first_without_bound = np.where(outside, shares, -1).argmax(axis=1), finite.argmin(axis=1)
        worst[~agrees] = np.where(differs, farthest, first_without_bound)
    own = bound if type(half_unit) is float else _largest(derived.error, claimed.shape, shape)
    size = _sizes(own, derived, shape)
    verdicts[agrees & ~certifies(own, size, derived.format)] = UNDECIDED
    shares = np.nan_to_num(used[rows, worst], nan=np.inf, posinf=np.inf)
    return Comparison(verdicts, rows * used.shape[1] + worst, shares, bound, size)


def distance(stated: Real, derived: Bounded) -> Real:
    """Return |stated − derived|; the difference of two near float64 is exact, so the low part is not lost."""
    distance = np.asarray(stated - derived.value)
    if type(derived.low) is not float:
        distance -= derived.low
    np.abs(distance, out=distance)
    return distance


def certifies(bound: Any, largest: Any, form: Format) -> Any:  # noqa: ANN401 - floats, or arrays of them
    """Whether the bound, at its largest, certifies a digit of the largest value, or is mere underflow."""
    return (bound <= ONE_DIGIT * largest) | (bound <= form.underflow_threshold)


def _sizes(bound: Real, derived: Bounded, shape: tuple[int, int]) -> Real:
    """Return the size beside which each case's bound is held: its largest value, or its largest terms."""
    peak = _largest(derived.magnitude, derived.shape, shape)
    certain = certifies(bound, peak, derived.format)
    return peak if certain.all() else np.where(certain, peak, _largest(derived.scale, derived.shape, shape))


def _largest(part: Error, full: tuple[int, ...], shape: tuple[int, int]) -> Real:
    return np.broadcast_to(part, full).reshape(shape).max(axis=1)


def _stack_of_one(derived: Bounded) -> Bounded:
    error, low = (part if isinstance(part, float) else part[None] for part in (derived.error, derived.low))
    form = replace(derived.format, stacked=True)
    return Bounded(derived.value[None], error, form, low=low, sizes=lambda: derived.scale[None])


def _are_close(claimed: Real, derived: Real, tolerance: Tolerance) -> list[bool]:
    close = np.isclose(claimed, derived, rtol=tolerance.rtol, atol=tolerance.atol)
    return close.reshape(len(claimed), -1).all(axis=1).tolist()


def _finding(  # noqa: PLR0913, PLR0917 - what a finding is made of
    step: int,
    quantity: str,
    claimed: Real,
    derived: Bounded,
    tolerance: Error,
    worst: Worst,
    shape: tuple[int, ...],
    conventional: bool | None,
) -> Finding:
    i, form, verdict = worst.element, derived.format, worst.verdict
    claim, value = claimed.item(i), derived.value.item(i)
    low, allowed = (part if isinstance(part, float) else part.item(i) for part in (derived.low, tolerance))
    off, ulp = abs(claim - value - low), form.ulp(value)
    return Finding(
        step=step,
        quantity=quantity,
        verdict=verdict,
        reason=_why_undecided(worst) if verdict is Verdict.UNDECIDED else "",
        index=_index(i, shape),
        claimed=claim,
        derived=value,
        error=off,
        tolerance=allowed,
        used=off / allowed if allowed else (0.0 if off == 0 else math.inf),
        ulps=off / ulp if ulp else math.nan,
        digits=certified_digits(worst.bound, worst.size),
        truth="float64" if form.evaluation else "certified",
        conventional=conventional,
    )


def _why_undecided(worst: Worst) -> str:
    if worst.bound < math.inf:
        return "the bound certifies less than one digit"
    return "the bound is infinite, because a step may overflow"


def certified_digits(bound: float, size: float) -> float:
    """−log10(bound / size): infinite for an exact comparison, −infinite where nothing is certified."""
    if bound == 0:
        return math.inf
    return math.log10(size) - math.log10(bound) if size > 0 and math.isfinite(bound) else -math.inf


def _index(element: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the index of an element by its flat index, of which only that within `shape` counts."""
    index = []
    for size in reversed(shape):
        element, i = divmod(element, size)
        index.append(i)
    return tuple(reversed(index))
