"""Plain differences between two arrays, as people are used to see them; no verdict rests on these."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reference.arithmetic import max_element

Real: TypeAlias = NDArray[np.float64]


def stated(claim: Mapping[str, NDArray[Any]], name: str, dtype: str) -> NDArray[Any] | None:
    """Return a claim's array, or None where it states none of this dtype."""
    array = claim.get(name)
    if not isinstance(array, (np.ndarray, np.generic)) or array.dtype != dtype:
        return None
    return np.asarray(array)


def differences(claimed: NDArray[Any], reference: NDArray[Any]) -> tuple[Real, Real]:
    """Return the absolute and the relative difference of each element of two arrays of one shape.

    The relative one is |claimed − reference| / |reference|, infinite where only the reference is 0.
    """
    one, other = np.asarray(claimed, np.float64), np.asarray(reference, np.float64)
    with np.errstate(all="ignore"):  # infinities are differences like others
        distance = np.asarray(np.abs(one - other))
        distance[one == other] = 0.0  # infinities that are equal have none
        relative = np.asarray(distance / np.abs(other))
        relative[distance == 0] = 0.0
    return distance, relative


def largest_differences(claimed: NDArray[Any], reference: NDArray[Any]) -> tuple[float, float]:
    """Return the largest absolute and the largest relative difference of two arrays of one shape."""
    distance, relative = differences(claimed, reference)
    return max_element(distance), max_element(relative)


def bitwise_equal(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Say of each element whether it is the same bit for bit; +0 and −0 are not."""
    return _bits(one) == _bits(other)


def ulp_distance(one: NDArray[Any], other: NDArray[Any]) -> Real:
    """Return how many numbers of the format lie between each two elements; infinite beside a lone NaN."""
    left, right = _ranks(one), _ranks(other)
    distance = np.asarray((np.maximum(left, right) - np.minimum(left, right)).astype(np.float64))
    missing, lacking = np.isnan(one), np.isnan(other)
    distance[missing | lacking] = 0.0
    distance[missing != lacking] = np.inf
    return distance


def _bits(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array).view(f"u{array.itemsize}")


def _ranks(array: NDArray[Any]) -> NDArray[Any]:
    """Number the format's values in ascending order, as unsigned integers, with −0 and +0 the same."""
    bits = _bits(array)
    half = bits.dtype.type(1 << (8 * array.itemsize - 1))
    return np.where(bits >= half, half - (bits - half), half + bits)
