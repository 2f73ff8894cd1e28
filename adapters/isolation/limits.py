"""What an implementation in a process of its own may take."""

import math
from dataclasses import dataclass
from typing import Final

GIB = 2**30

# Bytes that no machine has; the system takes no limit that is infinite.
MOST = 2**56


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
    may_print
        Whether what it writes to standard output is printed here, and no fault.
    """

    seconds: float = 120.0
    gib: float = 4.0
    may_print: bool = False

    @property
    def memory(self) -> int:
        """The memory in bytes."""
        return int(min(self.gib * GIB, MOST))


# A process of its own and nothing else: a program that is right in this process is right there.
UNBOUNDED: Final = Limits(math.inf, math.inf, may_print=True)
