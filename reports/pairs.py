"""Claimants against each other directly: what is the same bit for bit, and how far apart the rest is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from reports.differences import bitwise_equal, largest_differences, stated, ulp_distance
from reports.rows import Pair

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from reference import Claim, Subject


@dataclass
class _Counted:
    """What a `Pair` tells, so far."""

    elements: int = 0
    equal: int = 0
    ulps: float = 0.0
    max_abs_diff: float = 0.0


class PairCounter:
    """Counts, step by step, over the pairs of programs that belong to different adapters."""

    def __init__(self, case: str, dtype: str) -> None:
        self._case, self._dtype = case, dtype
        self._counted: dict[tuple[str, str, str], _Counted] = {}

    @property
    def pairs(self) -> list[Pair]:
        """What has been counted so far, quantity by quantity in the order first met."""
        return [Pair(self._case, self._dtype, *key, **vars(one)) for key, one in self._counted.items()]

    def add(self, claims: Mapping[Subject, Claim]) -> None:
        """Count one step's claims."""
        arrays = {who: _arrays(claim, self._dtype) for who, claim in claims.items()}
        for (left, one), (right, other) in combinations(arrays.items(), 2):
            if left.adapter == right.adapter:
                continue
            for name, array in one.items():
                if name in other and array.shape == other[name].shape:
                    self._add(left.claimant, right.claimant, name, (array, other[name]))

    def _add(self, left: str, right: str, name: str, arrays: tuple[NDArray[Any], NDArray[Any]]) -> None:
        key, elements, equal = (left, right, name), arrays[0].size, bitwise_equal(*arrays)
        counted = self._counted.setdefault(key, _Counted())
        counted.elements += elements
        counted.equal += equal
        if equal < elements:
            counted.ulps = max(ulp_distance(*arrays), counted.ulps)
            counted.max_abs_diff = float(np.fmax(largest_differences(*arrays)[0], counted.max_abs_diff))


def _arrays(claim: Claim, dtype: str) -> dict[str, NDArray[Any]]:
    """Return what a claim states as arrays of this dtype that hold any number."""
    found = {name: stated(claim, name, dtype) for name in claim}
    return {name: array for name, array in found.items() if array is not None and array.size}
