"""The lines that are exchanged with a program in any language: JSON, one object a line, every number exact.

adapters/README.md describes them. What a program prints is checked here, but for what the judge checks of
every claim: names, shapes, and which quantities are stated.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from adapters.isolation.messages import Corrupted
from cases import names
from cases.catalog import OPTIMIZERS, Rule
from cases.errors import counted, printable, quoted, well_formed
from cases.numbers import MAX_TEXT, Number, rounded_once
from cases.problem import Problem
from cases.protocol import activations_of

LONGEST_NAME: Final = 60  # characters of a program's name, or of its version
LONGEST_HELLO: Final = 2**16  # bytes
MOST_SHOWN: Final = 3  # keys that a message shows
MOST_AXES: Final = 8  # of an array; the judge says which it expected

_NUMBER = re.compile(r"[-+]?(?:(?P<digits>[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|0[xX].+)")
# As C, Python, Java and JavaScript print them.
_SPECIAL = re.compile(r"[-+]?(?:nan|NaN|NAN|inf|INF|infinity|Infinity)")

_limits: Any = ml_dtypes.finfo  # it has no annotations

# What a program may say that it does, and what of it a problem needs.
STRUCTURE: Final = ("dtypes", "activations", "losses", "reductions", "optimizers")


@dataclass(frozen=True)
class Hello:
    """What a program says of itself; of each key of `structure` it does nothing but what is listed."""

    name: str
    version: str = ""
    structure: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))

    def lacking(self, problem: Problem) -> str:
        """Say what the problem needs that the program does not do, or nothing."""
        for key, needed in needs(problem).items():
            missing = [name for name in needed if name not in self.structure.get(key, needed)]
            if missing:
                return f"it says that of {key} it does not do {', '.join(missing)}"
        return ""


def needs(problem: Problem) -> dict[str, tuple[str, ...]]:
    """Return what a program has to do for a problem, by the keys of `STRUCTURE`.

    An update needs its optimizer, what of that is optional ("momentum", "nesterov"), its schedule
    ("cosine schedule"), its clipping ("global_norm"), and "not_trained" where some parameters stay.
    """
    rule, schedule, clipping = problem.optimizer, problem.schedule, problem.clipping
    keys = OPTIMIZERS[rule.name].keys
    update = (
        rule.name,
        *(name for name, _ in rule.numbers if keys[name].default is None),
        *sorted(rule.options),
        *([f"{schedule.name} schedule"] if schedule else []),
        *([clipping.name] if clipping else []),
        *(["not_trained"] if problem.not_trained else []),
    )
    losses, reductions = (problem.loss,), (problem.reduction,)
    activations = tuple(dict.fromkeys(activations_of(problem)))
    return dict(
        zip(STRUCTURE, ((problem.dtype,), activations, losses, reductions, update), strict=True)
    )


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
    return rule and {"name": rule.name, **dict(rule.numbers), **dict.fromkeys(sorted(rule.options), True)}


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
    return Hello(*map(well_formed, texts), _structure(rest.get("structure", {})))


def _structure(given: object) -> Mapping[str, frozenset[str]]:
    if not isinstance(given, dict):
        raise Corrupted("has a structure that is no object of lists of names")
    for key, listed in given.items():
        if key not in STRUCTURE:
            raise Corrupted(f"has {quoted(printable(key))} in its structure, expected {', '.join(STRUCTURE)}")
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
            raise Corrupted(f"has a structure whose {key} are no list of names")
    return {key: frozenset(listed) for key, listed in given.items()}


def _keys(read: Iterable[str]) -> str:
    keys = [quoted(printable(key), 30) for key in read]
    more = f" and {counted(len(keys) - MOST_SHOWN, 'more key')}" if len(keys) > MOST_SHOWN else ""
    return ", ".join(keys[:MOST_SHOWN]) + more or "no key"


def claim_of(read: Mapping[str, Any], dtype: str) -> dict[str, NDArray[Any]]:
    """Return the arrays that a line states, by name, in the problem's dtype, or raise Corrupted."""
    return {name: array_of(name, value, dtype) for name, value in read.items()}


