"""What is stated of one quantity, by a program or in print, and how it is held against what is derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases.verdict import Verdict
from reference.agreement import ONE_DIGIT, compare
from reference.arithmetic import EXACT, Bounded, Error
from reference.printed_array import JudgedArray


@dataclass(frozen=True, eq=False)
class Stated:
    """One quantity as it is stated.

    Attributes
    ----------
    value
        The array, as the implementation gave it; NaN where a publication prints no number.
    half_unit
        For printed numbers half a unit in the last place, NaN where none is printed; else `EXACT`.
    dtype_promised
        Whether the array has the dtype of the problem.
    left_open
        What the numbers leave open for the lines that follow, where that is less than half a unit.
    """

    value: NDArray[Any]
    half_unit: Error = EXACT
    dtype_promised: bool = True
    left_open: Error | None = None

    @property
    def is_printed(self) -> bool:
        """Whether the numbers are known to their printed places only."""
        return not isinstance(self.half_unit, float)

    def fits(self, derived: Bounded) -> bool:
        """Whether shape and dtype let the numbers stand for the derived quantity in the lines that follow."""
        return self.dtype_promised and self.value.shape == derived.shape

    def stands_for(self, derived: Bounded) -> Bounded:
        """Return what the lines that follow are derived from."""
        if not self.fits(derived):
            return derived
        if not self.is_printed:
            return derived.stated(self.value)
        given = ~np.isnan(self.half_unit)
        value = np.where(given, self.value, derived.value)
        left_open = self.half_unit if self.left_open is None else self.left_open
        return Bounded(value, np.where(given, left_open, derived.error), derived.format)

    def verdict(self, derived: Bounded) -> Verdict:
        """Hold the stated numbers against derived ones; what does not fit differs.

        Printed numbers agree only with what is known to their last places.
        """
        if not self.fits(derived):
            return Verdict.DIFFERS
        with np.errstate(all="ignore"):  # ∞ − ∞ is judged, not raised
            return self._compared(derived)

    def _compared(self, derived: Bounded) -> Verdict:
        if not self.is_printed:
            return compare(0, "", self.value, derived).verdict
        given = ~np.isnan(self.half_unit)
        value = np.where(given, self.value, derived.value)
        half_unit = np.where(given, self.half_unit, 0.0)
        verdict = compare(0, "", value, derived, half_unit=half_unit).verdict
        to_the_last_place = bool((np.broadcast_to(derived.error, given.shape) <= half_unit)[given].all())
        certified = to_the_last_place and float(half_unit.max()) <= ONE_DIGIT * derived.peak
        return verdict if certified or verdict is not Verdict.AGREES else Verdict.UNDECIDED

    def tells_apart(self, predicted: Bounded, right: Bounded) -> bool:
        """Whether some stated element can be only one of the two: their bounds do not meet there."""
        if predicted.shape != right.shape:
            return True
        with np.errstate(all="ignore"):  # NaN and infinity tell nothing apart
            apart = np.abs(predicted.value - right.value) > predicted.error + np.asarray(right.error)
        return bool((apart & ~np.isnan(self.half_unit)).any())


def stated_in_claim(claim: Mapping[str, object], dtype: str) -> dict[str, Stated]:
    """Return every array of a claim; what is no array states nothing."""
    arrays = {
        name: np.asarray(value) for name, value in claim.items() if isinstance(value, np.ndarray | np.generic)
    }
    numbers = {name: array for name, array in arrays.items() if _is_real(array.dtype)}
    return {name: Stated(array, dtype_promised=array.dtype == dtype) for name, array in numbers.items()}


def _is_real(dtype: np.dtype[Any]) -> bool:
    """Whether this is a number format; NumPy does not count ml_dtypes' among its own."""
    return dtype.kind == "f" or dtype == "bfloat16"


def stated_in_print(printed: Mapping[str, JudgedArray]) -> dict[str, Stated]:
    """Return every printed array of one step."""
    return {
        name: Stated(one.printed.value, one.half_unit, left_open=one.left_open)
        for name, one in printed.items()
    }
