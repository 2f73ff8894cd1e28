"""Programs against each other directly: what is the same bit for bit, and how far apart the rest is."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from reference import Claim, Subject
from reports.rows import Pair
from reports.side_by_side import SideBySide


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

    def finished(self) -> list[Pair]:
        """Return what has been counted, after the last step."""
        return self.pairs

    def add(self, claims: Mapping[Subject, Claim]) -> None:
        """Count one step's claims."""
        for (left, one), (right, other) in combinations(claims.items(), 2):
            both = None if left.adapter == right.adapter else SideBySide.of(one, other, self._dtype)
            if both is not None:
                self._add(left.implementation, right.implementation, both)

    def _add(self, left: str, right: str, both: SideBySide) -> None:
        ulps, differences = both.ulps(), both.largest_differences()
        for name, elements, equal, distance in zip(both.names, both.sizes, both.equal(), ulps, strict=True):
            counted = self._counted.setdefault((left, right, name), _Counted())
            counted.elements += elements
            counted.equal += equal
            if equal < elements:
                counted.ulps = max(distance, counted.ulps)
                counted.max_abs_diff = float(np.fmax(differences[name][0], counted.max_abs_diff))
