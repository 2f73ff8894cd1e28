"""What keeps an implementation's process within bounds, set from inside: its memory, its files, its life."""

import ctypes
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

# Linux's PR_SET_PDEATHSIG.
DEATH_SIGNAL = 1


def limit(more: int) -> None:
    """Let this process take so many bytes more than it has now, and write no larger file, and no dump.

    There is no limit outside Linux. A limit that was set before is lowered, and never raised.
    """
    try:
        import resource  # noqa: PLC0415 - Windows has none

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    except (ImportError, OSError):
        return
    taken = pages * resource.getpagesize()
    for kind, most in (
        (resource.RLIMIT_DATA, taken + more),
        (resource.RLIMIT_FSIZE, more),  # standard output is kept in memory until it is told
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        lower = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (lower, lower))


def end_with_parent(parent: int | None = None, *, with_thread: bool) -> None:
    """Have this process end when its parent does, however that comes; it may have ended already.

    Linux can see to that, but counts the thread that started this process as its parent; where that thread
    may end before, `with_thread` is false, and a thread of this process looks every second.
    """
    parent = os.getppid() if parent is None else parent
    if with_thread:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it has ended meanwhile
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)
