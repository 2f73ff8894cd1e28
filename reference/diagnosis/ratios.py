"""A constant ratio: every element of a number, of every gradient or of an update is the same multiple."""

import math
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from cases.catalog import SYMBOLS
from reference.arithmetic import Bounded, to_int
from reference.diagnosis.candidates import UNLIKELY, Candidate, fitted
from reference.diagnosis.context import StepContext
from reference.explanations import Explanation
from reference.line import Line
from reference.mistakes.mistake import changed, rate_of

# The largest term of a ratio that is named as a fraction.
MAX_TERM = 64

# The chance, at most, that the elements after the first agree on its factor though they share none.
UNLIKELY_TO_AGREE = 1e-4

# Digits that distinguish any two numbers of float64.
MAX_DIGITS = 17


def constant_ratios(context: StepContext, quantity: str) -> Iterator[Candidate]:
    """Yield the one factor that all elements share: of every gradient, or else of the number alone.

    One element alone is a multiple by some factor, so there must be two, or a factor that is known.
    """
    ratio = _ratio(context, quantity)
    factor, size = _recognized(context, quantity, ratio) if ratio else (None, "")
    if ratio is None or factor is None:
        return
    at_the_loss = names.gradient(names.a(context.problem.depth))
    examples = len(context.problem.x)
    has_a_name = any(ratio[0] <= value <= ratio[1] for value in (2, 1 / 2, examples, 1 / examples))
    sites = {
        "every gradient": () if at_the_loss in context.observed else (at_the_loss,),
        "every parameter's gradient": tuple(map(names.gradient, context.problem.parameters)),
        quantity: () if has_a_name else (quantity,),  # a relation of its own
    }
    for what, wrong in sites.items():
        lines = tuple(_times(line, factor) if line.name in wrong else line for line in context.lines)
        fit = fitted(context, quantity, wrong, lines) if wrong else None
        if fit is not None and not fit[1]:
            sentence = f"{what} is {size} times what follows"
            yield Candidate(Explanation("constant-ratio", sentence, wrong), fit[0], lines)
            return


def _times(line: Line, factor: Bounded) -> Line:
    def multiplied(*given: Any) -> Any:  # noqa: ANN401 - bounded numbers, or arrays where a precision is tried
        value = line.formula(*given)
        return (factor if isinstance(value, Bounded) else float(factor.value)) * value

    return replace(line, formula=multiplied)


def update_ratios(context: StepContext, quantity: str) -> Iterator[Candidate]:
    """Yield the factor that an update has in all its elements: of every parameter, or else of this alone."""
    problem = context.problem
    before = dict(zip(map(names.updated, problem.trained), problem.trained, strict=True))
    if quantity not in before or context.observed[quantity].is_printed:
        return
    origin, right = context.known[before[quantity]].value, context.right[quantity]
    ratio = _ratio(context, quantity, origin)
    several = int((np.abs(right.value - origin) > right.error).sum()) > 1
    if ratio is None or not ratio[0] < ratio[1]:
        return
    middle, half = (ratio[0] + ratio[1]) / 2, (ratio[1] - ratio[0]) / 2
    rate, form = rate_of(problem), context.known["x"].format
    step = to_int(context.known[names.STEP])
    factor, asked = Bounded(np.asarray(middle), np.asarray(half), form), float(context.taken[rate].value)
    as_with = _shortest(*sorted((ratio[0] * asked, ratio[1] * asked)))
    sites = {"every update": tuple(before), f"the update of {before[quantity]}": (quantity,)}
    for (what, wrong), first in product(sites.items(), dict.fromkeys((1, step))):
        lines = tuple(_at_rate_times(line, rate, factor, wrong, first) for line in context.lines)
        fit = fitted(context, quantity, wrong, lines)
        if fit is not None and not fit[1]:
            since = "" if first == 1 else f"from step {first} on "
            times = f"{since}{what} is {_shortest(*ratio)} times what follows"
            sentence = f"{times}, as with a learning rate of {as_with}"
            candidate = Candidate(Explanation("constant-ratio", sentence, wrong), fit[0], lines)
            if several or len(candidate.given(context)) > 1:  # one number alone has some factor always
                yield candidate
            return


def _shortest(low: float, high: float) -> str:
    """Return the number from `low` to `high` that has the fewest digits."""
    texts = [f"{(low + high) / 2:.{digits}g}" for digits in range(1, MAX_DIGITS + 1)]
    texts = [f"{float(text):.0f}" if re.fullmatch(r"-?\d(\.\d)?e\+0[1-5]", text) else text for text in texts]
    return next((text for text in texts if low <= float(text) <= high), texts[-1]).replace("-", "−")


