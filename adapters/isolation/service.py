"""What an implementation's process does on request: load its adapter, promise, train step by step."""

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from adapters.isolation import confinement
from adapters.isolation.messages import Message, encode, receive
from adapters.isolation.problems import problem_of
from adapters.registry import load_adapter
from cases.errors import describe_exception
from cases.problem import Problem
from cases.protocol import Adapter, Claim, Program, TrainingRun, Unavailable
from cases.verdict import Fault, NoEquivalent, Verdict

# A header and arrays.
Reply = tuple[dict[str, Any], dict[str, Any]]

# Characters of what an implementation writes to standard output that are told as its fault.
MOST_WORDS = 200

# The same where it may write, of one training step.
MOST_PRINTED = 2**20

# Those whose versions are told of another interpreter.
PACKAGES = ("numpy", "ml_dtypes", "torch", "jax", "jaxlib", "optax")


class Run:
    """A training that is under way, or begins with its first step; and what it was given, as it was given."""

    def __init__(self, train: TrainingRun, problem: Problem, most: int) -> None:
        self._train, self._problem, self._most = train, problem, most
        self._before = {name: array.tobytes() for name, array in problem.inputs.items()}
        self._steps: Iterator[Claim] | None = None

    def step(self) -> Reply:
        """Return what is claimed of the next step, beside the inputs that the implementation wrote to.

        Raises
        ------
        StopIteration
            If there is none. What the implementation raises passes through.
        Fault
            If it states more than any step can hold.
        """
        self._steps = iter(self._train(self._problem)) if self._steps is None else self._steps
        claim = next(self._steps)
        if not isinstance(claim, Mapping):
            raise TypeError(f"yielded {type(claim).__name__}, expected a mapping from names to arrays")
        stated = {str(name): value for name, value in dict(claim).items()}
        arrays = {name: np.asarray(value) for name, value in stated.items() if _holds_numbers(value)}
        strange = {name: _kind(value) for name, value in stated.items() if name not in arrays}
        if (size := sum(array.nbytes for array in arrays.values())) > self._most:
            raise Fault(f"stated {size:,} bytes of arrays in one step, expected at most {self._most:,}")
        describe_exception = {f"claim {name}": array for name, array in arrays.items()}
        describe_exception |= {f"input {name}": array for name, array in self._changed.items()}
        return {"claim": list(stated), "strange": strange}, describe_exception

    @property
    def _changed(self) -> dict[str, NDArray[Any]]:
        now = self._problem.inputs
        return {name: array for name, array in now.items() if array.tobytes() != self._before[name]}


def serve(requests: int, replies: int, started: Mapping[str, Any]) -> None:
    """Answer every request, in the order in which they arrive, until there are no more."""
    confinement.end_with_parent(with_thread=started["dies with its thread"])
    confinement.limit(started["memory while starting"])
    own = os.getpid()

    def send(number: int, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        if (
            os.getpid() != own
        ):  # an implementation has forked, and both halves came back: one of them has to go
            os._exit(0)
        left = memoryview(encode({**header, "number": number}, arrays))
        while left:
            left = left[os.write(replies, left) :]

    adapter = load_adapter(started["name"], started["location"])
    send(0, _description(adapter), {})
    if isinstance(adapter, Unavailable):
        return
    confinement.limit(started["memory"])
    _written()  # what a framework says of itself while it is loaded is no part of any training
    runs: dict[int, Run] = {}
    with os.fdopen(requests, "rb") as stream, suppress(EOFError):
        while True:
            request = receive(lambda count: _read_exactly(stream, count))
            header, arrays = _answer(adapter, runs, request)
            if started["may print"]:
                header["printed"] = _written(MOST_PRINTED)
            elif (words := _written()) and "fault" not in header:
                wrote = f"wrote to standard output, where a program like this has nothing to say: {words!r}"
                header, arrays = {"fault": wrote}, {}
            send(request.header["number"], header, arrays)


def _answer(adapter: Adapter, runs: dict[int, Run], request: Message) -> Reply:
    """Return a reply; whatever the implementation does meanwhile is told as its own."""
    asked = request.header
    try:
        for run in asked.get("done", ()):
            runs.pop(run, None)
        return _asked_for(adapter, runs, request)
    except StopIteration:
        return {"end": True}, {}
    except NoEquivalent as reason:
        return {"no equivalent": str(reason)}, {}
    except BaseException as error:  # noqa: BLE001 - even what ends a program ends only this training
        return {"fault": describe_exception(error), "memory": isinstance(error, MemoryError)}, {}


def _asked_for(adapter: Adapter, runs: dict[int, Run], request: Message) -> Reply:
    asked = request.header
    match asked["ask"]:
        case "promises":
            program = adapter.programs[asked["program"]]
            return {"promises": sorted(program.promises(asked["depth"]))}, {}
        case "start":
            problem = problem_of(asked["problem"], request.arrays)
            runs[asked["run"]] = Run(_training(adapter, asked), problem, asked["most"])
            return {"started": True}, {}
        case "next":
            return runs[asked["run"]].step()
    raise ValueError(f"was asked {asked['ask']!r}")


def _training(adapter: Adapter, asked: Mapping[str, Any]) -> TrainingRun:
    program: Program = adapter.programs[asked["program"]]
    if not asked["stacked"]:
        return program.run
    if program.stacked is None:
        raise ValueError("trains no stack of cases")
    return program.stacked.run


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
    programs = [
        {
            "name": one.name,
            "accumulators": vars(one.accumulators),
            "stacked": one.stacked and one.stacked.how,
            "compiled": one.is_compiled,
        }
        for one in adapter.programs
    ]
    if not programs:
        return {"unavailable": [str(Verdict.ERROR), "has no program"]}
    return {
        "name": str(adapter.name),
        "title": str(adapter.title),
        "version": str(adapter.version),
        "programs": programs,
        "framework": str(adapter.framework),
        "runs_on": ", ".join([f"Python {platform.python_version()}", *_versions()]),
        "bfloat16": _has_bfloat16(),
    }


def _has_bfloat16() -> bool:
    """Whether NumPy knows bfloat16 here, which it does by ml_dtypes."""
    with suppress(ImportError):
        import_module("ml_dtypes")
    with suppress(TypeError):
        return np.dtype("bfloat16").itemsize > 0
    return False


def _versions() -> Iterator[str]:
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            yield f"{package} {version(package)}"


def _written(most: int = MOST_WORDS) -> str:
    """Return what has been written to standard output, at most so many bytes, and forget it."""
    with suppress(Exception):  # an implementation may have closed or replaced it
        sys.stdout.flush()
    with suppress(OSError):
        size = os.lseek(1, 0, os.SEEK_END)
        text = os.pread(1, most, 0).decode(errors="replace") if size else ""
        os.ftruncate(1, 0)
        os.lseek(1, 0, os.SEEK_SET)
        return text
    return ""


def _read_exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data
