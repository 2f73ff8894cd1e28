"""What an adapter's process may take: seconds, memory, files; and that it ends with its parent."""

import ctypes
import math
import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

GIB = 2**30

# Bytes that no machine has; the system takes no limit that is infinite.
MAX_MEMORY = 2**56

# Linux's PR_SET_PDEATHSIG.
SET_PARENT_DEATH_SIGNAL = 1


@dataclass(frozen=True)
class Limits:
    """The limits of one adapter process.

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
        return int(min(self.gib * GIB, MAX_MEMORY))


# A process of its own and nothing else: a program that is right in this process is right there.
UNBOUNDED: Final = Limits(math.inf, math.inf, may_print=True)


def limit_memory(more: int) -> None:
    """Let this process take `more` bytes beyond what it has now, write no larger file, and dump no core.

    There is no limit outside Linux. A limit that was set before is lowered, and never raised.
    """
    try:
        import resource  # noqa: PLC0415 - Windows has none

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    except (ImportError, OSError):
        return
    taken = pages * resource.getpagesize()
    for kind, size in (
        (resource.RLIMIT_DATA, taken + more),
        (resource.RLIMIT_FSIZE, more),  # standard output is a file in memory
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        lower = size if hard == resource.RLIM_INFINITY else min(size, hard)
        resource.setrlimit(kind, (lower, lower))


def end_with_parent(parent: int | None = None, *, with_thread: bool) -> None:
    """Have this process end when its parent does, however that comes; it may have ended already.

    Linux can see to that, but counts the thread that started this process as its parent; where that thread
    may end before, `with_thread` is false, and a thread of this process looks every second.
    """
    parent = os.getppid() if parent is None else parent
    if with_thread:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it has ended meanwhile
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)
