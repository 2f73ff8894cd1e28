"""What replies say, checked: the description of an adapter, and the claim of a step."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from adapters.isolation.messages import Corrupted, Message
from cases.dtypes import IN_FLOAT32, Accumulators
from cases.errors import printable
from cases.problem import Problem
from cases.verdict import Verdict

# Characters of the name of a type that are told.
LONGEST = 100


def unavailable(found: Mapping[str, Any]) -> tuple[Verdict, str] | None:
    """Return why an adapter is not there, if it is not.

    Raises
    ------
    Corrupted
        If the reason is none.
    """
    match found.get("unavailable"):
        case None:
            return None
        case [str(verdict), str(reason)] if verdict in {*map(str, Verdict)}:
            return Verdict(verdict), reason
    raise Corrupted("gives no reason why the adapter is not there")


def description(found: Mapping[str, Any]) -> dict[str, str]:
    """Return an adapter's name, title, version, framework, and what it runs on, each by its name.

    Raises
    ------
    Corrupted
        If one of them is no text.
    """
    told = {name: found.get(name) for name in ("name", "title", "version", "framework", "runs_on")}
    texts = {name: text for name, text in told.items() if isinstance(text, str)}
    if texts != told:
        raise Corrupted("describes no adapter")
    return texts


def programs(found: Mapping[str, Any]) -> tuple[tuple[str, Accumulators, str | None, bool], ...]:
    """Return each program's name, what it accumulates in, how it trains a stack, whether it is compiled.

    Raises
    ------
    Corrupted
        If there is none, or one is described in another way.
    """
    listed = found.get("programs")
    if not isinstance(listed, list) or not listed:
        raise Corrupted("describes no program")
    return tuple(map(_program, listed))


def _program(told: object) -> tuple[str, Accumulators, str | None, bool]:
    match told:
        case {
            "name": str(name),
            "accumulators": {**given},
            "stacked": str() | None as how,
            "compiled": bool(is_compiled),
        }:
            known = given.keys() == vars(IN_FLOAT32).keys()
            if known and all(value in ("float32", "own") for value in given.values()):
                accumulators = replace(IN_FLOAT32, **given)  # type: ignore[arg-type]  # all have been checked
                return name, accumulators, how, is_compiled
    raise Corrupted("describes no program")


def promises(found: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the quantities that a program promises to state.

    Raises
    ------
    Corrupted
        If they are none.
    """
    listed = found.get("promises")
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise Corrupted("promises nothing that has a name")
    return frozenset(listed)


def claim(reply: Message) -> dict[str, Any]:
    """Return what is claimed of a step by name: arrays, and objects of the types that are none.

    Raises
    ------
    Corrupted
        If the header names what is not there, or does not name what is.
    """
    names, strange = reply.header.get("claim"), reply.header.get("strange")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Corrupted("states no claim")
    if not isinstance(strange, dict) or not all(isinstance(kind, str) for kind in strange.values()):
        raise Corrupted("does not say what is no array")
    arrays = {name[6:]: array for name, array in reply.arrays.items() if name.startswith("claim ")}
    if {*names} != arrays.keys() | strange.keys() or arrays.keys() & strange.keys():
        raise Corrupted("names other quantities than it holds")
    return {name: arrays[name] if name in arrays else _of_type(strange[name]) for name in names}


def _of_type(name: str) -> object:
    """Return an object of a type of that name, for the judge to say what was stated in place of an array."""
    return type(printable(name[:LONGEST]), (), {})()


def take_inputs(reply: Message, problem: Problem) -> None:
    """Write to a problem's inputs what the implementation has written to its own, for the judge to see.

    Raises
    ------
    Corrupted
        If there is no such input, or it has another shape or dtype.
    """
    for name, array in reply.arrays.items():
        if name.startswith("input "):
            own = problem.inputs.get(name[6:])
            if own is None or (own.shape, own.dtype) != (array.shape, array.dtype):
                raise Corrupted(f"holds the input {name[6:]!r:.40}, which the problem has not")
            own[...] = array
