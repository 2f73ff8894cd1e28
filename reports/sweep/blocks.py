"""Blocks: runs of cases that share a structure, so that one compiled program serves them all.

The first blocks are short, and so the first thousand cases meet forty structures; the later ones are long,
and so compiling costs little of a long sweep. Which case is in which block depends on its number alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# So many blocks of so many cases each, one after the other: together 101,536.
GROWTH: Final = ((12, 8), (12, 16), (12, 32), (4, 128), (2, 1024), (12, 8192))

# The length of every block after those.
LONGEST: Final = 4096


@dataclass(frozen=True)
class Block:
    """A run of cases: from `start` to before `end`; `number` is its place among the blocks."""

    number: int
    start: int
    end: int

    def __len__(self) -> int:
        """How many cases it has."""
        return self.end - self.start


def blocks(start: int, end: int) -> Iterator[Block]:
    """Give every block that has a case from `start` to before `end`, whole."""
    for block in _all():
        if block.start >= end:
            return
        if block.end > start:
            yield block


def block_of(case: int) -> Block:
    """Return the block that a case is in."""
    return next(blocks(case, case + 1))


def _all() -> Iterator[Block]:
    number = first = 0
    for count, length in GROWTH:
        for _ in range(count):
            yield Block(number, first, first + length)
            number, first = number + 1, first + length
    while True:
        yield Block(number, first, first + LONGEST)
        number, first = number + 1, first + LONGEST
