"""An adapter whose programs run in processes of their own: the judge sees no other difference."""

import sys
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import count
from typing import Any

from adapters.isolation.child import AdapterProcess, Source
from adapters.isolation.messages import ARRAY, Corrupted, Message, max_claim_bytes, problem_header
from adapters.isolation.resource_limits import Limits
from cases import names
from cases.errors import printable
from cases.problem import Problem
from cases.protocol import (
    Accumulators,
    Adapter,
    Claim,
    Fault,
    NoEquivalent,
    Program,
    Stacked,
    Unavailable,
    Verdict,
)

# Characters of the name of a type that are shown.
MAX_TYPE_NAME = 100

_run_numbers = count(1)


def isolated(name: str, location: str, limits: Limits, python: str = "") -> Adapter | Unavailable:
    """Return an adapter each program of which runs in a process of its own.

    Parameters
    ----------
    name, location
        As the registry knows it.
    limits
        What each process may take.
    python
        The interpreter; this one, if not given. Under another the adapter is called NAME@VERSION, with the
        version of its framework there.
    """
    process = AdapterProcess(Source(name, location, python or sys.executable), limits)
    try:
        match process.start():
            case {"unavailable": [str(verdict), str(reason)]} if verdict in {*map(str, Verdict)}:
                why = Verdict(verdict), reason
            case description:
                return _adapter(process, description, python)
    except Fault as fault:
        why = Verdict.ERROR, str(fault)
    except Corrupted as error:
        why = Verdict.ERROR, f"sent a reply that is none: it {error}"
    process.end()
    return Unavailable(f"{name}@{python}" if python else name, *why)


def _adapter(process: AdapterProcess, description: Mapping[str, Any], python: str) -> Adapter:
    """Return the adapter that a process describes; its first program runs there, the others in others."""
    match description:
        case {
            "name": str(name),
            "title": str(title),
            "version": str(version),
            "framework": str(framework),
            "runs_on": str(runs_on),
            "programs": [_, *_] as listed,
        }:
            others = [AdapterProcess(process.source, process.limits) for _ in listed[1:]]
            programs = tuple(map(_program, [process, *others], count(), listed))
            if not python:
                return Adapter(name, title, version, programs, framework)
            called = f"{name}@{version or python}"
            return Adapter(called, title, version, programs, framework or name, runs_on)
    raise Corrupted("describes no adapter")


def _program(process: AdapterProcess, number: int, described: object) -> Program:
    match described:
        case {
            "name": str(name),
            "accumulators": {"products": products, "sums": sums, "totals": totals},
            "stacked": str() | None as how,
            "compiled": bool(is_compiled),
        } if all(format_ in ("float32", "own") for format_ in (products, sums, totals)):
            remote = _Remote(process, number)
            stacked = None if how is None else Stacked(how, partial(remote.run, is_stack=True))
            accumulators = Accumulators(products, sums, totals)
            return Program(name, remote.run, remote.promises, accumulators, stacked, is_compiled)
    raise Corrupted("describes no program")


class _Remote:
    """A program in a child process."""

    def __init__(self, process: AdapterProcess, number: int) -> None:
        self._process, self._number = process, number
        self._promised: dict[int, frozenset[str]] = {}
        self._fault: Fault | None = None
        self._ended: list[int] = []

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

    def run(self, problem: Problem, *, is_stack: bool = False) -> Iterator[Claim]:
        """Train one case, or a stack of them, in the process: a step whenever the next claim is wanted."""
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault
        process, run, size = self._process, next(_run_numbers), max_claim_bytes(problem)
        if not process.start().get("bfloat16") and problem.dtype == "bfloat16":
            raise NoEquivalent("NumPy knows bfloat16 only with ml_dtypes, which is not installed there")
        generation = process.generation
        start = {"ask": "start", "run": run, "program": self._number, "is_stack": is_stack, "size": size}
        start |= {"problem": problem_header(problem), "ended": self._ended_runs()}
        process.ask(start, lambda _: True, problem.inputs)
        try:
            while True:
                if process.generation != generation:
                    raise Fault("its process was ended because of what another training did in it")
                request = {"ask": "next", "run": run, "ended": self._ended_runs()}
                step = process.ask(request, partial(_step, problem), max_array_bytes=size)
                if step is None:
                    return
                yield step
        finally:
            self._ended.append(run)  # sent with the next request: nothing is waited for when a run is dropped

    def _ended_runs(self) -> list[int]:
        """Return the runs that have ended since the last request, so that the process forgets them."""
        ended, self._ended = self._ended, []
        return ended


def _promised(reply: Message) -> frozenset[str]:
    listed = reply.header.get("promises")
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise Corrupted("promises nothing that has a name")
    return frozenset(listed)


def _step(problem: Problem, reply: Message) -> dict[str, Any] | None:
    """Return what is claimed of a step by name, or None at the end: arrays, and objects of other types.

    What the adapter has written to its inputs is written to the problem's, for the judge to see.

    Raises
    ------
    Corrupted
        If the reply names what it does not hold, or holds what it does not name, or an input is none.
    """
    if "end" in reply.header:
        return None
    kinds = reply.header.get("claim")
    if not isinstance(kinds, dict) or not all(isinstance(kind, str) for kind in kinds.values()):
        raise Corrupted("states no claim")
    arrays = _of_prefix("claim ", reply)
    if {name for name, kind in kinds.items() if kind == ARRAY} != arrays.keys():
        raise Corrupted("names other quantities than it holds")
    for name, array in _of_prefix("input ", reply).items():
        own = problem.inputs.get(name)
        if own is None or (own.shape, own.dtype) != (array.shape, array.dtype):
            raise Corrupted(f"holds the input {name!r:.40}, which the problem has not")
        own[...] = array
    return {name: arrays[name] if kind == ARRAY else _of_type(kind) for name, kind in kinds.items()}


def _of_prefix(prefix: str, reply: Message) -> dict[str, Any]:
    arrays = reply.arrays.items()
    return {name.removeprefix(prefix): array for name, array in arrays if name.startswith(prefix)}


def _of_type(name: str) -> object:
    """Return an object of a type of that name, for the judge to say what was stated in place of an array."""
    return type(printable(name[:MAX_TYPE_NAME]), (), {})()
