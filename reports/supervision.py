"""A build in a child process, so that what ends it before its time is seen, told, and costs its own row.

A program under judgement may end its whole process: by `os._exit(0)`, by an exit inside a native library, by
a signal. Nobody is left there to say so. So this process runs nothing itself: it waits for the one that
builds, and has the build begin again where that has ended without saying that it was done.

It is forked before anything is loaded, which takes a millisecond, and has the same terminal: Ctrl-C and a
debugger's prompt work as ever. Nothing but the standard library may be imported here.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import NoReturn

from reports.running import Ended, Note, keep

Build = Callable[[tuple[Ended, ...], int | None], int]

# Seconds within which a second Ctrl-C is the first one: the terminal sends it to both processes.
AGAIN = 1.0

INTERRUPTED = 130


def supervised(build: Build, give_up: Callable[[Ended], int]) -> int:
    """Run a build in a child process, begin again where something ends it, and return the exit code.

    Parameters
    ----------
    build
        Is given what has ended it so far and the process that waits for it; returns the exit code.
    give_up
        Tells of what ends it again although that was isolated, and returns the exit code.

    Raises
    ------
    SystemExit
        In the child, when it is done.
    """
    if not hasattr(os, "fork") or sys.gettrace() or sys.getprofile():  # a debugger follows one process
        return build((), None)
    ended: list[Ended] = []
    while True:
        note = Note.shared()
        one = Ended(_in_a_child(build, note, tuple(ended)), note.read())
        if note.code is not None:
            return note.code or int(bool(ended))
        if _adapter(one) in map(_adapter, ended):
            return give_up(one)
        ended.append(one)


def _adapter(ended: Ended) -> str:
    return ended.doing.adapter if ended.doing else ""


def _in_a_child(build: Build, note: Note, ended: tuple[Ended, ...]) -> int:
    """Build in a child process; return its exit code, or its signal's number, negative.

    A signal that asks this process to end ends the child, and then this process too.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    parent, asking = os.getpid(), _asking()
    signal.pthread_sigmask(signal.SIG_BLOCK, asking)  # until somebody is there to hear them
    child = os.fork()
    if child == 0:
        _build(partial(build, ended, parent), note, asking)
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
    if asked and note.code is None:
        if asked[-1] == signal.SIGINT:
            sys.exit(INTERRUPTED)
        os.kill(os.getpid(), asked[-1])
    return os.waitstatus_to_exitcode(status)


def _asking() -> list[int]:
    """Return the signals that ask a process to end, but for those that are ignored here."""
    usual = signal.SIG_DFL, signal.default_int_handler
    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
    return [number for number in numbers if signal.getsignal(number) in usual]


def _build(build: Callable[[], int], note: Note, asking: list[int]) -> NoReturn:
    """Build, and note the exit code, however Python leaves; what ends the process leaves no code behind."""
    code, own = 1, os.getpid()
    try:
        keep(note)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _interrupts_once())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, asking)
        code = build()
        sys.exit(code)
    finally:
        if os.getpid() == own:  # what a program forks may come back here too
            note.finish(code)


def _interrupts_once() -> Callable[[int, FrameType | None], None]:
    """Return what interrupts as Python does, but once where two signals come together."""
    last = -AGAIN

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal last
        before, last = last, time.monotonic()
        if last - before > AGAIN:
            signal.default_int_handler(number, frame)

    return interrupt
