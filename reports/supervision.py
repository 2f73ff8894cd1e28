"""A build in a child process, so that what ends it early is seen, reported, and costs its own row.

A program under judgement may end its whole process: by `os._exit(0)`, by an exit inside a native library, by
a signal. Nothing is left there to say so. So this process runs nothing itself: it waits for the one that
builds, and has the build begin again where that has ended without saying that it was done. What runs is noted
where the waiting process can read it.

The child is forked before anything is loaded, which takes a millisecond, and has the same terminal: Ctrl-C
and a debugger's prompt work as ever. Nothing but the standard library may be imported here.
"""

from __future__ import annotations

import mmap
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn, TypeAlias

# Bytes of a shared note: its state, the exit code, the text's length, and the text.
NOTE_SIZE = 4096
STATE, CODE, LENGTH, TEXT = 0, 1, slice(2, 4), 4
FINISHED = 1


@dataclass(frozen=True)
class Activity:
    """A program that runs on a case, or an adapter that is being loaded: there `case` is empty."""

    adapter: str
    program: str = ""
    case: str = ""
    dtype: str = ""


@dataclass(frozen=True)
class EarlyEnd:
    """A process that ended too early: its exit code, or a signal's number, negative, and what it did last."""

    status: int
    activity: Activity | None


class Note:
    """A few bytes that two processes share: what runs, and whether all is done."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory

    @classmethod
    def of_process(cls, folder: Path, process: int) -> Note:
        """Return the note of a process, in a file that is made if it is not there."""
        with (folder / str(process)).open("a+b") as file:
            file.truncate(NOTE_SIZE)
            return cls(mmap.mmap(file.fileno(), NOTE_SIZE))

    def write(self, activity: Activity | None) -> None:
        """Note what runs from now on; None is nothing."""
        self._memory[LENGTH] = bytes(2)  # half a text is none
        if activity is not None:
            text = "\0".join(astuple(activity)).encode(errors="backslashreplace")[: NOTE_SIZE - TEXT]
            self._memory[TEXT : TEXT + len(text)] = text
            self._memory[LENGTH] = len(text).to_bytes(2, "little")

    def read(self) -> Activity | None:
        length = int.from_bytes(self._memory[LENGTH], "little")
        words = self._memory[TEXT : TEXT + length].decode(errors="replace").split("\0")
        return Activity(*words[:4]) if length else None

    def finish(self, code: int) -> None:
        """Note that all is done, with this exit code."""
        self._memory[CODE] = code
        self._memory[STATE] = FINISHED

    @property
    def code(self) -> int | None:
        """The exit code that was noted at the end, or None if that has not come."""
        return self._memory[CODE] if self._memory[STATE] == FINISHED else None


# Where this process notes what it does: one note, or none where no other process reads it.
_notes: list[Note] = []


def keep_note_in(folder: Path) -> None:
    """Have this process note what it does in a file of its own, which is named by its number."""
    _notes[:] = [Note.of_process(folder, os.getpid())]


def note(activity: Activity | None) -> None:
    """Note what runs from now on, if another process reads it; it takes some microseconds."""
    for shared in _notes:
        shared.write(activity)


# Builds, given what has ended it so far and the process that waits; returns the exit code.
Build: TypeAlias = Callable[[tuple[EarlyEnd, ...], int | None], int]

# Seconds within which a second Ctrl-C is the first one: the terminal sends it to both processes.
SAME_CTRL_C_S = 1.0
INTERRUPTED = 130
ASK_TO_END = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def supervised(build: Build, give_up: Callable[[EarlyEnd], int]) -> int:
    """Run a build in a child process, begin again where something ends it, and return the exit code.

    `give_up` reports what ends the build again although that was isolated, and returns the exit code. In the
    child, `SystemExit` is raised when it is done.
    """
    if not hasattr(os, "fork") or sys.gettrace() or sys.getprofile():  # a debugger follows one process
        return build((), None)
    ended: list[EarlyEnd] = []
    while True:
        shared = Note(mmap.mmap(-1, NOTE_SIZE))  # what is forked from this process shares it
        early_end = EarlyEnd(_in_a_child(build, shared, tuple(ended)), shared.read())
        if shared.code is not None:
            return shared.code or int(bool(ended))
        if _adapter(early_end) in map(_adapter, ended):
            return give_up(early_end)
        ended.append(early_end)


def _adapter(ended: EarlyEnd) -> str:
    return ended.activity.adapter if ended.activity else ""


def _in_a_child(build: Build, shared: Note, ended: tuple[EarlyEnd, ...]) -> int:
    """Build in a child process; return its exit code, or its signal's number, negative.

    A signal that asks this process to end ends the child, and then this process too.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    usual = signal.SIG_DFL, signal.default_int_handler  # not those that are ignored here
    asking = [number for number in ASK_TO_END if signal.getsignal(number) in usual]
    parent = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, asking)  # until there is a handler
    child = os.fork()
    if child == 0:
        _build(partial(build, ended, parent), shared, asking)
    asked: list[int] = []

    def pass_on(number: int, _: FrameType | None) -> None:
        asked.append(number)
        with suppress(ProcessLookupError):
            os.kill(child, number)

    before = {number: signal.signal(number, pass_on) for number in asking}
    signal.pthread_sigmask(signal.SIG_UNBLOCK, asking)
    _, status = os.waitpid(child, 0)
    for number, handler in before.items():
        signal.signal(number, handler)
    if asked and shared.code is None:
        if asked[-1] == signal.SIGINT:
            sys.exit(INTERRUPTED)
        os.kill(os.getpid(), asked[-1])
    return os.waitstatus_to_exitcode(status)


def _build(build: Callable[[], int], shared: Note, asking: list[int]) -> NoReturn:
    """Build, and note the exit code, however Python leaves; what ends the process leaves no code behind."""
    code, own = 1, os.getpid()
    try:
        _notes[:] = [shared]
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _interrupts_once())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, asking)
        code = build()
        sys.exit(code)
    finally:
        if os.getpid() == own:  # what a program forks may come back here too
            shared.finish(code)


def _interrupts_once() -> Callable[[int, FrameType | None], None]:
    """Return what interrupts as Python does, but once where two signals come together."""
    last = -SAME_CTRL_C_S

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal last
        before, last = last, time.monotonic()
        if last - before > SAME_CTRL_C_S:
            signal.default_int_handler(number, frame)

    return interrupt
