"""What an adapter process does on request, within its limits: promise, and train step by step."""

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import astuple
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from adapters.isolation.child import MAX_MEMORY
from adapters.isolation.messages import Message, encode, problem_of, receive
from adapters.isolation.within_limits import end_with_parent, limit_memory
from adapters.registry import load_adapter
from cases.claim_intake import claims_from, taken
from cases.errors import describe_exception
from cases.problem import Problem
from cases.protocol import Adapter, Fault, NoEquivalent, TrainingRun, Unavailable, Verdict

__all__ = ["end_with_parent", "serve"]

MAX_QUOTED_OUTPUT = 200  # bytes of what an adapter writes to standard output that are quoted as its fault
MAX_PRINTED_OUTPUT = 2**20  # the same where it may write, of one training step

# Those whose versions are shown of another interpreter.
PACKAGES = ("numpy", "ml_dtypes", "torch", "jax", "jaxlib", "optax")


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
    runs: dict[int, Iterator[Message]] = {}
    with os.fdopen(requests, "rb") as stream, suppress(EOFError):

        def read(count: int) -> bytes:
            if len(data := stream.read(count)) < count:
                raise EOFError
            return data

        while True:
            request = receive(read, MAX_MEMORY)
            header, arrays = _answer(adapter, runs, request)
            if settings["may print"]:
                header["printed"] = _take_output(MAX_PRINTED_OUTPUT)
            elif (text := _take_output()) and "fault" not in header:
                wrote = f"wrote to standard output, where a program like this has nothing to say: {text!r}"
                header, arrays = {"fault": wrote}, {}
            send(request.header["number"], header, arrays)


def _description(adapter: Adapter | Unavailable) -> dict[str, Any]:
    if isinstance(adapter, Unavailable):
        return {"unavailable": [str(adapter.verdict), adapter.reason]}
    if not adapter.programs:
        return {"unavailable": [str(Verdict.ERROR), "has no program"]}
    programs = [
        [each.name, astuple(each.accumulators), each.stacked and each.stacked.how, each.is_compiled]
        for each in adapter.programs
    ]
    texts = [str(getattr(adapter, name)) for name in ("name", "title", "version", "framework")]
    return {"adapter": [*texts, ", ".join(_runs_on())], "programs": programs, "bfloat16": _has_bfloat16()}


def _runs_on() -> Iterator[str]:
    yield f"Python {platform.python_version()}"
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            yield f"{package} {version(package)}"


def _has_bfloat16() -> bool:
    """Whether NumPy knows bfloat16 here, which it does by ml_dtypes."""
    with suppress(ImportError, TypeError):
        import_module("ml_dtypes")
        return np.dtype("bfloat16").itemsize > 0
    return False


def _answer(adapter: Adapter, runs: dict[int, Iterator[Message]], request: Message) -> Message:
    """Return a reply; whatever the adapter raises meanwhile is its own fault."""
    asked = request.header
    try:
        for run in asked["ended"]:
            runs.pop(run, None)
        match asked["ask"]:
            case "promises":
                promised = adapter.programs[asked["program"]].promises(asked["depth"])
                return Message({"promises": sorted(promised)}, {})
            case "start":
                program = adapter.programs[asked["program"]]
                train = program.stacked.run if asked["is_stack"] and program.stacked else program.run
                problem = problem_of(asked["problem"], request.arrays)
                runs[asked["run"]] = _steps(train, problem, asked["size"])
                return Message({"started": True}, {})
        if asked["run"] not in runs:
            lost = "its process was ended because of what another training did in it"
            return Message({"fault": lost}, {})
        return next(runs[asked["run"]], Message({"end": True}, {}))
    except NoEquivalent as reason:
        return Message({"no equivalent": str(reason)}, {})
    except BaseException as error:  # noqa: BLE001 - even what ends a program ends only this training
        memory = isinstance(error, MemoryError)
        return Message({"fault": describe_exception(error), "memory": memory}, {})


def _steps(train: TrainingRun, problem: Problem, max_bytes: int) -> Iterator[Message]:
    """Train; give what is claimed of each step, and the inputs that the adapter has written to."""
    before = {name: array.tobytes() for name, array in problem.inputs.items()}
    for claim in claims_from(train(problem)):
        arrays, types = {}, {}
        for name, value in taken(claim, problem).items():
            is_array = isinstance(value, np.ndarray | np.generic)
            if is_array and (value.dtype.kind in "fiubc" or value.dtype.name == "bfloat16"):
                arrays[f"claim {name}"] = np.asarray(value)
            else:
                types[str(name)] = type(value).__name__ + (f" of {value.dtype}" if is_array else "")
        if (size := sum(array.nbytes for array in arrays.values())) > max_bytes:
            raise Fault(f"stated {size:,} bytes of arrays in one step, expected at most {max_bytes:,}")
        inputs = problem.inputs.items()
        changed = {f"input {name}": now for name, now in inputs if now.tobytes() != before[name]}
        yield Message({"types": types}, arrays | changed)


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
