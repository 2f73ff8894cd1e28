"""An adapter whose programs run in a process of their own: the judge sees no other difference."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from adapters.adapter import Adapter, Program, Unavailable
from adapters.isolation.problems import told
from adapters.isolation.process import ClaimantProcess, Claimed
from reference.formats import Accumulators
from reference.verdicts import Fault, NoEquivalent, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adapters.adapter import Claim
    from adapters.isolation.limits import Limits
    from adapters.isolation.messages import Message
    from cases.problem import Problem

_runs = count()


def isolated(name: str, location: str, limits: Limits, python: str = "") -> Adapter | Unavailable:
    """Return an adapter that runs in a process of its own.

    Parameters
    ----------
    name, location
        As the registry knows it.
    python
        The interpreter; this one, if not given. Under another the adapter is called NAME@VERSION, with the
        version of its framework there.
    """
    process = ClaimantProcess(Claimed(name, location, python or sys.executable), limits)
    try:
        found = process.start()
    except Fault as fault:
        return Unavailable(f"{name}@{python}" if python else name, Verdict.ERROR, str(fault))
    if "unavailable" in found:
        verdict, reason = found["unavailable"]
        return Unavailable(f"{name}@{python}" if python else name, Verdict(verdict), str(reason))
    programs = tuple(_program(process, i, one) for i, one in enumerate(found["programs"]))
    called = f"{name}@{found['version']}" if python else name
    framework = found["framework"] or (name if python else "")
    return Adapter(called, str(found["title"]), str(found["version"]), programs, framework)


def _program(process: ClaimantProcess, number: int, one: dict[str, Any]) -> Program:
    return Program(
        one["name"],
        partial(_run, process, number),
        accumulators=Accumulators(**one["accumulators"]),
    )


def _run(process: ClaimantProcess, program: int, problem: Problem) -> Iterator[Claim]:
    """Train in the process, a step whenever the next claim is wanted."""
    run = next(_runs)
    process.ask({"ask": "start", "run": run, "program": program, "problem": told(problem)}, problem.inputs)
    generation = process.generation
    try:
        while True:
            if process.generation != generation or not process.is_alive:
                raise Fault("its process was ended because of what another program did in it")
            reply = process.ask({"ask": "next", "run": run})
            if "no equivalent" in reply.header:
                raise NoEquivalent(reply.header["no equivalent"])
            if "end" in reply.header:
                return
            yield _claim(problem, reply)
    finally:
        if process.generation == generation and process.is_alive:
            with suppress(Fault):  # it may end while it forgets
                process.ask({"ask": "forget", "run": run})


def _claim(problem: Problem, reply: Message) -> dict[str, Any]:
    """Return what is claimed; inputs that the claimant wrote to are written to here, for the judge to see."""
    for name, array in problem.inputs.items():
        written = reply.arrays.get(f"input {name}")
        if written is not None:
            array[...] = written
    strange = reply.header["strange"]
    return {
        name: type(strange[name], (), {})() if name in strange else reply.arrays[f"claim {name}"]
        for name in reply.header["claim"]
    }
