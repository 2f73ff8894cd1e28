"""The one definition of agreement: a claimed quantity against the same quantity derived with its bound.

An element agrees if |claimed − derived| ≤ the derived error bound; NaN never does. An array agrees if all of
its elements do and its bound, at its largest, certifies a digit. `compare_cases` says so of many arrays along
a leading axis; one array that plainly agrees, as nearly all do, is decided before by a few operations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cases.problem import Tolerance
from cases.protocol import Verdict
from reference.arithmetic import EXACT, Bounded, Error, Format, Real, max_element
from reference.findings import Finding

# A bound of a tenth of the value certifies one digit; a larger one certifies nothing worth the name. What is
# left of a sum that cancels is compared with the terms that were added up, as each of them is known to a
# bound of its own size (`Bounded.scale`).
ONE_DIGIT = 0.1

# The element that decides a case: its index, what is claimed, what is derived, its low part, its tolerance;
# the largest bound of the case, and the digits that this certifies; the verdict.
Worst: TypeAlias = tuple[tuple[int, ...], float, float, float, float, float, float, Verdict]

# Verdicts by their indices in arrays, the better first.
VERDICTS: Final = (Verdict.AGREES, Verdict.UNDECIDED, Verdict.DIFFERS)
AGREES, UNDECIDED, DIFFERS = range(3)


def compare_array(
    step: int,
    quantity: str,
    claimed: ArrayLike,
    derived: Bounded,
    half_unit: Error = EXACT,
    conventional: Tolerance | None = None,
) -> Finding:
    """Judge a claimed array; `derived`, of its shape, is what follows from the implementation's own inputs.

    A bound that certifies less than one digit of the value, or of the terms that it is left of, decides
    nothing, and nor does an infinite one; but an element outside a finite bound differs whatever the others
    do. Of printed numbers `half_unit`, of the last place, is left open by the claim itself. `conventional` is
    an rtol and atol to try as well: the finding has both results, and the derived verdict counts.

    It is called inside a walk, where NumPy's warnings are off; elsewhere call `compare`.
    """
    stated = np.asarray(claimed, dtype=np.float64)
    worst = _plain_agreement(stated, derived) if type(half_unit) is float else None
    if worst is None:
        return compare_steps(step, quantity, stated[None], _stack_of_one(derived), half_unit, conventional)[0]
    close = None if conventional is None else _are_close(stated[None], derived.value, conventional)[0]
    return _finding(step, quantity, derived.format, worst, close)


# The same where NaN and infinity, which are judged too, would raise warnings; to turn these off takes 2 µs.
compare = np.errstate(all="ignore")(compare_array)


def compare_steps(
    first: int,
    quantity: str,
    claimed: Real,
    derived: Bounded,
    half_unit: Error = EXACT,
    conventional: Tolerance | None = None,
) -> FindingsOfSteps:
    """Judge a quantity of consecutive steps, from the `first` on, as `compare_array` does; all are stacks."""
    compared = compare_cases(claimed, derived, half_unit)
    close = _are_close(claimed, derived.value, conventional) if conventional else ()
    return FindingsOfSteps(first, quantity, compared, claimed, derived, half_unit, close)


def _finding(
    step: int, quantity: str, form: Format, worst: Worst, conventional: bool | None = None
) -> Finding:
    index, claimed, derived, low, tolerance, bound, digits, verdict = worst
    off = 0.0 if claimed == derived and math.isinf(derived) else abs(claimed - derived - low)
    ulp = form.ulp(derived) if math.isfinite(derived) else 0.0
    certifying = "the bound certifies less than one digit"
    reason = certifying if bound < math.inf else "the bound is infinite, because a step may overflow"
    return Finding(
        step=step,
        quantity=quantity,
        verdict=verdict,
        reason=reason if verdict is Verdict.UNDECIDED else "",
        index=index,
        claimed=claimed,
        derived=derived,
        error=off,
        tolerance=tolerance,
        used=off / tolerance if tolerance else (0.0 if off == 0 else math.inf),
        ulps=off / ulp if ulp else math.nan,
        digits=digits,
        truth="float64" if form.evaluation else "certified",
        conventional=conventional,
    )


def _plain_agreement(stated: Real, derived: Bounded) -> Worst | None:
    """Return the worst element of an array that agrees; None where that takes a closer look."""
    used, error = distance(stated, derived), derived.error
    worst, size = 0, derived.peak
    bound = error if isinstance(error, float) else max_element(error)
    if bound == 0:
        if used.any():  # NaN counts as a distance
            return None
    else:
        used /= error
        worst = int(used.argmax())
        if math.isnan(used.item(worst)):  # as where nothing is allowed and nothing is off
            used = np.where(distance(stated, derived) == 0, 0.0, used)
            worst = int(used.argmax())
        if not (used.item(worst) <= 1 and bound < math.inf):
            return None
        if not certifies(bound, size, derived.format):  # as where a sum cancels
            size = max_element(derived.scale)
            if not certifies(bound, size, derived.format):
                return None
    low, tolerance = (part if isinstance(part, float) else part.item(worst) for part in (derived.low, error))
    numbers = stated.item(worst), derived.value.item(worst), low, tolerance
    return _index(worst, stated.shape), *numbers, bound, certified_digits(bound, size), Verdict.AGREES


@dataclass(frozen=True, eq=False)
class Comparison:
    """Many cases of one quantity compared, in arrays with one entry for each of C cases."""

    verdicts: NDArray[np.int8]  # indices in `VERDICTS`
    worst: NDArray[np.intp]  # the flat index of the element that decides
    used: Real  # the largest error over its tolerance; infinite where nothing is allowed and something is off
    bound: Real  # the largest bound
    size: Real  # the largest value, or the largest terms, that it is compared with

    @cached_property
    def digits(self) -> Real:
        """Decimal digits that are certified, as `certified_digits`."""
        fine = np.isfinite(self.bound) & (self.size > 0)
        with np.errstate(all="ignore"):  # the logarithms of what is not fine
            digits = np.where(fine, np.log10(self.size) - np.log10(self.bound), -np.inf)
        return np.where(self.bound == 0, np.inf, digits)


@dataclass(frozen=True, eq=False)
class FindingsOfSteps(Sequence[Finding]):
    """The findings on one quantity of consecutive steps; each is made where it is first asked for.

    In a long run, where most agree and one row stands for many, hardly any is.
    """

    first: int  # the number of the first step
    quantity: str
    compared: Comparison
    claimed: Real
    derived: Bounded
    half_unit: Error
    close: Sequence[
        bool
    ]  # whether the case's own rtol and atol hold, at each step; empty if it asks for none
    _made: dict[int, Finding] = field(default_factory=dict)

    @cached_property
    def agree(self) -> bool:
        """Whether all of them pass."""
        return not self.compared.verdicts.any() and all(self.close)

    def __len__(self) -> int:
        return len(self.claimed)

    @overload
    def __getitem__(self, i: int) -> Finding: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[Finding]: ...
    def __getitem__(self, i: int | slice) -> Finding | Sequence[Finding]:
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(len(self)))]
        if not 0 <= i < len(self):
            raise IndexError(i)
        if i not in self._made:
            close = self.close[i] if self.close else None
            self._made[i] = _finding(
                self.first + i, self.quantity, self.derived.format, self._worst(i), close
            )
        return self._made[i]

    def _worst(self, i: int) -> Worst:
        flat, shape, compared = int(self.compared.worst[i]), self.claimed.shape[1:], self.compared
        parts = self.claimed, self.derived.value, self.derived.low, self.derived.error + self.half_unit
        claimed, derived, low, tolerance = (
            part if isinstance(part, float) else part.item(flat) for part in parts
        )
        numbers = claimed, derived, low, tolerance, compared.bound.item(i), compared.digits.item(i)
        return _index(flat - i * math.prod(shape), shape), *numbers, VERDICTS[compared.verdicts[i]]


def compare_cases(claimed: Real, derived: Bounded, half_unit: Error = EXACT) -> Comparison:
    """Compare C cases, stacked along the first axis; a number without axes is common to them, as one case."""
    shape = (len(claimed), -1) if claimed.ndim else (1, 1)
    off, tolerance = distance(claimed, derived).reshape(shape), derived.error + half_unit
    allowed = np.full(off.shape, tolerance) if isinstance(tolerance, float) else tolerance.reshape(shape)
    used = off / allowed
    used[off == 0] = 0
    cases = np.arange(len(off))
    worst, bound = used.argmax(axis=1), allowed.max(axis=1)
    used = used[cases, worst]
    agrees = (used <= 1) & (bound < np.inf)
    verdicts = np.zeros(len(off), np.int8)
    if not agrees.all():
        stated, value = (array.reshape(shape)[~agrees] for array in (claimed, derived.value))
        closer = _look_closer(stated, value, off[~agrees], allowed[~agrees])
        verdicts[~agrees], worst[~agrees], used[~agrees], bound[~agrees] = closer
    own = bound
    if type(half_unit) is not float:
        own = np.broadcast_to(derived.error, claimed.shape).reshape(shape).max(axis=1)
    size = derived.peak.reshape(-1)
    certain = certifies(own, size, derived.format)
    if not certain.all():  # as where a sum cancels
        size = np.where(certain, size, derived.scale.reshape(shape).max(axis=1))
        verdicts[(verdicts == AGREES) & ~certifies(own, size, derived.format)] = UNDECIDED
    return Comparison(verdicts, cases * off.shape[1] + worst, used, bound, size)


def _look_closer(stated: Real, value: Real, off: Real, allowed: Real) -> tuple[Any, Any, Any, Any]:
    """Decide cases where something is 0, infinite, NaN or outside its bound: (C, n) elements.

    A copy of an infinity is right, though the difference is NaN. What follows from NaN is not known. Returned
    are the verdicts, the elements that decide, their shares of the tolerance, and the largest tolerances.
    """
    off[np.isinf(stated) & (stated == value)] = 0
    allowed = np.where(np.isnan(value), np.inf, allowed)
    used, finite = np.where(off == 0, 0.0, off / allowed), np.isfinite(allowed)
    outside = finite & ~(off <= allowed)  # written so that NaN is outside
    rank = np.nan_to_num(used, nan=np.inf)
    which = [outside.any(axis=1), ~finite.all(axis=1)]
    verdicts = np.select(which, [DIFFERS, UNDECIDED], AGREES)
    deciding = [np.where(outside, rank, -1).argmax(axis=1), finite.argmin(axis=1)]
    worst = np.select(which, deciding, rank.argmax(axis=1))
    share = np.nan_to_num(used[np.arange(len(off)), worst], nan=np.inf, posinf=np.inf)
    return verdicts, worst, share, np.nan_to_num(allowed.max(axis=1), nan=np.inf, posinf=np.inf)


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


def _stack_of_one(derived: Bounded) -> Bounded:
    error, low = (part if isinstance(part, float) else part[None] for part in (derived.error, derived.low))
    form = replace(derived.format, stacked=True)
    return Bounded(derived.value[None], error, form, low=low, sizes=lambda: derived.scale[None])


def _are_close(claimed: Real, derived: Real, tolerance: Tolerance) -> Sequence[bool]:
    close = np.isclose(claimed, derived, rtol=tolerance.rtol, atol=tolerance.atol)
    return [bool(case.all()) for case in close.reshape(len(claimed), -1)]


def certified_digits(bound: float, size: float) -> float:
    """−log10(bound / size): infinite for an exact comparison, −infinite where nothing is certified."""
    if bound == 0:
        return math.inf
    return math.log10(size) - math.log10(bound) if size > 0 and math.isfinite(bound) else -math.inf


def _index(element: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    index = []
    for size in reversed(shape):
        element, i = divmod(element, size)
        index.append(i)
    return tuple(reversed(index))
