"""Plain differences between two arrays, as people are used to see them; no verdict rests on these."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from reference.bounded import maximum

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def stated(claim: Mapping[str, NDArray[Any]], name: str, dtype: str) -> NDArray[Any] | None:
    """Return a claim's array, or None where it states none of this dtype."""
    array = claim.get(name)
    if not isinstance(array, np.ndarray | np.generic) or array.dtype != dtype:
        return None
    return np.asarray(array)


def largest_differences(claimed: NDArray[Any], reference: NDArray[Any]) -> tuple[float, float]:
    """Return the largest absolute and relative difference of two arrays of one shape.

    The relative one is |claimed − reference| / |reference|, infinite where only the reference is 0.
    """
    one, other = np.asarray(claimed, np.float64), np.asarray(reference, np.float64)
    with np.errstate(all="ignore"):  # infinities are differences like others
        distance = np.abs(one - other)
        largest = maximum(distance), maximum(distance / np.abs(other))
        if math.isfinite(largest[0]) and not math.isnan(
            largest[1]
        ):  # as nearly always: no 0/0, nothing infinite
            return largest
        distance = np.where(one == other, 0.0, distance)
        relative = np.where(distance == 0, 0.0, distance / np.abs(other))
    return maximum(distance), maximum(relative)


def bitwise_equal(one: NDArray[Any], other: NDArray[Any]) -> int:
    """Return how many elements are the same bit for bit; +0 and −0 are not."""
    return int(np.count_nonzero(_bits(one) == _bits(other)))


def ulp_distance(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return how many numbers of the format lie between two elements, at most; infinite beside a lone NaN."""
    missing, lacking = np.isnan(one), np.isnan(other)
    if (missing | lacking).any():
        if (missing != lacking).any():
            return math.inf
        one, other = one[~missing], other[~missing]
    left, right = _ranks(one), _ranks(other)
    return float((np.maximum(left, right) - np.minimum(left, right)).max(initial=0))


def _bits(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array).view(f"u{array.itemsize}")


def _ranks(array: NDArray[Any]) -> NDArray[Any]:
    """Number the format's values in ascending order, as unsigned integers, with −0 and +0 the same."""
    bits = _bits(array)
    half = bits.dtype.type(1 << (8 * array.itemsize - 1))
    ranks: NDArray[Any] = np.where(bits >= half, half - (bits - half), half + bits)
    return ranks
