"""What a claimant in a process of its own may take."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 2**30


@dataclass(frozen=True)
class Limits:
    """How long, and how much.

    Attributes
    ----------
    seconds
        For one reply: a training step, or to start.
    memory
        Bytes of its own data beyond what it has taken when it has loaded its framework; on Linux only.
    """

    seconds: float = 120.0
    memory: int = 4 * GIB

    @property
    def memory_told(self) -> str:
        """The memory in words: "4 GiB"."""
        return f"{self.memory / GIB:g} GiB"
