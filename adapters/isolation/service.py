"""What a claimant's process does on request: load its adapter, promise, train step by step."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.adapter import Unavailable
from adapters.isolation.messages import encode, receive
from adapters.isolation.problems import problem_of
from adapters.registry import load_adapter
from reference.crash import told
from reference.verdicts import NoEquivalent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from adapters.adapter import Adapter, Claim, Program
    from adapters.isolation.messages import Message
    from cases.problem import Problem

MOST_WORDS = 200
"""Characters of what a claimant writes to standard output that are told."""


class Run:
    """A training that is under way, or begins with its first step; and what it was given, as it was given."""

    def __init__(self, program: Program, problem: Problem) -> None:
        self._program, self._problem = program, problem
        self._before = {name: array.tobytes() for name, array in problem.inputs.items()}
        self._steps: Iterator[Claim] | None = None

    def step(self) -> dict[str, Any]:
        """Return what is claimed of the next step; what the claimant raises passes through."""
        self._steps = iter(self._program.run(self._problem)) if self._steps is None else self._steps
        return dict(next(self._steps))

    @property
    def changed(self) -> dict[str, NDArray[Any]]:
        """The inputs that the claimant has written to."""
        now = self._problem.inputs
        return {name: array for name, array in now.items() if array.tobytes() != self._before[name]}


def serve(replies: int, started: Mapping[str, Any]) -> None:
    """Answer every request, in the order in which they arrive, until there are no more."""
    _end_with_parent()
    adapter = load_adapter(started["name"], started["location"])
    _send(replies, _description(adapter))
    if isinstance(adapter, Unavailable):
        return
    _limit_memory(started["memory"])
    runs: dict[int, Run] = {}
    while True:
        try:
            request = receive(_read_exactly)
        except EOFError:
            return
        _send(replies, *_answer(adapter, runs, request))


def _answer(adapter: Adapter, runs: dict[int, Run], request: Message) -> tuple[Any, ...]:
    """Return a reply's header and arrays."""
    asked = request.header
    match asked["ask"]:
        case "start":
            runs[asked["run"]] = Run(
                adapter.programs[asked["program"]], problem_of(asked["problem"], request.arrays)
            )
            return ({"started": True},)
        case "promises":
            problem = problem_of(asked["problem"], request.arrays)
            return ({"promises": sorted(adapter.programs[asked["program"]].promises(problem.depth))},)
        case "next":
            return _next(runs[asked["run"]])
        case "forget":
            runs.pop(asked["run"], None)
            return ({"forgotten": True},)
    raise ValueError(f"asked {asked['ask']!r}")


def _next(run: Run) -> tuple[Any, ...]:
    """Advance a training by one step, and return what it states, beside inputs that it wrote to."""
    try:
        claim = run.step()
    except StopIteration:
        return ({"end": True},)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - told as the claimant's own
        return _ended(error)
    words = _written()
    if words:
        return (
            {"fault": f"wrote to standard output, where a program like this has nothing to say: {words!r}"},
        )
    arrays = {f"claim {name}": np.asarray(value) for name, value in claim.items() if _holds_numbers(value)}
    strange = {str(name): _kind(value) for name, value in claim.items() if not _holds_numbers(value)}
    arrays |= {f"input {name}": array for name, array in run.changed.items()}
    return {"claim": list(map(str, claim)), "strange": strange}, arrays


def _ended(error: BaseException) -> tuple[Any, ...]:
    if isinstance(error, NoEquivalent):
        return ({"no equivalent": str(error)},)
    return ({"fault": told(error)},)


def _holds_numbers(value: object) -> bool:
    if not isinstance(value, np.ndarray | np.generic):
        return False
    return value.dtype.kind in "fiubc" or value.dtype.name == "bfloat16"


def _kind(value: object) -> str:
    """Name what a claim states in place of an array."""
    kind = type(value).__name__
    return f"{kind} of {value.dtype}" if isinstance(value, np.ndarray | np.generic) else kind


def _description(adapter: Adapter | Unavailable) -> dict[str, Any]:
    if isinstance(adapter, Unavailable):
        return {"unavailable": [str(adapter.verdict), adapter.reason]}
    programs = [{"name": one.name, "accumulators": vars(one.accumulators)} for one in adapter.programs]
    return {
        "title": adapter.title,
        "version": adapter.version,
        "programs": programs,
        "framework": adapter.framework,
    }


def _written() -> str:
    """Return what has been written to standard output, shortened, and forget it."""
    sys.stdout.flush()
    with contextlib.suppress(OSError):
        size = os.lseek(1, 0, os.SEEK_END)
        text = os.pread(1, MOST_WORDS, 0).decode(errors="replace") if size else ""
        os.ftruncate(1, 0)
        os.lseek(1, 0, os.SEEK_SET)
        return text
    return ""


def _send(replies: int, header: Mapping[str, Any], arrays: Mapping[str, Any] | None = None) -> None:
    left = memoryview(encode(header, arrays))
    while left:
        left = left[os.write(replies, left) :]


def _read_exactly(count: int) -> bytes:
    data = sys.stdin.buffer.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _limit_memory(more: int) -> None:
    """Let this process take so many bytes more than it has now; there is no limit outside Linux."""
    try:
        import resource  # noqa: PLC0415 - Windows has none

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    except (ImportError, OSError):
        return
    limit = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _end_with_parent() -> None:
    """Have Linux end this process when its parent ends, however that comes."""
    set_parent_death_signal = 1
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
