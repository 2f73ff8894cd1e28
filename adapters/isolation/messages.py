"""Messages between two processes: a JSON header and arrays as .npz, never pickled, each checked on arrival.

A message is the four bytes `BPP1`, the header's length (4 bytes) and the arrays' (8), both little-endian, the
header in UTF-8, and the arrays: one .npz that holds the bits of all of them, one after the other, not
compressed and with its checksum. (A member for each array would cost some six milliseconds a training step;
so it is less than one.) The header tells names, dtypes and shapes: NumPy alone does not know bfloat16.

Nothing but NumPy is needed here: the other process may run under an interpreter that has little else.
"""

import io
import json
import math
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = b"BPP1"
LENGTHS = struct.Struct("<IQ")
LONGEST_HEADER = 2**24
LARGEST_ARRAYS = 2**33
# Bytes that an .npz takes around what it holds, at most.
FRAME = 1024

# Of NumPy's kinds of dtype those that hold numbers; bfloat16 counts as one.
KINDS = "fiubc"


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
        bits = np.frombuffer(b"".join(array.tobytes() for array in arrays.values()), np.uint8)
        np.savez(body, bits=bits)
    head = json.dumps({**header, "arrays": told}).encode()
    return b"".join((MAGIC, LENGTHS.pack(len(head), len(body.getbuffer())), head, body.getbuffer()))


def _name(dtype: np.dtype[Any]) -> str:
    """Name a dtype, with its byte order where NumPy's own notation has one."""
    return dtype.name if dtype.name == "bfloat16" else dtype.str


def receive(read: Callable[[int], bytes], largest: int = LARGEST_ARRAYS) -> Message:
    """Read one message.

    Parameters
    ----------
    read
        Returns exactly so many bytes.
    largest
        How many bytes its arrays may take; more are not read.

    Raises
    ------
    Corrupted
        If what arrives is no message. What `read` raises passes through.
    """
    start = read(len(MAGIC) + LENGTHS.size)
    if not start.startswith(MAGIC):
        raise Corrupted(f"begins with {bytes(start)!r} and not with {MAGIC!r}")
    head, body = LENGTHS.unpack(start[len(MAGIC) :])
    if head > LONGEST_HEADER or body > largest + FRAME:
        raise Corrupted(f"announces {head:,} and {body:,} bytes, which is too much")
    header = _header(read(head))
    told = header.pop("arrays", None)
    if not isinstance(told, dict):
        raise Corrupted("has a header without arrays")
    return Message(header, _arrays(told, read(body)))


def _header(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text.decode())
    except (ValueError, RecursionError) as error:  # Unicode's errors and JSON's are of the first kind
        raise Corrupted(f"has a header that is not JSON: {error}") from None
    if not isinstance(header, dict):
        raise Corrupted(f"has a header that is a {type(header).__name__}, expected names and values")
    return header


def _arrays(told: dict[str, Any], body: bytes) -> dict[str, NDArray[Any]]:
    if not told:
        if body:
            raise Corrupted("has arrays that its header does not tell of")
        return {}
    try:
        kinds = {name: _kind(one) for name, one in told.items()}
        bits = _bits(body)
        sizes = [dtype.itemsize * math.prod(shape) for dtype, shape in kinds.values()]
        if sum(sizes) != bits.size:
            raise ValueError(f"{bits.size:,} bytes, expected {sum(sizes):,} by their dtypes and shapes")  # noqa: TRY301 - told as what is wrong with it
        ends = [sum(sizes[:count]) for count in range(len(sizes) + 1)]
        return {
            name: bits[ends[i] : ends[i + 1]].copy().view(dtype).reshape(shape)
            for i, (name, (dtype, shape)) in enumerate(kinds.items())
        }
    except Exception as error:  # noqa: BLE001 - damaged archives raise whatever their reader meets
        raise Corrupted(f"has arrays that cannot be read: {error}") from None


def _bits(body: bytes) -> NDArray[np.uint8]:
    """Return the bits of all arrays.

    Raises
    ------
    Exception
        If they are stored in another way than `encode` stores them, which might unfold to any size, or their
        checksum is wrong.
    """
    with np.load(io.BytesIO(body), allow_pickle=False) as stored:
        (member,) = stored.zip.infolist()
        if member.compress_type != zipfile.ZIP_STORED or member.file_size > len(body):
            raise ValueError("an archive that is compressed")
        bits: NDArray[np.uint8] = stored["bits"]
    if bits.dtype != np.uint8 or bits.ndim != 1:
        raise ValueError(f"bits of dtype {bits.dtype} and {bits.ndim} axes")
    return bits


def _kind(told: dict[str, Any]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return an array's dtype and shape.

    Raises
    ------
    TypeError, KeyError, ValueError
        If the dtype is none of numbers, or the shape is none.
    """
    dtype = np.dtype(str(told["dtype"]))
    if dtype.kind not in KINDS and dtype.name != "bfloat16":
        raise TypeError(f"dtype {dtype} is none of numbers")
    shape = tuple(told["shape"])
    if not all(type(length) is int and length >= 0 for length in shape):
        raise ValueError(f"the shape {shape!r}")
    return dtype, shape
