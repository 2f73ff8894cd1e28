"""What an adapter process does on request: load its adapter, promise, train step by step."""

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

from adapters.isolation.messages import ARRAY, Message, encode, problem_of, receive
from adapters.isolation.resource_limits import MAX_MEMORY, end_with_parent, limit_memory
from adapters.registry import load_adapter
from cases.errors import describe_exception
from cases.problem import Problem
from cases.protocol import Adapter, Claim, Fault, NoEquivalent, TrainingRun, Unavailable, Verdict

# A header and arrays.
Reply = tuple[dict[str, Any], dict[str, Any]]

# Bytes of what an adapter writes to standard output that are quoted as its fault.
MAX_QUOTED_OUTPUT = 200

# The same where it may write, of one training step.
MAX_PRINTED_OUTPUT = 2**20

# Those whose versions are shown of another interpreter.
PACKAGES = ("numpy", "ml_dtypes", "torch", "jax", "jaxlib", "optax")


class Run:
    """A training that is under way, or begins with its first step; and what it was given, as it was given."""

    def __init__(self, train: TrainingRun, problem: Problem, max_bytes: int) -> None:
        self._train, self._problem, self._max_bytes = train, problem, max_bytes
        self._before = {name: array.tobytes() for name, array in problem.inputs.items()}
        self._steps: Iterator[Claim] | None = None

    def step(self) -> Reply:
        """Return what is claimed of the next step, and the inputs that the adapter has written to.

        Raises
        ------
        StopIteration
            If there is none. What the adapter raises passes through.
        Fault
            If it states more than any step can hold.
        """
        self._steps = iter(self._train(self._problem)) if self._steps is None else self._steps
        claim = next(self._steps)
        if not isinstance(claim, Mapping):
            raise TypeError(f"yielded {type(claim).__name__}, expected a mapping from names to arrays")
        values = {str(name): value for name, value in claim.items()}
        arrays = {name: np.asarray(value) for name, value in values.items() if _holds_numbers(value)}
        if (size := sum(array.nbytes for array in arrays.values())) > self._max_bytes:
            raise Fault(f"stated {size:,} bytes of arrays in one step, expected at most {self._max_bytes:,}")
        kinds = {name: ARRAY if name in arrays else _kind(value) for name, value in values.items()}
        sent = {f"claim {name}": array for name, array in arrays.items()}
        return {"claim": kinds}, sent | {f"input {name}": array for name, array in self._changed.items()}

    @property
    def _changed(self) -> dict[str, NDArray[Any]]:
        now = self._problem.inputs
        return {name: array for name, array in now.items() if array.tobytes() != self._before[name]}


def serve(requests: int, replies: int, settings: Mapping[str, Any]) -> None:
    """Answer every request, in the order in which they arrive, until there are no more."""
    end_with_parent(with_thread=settings["dies with its thread"])
    limit_memory(settings["memory while starting"])
    own = os.getpid()

    def send(number: int, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        if os.getpid() != own:  # the adapter has forked, and both halves came back: one of them has to go
            os._exit(0)
        left = memoryview(encode({**header, "number": number}, arrays))
        while left:
            left = left[os.write(replies, left) :]

    adapter = load_adapter(settings["name"], settings["location"])
    send(0, _description(adapter), {})
    if isinstance(adapter, Unavailable):
        return
    limit_memory(settings["memory"])
    _take_output()  # what a framework says of itself while it is loaded is no part of any training
    runs: dict[int, Run] = {}
    with os.fdopen(requests, "rb") as stream, suppress(EOFError):
        while True:
            request = receive(lambda count: _read_exactly(stream, count), MAX_MEMORY)
            header, arrays = _answer(adapter, runs, request)
            if settings["may print"]:
                header["printed"] = _take_output(MAX_PRINTED_OUTPUT)
            elif (text := _take_output()) and "fault" not in header:
                wrote = f"wrote to standard output, where a program like this has nothing to say: {text!r}"
                header, arrays = {"fault": wrote}, {}
            send(request.header["number"], header, arrays)


def _answer(adapter: Adapter, runs: dict[int, Run], request: Message) -> Reply:
    """Return a reply; whatever the adapter raises meanwhile is its own fault."""
    asked = request.header
    try:
        for run in asked.get("ended", ()):
            runs.pop(run, None)
        match asked["ask"]:
            case "promises":
                return {"promises": sorted(adapter.programs[asked["program"]].promises(asked["depth"]))}, {}
            case "start":
                program = adapter.programs[asked["program"]]
                train = program.stacked.run if asked["is_stack"] and program.stacked else program.run
                runs[asked["run"]] = Run(train, problem_of(asked["problem"], request.arrays), asked["size"])
                return {"started": True}, {}
        return runs[asked["run"]].step()
    except StopIteration:
        return {"end": True}, {}
    except NoEquivalent as reason:
        return {"no equivalent": str(reason)}, {}
    except BaseException as error:  # noqa: BLE001 - even what ends a program ends only this training
        return {"fault": describe_exception(error), "memory": isinstance(error, MemoryError)}, {}


def _holds_numbers(value: object) -> bool:
    if not isinstance(value, np.ndarray | np.generic):
        return False
    return value.dtype.kind in "fiubc" or value.dtype.name == "bfloat16"


def _kind(value: object) -> str:
    """Name the type of what a claim states in place of an array."""
    kind = type(value).__name__
    return f"{kind} of {value.dtype}" if isinstance(value, np.ndarray | np.generic) else kind


def _description(adapter: Adapter | Unavailable) -> dict[str, Any]:
    if isinstance(adapter, Unavailable):
        return {"unavailable": [str(adapter.verdict), adapter.reason]}
    programs = [
        {
            "name": program.name,
            "accumulators": vars(program.accumulators),
            "stacked": program.stacked and program.stacked.how,
            "compiled": program.is_compiled,
        }
        for program in adapter.programs
    ]
    if not programs:
        return {"unavailable": [str(Verdict.ERROR), "has no program"]}
    texts = {name: str(getattr(adapter, name)) for name in ("name", "title", "version", "framework")}
    runs_on = ", ".join([f"Python {platform.python_version()}", *_versions()])
    return {**texts, "programs": programs, "runs_on": runs_on, "bfloat16": _has_bfloat16()}


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


def _take_output(max_bytes: int = MAX_QUOTED_OUTPUT) -> str:
    """Return what has been written to standard output, its first bytes, and forget it."""
    with suppress(Exception):  # an adapter may have closed or replaced it
        sys.stdout.flush()
    with suppress(OSError):
        size = os.lseek(1, 0, os.SEEK_END)
        text = os.pread(1, max_bytes, 0).decode(errors="replace") if size else ""
        os.ftruncate(1, 0)
        os.lseek(1, 0, os.SEEK_SET)
        return text
    return ""


def _read_exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data
