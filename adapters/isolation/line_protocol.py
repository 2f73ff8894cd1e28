"""The lines that are exchanged with a program in any language: JSON, one object a line, every number exact.

adapters/README.md describes them. What a program prints is checked here, but for what the judge checks of
every claim: names, shapes, and which quantities are stated.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from adapters.isolation.messages import Corrupted
from adapters.isolation.stated_numbers import array_of
from cases import names
from cases.catalog import Rule
from cases.errors import counted, printable, quoted, well_formed
from cases.problem import Problem
from cases.program_structure import structure_of
from cases.protocol import Structure, activations_of

LONGEST_NAME: Final = 60  # characters of a program's name, or of its version
LONGEST_HELLO: Final = 2**16  # bytes
MOST_SHOWN: Final = 3  # keys that a message shows


@dataclass(frozen=True)
class Hello:
    """What a program says of itself."""

    name: str
    version: str = ""
    structure: Structure | None = None


def problem_line(problem: Problem) -> bytes:
    """Return a problem as a line; numbers are the shortest decimals that read back as they are in float64."""
    rows = {name: np.asarray(array, np.float64).tolist() for name, array in problem.inputs.items()}
    sizes = [len(problem.parameters[names.b(k)]) for k in range(1, problem.depth + 1)]
    content = {
        "case": problem.case,
        "dtype": problem.dtype,
        "steps": problem.steps,
        "depth": problem.depth,
        "examples": len(problem.x),
        "widths": [problem.x.shape[1], *sizes],
        "activations": activations_of(problem),
        "forms": problem.forms,
        "loss": problem.loss,
        "reduction": problem.reduction,
        "loss_numbers": {name: float(number) for name, number in problem.loss_numbers},
        "learning_rate": float(problem.learning_rate),
        "optimizer": _rule(problem.optimizer),
        "schedule": _rule(problem.schedule),
        "clipping": _rule(problem.clipping),
        "not_trained": sorted(problem.not_trained),
        **rows,
    }
    return json.dumps(content).encode() + b"\n"


def _rule(rule: Rule | None) -> dict[str, Any] | None:
    return (
        None
        if rule is None
        else {"name": rule.name, **dict(rule.numbers), **dict.fromkeys(sorted(rule.options), True)}
    )


def read_object(line: bytes) -> dict[str, Any]:
    """Read a line that holds one JSON object, with numbers as the texts that they are, or raise Corrupted."""
    try:
        text = line.decode()
        read = json.loads(
            text, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_each_once
        )
    except (ValueError, RecursionError) as error:  # Unicode's errors and JSON's are of the first kind
        shown = quoted(printable(line.decode(errors="replace").strip()))
        reason = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise Corrupted(f"is not JSON ({reason}): {shown}") from None
    if not isinstance(read, dict):
        raise Corrupted(f"is no JSON object: {quoted(printable(text.strip()))}")
    return read


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        again = next(name for i, (name, _) in enumerate(pairs) if name in dict(pairs[:i]))
        raise Corrupted(f"states {quoted(printable(again))} twice")
    return read


def hello_of(read: Mapping[str, Any]) -> Hello:
    """Return what a program says of itself, or raise Corrupted."""
    match read:
        case {"name": str(name), **rest} if isinstance(rest.get("version", ""), str):
            pass
        case _:
            raise Corrupted(f'is no hello line {{"name": …, "version": …}}: it has {_keys(read)}')
    if unknown := rest.keys() - {"version", "structure"}:
        raise Corrupted(f"is no hello line: it has {_keys(sorted(unknown))} besides name, version, structure")
    texts = name.strip(), rest.get("version", "").strip()
    if not name.strip() or any(len(text) > LONGEST_NAME or not text.isprintable() for text in texts):
        raise Corrupted(f"has a name or a version that is empty, or of more than {LONGEST_NAME} characters")
    shown, version = map(well_formed, texts)
    return Hello(shown, version, _structure(rest.get("structure")))


def _structure(given: object) -> Structure | None:
    try:
        return structure_of(_counted(given))
    except ValueError as wrong:
        raise Corrupted(
            f"says what it does and cannot be understood: {well_formed(printable(str(wrong)))}"
        ) from None


def _counted(given: object) -> object:
    """Return the same with whole numbers in place of their texts: a depth, a number of examples."""
    if isinstance(given, dict):
        return {key: _counted(value) for key, value in given.items()}
    if isinstance(given, list):
        return [_counted(value) for value in given]
    return int(given) if isinstance(given, str) and re.fullmatch("[0-9]{1,9}", given) else given


def _keys(read: Iterable[str]) -> str:
    keys = [quoted(printable(key), 30) for key in read]
    more = f" and {counted(len(keys) - MOST_SHOWN, 'more key')}" if len(keys) > MOST_SHOWN else ""
    return ", ".join(keys[:MOST_SHOWN]) + more or "no key"


def claim_of(read: Mapping[str, Any], dtype: str) -> dict[str, NDArray[Any]]:
    """Return the arrays that a line states, by name, in the problem's dtype, or raise Corrupted."""
    return {name: array_of(name, value, dtype) for name, value in read.items()}
