"""An adapter whose programs run in processes of their own: the judge sees no other difference."""

import sys
from collections.abc import Iterator
from functools import partial
from itertools import count

from adapters.isolation import replies
from adapters.isolation.limits import Limits
from adapters.isolation.messages import Corrupted
from adapters.isolation.problems import most_bytes, told
from adapters.isolation.process import AdapterProcess, Claimed
from cases import names
from cases.dtypes import Accumulators
from cases.problem import Problem
from cases.protocol import Adapter, Claim, Program, Stacked, Unavailable
from cases.verdict import Fault, NoEquivalent, Verdict

_runs = count(1)


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
    claimed = Claimed(name, location, python or sys.executable)
    process = AdapterProcess(claimed, limits)
    try:
        found = process.start()
        reason = replies.unavailable(found)
        if reason is None:
            return _adapter(process, python)
    except Corrupted as error:
        reason = Verdict.ERROR, str(process.refuse(error))
    except Fault as fault:
        reason = Verdict.ERROR, str(fault)
    process.end()
    return Unavailable(f"{name}@{python}" if python else name, *reason)


def _adapter(process: AdapterProcess, python: str) -> Adapter:
    """Return the adapter that a process describes; its first program runs there, the others in others."""
    claimed, found = process.claimed, process.description
    told = replies.description(found)
    programs = tuple(
        _program(process if number == 0 else AdapterProcess(claimed, process.limits), number, *one)
        for number, one in enumerate(replies.programs(found))
    )
    if not python:
        told["runs_on"] = ""
    else:
        told["framework"] = told["framework"] or told["name"]
        told["name"] += f"@{told['version'] or python}"
    return Adapter(**told, programs=programs)


def _program(
    process: AdapterProcess,
    number: int,
    name: str,
    accumulators: Accumulators,
    how: str | None,
    is_compiled: bool,
) -> Program:
    remote = _Remote(process, number)
    stacked = None if how is None else Stacked(how, partial(remote.run, stacked=True))
    return Program(name, remote.run, remote.promises, accumulators, stacked, is_compiled)


class _Remote:
    """A program in a process."""

    def __init__(self, process: AdapterProcess, number: int) -> None:
        self._process, self._number = process, number
        self._promised: dict[int, frozenset[str]] = {}
        self._fault: Fault | None = None
        self._done: list[int] = []

    def promises(self, depth: int) -> frozenset[str]:
        """Return what the program promises; should the process fail at it, the next run tells so."""
        try:
            if depth not in self._promised:
                self._process.start()
                reply = self._process.ask({"ask": "promises", "program": self._number, "depth": depth})
                self._promised[depth] = replies.promises(reply.header)
            return self._promised[depth]
        except Corrupted as error:
            self._fault = self._process.refuse(error)
        except Fault as fault:
            self._fault = fault
        return names.outcome(depth)

    def run(self, problem: Problem, *, stacked: bool = False) -> Iterator[Claim]:
        """Train one case, or a stack of them, in the process: a step whenever the next claim is wanted."""
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault
        process, run, most = self._process, next(_runs), most_bytes(problem)
        if not process.start().get("bfloat16") and problem.dtype == "bfloat16":
            raise NoEquivalent("NumPy knows bfloat16 only beside ml_dtypes, which is not installed there")
        generation = process.generation
        start = {"ask": "start", "run": run, "program": self._number, "stacked": stacked}
        process.ask({**start, "problem": told(problem), "most": most, "done": self._ended()}, problem.inputs)
        try:
            while True:
                if process.generation != generation:
                    raise Fault("its process was ended because of what another training did in it")
                reply = process.ask({"ask": "next", "run": run, "done": self._ended()}, largest=most)
                if isinstance(reason := reply.header.get("no equivalent"), str):
                    raise NoEquivalent(reason)
                if "end" in reply.header:
                    return
                replies.take_inputs(reply, problem)
                yield replies.claim(reply)
        except Corrupted as error:
            raise process.refuse(error) from None
        finally:
            self._done.append(run)  # told with the next request: nothing is waited for when a run is dropped

    def _ended(self) -> list[int]:
        """Return the runs that have ended since this was asked last, so that the process forgets them."""
        done, self._done = self._done, []
        return done
