"""Two claims of one step side by side, all their quantities in one array each.

A long run compares a million quantities of a few numbers each, and NumPy's time is that of being asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import Claim
from reports.differences import bitwise_equal, differences, stated, ulp_distance


@dataclass(frozen=True, eq=False)
class SideBySide:
    """What two claims both state in one dtype and shape, quantity after quantity.

    Attributes
    ----------
    names, sizes
        The quantities, and how many elements each has: at least one.
    one, other
        The elements of all of them, one-dimensional; None where there are none.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    one: NDArray[Any]
    other: NDArray[Any]

    @classmethod
    def of(cls, one: Claim, other: Claim, dtype: str) -> SideBySide | None:
        """Put two claims beside each other; None where they have nothing in common."""
        names, left, right = [], [], []
        for name in one:
            here, there = stated(one, name, dtype), stated(other, name, dtype)
            if here is not None and there is not None and here.shape == there.shape and here.size:
                names.append(name)
                left.append(here)
                right.append(there)
        if not names:
            return None
        sizes = tuple(array.size for array in left)
        return cls(tuple(names), sizes, np.concatenate(left, None), np.concatenate(right, None))

    @property
    def _starts(self) -> NDArray[np.intp]:
        return _starts(self.sizes)

    def largest_differences(self) -> Mapping[str, tuple[float, float]]:
        """Return the largest absolute and the largest relative difference of each quantity."""
        distance, relative = (
            np.maximum.reduceat(each, self._starts).tolist() for each in differences(self.one, self.other)
        )
        return dict(zip(self.names, zip(distance, relative, strict=True), strict=True))

    def equal(self) -> list[int]:
        """Return how many elements of each quantity are the same bit for bit."""
        same = bitwise_equal(self.one, self.other)
        return np.add.reduceat(same, self._starts, dtype=np.intp).tolist()

    def ulps(self) -> list[float]:
        """Return how many numbers of the format lie between two elements of each quantity, at most."""
        return np.maximum.reduceat(ulp_distance(self.one, self.other), self._starts).tolist()


@lru_cache(maxsize=64)
def _starts(sizes: tuple[int, ...]) -> NDArray[np.intp]:
    """Return where each quantity begins; a run asks for the same in every step."""
    return np.cumsum((0, *sizes[:-1]))
