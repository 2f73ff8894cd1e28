"""Random numbers that are the same on every machine: bits of a counter-based generator, and exact arithmetic.

NumPy may change how it draws normal numbers, and a logarithm may differ in its last bit from one processor to
the next. Here nothing but random bits, whole numbers and exact sums is used.

Source: Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3" (2011), for Philox.
"""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Option = TypeVar("Option")

# The distance between two uniform numbers.
RESOLUTION = 2.0**-53

# How many numbers one count of the generator's counter gives.
NUMBERS_PER_COUNT = 4


def _generator(seed: int, purpose: tuple[str | int, ...]) -> np.random.Philox:
    """Return the generator for one purpose, named by words and numbers."""
    key = zlib.crc32("/".join(map(str, purpose)).encode())
    return np.random.Philox(key=np.array([seed % 2**64, key], np.uint64))


def _uniform(raw: NDArray[np.uint64]) -> NDArray[np.float64]:
    return np.multiply(raw >> np.uint64(11), RESOLUTION, dtype=np.float64)


class Stream:
    """Random numbers for one purpose, one after the other."""

    def __init__(self, seed: int, *purpose: str | int) -> None:
        self._generator = _generator(seed, purpose)

    def uniform(self, count: int) -> NDArray[np.float64]:
        """Draw multiples of 2⁻⁵³ from 0 to below 1."""
        return _uniform(np.asarray(self._generator.random_raw(count), np.uint64))

    def below(self, end: int) -> int:
        """Draw a whole number from 0 to below `end`."""
        return int(self.uniform(1)[0] * end)

    def choice(self, options: Sequence[Option]) -> Option:
        return options[self.below(len(options))]


@dataclass(frozen=True)
class CaseStream:
    """Random numbers for one purpose in each case of a range: those of a case do not depend on the range."""

    seed: int
    purpose: tuple[str | int, ...]
    cases: range

    def uniform(self, *shape: int) -> NDArray[np.float64]:
        """Draw multiples of 2⁻⁵³ from 0 to below 1, (C, *shape)."""
        count = math.prod(shape)
        per_case = -(-count // NUMBERS_PER_COUNT) * NUMBERS_PER_COUNT
        generator = _generator(self.seed, self.purpose)
        generator.advance(self.cases.start * per_case // NUMBERS_PER_COUNT)
        raw = np.asarray(generator.random_raw(len(self.cases) * per_case), np.uint64)
        return _uniform(raw.reshape(len(self.cases), per_case)[:, :count]).reshape(len(self.cases), *shape)

    def approx_normal(self, *shape: int) -> NDArray[np.float64]:
        """Draw sums of three uniform numbers, of mean 0 and standard deviation 1, between −3 and 3."""
        return 2 * (self.uniform(3, *shape).sum(axis=1) - 1.5)

    def below(self, end: int, *shape: int) -> NDArray[np.int64]:
        """Draw whole numbers from 0 to below `end`, (C, *shape)."""
        return np.floor(self.uniform(*shape) * end).astype(np.int64)


def round_robin(seed: int, purpose: str, options: Sequence[Option], turn: int) -> Option:
    """Return the option of a turn: all options in a random order, then all in another, and so on.

    So every option comes soon, and each as often as any other.
    """
    cycle, position = divmod(turn, len(options))
    order = np.argsort(Stream(seed, purpose, cycle).uniform(len(options)), kind="stable")
    return options[int(order[position])]
