"""One process as the operating system has it: spawned, looked at, ended with all that it has started."""

import os
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Sequence
from contextlib import suppress

from adapters.isolation.remains import MARK, end_marked
from cases.errors import exit_reason

# Characters of what a process wrote to standard error before its end that are told.
LAST_WORDS = 300

# Seconds that a killed process may take to be gone.
DYING = 10.0


class Spawned:
    """A process that was spawned, never forked, and its two pipes: `requests` to it, `replies` from it.

    Raises
    ------
    OSError
        If there is no such program.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._mark = uuid.uuid4().hex
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process is
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter that the user named
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._words,
                env=os.environ | {MARK: self._mark},
                start_new_session=True,
            )
        except OSError:
            self._words.close()
            raise
        self.requests, self.replies = (
            stream.fileno()  # type: ignore[union-attr]  # both are pipes
            for stream in (self._process.stdin, self._process.stdout)
        )
        for pipe in (self.requests, self.replies):
            os.set_blocking(pipe, False)

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def end(self) -> None:
        """End the process and all that it has started, at once."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        end_marked(self._mark)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(DYING)
        for stream in (self._process.stdin, self._process.stdout, self._words):
            if stream:
                with suppress(OSError):  # what it was still to read
                    stream.close()

    def how_it_ended(self, memory: str) -> str:
        """Say how the process ended, with its last words, and end it; `memory` tells of its limit."""
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.end()
            return "closed its pipes and was ended"
        said = self._last_words()
        self.end()
        return exit_reason(code) + memory * (code < 0) + (f"; its last words: {said}" if said else "")

    def _last_words(self) -> str:
        size = self._words.seek(0, os.SEEK_END)
        self._words.seek(max(0, size - LAST_WORDS))
        lines = self._words.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""
