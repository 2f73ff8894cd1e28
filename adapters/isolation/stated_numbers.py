"""Numbers as a program prints them: decimals, hexadecimal floats, NaN and infinity, each read exactly."""

import math
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from adapters.isolation.messages import Corrupted
from cases.errors import printable, quoted, well_formed
from cases.numbers import MAX_TEXT, Number, rounded_once

MOST_AXES: Final = 8  # of an array; the judge says which it expected

# As C, Python, Java and JavaScript print them.
_NUMBER = re.compile(
    r"[-+]?(?:(?P<digits>[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
    r"|(?:0[xX][0-9a-fA-F]+(?:\.[0-9a-fA-F]*)?[pP][-+]?[0-9]+)"
    r"|nan|NaN|NAN|inf|INF|infinity|Infinity)"
)

_limits: Any = ml_dtypes.finfo  # it has no annotations


def array_of(name: str, value: object, dtype: str) -> NDArray[Any]:
    """Return the array of nested lists of numbers, each as its text, or raise Corrupted.

    A decimal is rounded once. In a format narrower than float64 it has to be a number of that format, exactly
    or to as many digits as it is written with: a program that computed in float64 is no float32 program.
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
        if not isinstance(text, str) or len(text) > MAX_TEXT or not _NUMBER.fullmatch(text):
            raise Corrupted(f"has {_said(text)} at {_place(name, shape, i)}, where a number was expected")
    return _numbers(name, [str(text) for text in level], dtype, shape)


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
    near = np.array([_nearest(text) for text in texts], np.float64)
    if dtype == "float64":
        return near.reshape(shape)
    array = _rounded(texts, near, dtype)
    wide = array.astype(np.float64)
    for i in np.flatnonzero((wide != near) & ~np.isnan(near)).tolist():
        if not _is_written(texts[i], float(wide[i]), dtype):
            says = f"{printable(well_formed(texts[i], 40))} at {_place(name, shape, i)}"
            raise Corrupted(f"has {says}, which is no {dtype} number: {array[i]} is the nearest")
    return array.reshape(shape)


def _rounded(texts: Sequence[str], near: NDArray[np.float64], dtype: str) -> NDArray[Any]:
    """Round each number once: the number itself, where its float64 lies on a tie and the number beside it."""
    array = rounded_once(near, dtype)
    with np.errstate(over="ignore"):
        below, above = (rounded_once(np.nextafter(near, end), dtype) for end in (-np.inf, np.inf))
    for i in np.flatnonzero((below != above) & np.isfinite(near)).tolist():
        array[i] = Number(texts[i].lower()).rounded(dtype)
    return array


def _nearest(text: str) -> float:
    is_hexadecimal = "x" in text or "X" in text
    return Number(text.lower()).nearest if is_hexadecimal else float(text)


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
