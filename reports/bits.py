"""What each implementation stated, to the last bit: kept, so that two runs can be compared bit by bit.

A digest stands for every bit of every step. Beside it stand the values themselves of the steps 1, 2, 5, 10,
20, 50, … and of the last one: all of them, or evenly spaced ones of a large array, by which it is told how
far they have moved.
"""

import base64
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import ml_dtypes  # noqa: F401 - which teaches NumPy the name of bfloat16
import numpy as np
from numpy.typing import NDArray

from reference import (
    JudgedStep,
    Subject,
)
from reports.differences import stated
from reports.drift import is_told

Key: TypeAlias = tuple[Subject, str]

# Values of one array that are kept; of a larger one every k-th along its rows, k = ⌈size / MOST⌉.
MOST: Final = 1_024


@dataclass(frozen=True)
class Bits:
    """What one implementation stated of one quantity, after a step whose values are kept.

    Attributes
    ----------
    subject, quantity, step
        Whose it is, of what, and after which step.
    shape
        The array's.
    digest
        BLAKE2b, 128 bits in hexadecimal, of the bytes of this step and of all steps since the last one kept.
    values
        The kept values of this step, in the format's own little-endian bytes, as base64.
    """

    subject: Subject
    quantity: str
    step: int
    shape: tuple[int, ...]
    digest: str
    values: str

    @property
    def stride(self) -> int:
        """Every how many-th element is kept."""
        return _stride(math.prod(self.shape))

    @property
    def array(self) -> NDArray[Any]:
        """The kept values, in one row, in the implementation's format."""
        dtype = np.dtype(self.subject.dtype)
        little = np.frombuffer(base64.b64decode(self.values), f"<u{dtype.itemsize}")
        return little.astype(f"u{dtype.itemsize}").view(dtype)


class BitKeeper:
    """Keeps what the implementations of one problem state, step by step; no step but the latest is held."""

    def __init__(self) -> None:
        self._since: dict[Key, Any] = {}
        self._latest: dict[Key, tuple[int, tuple[int, ...], bytes]] = {}
        self._kept: list[Bits] = []

    def add(self, judged: Mapping[Subject, JudgedStep]) -> None:
        """Take one step of those programs that took it; for the others the step before was the last."""
        for key in [key for key in self._latest if key[0] not in judged]:
            self._keep(key)
        for subject, step in judged.items():
            for name in step.claim:
                array = stated(step.claim, name, subject.dtype)
                if array is not None:
                    self._take((subject, name), step.step, array)

    def _take(self, key: Key, step: int, array: NDArray[Any]) -> None:
        data = array.view(f"u{array.itemsize}").astype(f"<u{array.itemsize}", copy=False).tobytes()
        self._since.setdefault(key, hashlib.blake2b(digest_size=16)).update(data)
        self._latest[key] = step, array.shape, data
        if is_told(step):
            self._keep(key)

    def _keep(self, key: Key) -> None:
        (step, shape, data), since = self._latest.pop(key), self._since.pop(key)
        kept = np.frombuffer(data, f"V{np.dtype(key[0].dtype).itemsize}")[:: _stride(math.prod(shape))]
        values = base64.b64encode(kept.tobytes()).decode("ascii")
        self._kept.append(Bits(*key, step, shape, since.hexdigest(), values))

    def finished(self) -> tuple[Bits, ...]:
        """Return everything kept, after the last step."""
        for key in list(self._latest):
            self._keep(key)
        return tuple(self._kept)


def _stride(size: int) -> int:
    return max(1, -(-size // MOST))
