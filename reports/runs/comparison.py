"""Implementations compared with each other, and with the NumPy reference; no verdict rests on these."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reference.arithmetic import Real
from reports.runs.step_batches import StepBatch

# What an implementation states, by name: arrays whose first axis is the step.
Stated: TypeAlias = Mapping[str, NDArray[Any]]

# The largest absolute differences by quantity, at each step, and the largest relative ones.
Differences: TypeAlias = Mapping[str, tuple[Real, Real]]

About: TypeAlias = tuple[str, str, str, str, str]  # the first fields of a `Pair`

REFERENCE = "numpy"  # the adapter that plain differences are measured from; it is judged like the others
UNKNOWN = math.nan, math.nan  # the differences where there is nothing to compare


@dataclass(frozen=True)
class Pair:
    """One quantity of two implementations against each other, over all steps that both took."""

    case: str
    dtype: str
    left: str  # an implementation: "torch", "jax plain"
    right: str
    quantity: str
    elements: int  # how many numbers were compared
    equal: int  # how many of them are the same bit for bit
    ulps: float  # the largest distance, in numbers of the format; infinite where only one of the two is NaN
    max_abs_diff: float


def largest_differences(claimed: NDArray[Any], reference: NDArray[Any]) -> tuple[Real, Real]:
    """Return the largest absolute and the largest relative difference at each place of the first axis.

    The relative one is |claimed − reference| / |reference|, infinite where only the reference is 0.
    """
    left, right = (np.asarray(array, np.float64).reshape(len(array), -1) for array in (claimed, reference))
    with np.errstate(all="ignore"):  # infinities are differences like others
        distance = np.abs(left - right)
        distance[left == right] = 0.0  # infinities that are equal have none
        relative = distance / np.abs(right)
        relative[distance == 0] = 0.0
    return distance.max(axis=1), relative.max(axis=1)


def plain_differences(stated: Stated, reference: Stated) -> Differences:
    """Return the largest plain differences of each quantity that both state."""
    return {name: largest_differences(*arrays) for name, *arrays in _in_both(stated, reference)}


def _in_both(left: Stated, right: Stated) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    """Give what both state in one shape, and of which there is an element."""
    for name, array in left.items():
        if name in right and array.shape == right[name].shape and array.size:
            yield name, array, right[name]


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


class PairCounter:
    """Counts over the pairs of implementations that belong to different adapters, but for the reference."""

    def __init__(self) -> None:
        self._counted: dict[About, Pair] = {}

    def add(self, batch: StepBatch) -> None:
        subjects = [subject for subject in batch.arrays if subject.adapter != REFERENCE]
        for left, right in combinations(subjects, 2):
            if left.adapter != right.adapter:
                about = left.case, left.dtype, left.implementation, right.implementation
                for name, *arrays in _in_both(batch.arrays[left], batch.arrays[right]):
                    self._count((*about, name), *arrays)

    def _count(self, about: About, left: NDArray[Any], right: NDArray[Any]) -> None:
        before = self._counted.get(about, Pair(*about, 0, 0, 0.0, 0.0))
        equal, ulps, distance = before.equal + left.size, before.ulps, before.max_abs_diff
        is_equal = bitwise_equal(left, right)
        if not is_equal.all():
            equal -= left.size - int(np.count_nonzero(is_equal))
            ulps = float(ulp_distance(left, right).max(initial=ulps))
            distance = float(np.fmax.reduce(largest_differences(left, right)[0], initial=distance))
        self._counted[about] = Pair(*about, before.elements + left.size, equal, ulps, distance)

    def finished(self) -> tuple[Pair, ...]:
        return tuple(self._counted.values())
