"""Parts of a report: what explains, measures, tabulates, draws or writes, each of which may fail alone.

Verdicts are settled before any of it. `tried` calls a part; if that raises inside `collected`, it returns a
`FailedPart` with the reason, and the collection has it to count. Elsewhere the exception passes through.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from cases.errors import type_and_message

P = ParamSpec("P")
Value = TypeVar("Value")

ROOT: Final = Path(__file__).parents[1]
PACKAGES: Final = ("cases", "reference", "adapters", "reports")

_collecting: ContextVar[list[FailedPart] | None] = ContextVar("_collecting", default=None)


@dataclass(frozen=True)
class FailedPart:
    part: str  # what it would have been: "the drift of nets/deep in float32"
    reason: str  # the exception's type and message, and where it was raised, as file:line

    def __str__(self) -> str:
        return f"{self.part} failed: {self.reason}"


@contextmanager
def collected() -> Iterator[list[FailedPart]]:
    """Collect the parts that fail inside; an inner collection keeps what fails in it to itself."""
    failed: list[FailedPart] = []
    before = _collecting.set(failed)
    try:
        yield failed
    finally:
        _collecting.reset(before)


def so_far() -> tuple[FailedPart, ...]:
    """Return the parts that have failed in the innermost collection; none where nobody collects."""
    return tuple(_collecting.get() or ())


def tried(part: str, make: Callable[P, Value], /, *args: P.args, **kwargs: P.kwargs) -> Value | FailedPart:
    """Return what `make` returns for these arguments, or that the part of this name failed.

    What `make` raises passes through where nobody collects; what is no `Exception`, as an interrupt, always.
    """
    try:
        return make(*args, **kwargs)
    except Exception as error:
        failed = _collecting.get()
        if failed is None:
            raise
        failed.append(FailedPart(part, reason(error)))
        return failed[-1]


def reason(error: Exception) -> str:
    """Name an exception and the last place of this project that it passed; else where it was raised."""
    frames = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    packages = [ROOT / name for name in PACKAGES]
    ours = [
        (path.relative_to(ROOT), line)
        for path, line in frames
        if path != Path(__file__) and any(map(path.is_relative_to, packages))
    ]
    path, line = (ours or [(Path(path.name), line) for path, line in frames])[-1]
    return f"{type_and_message(error)} ({path.as_posix()}:{line})"


def counted(failed: Iterable[FailedPart]) -> str:
    """Return in one line how many parts failed, each once: "2 parts of the report failed: …"; "" for none."""
    each = list(dict.fromkeys(map(str, failed)))
    count = f"{len(each):,} part{'s' * (len(each) != 1)} of the report failed"
    return f"{count}: {'; '.join(part.replace(' failed: ', ', ', 1) for part in each)}." if each else ""
