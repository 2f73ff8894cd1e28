"""Judged steps of all implementations of a case, in batches, and the measures that follow them.

Call overhead dominates for small arrays, so the measures compare many steps at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

import ml_dtypes  # noqa: F401 - which teaches NumPy the name of bfloat16
import numpy as np
from numpy.typing import NDArray

from cases import Problem
from reference import Claim, Finding, JudgedStep, Subject, parts
from reference.arithmetic import Error, Real
from reference.findings import AgreeingFindings
from reference.parts import FailedPart

Step: TypeAlias = Mapping[Subject, JudgedStep]  # of all implementations that took it

MAX_STEPS_PER_BATCH: Final = 100
MAX_ELEMENTS_PER_BATCH: Final = 100_000  # inputs and parameters times steps


def is_recorded(step: int) -> bool:
    """Whether a step is one of 1, 2, 5, 10, 20, 50, 100, …; the last step is recorded as well."""
    while step % 10 == 0:
        step //= 10
    return step in (1, 2, 5)


def observed(claim: Claim, name: str, dtype: str) -> NDArray[Any] | None:
    """Return a claim's array, or None where it states none of this dtype."""
    array = claim.get(name)
    if not isinstance(array, (np.ndarray, np.generic)) or array.dtype != np.dtype(dtype):
        return None
    return np.asarray(array)


def stacked(claims: Sequence[Claim], dtype: str) -> dict[str, NDArray[Any]]:
    """Return what claims of one form state in this dtype, by name: arrays whose first axis is the step."""
    of_first = {name: observed(claims[0], name, dtype) for name in claims[0]}
    arrays = {name: array for name, array in of_first.items() if array is not None}
    if len(claims) == 1:
        return {name: array[None] for name, array in arrays.items()}
    return {name: np.array([claim[name] for claim in claims], dtype) for name in arrays}


@dataclass(frozen=True, eq=False)
class Elements:
    """All elements of the quantities of one step that were compared, one-dimensional; truth is high + low."""

    findings: tuple[Finding, ...]
    shapes: tuple[tuple[int, ...], ...]
    claimed: Real
    high: Real
    low: Real
    error: Real  # the largest of a correct implementation

    @classmethod
    def of(cls, judged: JudgedStep) -> Elements | None:
        """Return the elements of a judged step; None where it keeps nothing to compare with."""
        if not (known := judged.derived):
            return None
        compared = [one for one in judged.findings if one.index is not None and one.quantity in known]
        if not compared:
            return None
        derived = [known[finding.quantity] for finding in compared]
        shapes = tuple(bounded.shape for bounded in derived)
        claimed = [judged.claim[finding.quantity] for finding in compared]
        columns = claimed, *([getattr(one, name) for one in derived] for name in ("value", "low", "error"))
        return cls(tuple(compared), shapes, *(_joined(arrays, shapes) for arrays in columns))

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        return tuple(map(math.prod, self.shapes))


def _joined(arrays: Sequence[Error | NDArray[Any]], shapes: Sequence[tuple[int, ...]]) -> Real:
    """Return all elements one after the other; a plain number stands for each element of its shape."""
    flat = [
        np.full(math.prod(shape), array) if isinstance(array, float) else np.asarray(array).ravel()
        for array, shape in zip(arrays, shapes, strict=True)
    ]
    return np.concatenate(flat, dtype=np.float64, casting="unsafe")


@dataclass(frozen=True, eq=False)
class StepBatch:
    """Consecutive steps, in which each implementation states the same quantities in the same shapes."""

    steps: Sequence[Step]
    references: Sequence[Claim] = ({},)  # of the NumPy reference if it is not selected, at each step

    @cached_property
    def arrays(self) -> Mapping[Subject, Mapping[str, NDArray[Any]]]:
        """What each implementation states, by name: arrays whose first axis is the step."""
        return {
            subject: stacked([step[subject].claim for step in self.steps], subject.dtype)
            for subject in self.steps[0]
        }

    @cached_property
    def elements(self) -> Sequence[tuple[Subject, Elements]]:
        """Each implementation's elements, step after step, where there are any."""
        each = ((subject, Elements.of(judged)) for step in self.steps for subject, judged in step.items())
        return [(subject, elements) for subject, elements in each if elements is not None]

    @cached_property
    def unseen(self) -> Mapping[str, NDArray[Any]]:
        """The arrays of the reference that is not selected."""
        (dtype,) = {subject.dtype for subject in self.steps[0]}
        return stacked(self.references, dtype)

    @property
    def numbers(self) -> range:
        first = max(judged.step for judged in self.steps[0].values())
        return range(first, first + len(self.steps))

    @property
    def spans(self) -> Iterator[tuple[int, slice]]:
        """The batch in parts: each ends with a recorded step or the last, whose number comes first."""
        start = 0
        for stop, step in enumerate(self.numbers, start=1):
            if is_recorded(step) or stop == len(self.steps):
                yield step, slice(start, stop)
                start = stop


def batched(problem: Problem, steps: Iterable[tuple[Step, Claim]]) -> Iterator[StepBatch]:
    """Group consecutive steps of one form, each with the reference's claim, as many as fit a batch."""
    most = min(MAX_STEPS_PER_BATCH, MAX_ELEMENTS_PER_BATCH // (problem.size + problem.x.size))
    waiting: list[tuple[Step, Claim]] = []
    form: dict[Subject | None, object] = {}
    for step, reference in steps:
        before = waiting[-1][0] if waiting else {}
        here: dict[Subject | None, object] = {
            who: form[who] if _agree_together(judged, before.get(who)) else _kinds(judged.claim)
            for who, judged in step.items()
        }
        here[None] = _kinds(reference)
        if waiting and (here != form or len(waiting) >= most):
            yield StepBatch(*zip(*waiting, strict=True))
            waiting = []
        waiting.append((step, reference))
        form = here
    if waiting:
        yield StepBatch(*zip(*waiting, strict=True))


def _agree_together(judged: JudgedStep, before: JudgedStep | None) -> bool:
    """Whether two steps were judged in one batch in which all agree, so that their claims are of one form."""
    here, there = judged.findings, before.findings if before else ()
    if isinstance(here, AgreeingFindings) and isinstance(there, AgreeingFindings):
        return here.by_quantity is there.by_quantity
    return False


def _kinds(claim: Claim) -> list[tuple[object, ...]]:
    """Return what must be the same in all steps of a batch."""
    return [
        (name, array.shape, array.dtype) if isinstance(array, (np.ndarray, np.generic)) else (name, None)
        for name, array in claim.items()
    ]


class OptionalMeasure:
    """A measure that may fail: from then on it is given no more, and nothing of it is recorded.

    A measure records something of each batch of a run by `add`, where an implementation that is missing has
    ended with the batch before; after the last step `finished` returns what is recorded. No verdict rests on
    it. `part` is what it is for a reader: "the drift of nets/deep in float32"; to make it may fail too.
    """

    def __init__(self, part: str, make: Callable[[], Any]) -> None:
        self._part, self._measure = part, parts.tried(part, make)

    def add(self, batch: StepBatch) -> None:
        if not isinstance(self._measure, FailedPart):
            done = parts.tried(self._part, self._measure.add, batch)
            self._measure = done if isinstance(done, FailedPart) else self._measure

    def finished(self) -> tuple[Any, ...]:
        if isinstance(self._measure, FailedPart):
            return ()
        recorded = parts.tried(self._part, self._measure.finished)
        return () if isinstance(recorded, FailedPart) else tuple(recorded)
