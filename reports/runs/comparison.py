"""Implementations compared with each other, and with the NumPy reference; no verdict rests on these."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reference.arithmetic import max_element
from reports.runs.step_batches import StepBatch

Real: TypeAlias = NDArray[np.float64]

# The adapter that plain differences are measured from; it is judged like the others.
REFERENCE = "numpy"


@dataclass(frozen=True)
class Pair:
    """One quantity of two implementations against each other, over all steps that both took.

    Attributes
    ----------
    left, right
        The implementations: "torch" and "jax plain".
    elements, equal
        How many numbers were compared, and how many are the same bit for bit.
    ulps
        The largest distance, counted in numbers of the format; infinite where only one of the two is NaN.
    max_abs_diff
        The largest absolute difference.
    """

    case: str
    dtype: str
    left: str
    right: str
    quantity: str
    elements: int
    equal: int
    ulps: float
    max_abs_diff: float


def differences(claimed: NDArray[Any], reference: NDArray[Any]) -> tuple[Real, Real]:
    """Return the absolute and the relative difference of each element of two arrays of one shape.

    The relative one is |claimed − reference| / |reference|, infinite where only the reference is 0.
    """
    left, right = np.asarray(claimed, np.float64), np.asarray(reference, np.float64)
    with np.errstate(all="ignore"):  # infinities are differences like others
        distance = np.asarray(np.abs(left - right))
        distance[left == right] = 0.0  # infinities that are equal have none
        relative = np.asarray(distance / np.abs(right))
        relative[distance == 0] = 0.0
    return distance, relative


def largest_differences(claimed: NDArray[Any], reference: NDArray[Any]) -> tuple[float, float]:
    """Return the largest absolute and the largest relative difference of two arrays of one shape."""
    distance, relative = differences(claimed, reference)
    return max_element(distance), max_element(relative)


def bitwise_equal(left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.bool_]:
    """Say of each element whether it is the same bit for bit; +0 and −0 are not."""
    return _bits(left) == _bits(right)


def ulp_distance(left: NDArray[Any], right: NDArray[Any]) -> Real:
    """Return how many numbers of the format lie between each two elements; infinite where only one is NaN."""
    ranks = _ranks(left), _ranks(right)
    distance = np.asarray((np.maximum(*ranks) - np.minimum(*ranks)).astype(np.float64))
    nans = np.isnan(left), np.isnan(right)
    distance[nans[0] | nans[1]] = 0.0
    distance[nans[0] != nans[1]] = np.inf
    return distance


def _bits(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array).view(f"u{array.itemsize}")


def _ranks(array: NDArray[Any]) -> NDArray[Any]:
    """Number the format's values in ascending order, as unsigned integers, with −0 and +0 the same."""
    bits = _bits(array)
    half = bits.dtype.type(1 << (8 * array.itemsize - 1))
    return np.where(bits >= half, half - (bits - half), half + bits)


@dataclass(frozen=True, eq=False)
class Comparison:
    """What two implementations both state at the same steps, in one dtype and shape.

    Attributes
    ----------
    names, sizes
        The quantities, and how many elements each has at one step: at least one.
    steps
        The number of steps.
    left, right
        All elements, one-dimensional: quantity after quantity, in each of them step after step.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    steps: int
    left: NDArray[Any]
    right: NDArray[Any]

    @classmethod
    def of(cls, left: Mapping[str, NDArray[Any]], right: Mapping[str, NDArray[Any]]) -> Comparison | None:
        """Compare arrays whose first axis is the step; None where the two have nothing in common."""
        names = tuple(
            name
            for name, array in left.items()
            if name in right and array.shape == right[name].shape and array.size
        )
        if not names:
            return None
        steps = len(left[names[0]])
        sizes = tuple(left[name].size // steps for name in names)
        joined = (np.concatenate([arrays[name] for name in names], None) for arrays in (left, right))
        return cls(names, sizes, steps, *joined)

    @property
    def _starts(self) -> NDArray[np.intp]:
        return _starts(self.sizes, self.steps)

    def _by_step(self, function: np.ufunc, elements: NDArray[Any], **how: Any) -> NDArray[Any]:  # noqa: ANN401 - NumPy's own
        return function.reduceat(elements, self._starts, **how).reshape(len(self.names), self.steps)

    def largest_differences(self) -> tuple[Real, Real]:
        """Return the largest absolute and the largest relative difference of each quantity at each step."""
        distance, relative = differences(self.left, self.right)
        return self._by_step(np.maximum, distance), self._by_step(np.maximum, relative)

    def equal(self) -> NDArray[np.intp]:
        """Return how many elements of each quantity are the same bit for bit at each step."""
        return self._by_step(np.add, bitwise_equal(self.left, self.right), dtype=np.intp)

    def ulps(self) -> Real:
        """Return how many numbers of the format lie between two elements, at most; of each likewise."""
        return self._by_step(np.maximum, ulp_distance(self.left, self.right))


@lru_cache(maxsize=64)
def _starts(sizes: tuple[int, ...], steps: int) -> NDArray[np.intp]:
    """Return where each step of each quantity begins; a run asks for the same in every batch."""
    each = np.repeat(sizes, steps)
    return np.cumsum((0, *each[:-1]))


class PairCounter:
    """Counts over the pairs of implementations that belong to different adapters, but for the reference."""

    def __init__(self) -> None:
        self._counted: dict[tuple[str, ...], Pair] = {}

    def add(self, batch: StepBatch) -> None:
        subjects = [subject for subject in batch.arrays if subject.adapter != REFERENCE]
        for left, right in combinations(subjects, 2):
            if left.adapter != right.adapter:
                both = Comparison.of(batch.arrays[left], batch.arrays[right])
                about = left.case, left.dtype, left.implementation, right.implementation
                self._count(about, both)

    def _count(self, about: tuple[str, str, str, str], both: Comparison | None) -> None:
        if both is None:
            return
        equal, ulps, (distance, _) = both.equal(), both.ulps(), both.largest_differences()
        for i, (name, size) in enumerate(zip(both.names, both.sizes, strict=True)):
            before = self._counted.get((*about, name), Pair(*about, name, 0, 0, 0.0, 0.0))
            differ = equal[i] < size
            self._counted[*about, name] = Pair(
                *about,
                name,
                before.elements + size * both.steps,
                before.equal + int(equal[i].sum()),
                max(before.ulps, *ulps[i][differ].tolist(), 0.0),
                float(np.fmax.reduce(distance[i][differ], initial=before.max_abs_diff)),
            )

    def finished(self) -> tuple[Pair, ...]:
        """Return what has been counted, quantity by quantity in the order first met."""
        return tuple(self._counted.values())


# The largest absolute and relative difference by quantity, at each step.
Differences: TypeAlias = Mapping[str, Sequence[tuple[float, float]]]

# The differences where there is nothing to compare.
UNKNOWN = math.nan, math.nan


def plain_differences(
    arrays: Mapping[str, NDArray[Any]], baseline: Mapping[str, NDArray[Any]]
) -> Differences:
    """Return the largest plain differences of each quantity that both state."""
    both = Comparison.of(arrays, baseline)
    if both is None:
        return {}
    distance, relative = (largest.tolist() for largest in both.largest_differences())
    return {
        name: list(zip(*of_quantity, strict=True))
        for name, *of_quantity in zip(both.names, distance, relative, strict=True)
    }
