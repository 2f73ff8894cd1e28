"""A child process, spawned and asked with a time limit, and ended with all that it has started."""

import math
import os
import re
import select
import signal
import subprocess
import tempfile
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.isolation.messages import Corrupted
from cases.errors import exit_reason

POLL_INTERVAL_S = 0.25  # to look whether the child lives: what it has forked may hold its pipes open
KILL_TIMEOUT_S = 10.0  # that a killed process may take to be gone
STDERR_TAIL = 300  # characters of the end of standard error that an exit reason quotes
NODE = re.compile(r"Node\.js v[\d.]+")  # how Node ends what it says of an error
MARK = "BACKPROP_PARITY_ADAPTER"  # a variable that is set in a child and in all that descends from it
ORPHAN_ROUNDS = 10  # because one may be starting another while it is ended
CHUNK = 2**16  # bytes that are read at once where a line ends somewhere
MAX_MEMORY: Final = 2**56  # bytes that no machine has; the system takes no limit that is infinite


@dataclass(frozen=True)
class Limits:
    """The limits of one adapter process; to start, and load its framework, it may take five times as much."""

    seconds: float = 120.0  # for one reply: a training step
    # Memory beyond what it has when it is loaded, in GiB, and the size of any file it writes. On Linux only.
    gib: float = 4.0
    may_print: bool = False  # whether what it writes to standard output is printed here, and no fault

    @property
    def memory(self) -> int:
        """The memory in bytes."""
        return int(min(self.gib * 2**30, MAX_MEMORY))

    @property
    def shown_memory(self) -> str:
        """What is said of the memory where a process may have wanted more."""
        return f" (it may take {self.gib:g} GiB of memory)" if self.gib < math.inf else ""


# A process of its own and nothing else: a program that is right in this process is right there.
UNBOUNDED: Final = Limits(math.inf, math.inf, may_print=True)


class Child:
    """A child process, spawned and never forked, with a pipe to it and one from it, or an OSError."""

    def __init__(self, *command: str) -> None:
        self._mark = uuid.uuid4().hex
        self._unread = bytearray()  # what came behind the line that was read last
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process is
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter that the user named
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env=os.environ | {MARK: self._mark},
                start_new_session=True,
            )
        except OSError:
            self._stderr.close()
            raise
        streams = self._process.stdin, self._process.stdout
        self._requests, self._replies = (stream.fileno() for stream in streams if stream)
        for pipe in (self._requests, self._replies):
            os.set_blocking(pipe, False)

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def read_exactly(self, count: int, deadline: float) -> bytearray:
        """Read exactly `count` bytes, or raise TimeoutError, or EOFError if no more can come."""
        data, filled = bytearray(count), 0
        while filled < count:
            self._wait(self._replies, select.POLLIN, deadline)
            taken = os.readv(self._replies, [memoryview(data)[filled:]])
            if not taken:
                raise EOFError
            filled += taken
        return data

    def read_line(self, longest: int, deadline: float) -> bytes:
        """Read a line, without its end.

        Raises Corrupted if it has more than `longest` bytes, TimeoutError, or EOFError with what there is of
        a line where no more can come.
        """
        line, self._unread = self._unread, bytearray()
        start = 0
        while (end := line.find(b"\n", start)) < 0 and len(line) <= longest:
            start = len(line)
            try:
                self._wait(self._replies, select.POLLIN, deadline)
                taken = os.read(self._replies, CHUNK)
            except EOFError:
                taken = b""
            if not taken:
                raise EOFError(bytes(line))
            line += taken
        if not 0 <= end <= longest:
            raise Corrupted(f"is longer than the {longest:,} bytes that are read")
        self._unread = line[end + 1 :]
        return bytes(line[:end])

    def write_all(self, data: bytes, deadline: float) -> None:
        """Write all of it, or raise TimeoutError, or EOFError or BrokenPipeError if nobody reads any more."""
        left = memoryview(data)
        while left:
            self._wait(self._requests, select.POLLOUT, deadline)
            left = left[os.write(self._requests, left) :]

    def _wait(self, pipe: int, event: int, deadline: float) -> None:
        """Wait until a pipe can be read from or written to, or its other end is closed."""
        poll = select.poll()
        poll.register(pipe, event)
        while (left := deadline - time.monotonic()) > 0:
            is_alive = self.is_alive()
            if poll.poll(1000 * min(left, POLL_INTERVAL_S) if is_alive else 0):
                return
            if not is_alive:
                raise EOFError
        raise TimeoutError

    def end(self) -> None:
        """End the process and all that it has started, at once."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        end_orphans(self._mark)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(KILL_TIMEOUT_S)
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            if stream:
                with suppress(OSError):  # what it was still to read
                    stream.close()

    def exit_code(self) -> int | None:
        """Return its exit code, or a signal's number, negative; None if it has closed its pipes and lives."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout=1)
        return None

    def exit_reason(self, of_signal: str) -> str:
        """Say how the process ended, if `of_signal` that too, and its last words; end what is left of it."""
        code = self.exit_code()
        reason = exit_reason(code) + of_signal * (code < 0) if code is not None else ""
        words = self.last_words()
        self.end()
        return f"{reason}{words}" if reason else "closed its pipes and was ended"

    def last_words(self) -> str:
        """Return the last line of its standard error, as the end of a sentence, or nothing."""
        self._stderr.seek(max(0, self._stderr.seek(0, os.SEEK_END) - STDERR_TAIL))
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        *_, last = ["", *(line for line in lines if not NODE.fullmatch(line.strip()))]
        return f"; its last words: {last.strip()}" if last else ""


def end_orphans(mark: str) -> None:
    """End every process with this mark, also those that have left the group; on Linux only, by /proc."""
    wanted = f"{MARK}={mark}".encode()
    for _ in range(ORPHAN_ROUNDS):
        environments = Path("/proc").glob("[0-9]*/environ")
        marked = [int(file.parent.name) for file in environments if wanted in _variables(file)]
        if not marked:
            return
        for process in marked:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)


def _variables(environment: Path) -> list[bytes]:
    try:
        return environment.read_bytes().split(b"\0")
    except OSError:  # another user's, or it has ended meanwhile
        return []
