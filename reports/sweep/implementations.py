"""The programs that a sweep judges, and the cases on which each has its turn."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from adapters import Adapter, Program, Unavailable
from cases import Problem, names
from reference import JudgedStep, judge


@dataclass(frozen=True)
class Implementation:
    """A program of an adapter."""

    adapter: Adapter
    program: Program

    @property
    def name(self) -> str:
        """The adapter, with its program where it has several."""
        return f"{self.adapter.name} {self.program.name}".strip()

    @property
    def framework(self) -> str:
        return self.adapter.framework or self.adapter.name

    @property
    def shows_all(self) -> bool:
        """Whether it promises all that can be observed of a network."""
        return names.observable(1) <= self.program.promises(1)

    def judge(self, problem: Problem, run: Callable[..., Any] | None = None) -> Iterator[JudgedStep]:
        """Judge the program on one case, or what `run` states in its place."""
        promises, accumulators = self.program.promises(problem.depth), self.program.accumulators
        return judge(problem, run or self.program.run, promises, accumulators=accumulators)


def implementations(adapters: Iterable[Adapter | Unavailable], block: int) -> Iterator[Implementation]:
    """Give each adapter's programs for one block; of several that compile a stack, one block each in turn."""
    for adapter in adapters:
        if isinstance(adapter, Adapter):
            stacked = [program for program in adapter.programs if program.stacked]
            several = len(stacked) > 1
            for program in [stacked[block % len(stacked)]] if several else adapter.programs:
                yield Implementation(adapter, program)
