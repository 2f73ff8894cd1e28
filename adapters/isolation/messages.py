"""Messages between two processes: a JSON header and the bytes of arrays, each checked on arrival.

A message is the four bytes `BPP1`, the length of the header (4 bytes) and of the arrays (8 bytes), both
little-endian, the header in UTF-8, and the bytes of the arrays, one after the other. The header has their
names, dtypes and shapes, and the checksum of the bytes. Nothing in it is pickled or evaluated.

Nothing but NumPy is needed here: the other process may run under an interpreter that has little else.
"""

import json
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cases.catalog import Rule
from cases.problem import Problem

MAGIC = b"BPP1"
LENGTHS = struct.Struct("<IQ")
MAX_HEADER_BYTES = 2**24

# NumPy's notation of the dtypes that hold numbers, with the byte order; bfloat16 has none.
NUMBERS = re.compile(r"[<>|][fiubc]\d+|bfloat16")
NOT_IN_HEADER = (
    "parameters",
    "x",
    "y",
    "tolerance",
    "state_before",
)  # a problem's arrays, and what only the judge needs

# A step states each parameter eight times over at most, and of each unit five numbers; in a wider format.
BYTES_PER_NUMBER = 64 * 8
MIN_CLAIM_BYTES = 2**20


class Corrupted(Exception):  # noqa: N818 - it is what the message is
    """A message that is none; the text says what is wrong with it."""


class Message(NamedTuple):
    header: dict[str, Any]
    arrays: Mapping[str, NDArray[Any]]


def encode(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return a message's bytes; every number in the header reads back as it is."""
    body = b"".join(array.tobytes() for array in arrays.values())
    kinds = {
        name: (array.dtype.name if array.dtype.name == "bfloat16" else array.dtype.str, array.shape)
        for name, array in arrays.items()
    }
    head = json.dumps({**header, "arrays": kinds, "checksum": zlib.crc32(body)}, default=_plain).encode()
    return b"".join((MAGIC, LENGTHS.pack(len(head), len(body)), head, body))


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON has no kind of
    if isinstance(value, Rule):
        return asdict(value)
    return sorted(value) if isinstance(value, frozenset) else float(value)


def receive(read: Callable[[int], bytes | bytearray], max_array_bytes: int) -> Message:
    """Read one message, or raise Corrupted if what arrives is none.

    `read` returns exactly as many bytes as it is asked for; no more than `max_array_bytes` of arrays is read.
    """
    start = bytes(read(len(MAGIC) + LENGTHS.size))
    if not start.startswith(MAGIC):
        raise Corrupted(f"begins with {start!r} and not with {MAGIC!r}")
    head, body = LENGTHS.unpack(start[len(MAGIC) :])
    if head > MAX_HEADER_BYTES or body > max_array_bytes:
        raise Corrupted(f"announces {head:,} and {body:,} bytes, which is too much")
    try:
        header = json.loads(read(head).decode())
    except (ValueError, RecursionError) as error:  # Unicode's errors and JSON's are of the first kind
        raise Corrupted(f"has a header that is not JSON: {error}") from None
    if not isinstance(header, dict):
        raise Corrupted(f"has a header that is a {type(header).__name__}, expected names and values")
    try:
        return Message(header, _arrays(header.pop("arrays"), header.pop("checksum"), read(body)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Corrupted(f"has arrays that cannot be read: {error}") from None


def _arrays(kinds: dict[str, Any], checksum: int, body: bytes | bytearray) -> dict[str, NDArray[Any]]:
    if zlib.crc32(body) != checksum:
        raise ValueError("the checksum is wrong")
    arrays, start = {}, 0
    for name, (dtype, shape) in kinds.items():
        if not NUMBERS.fullmatch(dtype):
            raise TypeError(f"dtype {dtype!r:.40} is none of numbers")
        if not all(type(length) is int and length >= 0 for length in shape):
            raise ValueError(f"the shape {shape!r:.40}")
        array = np.ndarray(tuple(shape), np.dtype(dtype), body, start).copy()
        arrays[name], start = array, start + array.nbytes
    if start != len(body):
        raise ValueError(f"{len(body):,} bytes, expected {start:,} by their dtypes and shapes")
    return arrays


def problem_header(problem: Problem) -> dict[str, Any]:
    """Return everything of a problem but its arrays."""
    names = [item.name for item in fields(problem) if item.name not in NOT_IN_HEADER]
    return {name: getattr(problem, name) for name in names}


def problem_of(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Problem:
    """Return the problem of a header as JSON has it; `arrays` holds x, y and the parameters, by name."""
    given = dict(header) | {
        "activations": tuple(header["activations"]),
        "loss_numbers": tuple(map(tuple, header["loss_numbers"])),
        "not_trained": frozenset(header["not_trained"]),
        **{name: _rule(header[name]) for name in ("optimizer", "schedule", "clipping")},
    }
    parameters = {name: array for name, array in arrays.items() if name not in ("x", "y")}
    return Problem(parameters=parameters, x=arrays["x"], y=arrays["y"], **given)


def _rule(given: Mapping[str, Any] | None) -> Rule | None:
    if given is None:
        return None
    return Rule(given["name"], tuple(map(tuple, given["numbers"])), frozenset(given["options"]))


def max_claim_bytes(problem: Problem) -> int:
    """Return what a step's claim may take, of a stack all cases' together: far more than it needs."""
    examples = problem.x.shape[-2]
    sizes = [array.size * (1 + examples * name.startswith("b")) for name, array in problem.parameters.items()]
    return MIN_CLAIM_BYTES + BYTES_PER_NUMBER * (problem.x.size + problem.y.size + sum(sizes))
