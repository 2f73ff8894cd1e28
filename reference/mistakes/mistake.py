"""What a mistake is: lines of the tape with another formula, or with other inputs."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from cases import Problem
from reference.line import Line
from reference.tape import tape


@dataclass(frozen=True)
class Inexpressible:
    """Why a mistake cannot be made on a problem, or could not be seen there: a clause in words."""

    reason: str


CIRCULAR = Inexpressible("made in these lines alone, they would be computed from each other")

# The lines as a mistake has them, each for the tape's line of that name; or why it has none.
Lines: TypeAlias = list[Line] | Inexpressible
Change: TypeAlias = Callable[[Problem], Lines]


@dataclass(frozen=True)
class Mistake:
    """A mistake that people make in backpropagation.

    `name` is what a person types, "sum-for-mean"; `sentence` is what happened, as a clause: "the mean over
    the batch was taken as a sum". With `numpy_only` the formulas are NumPy's alone: a mistake of precision is
    no exact function of its inputs, so it cannot be expressed on `Bounded` numbers.
    """

    name: str
    sentence: str
    change: Change
    numpy_only: bool = False

    def lines(self, problem: Problem) -> tuple[Line, ...] | Inexpressible:
        """Return the lines that the mistake changes, as it has them, in the order of the tape."""
        changed = self.change(problem)
        if isinstance(changed, Inexpressible):
            return changed
        order = [line.name for line in tape(problem)]
        absent = [line.name for line in changed if line.name not in order]
        if absent:
            return Inexpressible(f"this training step has no {absent[0]}")
        return tuple(sorted(changed, key=lambda line: order.index(line.name)))

    def tape(self, problem: Problem, only: Collection[str] | None = None) -> tuple[Line, ...] | Inexpressible:
        """Return the mistaken tape of one training step, or why there is none.

        With `only` the mistake is made in the lines of these names and in no others.
        """
        changed = self.lines(problem)
        if isinstance(changed, Inexpressible):
            return changed
        wrong = {line.name: line for line in changed if only is None or line.name in only}
        lines = _in_order([wrong.get(line.name, line) for line in tape(problem)])
        return lines if _is_computable(lines) else CIRCULAR


def mistake(sentence: str, *, numpy_only: bool = False) -> Callable[[Change], Mistake]:
    """Make a mistake of the function that gives its lines; its name is the function's, with hyphens."""

    def made(change: Change) -> Mistake:
        return Mistake(change.__name__.replace("_", "-"), sentence, change, numpy_only)

    return made


def _in_order(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Move a line up where another needs it earlier than the tape computes it."""
    waiting = {line.name: line for line in lines}

    def settle(name: str) -> Iterator[Line]:
        line = waiting.pop(name, None)
        if line is not None:
            for needed in line.inputs:
                yield from settle(needed)
            yield line

    return tuple(settled for line in lines for settled in settle(line.name))


def _is_computable(lines: Sequence[Line]) -> bool:
    """Whether no line needs one that comes after it."""
    waiting = {line.name for line in lines}
    for line in lines:
        if not waiting.isdisjoint(line.inputs):
            return False
        waiting.remove(line.name)
    return True