def with_input_times(line: Line, name: str, factor: Bounded) -> Line:
    return changed(
        line, name, lambda value: (factor if isinstance(value, Bounded) else factor.value) * value, ""
    )


def _at_rate_times(line: Line, rate: str, factor: Bounded, wrong: Collection[str], first: int) -> Line:
    """Return an update's line with this factor before the rate from step `first` on."""
    if line.name not in wrong or rate not in line.inputs:
        return line
    times = with_input_times(line, rate, factor)

    def since(*given: Any) -> Any:  # noqa: ANN401 - bounded numbers, or arrays where a precision is tried
        *right, step = given
        return (times if to_int(step) >= first else line).formula(*right)

    return replace(line, formula=since, inputs=(*line.inputs, names.STEP), template="")


def _ratio(
    context: StepContext, quantity: str, origin: NDArray[Any] | float = 0.0
) -> tuple[float, float] | None:
    """Return the least and the largest factor that all elements have, where that excludes 1 and 0.

    They are counted from an origin: that of an update is the parameter before it.
    """
    observed, right = context.observed[quantity], context.right[quantity]
    if not observed.fits(right):
        return None
    stated, follows = np.asarray(observed.value, np.float64) - origin, right.value - origin
    left_open = np.where(observed.given, observed.half_unit, np.inf)
    rounding = right.format.unit_roundoff * np.abs(stated + origin) + left_open
    known = np.abs(follows) > right.error
    if not known.any() or (np.abs(stated) > rounding)[~known & (right.error == 0)].any():
        return None
    tops, belows = ((value - off, value + off) for value, off in ((stated, rounding), (follows, right.error)))
    ends = [top[known] / below[known] for top in tops for below in belows]
    low, high = float(np.min(ends, axis=0).max()), float(np.max(ends, axis=0).min())
    is_ratio = low <= high and math.isfinite(low + high) and not low <= 1 <= high and low * high > 0
    shares = np.sort(np.ptp(ends, axis=0) / abs((low + high) / 2 - 1))  # the first of them gives the factor
    by_chance = shares.size > 1 and np.minimum(shares[1:], 1.0).prod() > UNLIKELY_TO_AGREE
    return (low, high) if is_ratio and not by_chance else None


def _recognized(
    context: StepContext, quantity: str, ratio: tuple[float, float]
) -> tuple[Bounded | None, str]:
    """Return the ratio as a number that it may be, exactly, or as its bounds; and in words."""
    middle, half = (ratio[0] + ratio[1]) / 2, (ratio[1] - ratio[0]) / 2
    form = context.known["x"].format
    right = context.right[quantity]
    several = int((np.abs(right.value) > right.error).sum()) > 1
    if several or half <= UNLIKELY * abs(middle):
        for value, text in _known_numbers(context.problem, *ratio):
            if ratio[0] <= value <= ratio[1]:
                return Bounded.exact(value, form), text
    if not several:
        return None, ""
    digits = math.ceil(-math.log10(half / abs(middle))) if half else MAX_DIGITS
    return Bounded(np.asarray(middle), np.asarray(half), form), f"{middle:.{min(digits, MAX_DIGITS)}g}"


def _known_numbers(problem: Problem, low: float, high: float) -> Iterator[tuple[float, str]]:
    """Yield what a ratio between these may be, and in words: a count, a rule's number, a small fraction."""
    counts = {"N": len(problem.x), "n": problem.y.shape[1], "N n": problem.y.size}
    rules = {SYMBOLS.get(name, name): float(number) for name, number in problem.constants.items()}
    for symbol, number in (counts | rules).items():
        over = f"1/({symbol})" if " " in symbol else f"1/{symbol}"
        yield float(number), f"{number:.6g} = {symbol}"
        yield 1 - number, f"{1 - number:.6g} = 1 − {symbol}"
        if number:
            yield 1 / number, f"{1 / number:.6g} = {over}"
    sign = math.copysign(1, low)
    least, most = sorted((abs(low), abs(high)))
    power = Fraction(2) ** round(math.log2(most))
    for fraction in (simplest_between(Fraction(least), Fraction(most)), power):
        if fraction == power or max(fraction.numerator, fraction.denominator) <= MAX_TERM:
            yield sign * float(fraction), f"{'−' if sign < 0 else ''}{fraction}"


def simplest_between(low: Fraction, high: Fraction) -> Fraction:
    """Return the simplest fraction from `low` to `high`, both positive, as a continued fraction."""
    whole = Fraction(math.ceil(low))
    if whole <= high:
        return whole
    below = whole - 1
    return below + 1 / simplest_between(1 / (high - below), 1 / (low - below))
