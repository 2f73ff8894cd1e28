"""Messages between two processes: a JSON header and arrays as .npz, never pickled, each checked on arrival.

A message is the four bytes `BPP1`, the header's length (4 bytes) and the arrays' (8), both little-endian, the
header in UTF-8, and the arrays. NumPy does not know bfloat16 without a further package: an array goes as its
bits, and the header tells its dtype and shape.

Nothing but NumPy is needed here: the other process may run under an interpreter that has little else.
"""

from __future__ import annotations

import io
import json
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

MAGIC = b"BPP1"
LENGTHS = struct.Struct("<IQ")
LONGEST_HEADER = 2**24
LARGEST_ARRAYS = 2**33
KINDS = "fiubc"
"""Of NumPy's kinds of dtype those that hold numbers; bfloat16 counts as one."""


class Corrupted(Exception):  # noqa: N818 - it is what the message is
    """A message that is none; the text says what is wrong with it."""


@dataclass(frozen=True)
class Message:
    """What is told, and the arrays that belong to it."""

    header: dict[str, Any]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)


def encode(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None) -> bytes:
    """Return a message's bytes."""
    arrays = arrays or {}
    told = {name: {"dtype": _name(array.dtype), "shape": array.shape} for name, array in arrays.items()}
    body = io.BytesIO()
    if arrays:
        bits = {f"array {i}": _bits(array) for i, array in enumerate(arrays.values())}
        np.savez(body, **bits)  # type: ignore[arg-type]  # its own option allow_pickle stays at its default
    head = json.dumps({**header, "arrays": told}).encode()
    return b"".join((MAGIC, LENGTHS.pack(len(head), len(body.getbuffer())), head, body.getbuffer()))


def _name(dtype: np.dtype[Any]) -> str:
    """Name a dtype, with its byte order where NumPy's own notation has one."""
    return dtype.name if dtype.name == "bfloat16" else dtype.str


def _bits(array: NDArray[Any]) -> NDArray[np.uint8]:
    return np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)


def receive(read: Callable[[int], bytes]) -> Message:
    """Read one message; `read` returns exactly so many bytes.

    Raises
    ------
    Corrupted
        If what arrives is no message.
    """
    start = read(len(MAGIC) + LENGTHS.size)
    if not start.startswith(MAGIC):
        raise Corrupted(f"begins with {start[:20]!r} and not with {MAGIC!r}")
    head, body = LENGTHS.unpack(start[len(MAGIC) :])
    if head > LONGEST_HEADER or body > LARGEST_ARRAYS:
        raise Corrupted(f"announces {head:,} and {body:,} bytes, which is too much")
    try:
        header = json.loads(read(head).decode())
    except ValueError as error:  # which JSON's and Unicode's errors are
        raise Corrupted(f"has a header that is not JSON: {error}") from None
    if not isinstance(header, dict) or not isinstance(header.get("arrays"), dict):
        raise Corrupted("has a header without arrays")
    told = header.pop("arrays")
    return Message(header, _arrays(told, read(body)))


def _arrays(told: dict[str, Any], body: bytes) -> dict[str, NDArray[Any]]:
    if not told:
        return {}
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as stored:
            found = [stored[f"array {i}"] for i in range(len(told))]
        return {
            name: _array(*one) for name, one in zip(told, zip(told.values(), found, strict=True), strict=True)
        }
    except Exception as error:  # noqa: BLE001 - damaged archives raise whatever their reader meets
        raise Corrupted(f"has arrays that cannot be read: {error}") from None


def _array(told: dict[str, Any], bits: NDArray[np.uint8]) -> NDArray[Any]:
    """Return an array of its own memory from its bits.

    Raises
    ------
    TypeError, KeyError, ValueError
        If the dtype is none of numbers, or dtype, shape and bits do not belong together.
    """
    dtype = np.dtype(str(told["dtype"]))
    if dtype.kind not in KINDS and dtype.name != "bfloat16":
        raise TypeError(f"dtype {dtype} is none of numbers")
    shape = tuple(map(int, told["shape"]))
    return np.frombuffer(bits.tobytes(), dtype).reshape(shape).copy()
