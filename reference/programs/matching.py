"""Where two captured programs part: their lines matched by the numbers that they compute, in balls."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from cases.captured import CapturedProgram, Operation
from reference.arithmetic import BITS, precision
from reference.programs.operations import Balls, Truth

DIGITS: Final = 25  # by which lines are matched, of about forty-five
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


def first_difference(programs: Sequence[CapturedProgram], values: Sequence[Mapping[int, Any]]) -> Difference:
    """Find where two programs part. What is computed in another order but meets again is no difference."""
    keys = [_keys(program, one) for program, one in zip(programs, values, strict=True)]
    return Difference(
        tuple(
            _line(operation, program)
            for program, own, other in zip(programs, keys, keys[::-1], strict=True)
            if (operation := _first(program, own, set(other.values()))) is not None
        )
    )


def _keys(program: CapturedProgram, values: Mapping[int, Any]) -> dict[int, tuple[str, ...]]:
    """Return of each array what its layout does not change: its size, sum, and sum of squares."""
    with precision():
        return {
            operation.number: _key(values[operation.number])
            for operation in program.operations
            if operation.number in values and not isinstance(values[operation.number], Truth)
        }


def _key(balls: Balls) -> tuple[str, ...]:
    total, squares = np.add.reduce(balls, axis=None), np.add.reduce(balls * balls, axis=None)
    return str(balls.size), total.mid().str(DIGITS, radius=False), squares.mid().str(DIGITS, radius=False)


def _first(
    program: CapturedProgram, own: Mapping[int, tuple[str, ...]], other: set[tuple[str, ...]]
) -> Operation | None:
    """Return the first line that is not matched and leads to no line that is."""
    meets = {number for number, key in own.items() if key in other}
    leads = set(meets)
    for operation in reversed(program.operations):
        if operation.number in leads:
            leads.update(operation.inputs)
    wanted = {program.output}
    for operation in reversed(program.operations):
        if operation.number in wanted:
            wanted.update(operation.inputs)
    return next(
        (
            op
            for op in program.operations
            if op.number in own and op.number in wanted and op.number not in leads
        ),
        None,
    )


def _line(operation: Operation, program: CapturedProgram) -> str:
    """Write a line with the numbers that stand in it: "add 1e-05 (layer_norm, model.py:12)"."""
    numbers = [program.constants[n] for n in operation.inputs if n in program.constants]
    written = [f"{array.item():.9g}" for array in numbers if array.size == 1 and array.dtype.kind == "f"]
    where = ", ".join(
        filter(None, (operation.source if operation.source != operation.kind else "", operation.place))
    )
    return " ".join([operation.kind, *written]) + (f" ({where})" if where else "")
