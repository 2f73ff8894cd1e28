"""What is observed of one quantity, from a program or in print, and how it compares with what is derived."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases.protocol import Verdict
from reference.agreement import ONE_DIGIT, compare
from reference.arithmetic import EXACT, Bounded, Error
from reference.printed_array import JudgedArray


@dataclass(frozen=True, eq=False)
class Observed:
    """One quantity as it is observed."""

    # as the implementation gave it; NaN where a publication prints no number
    value: NDArray[Any]
    # of printed numbers half a unit in the last place, NaN where none is printed
    half_unit: Error = EXACT
    # whether the array has the dtype of the problem
    dtype_promised: bool = True
    # what the numbers leave open for the lines that follow, where that is less than half a unit
    left_open: Error | None = None

    @property
    def is_printed(self) -> bool:
        """Whether the numbers are known to their printed places only."""
        return not isinstance(self.half_unit, float)

    def fits(self, derived: Bounded) -> bool:
        """Whether shape and dtype let later lines follow from these numbers."""
        return self.dtype_promised and self.value.shape == derived.shape

    def as_input(self, derived: Bounded) -> Bounded:
        """Return what the lines that follow are derived from."""
        if not self.fits(derived):
            return derived
        if not self.is_printed:
            return derived.stated(self.value)
        left_open = self.half_unit if self.left_open is None else self.left_open
        error = np.where(self._given, left_open, derived.error)
        return Bounded(self._completed(derived), error, derived.format)

    @property
    def _given(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.half_unit)

    def _completed(self, derived: Bounded) -> NDArray[Any]:
        """Return the printed numbers, and derived ones where none is printed."""
        return np.where(self._given, self.value, derived.value)

    def verdict(self, derived: Bounded) -> Verdict:
        """Compare the observed numbers with derived ones; what does not fit differs.

        Printed numbers agree only with what is known to their last places.
        """
        if not self.fits(derived):
            return Verdict.DIFFERS
        with np.errstate(all="ignore"):  # ∞ − ∞ is judged, not raised
            return self._compared(derived)

    def _compared(self, derived: Bounded) -> Verdict:
        if not self.is_printed:
            return compare(0, "", self.value, derived).verdict
        given = self._given
        half_unit = np.where(given, self.half_unit, 0.0)
        verdict = compare(0, "", self._completed(derived), derived, half_unit=half_unit).verdict
        to_the_last_place = bool((np.broadcast_to(derived.error, given.shape) <= half_unit)[given].all())
        certified = to_the_last_place and float(half_unit.max()) <= ONE_DIGIT * derived.peak
        return verdict if certified or verdict is not Verdict.AGREES else Verdict.UNDECIDED

    def distinguishes(self, predicted: Bounded, right: Bounded) -> bool:
        """Whether some observed element can be only one of the two: their bounds do not meet there."""
        if predicted.shape != right.shape:
            return True
        with np.errstate(all="ignore"):  # NaN and infinity distinguish nothing
            apart = np.abs(predicted.value - right.value) > predicted.error + np.asarray(right.error)
        return bool((apart & self._given).any())


def observed_in_claim(claim: Mapping[str, object], dtype: str) -> dict[str, Observed]:
    """Return every array of real numbers of a claim; anything else is passed over."""
    arrays = {
        name: np.asarray(value) for name, value in claim.items() if isinstance(value, np.ndarray | np.generic)
    }
    numbers = {name: array for name, array in arrays.items() if _is_real(array.dtype)}
    return {name: Observed(array, dtype_promised=array.dtype == dtype) for name, array in numbers.items()}


def _is_real(dtype: np.dtype[Any]) -> bool:
    """Whether this is a number format; NumPy does not count ml_dtypes' among its own."""
    return dtype.kind == "f" or dtype == "bfloat16"


def observed_in_print(printed: Mapping[str, JudgedArray]) -> dict[str, Observed]:
    """Return every printed array of one step."""
    return {
        name: Observed(array.printed.value, array.half_unit, left_open=array.left_open)
        for name, array in printed.items()
    }
