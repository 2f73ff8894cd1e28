"""An adapter in a child process: spawned, asked with a time limit, ended with all that it has started."""

import atexit
import json
import math
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from adapters.isolation.messages import Corrupted, Message, encode, receive
from adapters.isolation.resource_limits import Limits
from cases.errors import exit_reason
from cases.protocol import Fault, NoEquivalent

T = TypeVar("T")

# Loading a framework may take this many times the time and the memory of anything else.
STARTUP_FACTOR = 5

# Seconds after which it is looked whether the child lives: what it has forked may hold its pipes open.
POLL_INTERVAL_S = 0.25

# Seconds that a killed process may take to be gone.
KILL_TIMEOUT_S = 10.0

# Characters of the end of standard error that an exit reason quotes.
STDERR_TAIL = 300

# The environment variable that marks a child, all that it starts, and what those start in turn.
MARK = "BACKPROP_PARITY_ADAPTER"

# Orphans are looked for this often, because one may be starting another while it is ended.
ORPHAN_ROUNDS = 10


@dataclass(frozen=True)
class Source:
    """An adapter's name, where it is loaded from, and under which interpreter."""

    name: str
    location: str
    python: str


class Child:
    """A child process, spawned and never forked, with a pipe to it and one from it.

    Raises
    ------
    OSError
        If there is no such program.
    """

    def __init__(self, *command: str) -> None:
        self._mark = uuid.uuid4().hex
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
        self._requests, self._replies = (
            stream.fileno()  # type: ignore[union-attr]  # both are pipes
            for stream in (self._process.stdin, self._process.stdout)
        )
        for pipe in (self._requests, self._replies):
            os.set_blocking(pipe, False)

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def read_exactly(self, count: int, deadline: float) -> bytearray:
        """Read exactly `count` bytes, or raise TimeoutError, or EOFError if no more can come."""
        data, filled = bytearray(count), 0
        left = memoryview(data)
        while filled < count:
            self._wait(self._replies, select.POLLIN, deadline)
            taken = os.readv(self._replies, [left[filled:]])
            if not taken:
                raise EOFError
            filled += taken
        return data

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

    def exit_reason(self, memory_limit: str) -> str:
        """Say how the process ended, with the end of its standard error, and end what is left of it.

        `memory_limit` is appended where a signal ended it, as exhausted memory does.
        """
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.end()
            return "closed its pipes and was ended"
        tail = self._stderr_tail()
        self.end()
        return exit_reason(code) + memory_limit * (code < 0) + (f"; its last words: {tail}" if tail else "")

    def _stderr_tail(self) -> str:
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - STDERR_TAIL))
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""


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


class AdapterProcess:
    """One adapter in a child process, spawned when it is first wanted, and again after each fault.

    `generation` counts the children: what was under way in one is gone with it.
    """

    def __init__(self, source: Source, limits: Limits) -> None:
        self.source, self.limits, self.generation = source, limits, 0
        self.description: dict[str, Any] = {}
        self._child: Child | None = None
        self._number = 0
        atexit.register(self.end)

    def start(self) -> dict[str, Any]:
        """Spawn the child if there is none, and return how it describes its adapter, or raise Fault."""
        if self._child is None or not self._child.is_alive():
            self.end()
            child, seconds = self._spawn(), STARTUP_FACTOR * self.limits.seconds
            with self._ended_by_any_failure(seconds):
                self.description = self._receive(child, time.monotonic() + seconds, 0).header
        return self.description

    def ask(
        self,
        request: Mapping[str, Any],
        read: Callable[[Message], T],
        arrays: Mapping[str, Any] | None = None,
        max_array_bytes: int = 0,
    ) -> T:
        """Send a request, and return what `read` makes of the reply.

        Raises
        ------
        Fault
            If the child has ended, crashes, hangs, or replies with what is no reply (`read` may raise
            `Corrupted`); it is ended then. Also if the adapter has raised an exception; it lives on then.
        NoEquivalent
            As the adapter.
        """
        with self._ended_by_any_failure(self.limits.seconds):
            if self._child is None or not self._child.is_alive():
                raise EOFError
            self._number += 1
            deadline = time.monotonic() + self.limits.seconds
            self._child.write_all(encode({**request, "number": self._number}, arrays), deadline)
            reply = self._receive(self._child, deadline, max_array_bytes)
            if not reply.header.keys() & {"fault", "no equivalent"}:
                return read(reply)
        if "fault" in reply.header:
            raise Fault(str(reply.header["fault"]) + self._memory_limit * bool(reply.header.get("memory")))
        raise NoEquivalent(str(reply.header["no equivalent"]))

    def end(self) -> None:
        """End the child and all that it has started, at once."""
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def _spawn(self) -> Child:
        here = os.getcwd()  # noqa: PTH109 - as Python itself has it
        settings = asdict(self.source) | {
            "path": [entry or here for entry in sys.path] if self.source.python == sys.executable else [],
            "folder": here,
            "memory": self.limits.memory,
            "memory while starting": STARTUP_FACTOR * self.limits.memory,
            "may print": self.limits.may_print,
            "dies with its thread": threading.current_thread() is threading.main_thread(),
        }
        script = str(Path(__file__).with_name("__main__.py"))
        try:
            self._child = Child(self.source.python, script, json.dumps(settings))
        except OSError as error:
            raise Fault(f"{self.source.python} cannot be started: {error.strerror}") from None
        self.generation, self._number = self.generation + 1, 0
        return self._child

    @contextmanager
    def _ended_by_any_failure(self, seconds: float) -> Iterator[None]:
        """End the child when an exchange fails, even by Ctrl-C: half of one leaves no sense in the next."""
        try:
            yield
        except Corrupted as error:
            self.end()
            raise Fault(f"sent a reply that is none: it {error}") from None
        except TimeoutError:
            self.end()
            raise Fault(f"gave no reply within {seconds:g} s and was ended") from None
        except (EOFError, BrokenPipeError):
            child, self._child = self._child, None
            raise Fault(child.exit_reason(self._memory_limit) if child else "its process has ended") from None
        except BaseException:
            self.end()
            raise

    def _receive(self, child: Child, deadline: float, max_array_bytes: int) -> Message:
        reply = receive(lambda count: child.read_exactly(count, deadline), max_array_bytes)
        if (number := reply.header.pop("number", None)) != self._number:
            raise Corrupted(f"answers the request {number!r:.20}, and {self._number} was asked")
        print(reply.header.pop("printed", ""), end="")
        return reply

    @property
    def _memory_limit(self) -> str:
        return f" (it may take {self.limits.gib:g} GiB of memory)" if self.limits.gib < math.inf else ""
