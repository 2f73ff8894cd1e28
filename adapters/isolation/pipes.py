"""Pipes to another process that are read and written within a time, and no longer than it lives."""

import os
import select
import time
from collections.abc import Callable

# Seconds after which it is looked whether the process lives: what it has forked may hold its pipes open.
GLANCE = 0.25


def read_exactly(fd: int, count: int, deadline: float, lives: Callable[[], bool]) -> bytes:
    """Read exactly so many bytes.

    Raises
    ------
    TimeoutError, EOFError
        If they do not come in time, or not any more.
    """
    data, filled = bytearray(count), 0
    left = memoryview(data)
    while filled < count:
        _wait(fd, select.POLLIN, deadline, lives)
        taken = os.readv(fd, [left[filled:]])
        if not taken:
            raise EOFError
        filled += taken
    return bytes(data)


def write_all(fd: int, data: bytes, deadline: float, lives: Callable[[], bool]) -> None:
    """Write all of it.

    Raises
    ------
    TimeoutError, EOFError, BrokenPipeError
        If it is not read in time, or not any more.
    """
    left = memoryview(data)
    while left:
        _wait(fd, select.POLLOUT, deadline, lives)
        left = left[os.write(fd, left) :]


def _wait(fd: int, until: int, deadline: float, lives: Callable[[], bool]) -> None:
    """Wait until a pipe can be read from or written to, or its other end is closed.

    Raises
    ------
    TimeoutError, EOFError
        If that is not in time, or the process has ended and left nothing to read.
    """
    poll = select.poll()
    poll.register(fd, until)
    while (left := deadline - time.monotonic()) > 0:
        is_alive = lives()
        if poll.poll(1000 * min(left, GLANCE) if is_alive else 0):
            return
        if not is_alive:
            raise EOFError
    raise TimeoutError
