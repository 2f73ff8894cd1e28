"""What is wrong with a file, and where, one line for each defect; exceptions and exit reasons in one line."""

import difflib
import signal
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from cases.protocol import Fault

# Of one file: those that are reported, and those that are kept while it is read; more are only counted.
MAX_DEFECTS, MAX_KEPT = 200, 2_000
MAX_KNOWN: Final = 500  # names that a misspelt one is compared with; a deep network has thousands
MAX_MESSAGE: Final = 2_000  # characters of what an adapter says
ENDED: Final = "ended the process"


class Mark(NamedTuple):
    """A position in a file, both counted from 1 as editors do."""

    line: int
    column: int


START = Mark(1, 1)


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong: `str()` gives `path:line:column: what is wrong, expected …`."""

    path: Path
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{printable(str(self.path))}:{self.line}:{self.column}: {self.message}"


class CaseErrors(Exception):  # noqa: N818 - it holds the errors of all files, which its name says
    """Every defect of every file that was read, by file and by position; `str()` gives one line for each."""

    def __init__(self, defects: Iterable[Defect]) -> None:
        self.defects = tuple(defects)
        super().__init__("\n".join(map(str, self.defects)))


@dataclass
class Report:
    """Collects the defects of one file while it is read, and how many more there are.

    Those in `pending`, each with the names that a misspelt one may mean, are put into words when all are
    known, because of a hundred thousand only the first few will be.
    """

    path: Path
    pending: dict[tuple[Mark, str, str, str], Iterable[str]] = field(default_factory=dict)
    more: int = 0

    def add(self, mark: Mark, wrong: str, expected: str, name: str = "", known: Iterable[str] = ()) -> None:
        """Add a defect: what is `wrong` at `mark`, what was `expected`; `name` may mean one of `known`."""
        if len(self.pending) < MAX_KEPT:
            self.pending.setdefault((mark, wrong, expected, name), known)
        else:
            self.more += 1

    @property
    def defects(self) -> list[Defect]:
        """The defects in the order of their marks, at most `MAX_DEFECTS` of them and a count of the rest."""
        ordered, defects = sorted(self.pending), []
        for mark, wrong, expected, name in ordered[:MAX_DEFECTS]:
            near = suggestion(name, self.pending[mark, wrong, expected, name])
            meant = f"; did you mean {near!r}?" if near else ""
            defects.append(Defect(self.path, *mark, f"{wrong}, expected {expected}{meant}"))
        if rest := ordered[MAX_DEFECTS:]:
            message = f"{len(rest) + self.more} more defects from here on, expected none"
            defects.append(Defect(self.path, *rest[0][0], message))
        return defects


def suggestion(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` may be a misspelling of, or None."""
    return next(iter(difflib.get_close_matches(name, list(islice(known, MAX_KNOWN)), n=1)), None)


def printable(text: str) -> str:
    """Return `text` on one line, with what a terminal cannot show written as escapes."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def well_formed(text: str, longest: int = MAX_MESSAGE) -> str:
    """Return a text that any file can hold, shortened: halves of surrogate pairs are written as escapes."""
    shown = text if len(text) <= longest else text[: longest - 1] + "…"
    return shown.encode("utf-8", "backslashreplace").decode()


def counted(number: int | None, noun: str) -> str:
    """Return `1 row`, `2 rows`."""
    return f"{number} {noun}" + "s" * (number != 1)


def quoted(text: str, longest: int = 60) -> str:
    """Return `text` in quotes, on one line and shortened."""
    return repr(text if len(text) <= longest else text[: longest - 1] + "…")


def exit_reason(status: int) -> str:
    """Say how a process ended; `status` is its exit code, or a signal's number, negative."""
    if status >= 0:
        return f"{ENDED} with exit code {status}"
    known = {each.value: each.name for each in signal.Signals}
    return f"{ENDED} by {known.get(-status, f'signal {-status}')}"  # one of the real-time signals


def describe_exception(error: BaseException) -> str:
    """Name an exception and where it was raised, shortened; a `Fault` has its whole reason in its message."""
    if isinstance(error, Fault):
        return well_formed(str(error))
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"raised {type_and_message(error)}{where}"


def type_and_message(error: BaseException) -> str:
    message = well_formed(" ".join(str(error).split()))
    return f"{type(error).__name__}{': ' * bool(message)}{message}"
