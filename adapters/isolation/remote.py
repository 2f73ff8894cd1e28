"""An adapter whose programs run in processes of their own: the judge sees no other difference."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, cast

from adapters.isolation.child import Child, Limits
from adapters.isolation.messages import Corrupted, Message, encode, max_claim_bytes, problem_header, receive
from adapters.isolation.supervised import STARTUP_FACTOR, Supervised
from cases import names
from cases.errors import printable
from cases.problem import Problem
from cases.protocol import Accumulators, Adapter, Fault, NoEquivalent, Program, Stacked, Unavailable, Verdict

T = TypeVar("T")

MAX_TYPE_NAME = 100  # characters that are shown

_run_numbers = count(1)


def isolated(name: str, location: str, limits: Limits, python: str = "") -> Adapter | Unavailable:
    """Return an adapter each program of which runs in a process of its own, under this `python` or another.

    Under another it is called NAME@VERSION, with the version of its framework there.
    """
    new_process = partial(AdapterProcess, name, location, limits, python or sys.executable)
    process = new_process()
    try:
        match process.start():
            case {"unavailable": [str(verdict), str(reason)]} if verdict in {*map(str, Verdict)}:
                why = Verdict(verdict), reason
            case description:
                adapter = _adapter(process, new_process, description)
                if not python:
                    return replace(adapter, runs_on="")
                called, framework = f"{adapter.name}@{adapter.version or python}", adapter.framework
                return replace(adapter, name=called, framework=framework or adapter.name)
    except Fault as fault:
        why = Verdict.ERROR, str(fault)
    except Corrupted as error:
        why = Verdict.ERROR, f"sent a reply that is none: it {error}"
    process.end()
    return Unavailable(f"{name}@{python}" if python else name, *why)


class AdapterProcess(Supervised):
    """One adapter in a child process, spawned when it is first wanted, and again after each fault.

    `ended` takes the numbers of trainings that are over: the next request says that they can be forgotten.
    """

    def __init__(self, name: str, location: str, limits: Limits, python: str) -> None:
        super().__init__(limits)
        self._name, self._location, self._python = name, location, python
        self._description: dict[str, Any] = {}
        self._number = 0
        self.ended: list[int] = []

    def start(self) -> dict[str, Any]:
        """Spawn the child if there is none, and return how it describes its adapter, or raise Fault."""
        if self._child is None or not self._child.is_alive():
            self.end()
            self._child, self._number = self._spawn(), 0
            seconds = STARTUP_FACTOR * self._limits.seconds
            with self._ended_by_any_failure(seconds):
                self._description = self._receive(self._child, time.monotonic() + seconds, 0).header
        return self._description

    def _spawn(self) -> Child:
        here = os.getcwd()  # noqa: PTH109 - as Python itself has it
        settings = {
            "name": self._name,
            "location": self._location,
            "package": __package__,
            "path": [entry or here for entry in sys.path] if self._python == sys.executable else [],
            "folder": here,
            "memory": self._limits.memory,
            "memory while starting": STARTUP_FACTOR * self._limits.memory,
            "may print": self._limits.may_print,
            "dies with its thread": threading.current_thread() is threading.main_thread(),
        }
        script = str(Path(__file__).with_name("__main__.py"))
        try:
            return Child(self._python, script, json.dumps(settings))
        except OSError as error:
            raise Fault(f"{self._python} cannot be started: {error.strerror}") from None

    def ask(
        self,
        request: Mapping[str, Any],
        read: Callable[[Message], T],
        arrays: Mapping[str, Any] | None = None,
        max_array_bytes: int = 0,
    ) -> T:
        """Send a request, and return what `read` makes of the reply, or raise NoEquivalent as the adapter.

        It raises Fault if the child has ended, crashes, hangs, or replies with what is no reply (`read` may
        raise Corrupted), and ends it; also if the adapter has raised an exception, and then it lives on.
        """
        with self._ended_by_any_failure(self._limits.seconds):
            if self._child is None or not self._child.is_alive():
                raise EOFError
            self._number += 1
            ended, self.ended = self.ended, []
            deadline = time.monotonic() + self._limits.seconds
            asked = encode({**request, "number": self._number, "ended": ended}, arrays or {})
            self._child.write_all(asked, deadline)
            reply = self._receive(self._child, deadline, max_array_bytes)
            if not reply.header.keys() & {"fault", "no equivalent"}:
                return read(reply)
        if "fault" in reply.header:
            of_memory = self._limits.shown_memory if reply.header.get("memory") else ""
            raise Fault(f"{reply.header['fault']}{of_memory}")
        raise NoEquivalent(str(reply.header["no equivalent"]))

    def _receive(self, child: Child, deadline: float, max_array_bytes: int) -> Message:
        reply = receive(lambda count: child.read_exactly(count, deadline), max_array_bytes)
        if (number := reply.header.pop("number", None)) != self._number:
            raise Corrupted(f"answers the request {number!r:.20}, and {self._number} was asked")
        print(reply.header.pop("printed", ""), end="")
        return reply


def _adapter(
    process: AdapterProcess, new_process: Callable[[], AdapterProcess], description: Mapping[str, Any]
) -> Adapter:
    """Return the adapter that a process describes; its first program runs there, the others in others."""
    match description:
        case {
            "adapter": [str(name), str(title), str(version), str(framework), str(runs_on)],
            "programs": [_, *others] as listed,
        }:
            processes = [process, *(new_process() for _ in others)]
            programs = tuple(map(_program, processes, count(), listed))
            return Adapter(name, title, version, programs, framework, runs_on)
    raise Corrupted("describes no adapter")


def _program(process: AdapterProcess, number: int, described: object) -> Program:
    match described:
        case [str(name), [_, _, _] as formats, str() | None as how, bool(is_compiled)] if all(
            kind in ("float32", "own") for kind in formats
        ):
            remote = _Remote(process, number)
            stacked = None if how is None else Stacked(how, partial(remote.run, is_stack=True))
            accumulators = Accumulators(*cast("Any", formats))
            return Program(name, remote.run, remote.promises, accumulators, stacked, is_compiled)
    raise Corrupted("describes no program")


class _Remote:
    """A program in a child process."""

    def __init__(self, process: AdapterProcess, number: int) -> None:
        self._process, self._number = process, number
        self._promised: dict[int, frozenset[str]] = {}
        self._fault: Fault | None = None

    def promises(self, depth: int) -> frozenset[str]:
        """Return what the program promises; should the process fail at it, the next run says so."""
        try:
            if depth not in self._promised:
                self._process.start()
                request = {"ask": "promises", "program": self._number, "depth": depth}
                self._promised[depth] = self._process.ask(request, _promised)
            return self._promised[depth]
        except Fault as fault:
            self._fault = fault
        return names.outcome(depth)

    def run(self, problem: Problem, *, is_stack: bool = False) -> Iterator[dict[str, Any]]:
        """Train one case, or a stack of them, in the process: a step whenever the next claim is wanted."""
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault
        run, size = next(_run_numbers), max_claim_bytes(problem)
        if not self._process.start().get("bfloat16") and problem.dtype == "bfloat16":
            raise NoEquivalent("NumPy knows bfloat16 only with ml_dtypes, which is not installed there")
        start = {"ask": "start", "run": run, "program": self._number, "is_stack": is_stack, "size": size}
        start |= {"problem": problem_header(problem)}
        self._process.ask(start, lambda _: True, problem.inputs)
        request, read = {"ask": "next", "run": run}, partial(_step, problem)
        try:
            yield from iter(lambda: self._process.ask(request, read, max_array_bytes=size), None)
        finally:
            self._process.ended.append(run)  # nothing is waited for when a run is dropped


def _promised(reply: Message) -> frozenset[str]:
    listed = reply.header.get("promises")
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise Corrupted("promises nothing that has a name")
    return frozenset(listed)


def _step(problem: Problem, reply: Message) -> dict[str, Any] | None:
    """Return what is claimed of a step by name, or None at the end: arrays, and objects of other types.

    What the adapter has written to its inputs is written to the problem's, for the judge to see.
    """
    if "end" in reply.header:
        return None
    types = reply.header.get("types")
    if not isinstance(types, dict) or not all(isinstance(name, str) for name in types.values()):
        raise Corrupted("states no claim")
    # objects of types of these names, for the judge to say what was stated in place of an array
    claim: dict[str, Any] = {
        name: type(printable(kind[:MAX_TYPE_NAME]), (), {})() for name, kind in types.items()
    }
    for key, array in reply.arrays.items():
        part, _, name = key.partition(" ")
        own = problem.inputs.get(name)
        if part == "claim":
            claim[name] = array
        elif own is not None and (own.shape, own.dtype) == (array.shape, array.dtype):
            own[...] = array
        else:
            raise Corrupted(f"holds the input {name!r:.40}, which the problem has not")
    return claim