def array_of(name: str, value: object, dtype: str) -> NDArray[Any]:
    """Return the array of nested lists of numbers, each as its text, or raise Corrupted.

    A decimal is rounded once. In a format narrower than float64 it has to be a number of that format: exactly,
    or to as many digits as it is written with, where these are more than the format ever needs.
    """
    shape: list[int] = []
    level = [value]
    while level and isinstance(level[0], list):
        shape.append(len(level[0]))
        if any(not isinstance(row, list) or len(row) != shape[-1] for row in level):
            raise Corrupted(f"has rows of different lengths in {_shown(name)}")
        if len(shape) > MOST_AXES:
            raise Corrupted(f"has more than {MOST_AXES} axes in {_shown(name)}")
        level = [item for row in level for item in row]  # type: ignore[attr-defined] # each is a list
    for i, text in enumerate(level):
        if not isinstance(text, str) or not (_SPECIAL.fullmatch(text) or _is_number(text)):
            raise Corrupted(f"has {_said(text)} at {_place(name, shape, i)}, where a number was expected")
    return _numbers(name, [str(text) for text in level], dtype, shape)


def _is_number(text: str) -> bool:
    is_short = len(text) <= MAX_TEXT
    return is_short and bool(_NUMBER.fullmatch(text)) and Number.is_one(text.replace("X", "x", 1))


def _said(value: object) -> str:
    if isinstance(value, str):
        return f"the text {quoted(printable(value), 30)}"
    kinds = {type(None): "null", bool: str(value).lower(), list: "a list", dict: "an object"}
    null = " (JavaScript writes NaN and Infinity so)" if value is None else ""
    return f"{kinds.get(type(value), 'something else')}{null}"


def _shown(name: str) -> str:
    return printable(well_formed(name, 40))


def _place(name: str, shape: Sequence[int], i: int) -> str:
    return f"{_shown(name)}{list(map(int, np.unravel_index(i, tuple(shape)))) if shape else ''}"


def _numbers(name: str, texts: list[str], dtype: str, shape: Sequence[int]) -> NDArray[Any]:
    written = [Number(text.replace("X", "x", 1)) for text in texts]
    near = np.array([_nearest(number) for number in written], np.float64)
    array = rounded_once(near, dtype)
    # A decimal lies within half a unit of its float64. Where that decides how it is rounded, it is looked at.
    below, above = (rounded_once(np.nextafter(near, end), dtype) for end in (-math.inf, math.inf))
    for i in np.flatnonzero((below != above) & np.isfinite(near)):
        array[i] = written[i].rounded(dtype)
    wide = array.astype(np.float64)
    for i in np.flatnonzero((wide != near) & ~np.isnan(near)):
        if not _is_written(texts[i], float(wide[i]), dtype):
            says = f"{printable(well_formed(texts[i], 40))} at {_place(name, shape, i)}"
            raise Corrupted(f"has {says}, which is no {dtype} number: {array[i]} is the nearest")
    return array.reshape(shape)


def _nearest(number: Number) -> float:
    special = _SPECIAL.fullmatch(number.text)
    return float(number.text) if special else number.nearest


def _digits() -> Iterator[tuple[str, int]]:
    """Give how many significant digits tell the numbers of a format apart."""
    for dtype in ("float32", "bfloat16", "float16"):
        yield dtype, 1 + math.ceil((_limits(dtype).nmant + 1) * math.log10(2))


# Source: D. Matula, "In-and-out conversions" (CACM 11, 1968).
DIGITS: Final = dict(_digits())


def _is_written(text: str, number: float, dtype: str) -> bool:
    """Whether a text that is not the number itself is its decimal, to as many digits as it has."""
    decimal = _NUMBER.fullmatch(text)
    if decimal is None or decimal["digits"] is None or not math.isfinite(number):
        return False
    digits = len(decimal["digits"].replace(".", "").strip("0"))
    if digits <= DIGITS[dtype]:
        return True
    return Decimal(text) == Decimal(f"{number:.{digits - 1}e}")
