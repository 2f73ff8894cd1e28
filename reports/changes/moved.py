"""Quantities whose bits have moved between two runs, and by how many units in the last place."""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from reference import Subject
from reports.runs.comparison import bitwise_equal, ulp_distance
from reports.runs.recorded import Bits
from reports.saved import SavedRun

Series: TypeAlias = dict[int, Bits]
Key: TypeAlias = tuple[Subject, str]


@dataclass(frozen=True)
class Moved:
    """One quantity of one implementation that is not the same to the last bit.

    Attributes
    ----------
    who, quantity
        The implementation, the case, the number format; its name.
    step
        The first kept step at which it is another.
    elements, of
        How many of the kept elements are others there, of how many.
    ulps
        The largest distance there, counted in numbers of the format; 0 between +0 and −0, infinite where
        only one is NaN, and NaN where the kept values are the same and those of a step before it are not.
    later
        The largest distance at any later kept step, which training has made of it; NaN where there is none.
    is_first
        Whether nothing above it in its step, and nothing in the steps before, has moved: it begins here.
    """

    who: Subject
    quantity: str
    step: int
    elements: int
    of: int
    ulps: float
    later: float
    is_first: bool = False


@dataclass(frozen=True)
class Motion:
    """How much has moved.

    Attributes
    ----------
    moved
        What has, implementation by implementation, in the order of computation.
    compared
        For each quantity that both runs have: who, and which.
    ended
        Trainings that end after another step than before: the implementation, the step before, the step now.
    """

    moved: tuple[Moved, ...] = ()
    compared: tuple[tuple[Subject, str], ...] = ()
    ended: tuple[tuple[Subject, int, int], ...] = ()


def motion(old: SavedRun, new: SavedRun, edited: Collection[str] = ()) -> Motion:
    """Compare the bits of two runs, but for cases that have been edited, whose numbers are others anyway."""
    before, now = _series(old), _series(new)
    shared = tuple(key for key in now if key in before and key[0].case not in edited)
    moved = [one for key in shared if (one := _moved(key, before[key], now[key]))]
    ends: dict[Subject, tuple[int, int]] = {}
    for key in shared:
        ends.setdefault(key[0], (max(before[key]), max(now[key])))
    ended = tuple((who, *steps) for who, steps in ends.items() if steps[0] != steps[1])
    return Motion(tuple(_with_first(moved, _places(new))), shared, ended)


def _series(run: SavedRun) -> dict[Key, Series]:
    found: dict[Key, Series] = {}
    for one in run.results.bits:
        found.setdefault((one.subject, one.quantity), {})[one.step] = one
    return found


def _places(run: SavedRun) -> dict[tuple[str, str], int]:
    """Return the place of each quantity of each case in the order of computation."""
    return {(row.subject.case, row.finding.quantity): row.place for row in run.results.rows if row.place >= 0}


def _moved(key: Key, old: Series, new: Series) -> Moved | None:
    steps = sorted(step for step in old if step in new)
    others = [step for step in steps if old[step].digest != new[step].digest]
    if not others:
        return None
    first, *rest = others
    elements, ulps = _distance(old[first], new[first])
    later = max((_distance(old[step], new[step])[1] for step in rest), default=math.nan)
    return Moved(*key, first, elements, new[first].array.size, ulps, later)


def _distance(old: Bits, new: Bits) -> tuple[int, float]:
    """Return how many kept elements are others, and their largest distance."""
    if old.shape != new.shape:
        return new.array.size, math.inf
    if old.values == new.values:
        return 0, math.nan
    one, other = old.array, new.array
    others = int(np.count_nonzero(~bitwise_equal(one, other)))
    return others, float(ulp_distance(one, other).max(initial=0))


def _with_first(moved: list[Moved], places: dict[tuple[str, str], int]) -> Iterator[Moved]:
    """Give each implementation's in the order of computation, the first of them marked."""
    together: dict[Subject, list[Moved]] = {}
    for one in moved:
        together.setdefault(one.who, []).append(one)
    for who, found in together.items():
        found.sort(key=lambda one: (one.step, places.get((who.case, one.quantity), math.inf)))
        for one in found:
            yield Moved(**vars(one) | {"is_first": one is found[0]})
