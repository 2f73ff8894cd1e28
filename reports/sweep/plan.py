"""What a sweep is asked to do, and the tasks that it is cut into: the same ones on any machine."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cases.dtypes import DTYPES
from reports.sweep.blocks import Block, blocks
from reports.sweep.structure import Structure, structure

# Numbers that the arrays of a stack hold, at most: some ten MB for each line of the tape.
IN_A_STACK: Final = 2**21

MOST_IN_A_STACK: Final = 2048

# The same of a task, whose stacks are judged one after the other: some seconds.
IN_A_TASK: Final = 2**23


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
        The names of those who are judged.
    """

    seed: int
    count: int
    dtypes: tuple[str, ...] = DTYPES
    widths: tuple[int, ...] | None = None
    adapters: tuple[str, ...] = ("numpy", "torch", "jax")

    def structure(self, block: int) -> Structure:
        """Return the structure of a block."""
        return structure(self.seed, block, self.dtypes, self.widths)


@dataclass(frozen=True)
class Task:
    """Some cases of one block, in stacks of one length, so that one compiled program serves them all.

    `cases` counts from the block's first case. A stack that reaches beyond `count` is judged whole, so that
    it is the same program, and what lies beyond is not told.
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
    def told(self) -> int:
        """How many of its cases are asked for."""
        return min(len(self.cases), self.plan.count - self.block.start - self.cases.start)


def tasks(plan: Plan) -> Iterator[Task]:
    """Cut a sweep into tasks, in the order of its cases."""
    for block in blocks(0, plan.count):
        size = numbers_of(plan.structure(block.number))
        stack = min(len(block), MOST_IN_A_STACK, _power_of_two(IN_A_STACK // size))
        length = stack * max(1, IN_A_TASK // (size * stack))
        for start in range(0, min(len(block), plan.count - block.start), length):
            yield Task(plan, block, range(start, min(start + length, len(block))), stack)


def numbers_of(one: Structure) -> int:
    """Return how many numbers the arrays of one case hold: its parameters, and what each layer makes."""
    pairs = zip(one.widths, one.widths[1:], strict=False)
    return sum((before + 1) * after + 4 * one.batch * after for before, after in pairs)


def _power_of_two(number: int) -> int:
    """Return the largest power of 2 that is not above a number, at least 1."""
    return 1 << max(number.bit_length() - 1, 0)
