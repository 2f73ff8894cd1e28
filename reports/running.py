"""What a build does now, noted where another process can read it when this one ends before its time.

Nothing but the standard library is needed here: the process that reads has loaded no framework.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import astuple, dataclass
from pathlib import Path

# Bytes of a note: its state, the exit code, the text's length, and the text.
SIZE = 4096

STATE, CODE, LENGTH, TEXT = 0, 1, slice(2, 4), 4
FINISHED = 1


@dataclass(frozen=True)
class Doing:
    """A program that runs on a case, or an adapter that is being loaded: there `case` is empty."""

    adapter: str
    program: str = ""
    case: str = ""
    dtype: str = ""


@dataclass(frozen=True)
class Ended:
    """A process that ended too early.

    Attributes
    ----------
    status
        Its exit code, or a signal's number, negative.
    doing
        What it did last, or None if no adapter was at work.
    """

    status: int
    doing: Doing | None


class Note:
    """A few bytes that two processes share: what runs, and whether all is done."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory

    @classmethod
    def shared(cls) -> Note:
        """Return an empty note that is shared with what is forked from this process."""
        return cls(mmap.mmap(-1, SIZE))

    @classmethod
    def of_process(cls, folder: Path, process: int) -> Note:
        """Return the note of a process, in a file that is made if it is not there."""
        with (folder / str(process)).open("a+b") as file:
            file.truncate(SIZE)
            return cls(mmap.mmap(file.fileno(), SIZE))

    def write(self, doing: Doing | None) -> None:
        """Note what runs from now on; None is nothing."""
        self._memory[LENGTH] = bytes(2)  # half a text is none
        if doing is not None:
            text = "\0".join(astuple(doing)).encode(errors="backslashreplace")[: SIZE - TEXT]
            self._memory[TEXT : TEXT + len(text)] = text
            self._memory[LENGTH] = len(text).to_bytes(2, "little")

    def read(self) -> Doing | None:
        """Return what ran last."""
        length = int.from_bytes(self._memory[LENGTH], "little")
        words = self._memory[TEXT : TEXT + length].decode(errors="replace").split("\0")
        return Doing(*words[:4]) if length else None

    def finish(self, code: int) -> None:
        """Note that all is done, with this exit code."""
        self._memory[CODE] = code
        self._memory[STATE] = FINISHED

    @property
    def code(self) -> int | None:
        """The exit code that was noted at the end, or None if that has not come."""
        return self._memory[CODE] if self._memory[STATE] == FINISHED else None


# Where this process notes what it does: one note, or none where nobody reads it.
_notes: list[Note] = []


def keep(note: Note) -> None:
    """Have this process note here what it does."""
    _notes[:] = [note]


def keep_in(folder: Path) -> None:
    """Have this process note what it does in a file of its own, which is named by its number."""
    keep(Note.of_process(folder, os.getpid()))


def now(doing: Doing | None) -> None:
    """Note what runs from now on, if anybody reads it; it takes some microseconds."""
    for note in _notes:
        note.write(doing)
