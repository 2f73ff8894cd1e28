"""A file of programs in a process of its own, so that whatever it does costs nothing but its own results.

It has its own interpreter, as `python FILE` would have: a crash, a setting of a framework or the name of a
module reaches no other file. The results come back a line at a time.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final

from pydantic import ConfigDict, TypeAdapter

from adapters.isolation.child import Child, Limits
from adapters.isolation.supervised import STARTUP_FACTOR, Supervised
from adapters.isolation.within_limits import end_with_parent
from cases.protocol import Fault, Verdict
from reports.user_programs.program_files import ProgramFile
from reports.user_programs.program_results import ProgramResult

MAX_LINE: Final = 2**26  # bytes of one result
PIPE_SIZE: Final = 2**20  # bytes that wait to be read, so that the process need not

Watch = Callable[[str, int, int], None]  # is given what is done, how many, and of how many


@dataclass(frozen=True)
class Reply:
    """One result as it is sent, with every number as it is."""

    result: ProgramResult

    __pydantic_config__: ClassVar = ConfigDict(ser_json_inf_nan="strings")


@cache
def _form() -> TypeAdapter[Reply]:
    return TypeAdapter(Reply)


def judge_files(
    files: Sequence[ProgramFile], workers: int, watch: Watch, seconds: float = math.inf
) -> tuple[ProgramResult, ...]:
    """Judge each file in its own process, so many at once; one verdict may take so many seconds."""
    results: list[ProgramResult] = []
    each = [_Judging(file, seconds) for file in files]
    try:
        for done, judging in enumerate(each):
            watch(judging.file.name, done, len(files))
            for near in each[done : done + workers]:
                near.begin()
            results += judging.results()
    finally:
        for judging in each:
            judging.end()
    return tuple(results)


def judge_apart(file: ProgramFile, seconds: float = math.inf) -> tuple[ProgramResult, ...]:
    """Judge a file in a process of its own; of what it does not come to, the error is why it ended."""
    return judge_files((file,), 1, lambda *_: None, seconds)


class _Judging(Supervised):
    def __init__(self, file: ProgramFile, seconds: float) -> None:
        super().__init__(Limits(seconds, math.inf))
        self.file = file

    def begin(self) -> None:
        """Start the process, unless it has been."""
        if self._child is None:
            self._child = _spawned(self.file)

    def results(self) -> tuple[ProgramResult, ...]:
        """Return the results as they come; where no more can, the reason is the verdict on the rest."""
        results: list[ProgramResult] = []
        seconds, child = self._limits.seconds, self._child
        try:
            for number, _ in enumerate(self.file.judged):
                allowed = seconds * (1 if number else STARTUP_FACTOR)
                with self._ended_by_any_failure(allowed):
                    if child is None:
                        raise EOFError
                    line = child.read_line(MAX_LINE, time.monotonic() + allowed)
                    results.append(_form().validate_json(line).result)
        except Fault as fault:
            text = f"{self.file.path}: the file {fault}"
            rest = self.file.judged[len(results) :]
            results += (ProgramResult(self.file.name, name, Verdict.ERROR, text) for name in rest)
        self.end()
        return tuple(results)


def _spawned(file: ProgramFile) -> Child:
    here = os.getcwd()  # noqa: PTH109 - as Python itself has it
    settings = {
        "package": __package__,
        "path": [entry or here for entry in sys.path],
        "file": {**asdict(file), "path": str(file.path)},
    }
    return Child(sys.executable, str(Path(__file__).with_name("__main__.py")), json.dumps(settings))


def serve(replies: int, given: dict[str, Any]) -> None:
    """Judge a file, and write each result to `replies` as soon as it is there."""
    end_with_parent(with_thread=True)
    with suppress(ImportError, AttributeError, OSError):  # Linux alone has this
        import fcntl  # noqa: PLC0415 - the same

        fcntl.fcntl(replies, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
    from reports.user_programs.judging import judge_file  # noqa: PLC0415 - the parent need not load it

    file = ProgramFile(**{**given, "path": Path(given["path"])})
    with os.fdopen(replies, "wb", buffering=0) as stream:
        for result in judge_file(file):
            left = memoryview(_form().dump_json(Reply(result)) + b"\n")
            while left:
                left = left[stream.write(left) :]
