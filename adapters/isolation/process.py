"""A claimant's process, seen from outside: started, asked with a time limit, ended, started again."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.isolation.messages import Corrupted, Message, encode, receive
from reference.verdicts import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adapters.isolation.limits import Limits

WORKER = Path(__file__).with_name("worker.py")
STARTING = 5
"""Loading a framework may take so many times as long as any other reply."""

LAST_WORDS = 300
"""Characters of what a process wrote to standard error before its end that are told."""


@dataclass(frozen=True)
class Claimed:
    """Whom a process runs: an adapter's name, where it is loaded from, and under which interpreter."""

    name: str
    location: str
    python: str


class ClaimantProcess:
    """One adapter in a process of its own, which is spawned when it is first asked, and after each fault.

    `generation` counts the processes: what was under way in one is gone with it.
    """

    def __init__(self, claimed: Claimed, limits: Limits) -> None:
        self.claimed, self.limits, self.generation = claimed, limits, 0
        self.description: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.end)

    @property
    def is_alive(self) -> bool:
        """Whether there is a process that has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> dict[str, Any]:
        """Spawn the process if there is none, and return what it tells of its adapter.

        Raises
        ------
        Fault
            If it cannot be started, or does not answer.
        """
        if not self.is_alive:
            self.end()
            self._spawn()
            self.description = self._reply(STARTING * self.limits.seconds).header
        return self.description

    def ask(self, header: Mapping[str, Any], arrays: Mapping[str, Any] | None = None) -> Message:
        """Ask, and return the reply.

        Raises
        ------
        Fault
            If the process crashes, hangs, or replies with what is no reply; it is ended then.
        """
        self.start()
        deadline = time.monotonic() + self.limits.seconds
        self._write(encode(header, arrays), deadline)
        reply = self._reply(self.limits.seconds)
        if "fault" in reply.header:
            raise Fault(str(reply.header["fault"]))
        return reply

    def end(self) -> None:
        """End the process and all that it has started, at once."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream:
                    with suppress(OSError):  # what it was still to read
                        stream.close()
            self._words.close()

    def _spawn(self) -> None:
        own = self.claimed.python == sys.executable
        here = os.getcwd()  # noqa: PTH109 - as Python itself has it
        path = [entry or here for entry in sys.path] if own else [here]
        told = vars(self.claimed) | {"path": path, "memory": self.limits.memory}
        command = [self.claimed.python, "-P", str(WORKER), json.dumps(told)]
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process is
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter that the user named
                command, stdin=pipe, stdout=pipe, stderr=self._words, start_new_session=True
            )
        except OSError as error:
            self._words.close()
            raise Fault(f"{self.claimed.python} cannot be started: {error.strerror}") from None
        self.generation += 1
        for stream in (self._process.stdin, self._process.stdout):
            os.set_blocking(stream.fileno(), False)  # type: ignore[union-attr]  # both are pipes

    def _reply(self, seconds: float) -> Message:
        deadline = time.monotonic() + seconds
        try:
            return receive(lambda count: self._read(count, deadline))
        except Corrupted as error:
            self.end()
            raise Fault(f"sent a reply that is none: it {error}") from None
        except TimeoutError:
            self.end()
            raise Fault(f"gave no reply within {seconds:g} s and was ended") from None
        except EOFError:
            raise Fault(self._why_it_ended()) from None

    def _read(self, count: int, deadline: float) -> bytes:
        """Read exactly so many bytes.

        Raises
        ------
        TimeoutError, EOFError
            If they do not come in time, or not any more.
        """
        fd, parts = self._process.stdout.fileno(), []  # type: ignore[union-attr]  # it runs
        while count:
            if not select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError
            part = os.read(fd, min(count, 2**20))
            if not part:
                raise EOFError
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _write(self, data: bytes, deadline: float) -> None:
        fd, left = self._process.stdin.fileno(), memoryview(data)  # type: ignore[union-attr]  # it runs
        while left:
            if not select.select([], [fd], [], max(0.0, deadline - time.monotonic()))[1]:
                self.end()
                raise Fault(f"read nothing for {self.limits.seconds:g} s and was ended")
            try:
                left = left[os.write(fd, left) :]
            except BrokenPipeError:
                raise Fault(self._why_it_ended()) from None

    def _why_it_ended(self) -> str:
        """Say how the process ended, with its last words."""
        process = self._process
        if process is None:
            return "has ended"
        try:
            code = process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.end()
            return "closed its standard output and was ended"
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        said = self._last_words()
        self.end()
        memory = f" (it may take {self.limits.gib:g} GiB of memory)" if code < 0 else ""
        return f"its process ended {how}{memory}" + (f"; its last words: {said}" if said else "")

    def _last_words(self) -> str:
        size = self._words.seek(0, os.SEEK_END)
        self._words.seek(max(0, size - LAST_WORDS))
        lines = self._words.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""
