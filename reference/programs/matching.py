"""Where two captured programs part: their lines matched by the numbers that they compute, in balls."""

from __future__ import annotations

import math
from bisect import bisect, bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

import flint

from cases.captured import CapturedProgram, Operation
from reference.arithmetic import BITS, precision
from reference.programs.operations import Balls, Truth

COARSEST: Final = 1e-6  # how near the sums of two lines are, at least, to be of the same numbers
# Roundings of constants by which programs of one function may differ: sqrt(sqrt(d)) twice for sqrt(d).
SEVERAL: Final = 8
MOST: Final = 48.0  # what two numbers that are equal as far as balls tell are said to agree to


@dataclass(frozen=True)
class Difference:
    """The first line of each program whose numbers the other has nowhere, nor has what follows from them."""

    lines: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"First at {' and at '.join(self.lines)}."
            if self.lines
            else "No line of either is to blame alone."
        )


def agreeing_digits(left: Balls, right: Balls) -> float:
    """Return to how many decimal digits of the largest of them numbers are certainly equal; ∞ is cut off."""
    if left.size != right.size:
        return -math.inf
    with precision():
        off = max(map(_upper, (left.ravel() - right.ravel()).tolist()))
        size = max(map(_upper, left.ravel().tolist()))
    if not math.isfinite(off):
        return -math.inf
    if off <= 2.0 ** (-BITS / 2):  # as where both are 0, but for the width of their balls
        return MOST
    return min(MOST, math.log10(size / off)) if off and size else MOST


def _upper(ball: Any) -> float:  # noqa: ANN401 - python-flint has no types
    return float(abs(ball).upper())


def first_difference(
    programs: Sequence[CapturedProgram], values: Sequence[Mapping[int, Any]], unit_roundoff: float
) -> Difference:
    """Find where two programs part by more than a rounding of their number format.

    What is computed in another order but meets again is no difference.
    """
    relative = min(SEVERAL * unit_roundoff, COARSEST)
    keys = [_keys(program, one) for program, one in zip(programs, values, strict=True)]
    first = (
        (program, _first(program, _meeting(own, other.values(), relative), own))
        for program, own, other in zip(programs, keys, keys[::-1], strict=True)
    )
    return Difference(tuple(_line(operation, program) for program, operation in first if operation))


@dataclass(frozen=True)
class _Key:
    """Of an array what its layout does not change: its size, the sum of its elements and of their squares.

    What is infinite, as where a mask is, is left out of the sums, and counted.
    """

    size: tuple[int, int]
    total: Any
    squares: Any

    def matches(self, other: _Key, relative: float) -> bool:
        """Whether both may be of the same numbers: as far as `relative`, of their root mean square."""
        if self.size != other.size:
            return False
        off = abs(self.squares - other.squares) - relative * self.squares
        return not off > 0 and not (self.total - other.total) ** 2 > relative**2 * self.size[1] * self.squares


def _keys(program: CapturedProgram, values: Mapping[int, Any]) -> dict[int, _Key]:
    with precision():
        return {
            operation.number: key
            for operation in program.operations
            if operation.number in values
            and not isinstance(values[operation.number], Truth)
            and math.isfinite((key := _key(values[operation.number])).squares)
        }


def _key(balls: Balls) -> _Key:
    finite = [one for one in balls.ravel() if flint.arb(one).is_finite()]
    total, squares = sum(finite, flint.arb()), sum((one * one for one in finite), flint.arb())
    return _Key((balls.size, len(finite)), total.mid(), squares.mid())


def _meeting(own: Mapping[int, _Key], other: Iterable[_Key], relative: float) -> set[int]:
    """Return the lines of the one program whose numbers the other has, too."""
    by_squares = sorted(((float(key.squares), i, key) for i, key in enumerate(other)), key=itemgetter(0))
    sizes = [one[0] for one in by_squares]
    meets = set[int]()
    with precision():
        for number, key in own.items():
            near, width = float(key.squares), 4 * (relative + 2.0**-50)
            low, high = bisect_left(sizes, near * (1 - width)), bisect(sizes, near * (1 + width))
            if any(key.matches(one, relative) for _, _, one in by_squares[low:high]):
                meets.add(number)
    return meets


def _first(program: CapturedProgram, meets: set[int], known: Mapping[int, _Key]) -> Operation | None:
    """Return the first line that is not matched, and leads to the output by lines that are not matched."""
    apart = {program.output} - meets
    for operation in reversed(program.operations):
        if operation.number in apart:
            apart.update(set(operation.inputs) - meets)
    return next((one for one in program.operations if one.number in apart and one.number in known), None)


def _line(operation: Operation, program: CapturedProgram) -> str:
    """Write a line with the numbers that stand in it: "add 1e-05 (layer_norm, model.py:12)"."""
    numbers = [program.constants[n] for n in operation.inputs if n in program.constants]
    written = [f"{array.item():.9g}" for array in numbers if array.size == 1 and array.dtype.kind == "f"]
    where = ", ".join(
        filter(None, (operation.source if operation.source != operation.kind else "", operation.place))
    )
    return " ".join([operation.kind, *written]) + (f" ({where})" if where else "")
