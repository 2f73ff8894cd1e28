"""What is recorded of what each implementation states: values to the last bit, and the loss of each step.

A digest stands for every bit of every step. The values themselves are kept of the steps 1, 2, 5, 10, 20, …
and of the last one: all of them, or evenly spaced ones of a large array. So two runs can be compared bit by
bit, and where they differ, by how much.
"""

import base64
import hashlib
import math
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem
from reference import Subject
from reports.runs.step_batches import StepBatch, is_recorded

Key: TypeAlias = tuple[Subject, str]

MAX_VALUES: Final = 1_024  # of a larger array every k-th along its rows is kept, k = ⌈size / MAX_VALUES⌉


@dataclass(frozen=True)
class Bits:
    """What one implementation stated of one quantity, after a step whose values are kept.

    `digest` is BLAKE2b, 128 bits in hexadecimal, of the bytes of this step and of all since the last kept.
    """

    subject: Subject
    quantity: str
    step: int
    shape: tuple[int, ...]
    digest: str
    values: str  # those kept of this step, in the format's own little-endian bytes, as base64

    @property
    def array(self) -> NDArray[Any]:
        """The kept values, in one row, in the implementation's format."""
        dtype = np.dtype(self.subject.dtype)
        little = np.frombuffer(base64.b64decode(self.values), f"<u{dtype.itemsize}")
        return little.astype(f"u{dtype.itemsize}").view(dtype)


class BitKeeper:
    """Keeps what the implementations of one problem state; no step but the latest is held."""

    def __init__(self) -> None:
        self._since: dict[Key, Any] = {}
        self._latest: dict[Key, tuple[int, NDArray[Any]]] = {}
        self._kept: list[Bits] = []

    def add(self, batch: StepBatch) -> None:
        for key in [key for key in self._latest if key[0] not in batch.arrays]:
            self._keep(key)
        stated = {
            (subject, name): _little_endian(array)
            for subject, arrays in batch.arrays.items()
            for name, array in arrays.items()
        }
        for step, span in batch.spans:
            for key, array in stated.items():
                since = self._since.setdefault(key, hashlib.blake2b(digest_size=16))
                since.update(array[span].tobytes())
                self._latest[key] = step, array[span.stop - 1].copy()
                if is_recorded(step):
                    self._keep(key)

    def _keep(self, key: Key) -> None:
        (step, array), since = self._latest.pop(key), self._since.pop(key)
        kept = array.ravel()[:: max(1, -(-array.size // MAX_VALUES))]
        values = base64.b64encode(kept.tobytes()).decode("ascii")
        self._kept.append(Bits(*key, step, array.shape, since.hexdigest(), values))

    def finished(self) -> tuple[Bits, ...]:
        for key in list(self._latest):
            self._keep(key)
        return tuple(self._kept)


def _little_endian(array: NDArray[Any]) -> NDArray[Any]:
    size = array.itemsize
    return np.ascontiguousarray(array).view(f"u{size}").astype(f"<u{size}", copy=False)


# Losses kept of a longer training, about; the steps 1, 2, 5, 10, … and the last are kept besides.
EVENLY_KEPT_LOSSES: Final = 300


@dataclass(frozen=True)
class Loss:
    """The loss that an implementation states at one step, computed before that step's update."""

    case: str
    dtype: str
    implementation: str
    step: int
    loss: float


class LossKeeper:
    """Keeps the losses of all implementations of one problem; none of a training of one step."""

    def __init__(self, problem: Problem) -> None:
        self._is_training = problem.steps > 1
        self._every = math.ceil(problem.steps / EVENLY_KEPT_LOSSES)
        self._kept: list[Loss] = []
        self._latest: dict[Subject, Loss] = {}

    def add(self, batch: StepBatch) -> None:
        if not self._is_training:
            return
        scalars = {who: stated["loss"] for who, stated in batch.arrays.items() if "loss" in stated}
        losses = {who: array.tolist() for who, array in scalars.items() if array.ndim == 1}
        for i, step in enumerate(batch.numbers):
            for who, of_steps in losses.items():
                loss = Loss(who.case, who.dtype, who.implementation, step, of_steps[i])
                if is_recorded(step) or step % self._every == 0:
                    self._kept.append(loss)
                    self._latest.pop(who, None)
                else:
                    self._latest[who] = loss

    def finished(self) -> tuple[Loss, ...]:
        return *self._kept, *self._latest.values()
