"""A program in any language, in a process of its own: one line in for each problem, a line out for each step.

The program prints its hello line whenever it is ready for a problem. So it is known that the line behind its
last claim belongs to no other problem, and a program may as well end there: it is started again.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar, overload

from adapters.isolation.child import Child, Limits
from adapters.isolation.line_protocol import (
    LONGEST_HELLO,
    Hello,
    claim_of,
    hello_of,
    problem_line,
    read_object,
)
from adapters.isolation.messages import Corrupted, max_claim_bytes
from adapters.isolation.supervised import Supervised
from cases.errors import printable, quoted, well_formed
from cases.problem import Problem
from cases.protocol import Claim, Fault, NoEquivalent

T = TypeVar("T")
Reader: TypeAlias = Callable[[dict[str, Any]], T]


class Declined(NamedTuple):
    """What a program says in place of its claims."""

    why: str


class LineProcess(Supervised):
    """A program that speaks in lines, started when it is first wanted, and again wherever it has ended.

    `is_ready` says whether it has printed its hello line and waits for a problem.
    """

    corrupted = "printed a line that"

    def __init__(self, command: Sequence[str], limits: Limits) -> None:
        super().__init__(limits)
        self._command = tuple(command)
        self._hello: Hello | None = None
        self._is_waiting = False

    @property
    def is_ready(self) -> bool:
        return self._is_waiting and self._child is not None and self._child.is_alive()

    def start(self) -> Hello:
        """Start the program if it is not ready, and return its hello line, or raise Fault."""
        if self._hello is None or not self.is_ready:
            self.end()
            self._child, self._is_waiting = self._spawn(), False
            self._hello = self._read("hello line", hello_of, LONGEST_HELLO)
            self._is_waiting = True
        return self._hello

    def _spawn(self) -> Child:
        settings = {
            "memory": self._limits.memory,
            "dies with its thread": threading.current_thread() is threading.main_thread(),
        }
        script = str(Path(__file__).with_name("within_limits.py"))
        try:
            return Child(sys.executable, "-I", "-S", script, json.dumps(settings), *self._command)
        except OSError as error:
            raise Fault(f"{sys.executable} cannot be started: {error.strerror}") from None

    def train(self, problem: Problem) -> Iterator[Claim]:
        """Send a problem; give each step's claim when it is asked for, or raise NoEquivalent or Fault.

        Who stops asking earlier has to end this process: what it goes on to print belongs to no problem.
        """
        self.start()
        self._is_waiting = False
        self._send(problem_line(problem))
        longest, read = max_claim_bytes(problem), partial(_answer, dtype=problem.dtype)
        for step in range(1, problem.steps + 1):
            answer = self._read(f"claim of step {step}", read, longest)
            if isinstance(answer, Hello):  # the judge says that steps are missing
                self._is_waiting = True
                return
            if isinstance(answer, Declined) or step == problem.steps:
                self._finish()
            if isinstance(answer, Declined):
                raise NoEquivalent(answer.why)
            yield answer

    def _send(self, line: bytes) -> None:
        seconds = self._limits.seconds
        child = self._child
        with self._ended_by_any_failure(seconds):
            if child is None:
                raise EOFError
            try:
                child.write_all(line, time.monotonic() + seconds)
            except (EOFError, BrokenPipeError):
                raise Fault(f"read no problem and {child.exit_reason(self._limits.shown_memory)}") from None

    def _finish(self) -> None:
        """Read the hello line that follows a problem, or see that the program ends there as it may."""
        hello = self._read("hello line after its last step", hello_of, LONGEST_HELLO, may_end=True)
        self._is_waiting = hello is not None

    @overload
    def _read(self, awaited: str, read: Reader[T], longest: int) -> T: ...

    @overload
    def _read(self, awaited: str, read: Reader[T], longest: int, *, may_end: bool) -> T | None: ...

    def _read(self, awaited: str, read: Reader[T], longest: int, *, may_end: bool = False) -> T | None:
        """Return what `read` makes of the next line, or None if the program has ended there, as it may.

        Raises Fault, with the program's last words, and ends it.
        """
        child, seconds = self._child, self._limits.seconds
        with self._ended_by_any_failure(seconds):
            if child is None:
                raise EOFError
            try:
                return read(read_object(child.read_line(longest, time.monotonic() + seconds)))
            except Corrupted as error:
                raise Corrupted(f"{error}{child.last_words()}") from None
            except TimeoutError:
                late = f"printed no {awaited} within {seconds:g} s (is its output flushed?) and was ended"
                raise Fault(f"{late}{child.last_words()}") from None
            except EOFError as error:
                (left,) = error.args
                if may_end and not left and child.exit_code() == 0:
                    self.end()
                    return None
                raise Fault(self._ended(child, awaited, left)) from None

    def _ended(self, child: Child, awaited: str, left: bytes) -> str:
        """Say that a program has ended, before which line, and what there is of that."""
        half = quoted(printable(left.decode(errors="replace")))
        before = f"printed half a {awaited}, {half}," if left else f"printed no {awaited}"
        return f"{before} and {child.exit_reason(self._limits.shown_memory)}"


def _answer(read: dict[str, Any], dtype: str) -> Claim | Hello | Declined:
    match read:
        case {"no_equivalent": str(why)}:
            return Declined(printable(well_formed(why.strip())))
        case {"no_equivalent": _}:
            raise Corrupted("has no_equivalent without a reason, which is a text")
        case {"name": _}:
            return hello_of(read)
    return claim_of(read, dtype)
