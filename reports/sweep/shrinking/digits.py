"""Numbers in as few digits as read back exactly, and numbers of fewer digits near them."""

import math
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Final

from cases.numbers import Number, rounded_once

# So many digits tell every float64 from the next.
MOST: Final = 17

# The exponents of 10 with which a number is written without one.
PLAIN: Final = range(-4, 7)


def shortest(number: float, dtype: str) -> str:
    """Write a number of a format in the fewest digits that read back as it: 0.1, -0, 2e-8.

    Raises
    ------
    ValueError
        If it is not finite, or no number of that format.
    """
    if number == 0:
        return "-0" if math.copysign(1, number) < 0 else "0"
    return _shortest(number, dtype)


@lru_cache(maxsize=2**16)
def _shortest(number: float, dtype: str) -> str:
    for text in _ever_longer(number) if math.isfinite(number) else ():
        if Number(text).rounded(dtype) == number:
            mantissa, _, exponent = text.partition("e")
            return f"{Decimal(text):f}" if int(exponent) in PLAIN else f"{mantissa}e{int(exponent)}"
    raise ValueError(f"{number} is no finite number of {dtype}")


def _ever_longer(number: float) -> Iterator[str]:
    """Give the nearest decimal of 1, 2, 3, … digits, and the next one away from 0.

    Below a power of 2 numbers lie twice as close as above: the nearest decimal may round to another number
    where the next one does not.
    """
    for digits in range(1, MOST + 1):
        text = f"{number:.{digits - 1}e}"
        yield text
        nearest = Decimal(text)
        unit = Decimal((int(number < 0), (1,), nearest.adjusted() - digits + 1))
        yield f"{nearest + unit:.{digits - 1}e}"


def to_digits(number: float, digits: int, dtype: str) -> float:
    """Round a number to so many decimal digits, and that to a format; 0 and infinity may come of it."""
    return float(rounded_once(float(f"{number:.{digits - 1}e}"), dtype))


def digits_of(number: float, dtype: str) -> int:
    """Return how many digits a number takes, 0 for 0."""
    written = shortest(number, dtype).partition("e")[0]
    return len(written.replace(".", "").strip("-0"))


def weight(number: float, dtype: str) -> int:
    """Say how far from simple a number is: 0 is the simplest, then 1, then fewer digits and no sign."""
    if number == 0:
        return int(math.copysign(1, number) < 0)
    text = shortest(number, dtype)
    return 2 if text == "1" else 1 + 2 * len(text.strip("-")) + text.startswith("-")
