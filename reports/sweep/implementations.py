"""Who is judged in a sweep, and how each runs: over a stack where its program can, or one case at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from adapters import Adapter, Program, Unavailable
from cases import names


@dataclass(frozen=True)
class Implementation:
    """A program of an adapter."""

    adapter: Adapter
    program: Program

    @property
    def name(self) -> str:
        """The adapter, with its program where it has one to tell apart."""
        return f"{self.adapter.name} {self.program.name}".strip()

    @property
    def shows_all(self) -> bool:
        """Whether it promises all that can be observed of a network."""
        return names.observable(1) <= self.program.promises(1)

    def promises(self, depth: int) -> frozenset[str]:
        """Return the quantities that it states of a network of so many layers."""
        return self.program.promises(depth)


def implementations(adapters: Iterable[Adapter | Unavailable], block: int) -> Iterator[Implementation]:
    """Give each adapter's programs for one block; of several that compile a stack, one block each in turn."""
    for adapter in adapters:
        if isinstance(adapter, Adapter):
            stacked = [program for program in adapter.programs if program.stacked]
            several = len(stacked) > 1
            for program in [stacked[block % len(stacked)]] if several else adapter.programs:
                yield Implementation(adapter, program)
