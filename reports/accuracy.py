"""How far every number is from the truth: counted element by element, in classes of units in the last place.

A verdict tells the worst element of a quantity. Here all are counted, wherever the truth is certified: each
against what follows exactly from the implementation's own numbers on the lines above it, as it is judged.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reference import JudgedStep, Subject
from reference.arithmetic import FORMATS, Bounded, Error, Real

# Upper ends of the classes of |error| in ulps: exactly right, at most a quarter, …, at most 2²⁰.
EDGES: Final = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, *(2.0**k for k in range(1, 21)))

# The class of all that is further off, infinitely far too.
BEYOND: Final = len(EDGES)

# The class where there is no distance: what is claimed is NaN, or what is true may overflow.
UNKNOWN: Final = BEYOND + 1

# The classes of errors below and above the truth, with 0 between them; one of them stays empty.
CLASSES: Final = 2 * UNKNOWN + 1


@dataclass(frozen=True)
class Accuracy:
    """How many numbers of one kind an implementation has in one class of distance from the truth.

    Attributes
    ----------
    kind
        A quantity without its layer: "dL/dW".
    bin
        0 is exactly right. k is an error above the truth of more than EDGES[k − 1] ulps and at most EDGES[k],
        and −k is one below; ±`BEYOND` is all that is further off, and `UNKNOWN` has no distance.
    count
        How many numbers, over all cases and steps.
    """

    dtype: str
    implementation: str
    kind: str
    bin: int
    count: int


class AccuracyCounter:
    """Counts over all cases; what it holds does not grow with them."""

    def __init__(self) -> None:
        self._counted: dict[tuple[str, str], dict[str, NDArray[np.int64]]] = {}

    @property
    def rows(self) -> tuple[Accuracy, ...]:
        """What has been counted so far, without the classes that are empty."""
        return tuple(
            Accuracy(*who, what, place - UNKNOWN, int(counts[place]))
            for who, kinds in self._counted.items()
            for what, counts in kinds.items()
            for place in np.flatnonzero(counts).tolist()
        )

    def finished(self) -> tuple[Accuracy, ...]:
        """Return what has been counted, after the last step."""
        return self.rows

    def take(self, one: Accuracy) -> None:
        """Count what another has counted."""
        counted = self._counted.setdefault((one.dtype, one.implementation), {})
        counted.setdefault(one.kind, np.zeros(CLASSES, np.int64))[one.bin + UNKNOWN] += one.count

    def add(self, judged: Mapping[Subject, JudgedStep]) -> None:
        """Count one step of each program; what is malformed, or of no certified truth, adds nothing."""
        for who, step in judged.items():
            names = tuple(
                finding.quantity
                for finding in step.findings
                if finding.truth == "certified" and finding.quantity in step.derived
            )
            if names:
                self._add(who, names, [(step.claim[name], step.derived[name]) for name in names])

    def _add(self, who: Subject, names: tuple[str, ...], lines: list[tuple[NDArray[Any], Bounded]]) -> None:
        """Count all numbers of one step at once: NumPy's calls cost more than its arithmetic here."""
        shapes = [true.shape for _, true in lines]
        bins = bins_of(
            _joined([array for array, _ in lines], shapes),
            _joined([true.value for _, true in lines], shapes),
            _joined([true.low for _, true in lines], shapes),
            _joined([true.error for _, true in lines], shapes),
            who.dtype,
        )
        kinds, rows = _rows(names, tuple(true.value.size for _, true in lines))
        counts = np.bincount(rows + bins, minlength=len(kinds) * CLASSES)
        counted = self._counted.setdefault((who.dtype, who.implementation), {})
        for what, new in zip(kinds, counts.reshape(-1, CLASSES), strict=True):
            counted[what] = counted[what] + new if what in counted else new


def added(counted: Sequence[Sequence[Accuracy]]) -> tuple[Accuracy, ...]:
    """Return what several have counted as if one had counted it all, one after the other."""
    together = AccuracyCounter()
    for one in chain.from_iterable(counted):
        together.take(one)
    return together.rows


@lru_cache(maxsize=64)
def _rows(names: tuple[str, ...], sizes: tuple[int, ...]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the kinds of these quantities, and for each element the place of its kind's class 0."""
    kinds = tuple(dict.fromkeys(map(kind, names)))
    starts = [kinds.index(kind(name)) * CLASSES + UNKNOWN for name in names]
    return kinds, np.repeat(np.asarray(starts, np.int64), sizes)


def _joined(arrays: Sequence[Error | NDArray[Any]], shapes: Sequence[tuple[int, ...]]) -> Real:
    """Return all elements one after the other; a plain number stands for each element of its shape."""
    parts = [
        np.full(math.prod(shape), array) if isinstance(array, float) else array.ravel()
        for array, shape in zip(arrays, shapes, strict=True)
    ]
    return np.concatenate(parts, dtype=np.float64, casting="unsafe")


def bins_of(claimed: Real, high: Real, low: Real, error: Real, dtype: str) -> NDArray[np.int64]:
    """Return the class of each element's distance from the truth, which is high + low.

    Where `error`, the largest that a correct implementation may have, is infinite, none is known.
    """
    with np.errstate(all="ignore"):  # an infinite claim is a distance, and NaN is a class of its own
        off = ulps(claimed, high, low, dtype)
        bins = np.copysign(np.searchsorted(EDGES, np.abs(off)), off)
    return np.where(np.isnan(off) | ~np.isfinite(error), UNKNOWN, bins).astype(np.int64)


def ulps(claimed: Real, high: Real, low: Real, dtype: str) -> Real:
    """Return (claimed − truth) in units in the last place of the truth, as `Format.ulp` has them."""
    form = FORMATS[dtype]
    _, exponent = np.frexp(np.maximum(np.abs(high), form.smallest_normal))
    return (claimed - high - low) / np.ldexp(2 * form.unit_roundoff, exponent - 1)


@lru_cache(maxsize=1024)
def kind(quantity: str) -> str:
    """Return a quantity without its layer: dL/dW."""
    return re.sub(r"\d+", "", quantity)
