"""Which cases a sweep has, their numbers, and the tasks that it is cut into: the same on any machine."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, pairwise, repeat
from types import MappingProxyType
from typing import Final

import numpy as np

from cases import Problem, names
from cases.catalog import LOSSES
from cases.numbers import rounded_once
from cases.problem import unstacked
from cases.protocol import DTYPES
from reference.arithmetic import FORMATS
from reports.sweep.structure import CaseStream, Real, Structure, structure

# (count, length) of the first blocks, 101,536 cases together. They start short, so that the first thousand
# cases have forty structures; the later ones are long, so that compiling costs little of a long sweep.
FIRST_BLOCKS: Final = ((12, 8), (12, 16), (12, 32), (4, 128), (2, 1024), (12, 8192))

BLOCK_LENGTH: Final = 4096  # the length of every block after those

MAX_NUMBERS_PER_STACK: Final = 2**21  # that its arrays hold: some ten MB for each line of the tape
MAX_CASES_PER_STACK: Final = 2048
MAX_NUMBERS_PER_TASK: Final = 2**23  # whose stacks are judged one after the other: some seconds

EIGHTHS: Final = 8  # drawn targets are multiples of an eighth, which every format holds exactly
CERTAIN_TARGETS: Final = 0.7  # the share of binary targets that are 0 or 1


@dataclass(frozen=True)
class Block:
    """Cases that share a structure, so also a compiled program; which case is where depends on its number."""

    number: int
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


def blocks(start: int, end: int) -> Iterator[Block]:
    """Give every block that has a case from `start` to before `end`, whole."""
    first = 0
    for number, length in enumerate(chain(*(repeat(n, k) for k, n in FIRST_BLOCKS), repeat(BLOCK_LENGTH))):
        if first >= end:
            return
        if first + length > start:
            yield Block(number, first, first + length)
        first += length


def block_of(case: int) -> Block:
    return next(blocks(case, case + 1))


@dataclass(frozen=True)
class Plan:
    """What was asked for: cases 0 to before `count` of a seed; formats and widths decide what is drawn."""

    seed: int
    count: int
    dtypes: tuple[str, ...] = DTYPES
    widths: tuple[int, ...] | None = None
    adapters: tuple[str, ...] = ("numpy", "torch", "jax")

    def structure(self, block: Block) -> Structure:
        return structure(self.seed, block.number, self.dtypes, self.widths)

    def drawn(self, block: Block, cases: range) -> Problem:
        """Draw some cases of a block, counted from its first, as a stack."""
        return draw(self.seed, block.number, cases, self.structure(block))

    def problem(self, case: int) -> Problem:
        block = block_of(case)
        place = case - block.start
        return unstacked(self.drawn(block, range(place, place + 1)), 0, self.name(case))

    def name(self, case: int) -> str:
        return f"sweep of seed {self.seed}, case {case}"


@dataclass(frozen=True)
class Task:
    """Some cases of one block, in stacks of one length, so that one compiled program serves them all.

    A stack that reaches beyond the plan's last case is judged whole, and what lies beyond is dropped.
    """

    plan: Plan
    block: Block
    cases: range  # counted from the block's first
    stack: int

    @property
    def name(self) -> str:
        """It sorts by the number of the first case."""
        return f"{self.block.start + self.cases.start:012d}"

    @property
    def stacks(self) -> tuple[range, ...]:
        starts = range(self.cases.start, self.cases.start + self.count, self.stack)
        return tuple(range(start, min(start + self.stack, len(self.block))) for start in starts)

    @property
    def count(self) -> int:
        """How many of its cases are asked for."""
        return min(len(self.cases), self.plan.count - self.block.start - self.cases.start)


def tasks(plan: Plan) -> Iterator[Task]:
    for block in blocks(0, plan.count):
        size = plan.structure(block).numbers_per_case
        power_of_two = 1 << max((MAX_NUMBERS_PER_STACK // size).bit_length() - 1, 0)
        stack = min(len(block), MAX_CASES_PER_STACK, power_of_two)
        length = stack * max(1, MAX_NUMBERS_PER_TASK // (size * stack))
        for start in range(0, min(len(block), plan.count - block.start), length):
            yield Task(plan, block, range(start, min(start + length, len(block))), stack)


def draw(seed: int, block: int, cases: range, shared: Structure) -> Problem:
    """Draw cases of a block, counted from its first, as a stack: each array has the shape (C, …)."""
    drawn = _Drawer(seed, block, cases, shared).arrays()
    arrays = {name: rounded_once(array, shared.problem.dtype) for name, array in drawn}
    x, y = arrays.pop("x"), arrays.pop("y")
    return replace(shared.problem, x=x, y=y, parameters=MappingProxyType(arrays))


@dataclass(frozen=True)
class _Drawer:
    """Draws the arrays of a stack, each from bits of its own, so a case does not depend on the others."""

    seed: int
    block: int
    cases: range
    structure: Structure

    def arrays(self) -> Iterator[tuple[str, Real]]:
        is_gridded, widths = bool(self.structure.regime.grid), self.structure.widths
        yield "x", self._numbers("x", self.structure.batch, widths[0])
        yield "y", self._targets(self.structure.batch, widths[-1])
        for k, (before, after) in enumerate(pairwise(widths), start=1):
            weights = self._numbers(names.W(k), after, before)
            yield names.W(k), weights if is_gridded else weights / math.sqrt(before)
            yield names.b(k), self._numbers(names.b(k), after)

    def _numbers(self, name: str, *shape: int) -> Real:
        """Draw nearly normal numbers, each case's scaled by a power of 2 of its own."""
        regime = self.structure.regime
        numbers = self._on_grid(self._stream(name).approx_normal(*shape))
        if regime.zeros:
            numbers = np.where(self._stream(name, "zeros").uniform(*shape) < regime.zeros, 0.0, numbers)
        low, high = self._exponents(regime.inputs if name == "x" else regime.weights)
        scale = low + self._stream(name, "scale").below(high - low + 1)
        return np.ldexp(numbers, scale.reshape(-1, *(1,) * len(shape)))

    def _targets(self, batch: int, outputs: int) -> Real:
        stream = self._stream("y")
        match LOSSES[self.structure.problem.loss].targets:
            case "classes":
                return np.eye(outputs)[stream.below(outputs, batch)]
            case "distributions":
                cuts = np.sort(stream.below(EIGHTHS + 1, batch, outputs - 1), axis=-1)
                return np.diff(cuts, axis=-1, prepend=0, append=EIGHTHS) / EIGHTHS
            case "probabilities":
                shares = stream.below(EIGHTHS + 1, batch, outputs) / EIGHTHS
                is_certain = self._stream("y", "sure").uniform(batch, outputs) < CERTAIN_TARGETS
                return np.where(is_certain, np.round(shares), shares)
        return self._on_grid(stream.approx_normal(batch, outputs))

    def _stream(self, *purpose: str) -> CaseStream:
        return CaseStream(self.seed, (self.block, *purpose), self.cases)

    def _on_grid(self, numbers: Real) -> Real:
        grid = self.structure.regime.grid
        return np.round(numbers / grid) * grid if grid else numbers

    def _exponents(self, given: tuple[float, float]) -> tuple[int, int]:
        largest = FORMATS[self.structure.problem.dtype].largest
        reach = math.log2(largest) if self.structure.regime.of_format else 1
        return round(given[0] * reach), round(given[1] * reach)
