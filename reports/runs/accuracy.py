"""How far every number is from the truth: counted element by element, in units in the last place (ulps).

A verdict is about the worst element of a quantity. Here all are counted where the truth is certified: each
against what follows exactly from the implementation's own numbers on the lines above it, as it is judged.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cases.protocol import Verdict
from reference import Subject
from reference.agreement import ONE_DIGIT
from reference.arithmetic import FORMATS, Real
from reports.runs.step_batches import Elements, StepBatch

# Upper ends of the classes of |error| in ulps: exactly right, at most a quarter, …, at most 2²⁰.
EDGES: Final = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, *(2.0**k for k in range(1, 21)))

BEYOND: Final = len(EDGES)  # the class of all that is further off, infinitely far too
UNKNOWN: Final = BEYOND + 1  # where there is no distance: a claim is NaN, or what is true may overflow
CLASSES: Final = 2 * UNKNOWN + 1  # below and above the truth, with 0 between them; one stays empty


@dataclass(frozen=True)
class Accuracy:
    """How many numbers of one kind an implementation has in one class of distance from the truth.

    The class (`bin`) 0 is exactly right. k is an error above the truth of more than EDGES[k − 1] ulps and at
    most EDGES[k], and −k is one below; ±`BEYOND` is all that is further off, and `UNKNOWN` has no distance.
    """

    dtype: str
    implementation: str
    kind: str  # a quantity without its layer: "dL/dW"
    bin: int
    count: int  # over all cases and steps


class AccuracyCounter:
    """Counts over a run, without the classes that stay empty; what it holds does not grow with the steps."""

    def __init__(self) -> None:
        self._counted: dict[tuple[str, str], dict[str, NDArray[np.int64]]] = {}

    def add(self, batch: StepBatch) -> None:
        """Count a batch; what is malformed, or of no certified truth, adds nothing."""
        certified = (each for each in batch.elements if each[1].findings[0].truth == "certified")
        for subject, elements in certified:
            bins = bins_of(elements.claimed, elements.high, elements.low, elements.error, subject.dtype)
            kinds, rows = _rows(tuple(finding.quantity for finding in elements.findings), elements.sizes)
            counts = np.bincount(rows + bins, minlength=len(kinds) * CLASSES)
            counted = self._counted.setdefault((subject.dtype, subject.implementation), {})
            for what, new in zip(kinds, counts.reshape(-1, CLASSES), strict=True):
                counted[what] = counted[what] + new if what in counted else new

    def finished(self) -> tuple[Accuracy, ...]:
        return tuple(
            Accuracy(*subject, what, place - UNKNOWN, int(counts[place]))
            for subject, kinds in self._counted.items()
            for what, counts in kinds.items()
            for place in np.flatnonzero(counts).tolist()
        )


def added(counted: Iterable[Iterable[Accuracy]]) -> tuple[Accuracy, ...]:
    """Return several counts as one; the classes of each kind ascend."""
    sums: dict[tuple[str, str], dict[str, Counter[int]]] = {}
    for accuracy in chain.from_iterable(counted):
        kinds = sums.setdefault((accuracy.dtype, accuracy.implementation), {})
        kinds.setdefault(accuracy.kind, Counter())[accuracy.bin] += accuracy.count
    return tuple(
        Accuracy(*subject, what, bin_, counts[bin_])
        for subject, kinds in sums.items()
        for what, counts in kinds.items()
        for bin_ in sorted(counts)
    )


@lru_cache(maxsize=64)
def _rows(names: tuple[str, ...], sizes: tuple[int, ...]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the kinds of these quantities, and for each element the place of its kind's class 0."""
    kinds = tuple(dict.fromkeys(map(kind, names)))
    starts = [kinds.index(kind(name)) * CLASSES + UNKNOWN for name in names]
    return kinds, np.repeat(np.asarray(starts, np.int64), sizes)


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


@dataclass(frozen=True)
class LostDigits:
    """A number that agrees and has no right digit: of one quantity of one program, in the first such step.

    Within the bound, because a formula rounds all digits away.
    """

    subject: Subject
    element: str  # the quantity with its index: "dL/dz1[0, 0]"
    claimed: float
    exact: float  # as it follows
    ulps: float  # how far it is off, in units in the last place of the format


class LostDigitsKeeper:
    """Keeps for each quantity of each program the number without a right digit that is nearest its bound."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Subject, str], LostDigits] = {}

    def add(self, batch: StepBatch) -> None:
        for subject, elements in batch.elements:
            with np.errstate(all="ignore"):  # what is not finite is no digit lost
                off = np.abs(elements.claimed - elements.high - elements.low)
                size = np.abs(elements.high)
                lost = (off > ONE_DIGIT * size) & (size > 0) & (elements.error > 0)
                if lost.any():
                    self._add(subject, elements, np.where(lost, off / elements.error, -1.0))

    def _add(self, subject: Subject, elements: Elements, used: Real) -> None:
        """Keep the worst of each quantity; `used` is negative where no digits are lost."""
        ends = list(accumulate(elements.sizes))
        for finding, shape, end in zip(elements.findings, elements.shapes, ends, strict=True):
            start = end - math.prod(shape)
            worst, key = start + int(used[start:end].argmax()), (subject, finding.quantity)
            if used[worst] >= 0 and key not in self._kept and finding.verdict is Verdict.AGREES:
                index = [int(i) for i in np.unravel_index(worst - start, shape)]
                element = f"{finding.quantity}{index}" if index else finding.quantity
                claimed, exact, low = (
                    array.item(worst) for array in (elements.claimed, elements.high, elements.low)
                )
                off = abs(claimed - exact - low) / FORMATS[subject.dtype].ulp(exact)
                self._kept[key] = LostDigits(subject, element, claimed, exact, off)

    def finished(self) -> tuple[LostDigits, ...]:
        return tuple(self._kept.values())
