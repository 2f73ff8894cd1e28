"""Numbers of few digits: how they are written, and edits that put them in the places of others."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem, Rule
from cases.catalog import NUMBERS
from cases.numbers import Number, rounded_once
from cases.protocol import DTYPES
from reports.sweep.minimize.edits import Edit, with_parameters

# From a number and its format, another number of the format.
Choice: TypeAlias = Callable[[float, str], float]

# The numbers of rules are float64 in every format.
RULE_DTYPE: Final = DTYPES[0]

# Enough digits to distinguish every float64 from the next.
MAX_DIGITS: Final = 17

# The exponents of 10 with which a number is written without one.
PLAIN_EXPONENTS: Final = range(-4, 7)

# The digits to which all numbers of an array are rounded at once, and to which single numbers are.
ARRAY_DIGITS: Final = (1, 2, 3)
NUMBER_DIGITS: Final = (1, 2, 3, 4, 6, 8, 12)

# 10 to more than this is no float64 to divide by.
MAX_EXPONENT: Final = 300


# Writing numbers


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
            is_plain = int(exponent) in PLAIN_EXPONENTS
            return f"{Decimal(text):f}" if is_plain else f"{mantissa}e{int(exponent)}"
    raise ValueError(f"{number} is no finite number of {dtype}")


def _ever_longer(number: float) -> Iterator[str]:
    """Give the nearest decimal of 1, 2, 3, … digits, and the next one away from 0.

    Below a power of 2 numbers lie twice as close as above: the nearest decimal may round to another number
    where the next one does not.
    """
    for digits in range(1, MAX_DIGITS + 1):
        text = f"{number:.{digits - 1}e}"
        yield text
        nearest = Decimal(text)
        unit = Decimal((int(number < 0), (1,), nearest.adjusted() - digits + 1))
        yield f"{nearest + unit:.{digits - 1}e}"


def to_digits(number: float, digits: int, dtype: str) -> float:
    """Round a number to decimal digits, and that to a format; the result may be 0 or infinite."""
    return float(rounded_once(float(f"{number:.{digits - 1}e}"), dtype))


def digits_of(number: float, dtype: str) -> int:
    """Return how many digits a number takes, 0 for 0."""
    written = shortest(number, dtype).partition("e")[0]
    return len(written.replace(".", "").strip("-0"))


def weight(number: float, dtype: str) -> int:
    """Return how far from simple a number is: 0 is the simplest, then 1, then fewer digits and no sign."""
    if number == 0:
        return int(math.copysign(1, number) < 0)
    text = shortest(number, dtype)
    return 2 if text == "1" else 1 + 2 * len(text.strip("-")) + text.startswith("-")


# Choosing simpler numbers


def choices(number: float, dtype: str) -> Iterator[Choice]:
    """Give what may stand in a number's place, the simplest first."""
    yield from (_zero, _one, _power_of_ten, _one_digit_up, lambda given, _: abs(given))
    most = digits_of(number, dtype)
    yield from (partial(_rounded, digits=digits) for digits in NUMBER_DIGITS if digits < most)


def _zero(_: float, __: str) -> float:
    return 0.0


def _one(_: float, __: str) -> float:
    return 1.0


def _power_of_ten(number: float, dtype: str) -> float:
    """Return the power of 10 below a number, with its sign."""
    return _one_digit(number, dtype, lambda _: 1)


def _one_digit_up(number: float, dtype: str) -> float:
    """Return a number of one digit that is not nearer to 0."""
    return _one_digit(number, dtype, math.ceil)


def _one_digit(number: float, dtype: str, digit: Callable[[float], int]) -> float:
    if number == 0:
        return number
    exponent = math.floor(math.log10(abs(number)))
    mantissa = abs(number) / 10.0**exponent if abs(exponent) < MAX_EXPONENT else 1.0
    return math.copysign(to_digits(float(f"{digit(mantissa)}e{exponent}"), 1, dtype), number)


