"""Drift: how far free-running trainings have come apart. It is information, and no verdict rests on it.

Implementations start at the same parameters, and each rounds in its own way. What rounding alone may do to
one step is judged; what many steps make of it is a property of the training (where a step spreads its inputs
apart, differences grow from step to step), and there is no bound that a correct implementation would have to
keep.
"""

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from reference.arithmetic import BITS, FORMATS, Real, precision
from reference.certified import certified_trajectory
from reports.runs.step_batches import StepBatch, is_recorded

Balls: TypeAlias = tuple[Real, Real, Real]

TRUTH: Final = "certified"  # the certified trajectory, where another implementation's name could stand
MAX_WORK: Final = 200_000  # parameters × examples × steps up to which it is followed: some seconds
MAX_BITS: Final = 8 * BITS  # where the balls have become too wide, the bits are doubled, up to these
MAX_RADIUS_ULPS: Final = 1e-3  # what the balls may leave open: a drift's first three digits are certain


@dataclass(frozen=True)
class Drift:
    """How far an implementation's parameters are from another's after a step, both run from the inputs alone.

    `difference` is the largest over all parameters; NaN where it is not known, or where one of them is NaN.
    """

    case: str
    dtype: str
    implementation: str
    against: str  # "jax plain", or `TRUTH`
    step: int
    difference: float = math.nan
    ulps: float = math.nan  # the same in units in the last place of the largest parameter
    not_known: str = ""  # why there is no number


class DriftMeter:
    """Follows the parameters of all implementations of one problem; no step but the latest is held."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._truth = TruthOfRun(problem)
        self._latest: dict[str, Real] = {}
        self._step = 0
        self._measured: list[Drift] = []

    def add(self, batch: StepBatch) -> None:
        if self._problem.steps == 1:
            return
        stated = {who.implementation: _parameters(self._problem, of) for who, of in batch.arrays.items()}
        taken = {name: array for name, array in stated.items() if array is not None}
        self._measure(self._latest.keys() - taken.keys())
        for step, span in batch.spans:
            self._latest = {name: array[span.stop - 1].copy() for name, array in taken.items()}
            self._step = step
            if is_recorded(step):
                self._measure(taken.keys())

    def finished(self) -> tuple[Drift, ...]:
        self._measure(self._latest.keys())
        return tuple(self._measured)

    def _measure(self, ended: Set[str]) -> None:
        """Compare the parameters after the latest step, of each pair of which one has ended there."""
        if not ended:
            return
        about, pairs = (self._problem.case, self._problem.dtype), combinations(self._latest, 2)
        done = {(drift.implementation, drift.against) for drift in self._measured if drift.step == self._step}
        for name, against in chain(((name, TRUTH) for name in self._latest), pairs):
            if ended & {name, against} and (name, against) not in done:
                truth = self._truth.after(self._step) if against == TRUTH else (self._latest[against], 0.0)
                if isinstance(truth, str):
                    distance: tuple[Any, ...] = math.nan, math.nan, truth
                else:
                    distance = _distance(self._problem, self._latest[name], *truth[:2])
                self._measured.append(Drift(*about, name, against, self._step, *distance))


class TruthOfRun:
    """The certified trajectory of one problem, followed as far as it is asked for and affordable."""

    def __init__(self, problem: Problem) -> None:
        self._problem, self._bits = problem, BITS
        work = problem.size * len(problem.x) * problem.steps
        self._why_not = "the run is too large for balls from the inputs alone" if work > MAX_WORK else ""
        self._run, self._step = certified_trajectory(problem, self._bits), 0

    def after(self, step: int) -> Balls | str:
        """Return all parameters after a step as (high, low, radius), or why they are not known.

        Steps must not descend.
        """
        while not self._why_not:
            while self._step < step:
                self._balls, self._step = next(self._run), self._step + 1
            high, _, radius = split = self._split()
            ulp = FORMATS[self._problem.dtype].ulp(float(np.abs(high).max()))
            if radius.max() <= MAX_RADIUS_ULPS * ulp:
                return split
            self._bits *= 2
            if self._bits > MAX_BITS:
                self._why_not = f"balls of {MAX_BITS} bits have become too wide after step {step}"
            self._run, self._step = certified_trajectory(self._problem, self._bits), 0
        return self._why_not

    def _split(self) -> Balls:
        with precision(self._bits):
            parts = [ball.split() for ball in self._balls.values()]
        high, low, radius = (np.concatenate([part[i].ravel() for part in parts]) for i in range(3))
        return high, low, radius


def _parameters(problem: Problem, arrays: Mapping[str, NDArray[Any]]) -> Real | None:
    """Return all updated parameters of each step as (steps, parameters); None where one is not stated."""
    stated: list[Real] = []
    for name, given in problem.parameters.items():
        array = arrays.get(names.updated(name))
        if array is None or array.shape[1:] != given.shape:
            return None
        stated.append(array.astype(np.float64).reshape(len(array), -1))
    return np.concatenate(stated, axis=1)


def _distance(problem: Problem, claimed: Real, other: Real, low: Real | float = 0.0) -> tuple[float, float]:
    """Return the largest |claimed − other − low|, and the same in ulps at the largest of `other`."""
    with np.errstate(all="ignore"):  # a run that overflowed has drifted without a number
        largest = float(np.abs(claimed - other - low).max())
    return largest, largest / FORMATS[problem.dtype].ulp(float(np.abs(other).max()))


def by_pair(drifts: Sequence[Drift]) -> Iterator[tuple[Drift, ...]]:
    """Give the drifts of one case, one format and one pair together, in the order of the steps."""
    together: dict[tuple[str, ...], list[Drift]] = {}
    for drift in drifts:
        key = drift.case, drift.dtype, drift.implementation, drift.against
        together.setdefault(key, []).append(drift)
    yield from map(tuple, together.values())
