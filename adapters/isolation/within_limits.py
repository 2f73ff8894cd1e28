"""The limits of a process, taken on by itself; and the start of any program within them.

`python within_limits.py SETTINGS COMMAND …` becomes COMMAND. Nothing but the standard library is needed, so
that this takes some hundredths of a second.
"""

import ctypes
import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

SET_PARENT_DEATH_SIGNAL = 1  # Linux's PR_SET_PDEATHSIG
CANNOT_START = 127  # the exit code of a shell for a command that it cannot start


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
    # standard output is a file, in memory
    limits = {resource.RLIMIT_DATA: taken + more, resource.RLIMIT_FSIZE: more, resource.RLIMIT_CORE: 0}
    for kind, size in limits.items():
        _, hard = resource.getrlimit(kind)
        lower = size if hard == resource.RLIM_INFINITY else min(size, hard)
        resource.setrlimit(kind, (lower, lower))


def end_with_parent(parent: int | None = None, *, with_thread: bool) -> None:
    """Have this process end when its parent does, however that comes; it may have ended already.

    Linux can see to that, but takes the thread that started this process for its parent; where that thread
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


def main(settings: str, *command: str) -> NoReturn:
    """Become the command; what it cannot start it says, and ends."""
    wanted = json.loads(settings)
    if wanted["dies with its thread"]:  # a thread that looks would not outlive this program
        end_with_parent(with_thread=True)
    limit_memory(wanted["memory"])
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores, and so would the command
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 - the command that the user named
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(CANNOT_START)


if __name__ == "__main__":
    main(*sys.argv[1:])