def _rounded(number: float, dtype: str, digits: int) -> float:
    return to_digits(number, digits, dtype)


# Edits


def rounder(problem: Problem) -> Iterator[Edit]:
    """Give edits of whole arrays, then of the numbers of rules, then of single elements, y before W."""
    arrays = sorted(problem.inputs, key=lambda name: "ybxW".index(name[0]))
    of_all: list[Choice] = [_zero, _one, *(partial(_rounded, digits=digits) for digits in ARRAY_DIGITS)]
    for name in arrays:
        yield from (partial(_every_element, name=name, choice=choice) for choice in of_all)
    yield from _of_rules(problem)
    for name in arrays:
        for index, number in np.ndenumerate(problem.inputs[name]):
            for choice in choices(float(number), problem.dtype):
                yield partial(_element, name=name, index=index, choice=choice)


def _every_element(problem: Problem, name: str, choice: Choice) -> Problem:
    array = problem.inputs[name]
    changed = [choice(float(number), problem.dtype) for number in array.flat]
    return with_input(problem, name, np.array(changed, array.dtype).reshape(array.shape))


def _element(problem: Problem, name: str, index: tuple[int, ...], choice: Choice) -> Problem:
    array = problem.inputs[name].copy()
    array[index] = choice(float(array[index]), problem.dtype)
    return with_input(problem, name, array)


def with_input(problem: Problem, name: str, array: NDArray[Any]) -> Problem:
    """Return the problem with another x, y, W1, …."""
    if name in {"x", "y"}:
        changed: dict[str, Any] = {name: array}
        return replace(problem, **changed)
    return with_parameters(problem, {name: array})


def rule_numbers(problem: Problem) -> Iterator[tuple[str, str, float, str]]:
    """Give the learning rate, and the numbers of the loss and of each rule: owner, name, value, format."""
    yield "", "learning_rate", problem.learning_rate, problem.dtype
    yield from (("loss", name, number, problem.dtype) for name, number in problem.loss_numbers)
    for owner in ("optimizer", "schedule", "clipping"):
        rule: Rule | None = getattr(problem, owner)
        yield from ((owner, name, number, RULE_DTYPE) for name, number in (rule.numbers if rule else ()))


def _of_rules(problem: Problem) -> Iterator[Edit]:
    for owner, name, number, dtype in rule_numbers(problem):
        simple: tuple[Choice, ...] = (lambda *_: 0.5, lambda _, of: to_digits(0.1, 1, of))
        for choice in (*simple, *choices(number, dtype)):
            yield partial(_rule_number, owner=owner, name=name, choice=choice)


def _rule_number(problem: Problem, owner: str, name: str, choice: Choice) -> Problem | None:
    """Change a number, if the problem still has it and it may be that."""
    given = {number[:2]: number[2:] for number in rule_numbers(problem)}
    if (owner, name) not in given:
        return None
    number = choice(*given[owner, name])
    if _kind(name) == "count":
        number = max(1, int(number))
    if not _is_allowed(name, number):
        return None
    if not owner:
        return replace(problem, learning_rate=number)
    numbers = tuple(
        (n, number if n == name else value) for (of, n), (value, _) in given.items() if of == owner
    )
    changed: dict[str, Any] = {"loss_numbers": numbers}
    if owner != "loss":
        changed = {owner: replace(getattr(problem, owner), numbers=numbers)}
    return replace(problem, **changed)


def _kind(name: str) -> str:
    return NUMBERS[name].kind if name in NUMBERS else "positive"  # as the learning rate is


def _is_allowed(name: str, number: float) -> bool:
    """Whether a rule or a loss may be given a number by this name."""
    allowed = _kind(name)
    is_enough = number >= 0 if allowed in {"share", "smoothing"} else number > 0
    return is_enough and math.isfinite(number) and (number < 1 or allowed not in {"fraction", "smoothing"})
