"""What may stand in a number's place: 0, 1, a power of 10, the number in fewer digits."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, TypeAlias

from reports.sweep.shrinking.digits import digits_of, to_digits

# From a number and its format, another number of the format.
Choice: TypeAlias = Callable[[float, str], float]

# Powers of 10 of such exponents are no numbers to divide by.
FAR: Final = 300

# To so many digits single numbers are rounded.
FEWER: Final = (1, 2, 3, 4, 6, 8, 12)


def zero(_: float, __: str) -> float:
    """Return 0."""
    return 0.0


def one(_: float, __: str) -> float:
    """Return 1."""
    return 1.0


def half(_: float, __: str) -> float:
    """Return ½."""
    return 0.5


def tenth(_: float, dtype: str) -> float:
    """Return the number of the format nearest to 0.1."""
    return to_digits(0.1, 1, dtype)


def unsigned(number: float, _: str) -> float:
    """Return a number without its sign."""
    return abs(number)


def power(number: float, dtype: str) -> float:
    """Return the power of 10 below a number, with its sign."""
    if number == 0:
        return number
    exponent = math.floor(math.log10(abs(number)))
    return math.copysign(to_digits(float(f"1e{exponent}"), 1, dtype), number)


def away(number: float, dtype: str) -> float:
    """Return a number of one digit that is not nearer to 0."""
    if number == 0:
        return number
    exponent = math.floor(math.log10(abs(number)))
    digit = math.ceil(abs(number) / 10.0**exponent) if abs(exponent) < FAR else 1
    return math.copysign(to_digits(float(f"{digit}e{exponent}"), 1, dtype), number)


def shortened(number: float, dtype: str, digits: int) -> float:
    """Round a number to so many digits."""
    return to_digits(number, digits, dtype)


def choices(number: float, dtype: str) -> Iterator[Choice]:
    """Give what may stand in a number's place, the simplest first."""
    yield from (zero, one, power, away, unsigned)
    most = digits_of(number, dtype)
    yield from (partial(shortened, digits=digits) for digits in FEWER if digits < most)
