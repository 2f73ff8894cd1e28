"""Which cases a sweep has, their numbers, and the tasks that it is cut into: the same on any machine."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from cases.catalog import LOSSES
from cases.numbers import rounded_once
from cases.problem import unstacked
from cases.protocol import DTYPES
from reference.arithmetic import FORMATS
from reports.sweep.randomness import CaseStream
from reports.sweep.structure import Structure, structure

Real: TypeAlias = NDArray[np.float64]

# (count, length) of the first blocks, 101,536 cases together. They start short, so that the first thousand
# cases have forty structures; the later ones are long, so that compiling costs little of a long sweep.
FIRST_BLOCKS: Final = ((12, 8), (12, 16), (12, 32), (4, 128), (2, 1024), (12, 8192))

# The length of every block after those.
BLOCK_LENGTH: Final = 4096

# Numbers that the arrays of a stack hold, at most: some ten MB for each line of the tape.
MAX_NUMBERS_PER_STACK: Final = 2**21

MAX_CASES_PER_STACK: Final = 2048

# The same of a task, whose stacks are judged one after the other: some seconds.
MAX_NUMBERS_PER_TASK: Final = 2**23

# Drawn targets are multiples of an eighth, which every format holds exactly.
EIGHTHS: Final = 8

# The share of binary targets that are 0 or 1.
CERTAIN_TARGETS: Final = 0.7


@dataclass(frozen=True)
class Block:
    """Cases that share a structure, so that one compiled program serves them all: `start` to before `end`.

    `number` is its place among the blocks. Which case is in which block depends on the case's number alone.
    """

    number: int
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


def blocks(start: int, end: int) -> Iterator[Block]:
    """Give every block that has a case from `start` to before `end`, whole."""
    for block in _all_blocks():
        if block.start >= end:
            return
        if block.end > start:
            yield block


def _all_blocks() -> Iterator[Block]:
    number = first = 0
    lengths = [length for count, length in FIRST_BLOCKS for _ in range(count)]
    while True:
        length = lengths[number] if number < len(lengths) else BLOCK_LENGTH
        yield Block(number, first, first + length)
        number, first = number + 1, first + length


def block_of(case: int) -> Block:
    return next(blocks(case, case + 1))


@dataclass(frozen=True)
class Plan:
    """What was asked for.

    Attributes
    ----------
    seed, count
        Cases 0 to before `count` of this seed.
    dtypes, widths
        As `reports.sweep.structure.structure` takes them: they decide what is drawn.
    adapters
        The names of those that are judged.
    """

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
        """Draw one case."""
        block = block_of(case)
        place = case - block.start
        return unstacked(self.drawn(block, range(place, place + 1)), 0, self.name(case))

    def name(self, case: int) -> str:
        return f"sweep of seed {self.seed}, case {case}"


@dataclass(frozen=True)
class Task:
    """Some cases of one block, in stacks of one length, so that one compiled program serves them all.

    `cases` counts from the block's first case. A stack that reaches beyond the plan's last case is judged
    whole, so that it is the same program, and what lies beyond is dropped.
    """

    plan: Plan
    block: Block
    cases: range
    stack: int

    @property
    def name(self) -> str:
        """A name that sorts by the number of the first case."""
        return f"{self.block.start + self.cases.start:012d}"

    @property
    def stacks(self) -> tuple[range, ...]:
        """The cases of each stack."""
        end = min(self.cases.stop, self.plan.count - self.block.start)
        starts = range(self.cases.start, end, self.stack)
        return tuple(range(start, min(start + self.stack, len(self.block))) for start in starts)

    @property
    def count(self) -> int:
        """How many of its cases are asked for."""
        return min(len(self.cases), self.plan.count - self.block.start - self.cases.start)


def tasks(plan: Plan) -> Iterator[Task]:
    """Cut a sweep into tasks, in the order of its cases."""
    for block in blocks(0, plan.count):
        size = plan.structure(block).numbers_per_case
        stack = min(len(block), MAX_CASES_PER_STACK, _power_of_two(MAX_NUMBERS_PER_STACK // size))
        length = stack * max(1, MAX_NUMBERS_PER_TASK // (size * stack))
        for start in range(0, min(len(block), plan.count - block.start), length):
            yield Task(plan, block, range(start, min(start + length, len(block))), stack)


def _power_of_two(number: int) -> int:
    """Return the largest power of 2 that is not above a number, at least 1."""
    return 1 << max(number.bit_length() - 1, 0)


def draw(seed: int, block: int, cases: range, shared: Structure) -> Problem:
    """Draw cases of a block, counted from its first, as a stack: each array has the shape (C, …)."""
    drawer = _Drawer(seed, block, cases, shared)
    parameters = {name: rounded_once(array, shared.dtype) for name, array in drawer.parameters().items()}
    return Problem(
        case=f"sweep/{seed}/{block}",
        dtype=shared.dtype,
        activations=shared.activations,
        parameters=MappingProxyType(parameters),
        x=rounded_once(drawer.numbers("x", shared.batch, shared.widths[0]), shared.dtype),
        y=rounded_once(drawer.targets(), shared.dtype),
        loss=shared.loss,
        reduction=shared.reduction,
        loss_numbers=shared.loss_numbers,
        learning_rate=shared.learning_rate,
        optimizer=shared.optimizer,
        schedule=shared.schedule,
        clipping=shared.clipping,
        steps=shared.steps,
        not_trained=shared.not_trained,
    )


@dataclass(frozen=True)
class _Drawer:
    """Draws the arrays of a stack, each from bits of its own, so a case does not depend on the others."""

    seed: int
    block: int
    cases: range
    structure: Structure

    def parameters(self) -> dict[str, Real]:
        arrays = {}
        for k, (before, after) in enumerate(pairwise(self.structure.widths), start=1):
            weights = self.numbers(names.W(k), after, before)
            arrays[names.W(k)] = weights if self.structure.regime.grid else weights / math.sqrt(before)
            arrays[names.b(k)] = self.numbers(names.b(k), after)
        return arrays

    def numbers(self, name: str, *shape: int) -> Real:
        """Draw nearly normal numbers, each case's scaled by a power of 2 of its own."""
        regime = self.structure.regime
        numbers = self._on_grid(self._stream(name).approx_normal(*shape))
        if regime.zeros:
            numbers = np.where(self._stream(name, "zeros").uniform(*shape) < regime.zeros, 0.0, numbers)
        low, high = self._exponents(regime.inputs if name == "x" else regime.weights)
        scale = low + self._stream(name, "scale").below(high - low + 1)
        return np.ldexp(numbers, scale.reshape(-1, *(1,) * len(shape)))

    def targets(self) -> Real:
        """Draw targets that the loss allows."""
        batch, outputs, stream = self.structure.batch, self.structure.widths[-1], self._stream("y")
        match LOSSES[self.structure.loss].targets:
            case "classes":
                return np.eye(outputs)[stream.below(outputs, batch)]
            case "distributions":
                cuts = np.sort(stream.below(EIGHTHS + 1, batch, outputs - 1), axis=-1)
                ends = [(0, 0), (0, 0), (1, 1)]
                edges = np.pad(cuts, ends, constant_values=((0, 0), (0, 0), (0, EIGHTHS)))
                return np.diff(edges, axis=-1) / EIGHTHS
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
        reach = math.log2(FORMATS[self.structure.dtype].largest) if self.structure.regime.of_format else 1
        return round(given[0] * reach), round(given[1] * reach)
