"""Arrays out of text in which a program printed them: `dW1 = [[0.1 -0.2]]`, `loss: 0.25`.

A number is kept as it was printed. Of an array all are known to as many places as the longest shows: NumPy
and Python leave out zeros at the end.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cases.recording import UnreadableError

MAX_BYTES: Final = 2**24
NAME: Final = re.compile(
    r"^\s*((?:\d+[./])*[A-Za-z][\w./\[\]' ]*?)\s*[:=]\s*(?=[-+\[\d.]|tensor\(|array\(|Array\(|nan|inf|np\.)",
    re.MULTILINE,
)
NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf)\b")
OPENING: Final = re.compile(r"(?:tensor|array|Array|np\.\w+|Parameter containing:\s*tensor)\s*\(")


def read_text(path: Path) -> dict[str, NDArray[np.str_]]:
    """Return the arrays that a text prints, by their names, each number as printed.

    Raises `UnreadableError`, with the line, for what is no array; a summarized one ("…") is none.
    """
    try:
        content = path.read_bytes()
        if len(content) > MAX_BYTES:
            raise UnreadableError(f"{path}: has {len(content):,} bytes, expected at most {MAX_BYTES:,}")
        text = content.decode("utf-8")
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UnreadableError(f"{path}: is not text in UTF-8") from None
    arrays: dict[str, NDArray[np.str_]] = {}
    for match in NAME.finditer(text):
        name, line = match.group(1).strip(), text.count("\n", 0, match.start(1)) + 1
        if name in arrays:
            raise UnreadableError(f"{path}:{line}: {name} is printed a second time")
        arrays[name] = _array(text, match.end(), f"{path}:{line}: {name}")
    if not arrays:
        raise UnreadableError(f"{path}: prints no array, expected lines such as dW1 = [[0.25 -0.5]]")
    return arrays


def _array(text: str, start: int, where: str) -> NDArray[np.str_]:
    """Read the array that begins at a place of a text."""
    opening = OPENING.match(text, start)
    start = opening.end() if opening else start
    if not text.startswith("[", start):
        number = NUMBER.match(text, start)
        if number is None:
            raise UnreadableError(f"{where} is no number")
        return np.asarray(number.group())
    nested = _nested(text, start, where)
    try:
        array = np.asarray(nested, dtype=np.str_)
    except ValueError:
        raise UnreadableError(f"{where} has rows of unequal lengths") from None
    return _padded(array)


def _nested(text: str, start: int, where: str) -> list[Any]:
    stack: list[list[Any]] = []
    for part in _parts(text, start, where):
        if part not in "[]":
            stack[-1].append(part)
        elif part == "[":
            stack.append([])
        else:
            done = stack.pop()
            if not stack:
                return done
            stack[-1].append(done)
    raise UnreadableError(f"{where} has no closing bracket")


def _parts(text: str, start: int, where: str) -> Iterator[str]:
    """Give each bracket and each number from a place on."""
    at = start
    while at < len(text):
        if text[at] in "[]":
            at += 1
            yield text[at - 1]
        elif text[at] in " ,\t\r\n":
            at += 1
        elif number := NUMBER.match(text, at):
            at = number.end()
            yield number.group()
        else:
            what = (
                "is summarized" if text.startswith(("...", "…"), at) else f"has {text[at : at + 10]!r} in it"
            )
            raise UnreadableError(f"{where} {what}, expected numbers in brackets")


def _padded(array: NDArray[np.str_]) -> NDArray[np.str_]:
    """Give each number of an array as many decimal places as the longest of its form."""
    parts = [re.fullmatch(r"([-+]?\d*)(?:\.(\d*))?([eE].*)?", text) for text in array.flat]
    places = max((len(match.group(2) or "") for match in parts if match), default=0)
    padded = [
        f"{match.group(1)}.{(match.group(2) or '').ljust(places, '0')}{match.group(3) or ''}"
        if match and places
        else text
        for match, text in zip(parts, array.flat, strict=True)
    ]
    return np.asarray(padded).reshape(array.shape) if padded else array
