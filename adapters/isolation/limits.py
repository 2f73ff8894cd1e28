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
        For one reply: a training step. To start, five times as much.
    gib
        Memory of its own, in GiB, beyond what it has taken when it has loaded its framework, which may be
        five times as much; and the size of any file that it writes. On Linux only.
    """

    seconds: float = 120.0
    gib: float = 4.0

    @property
    def memory(self) -> int:
        """The memory in bytes."""
        return int(self.gib * GIB)
