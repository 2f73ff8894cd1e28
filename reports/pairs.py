"""Claimants against each other directly: what is the same bit for bit, and how far apart the rest is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from reports.differences import bitwise_equal, largest_differences, stated, ulp_distance
from reports.rows import Pair

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
        for (left, one), (right, other) in combinations(claims.items(), 2):
            if left.adapter == right.adapter:
                continue
            for name, arrays in _shared(one, other, self._dtype):
                self._add(left.claimant, right.claimant, name, arrays)

    def _add(self, left: str, right: str, name: str, arrays: tuple[NDArray[Any], NDArray[Any]]) -> None:
        key, elements, equal = (left, right, name), arrays[0].size, bitwise_equal(*arrays)
        counted = self._counted.setdefault(key, _Counted())
        counted.elements += elements
        counted.equal += equal
        if equal < elements:
            counted.ulps = max(ulp_distance(*arrays), counted.ulps)
            counted.max_abs_diff = float(np.fmax(largest_differences(*arrays)[0], counted.max_abs_diff))


def _shared(one: Claim, other: Claim, dtype: str) -> Iterator[tuple[str, tuple[NDArray[Any], NDArray[Any]]]]:
    """Give the quantities that both state as arrays of one shape and this dtype."""
    for name in one:
        left, right = stated(one, name, dtype), stated(other, name, dtype)
        if left is not None and right is not None and left.shape == right.shape and left.size:
            yield name, (left, right)
