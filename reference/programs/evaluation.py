"""One walk over a captured program: in balls, or in bounds around certified values."""

# ruff: noqa: ANN401 - an array of either arithmetic, or a truth value

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases.captured import UNKNOWN, CapturedProgram, Operation
from cases.protocol import IN_FLOAT32, Accumulators
from reference.arithmetic import EXACT, Bounded, Format, Real, format_of, precision
from reference.arithmetic.balls import split_entries
from reference.programs.operations import MOVES, Balls, Truth, apply, balls_of

KINKED: Final = 4.0  # how many times a bound must be that of one side, to be due to a kink
TINIEST: Final = 2.0**-1074
NOTHING: Final[Mapping[int, Real]] = MappingProxyType({})


class Forms(dict[str, Format]):
    """The formats of a program by their names: `dtype` is the one of what belongs to none."""

    def __init__(self, dtype: str, accumulators: Accumulators = IN_FLOAT32) -> None:
        super().__init__({"": format_of(dtype, accumulators)})
        self._accumulators = accumulators

    def __missing__(self, dtype: str) -> Format:
        form = self[dtype] = format_of(dtype, self._accumulators)
        return form


def certified(
    program: CapturedProgram,
    inputs: Mapping[str, Real],
    *,
    stated: Mapping[int, Real] = NOTHING,
    decides: bool = False,
) -> dict[int, Any]:
    """Return every value in balls, by its number; what is not known, and all behind it, is left out.

    `inputs`: by name, of the shapes that the program has. Lines go on from what is `stated` of those before
    them, in place of their own values. If it `decides`, one side of each kink is taken.
    """

    def settled(operation: Operation, operands: Sequence[Any]) -> Any:
        value = apply(operation, operands)
        return _decided(value) if decides else value

    with precision():
        return _walk(program, inputs, lambda array, *_: balls_of(array), settled, stated)


def bounded(
    program: CapturedProgram,
    inputs: Mapping[str, Real],
    forms: Forms,
    exact: Mapping[int, Any] | None = None,
    *,
    stated: Mapping[int, Real] = NOTHING,
    decides: bool = False,
) -> dict[int, Any]:
    """Return every value with the bound of what a correct program may compute of the inputs.

    Where `exact` has a value in balls, the bound is around that one and pays for the program's rounding only.
    Lines go on from what is `stated` of those before them, so that each has the bound of its own roundings.
    """

    def form_of(dtype: str) -> Format:
        return forms[dtype] if exact is None else forms[dtype].certified

    def known(array: Real, dtype: str, is_own: bool) -> Bounded:
        form = form_of(dtype)
        return _constant(array, form) if is_own else Bounded.exact(array, form)

    def settled(operation: Operation, operands: Sequence[Any]) -> Any:
        keeps, form = operation.kind in MOVES, form_of(operation.dtype)
        value = apply(operation, [_taken(operand, form, keeps) for operand in operands])
        if exact is not None and isinstance(value, Bounded) and not keeps:
            value = around(value, exact[operation.number])
        return _decided(value) if decides else value

    with np.errstate(all="ignore"):
        return _walk(program, inputs, known, settled, stated)


# Makes a value of an array, in a number format; and whether it is a constant of the program's own.
Known: TypeAlias = Callable[[Real, str, bool], Any]


def _walk(
    program: CapturedProgram,
    inputs: Mapping[str, Real],
    known: Known,
    settled: Callable[[Operation, Sequence[Any]], Any],
    stated: Mapping[int, Real],
) -> dict[int, Any]:
    """Evaluate line by line."""
    made: dict[tuple[int, str], Any] = {}
    values: dict[int, Any] = {
        number: known(np.asarray(inputs[name]), program.formats[number], False)
        for name, number in program.inputs.items()
    }
    operands = dict(values)

    def operand(number: int, dtype: str) -> Any:
        """A constant is rounded to the format of the line that takes it."""
        if number not in program.constants:
            return operands[number]
        if (number, dtype) not in made:
            array = program.constants[number]
            made[number, dtype] = _truth(array) if array.dtype == bool else known(array, dtype, True)
        return made[number, dtype]

    for operation in program.operations:
        number = operation.number
        if operation.kind != UNKNOWN and all(
            n in operands or n in program.constants for n in operation.inputs
        ):
            values[number] = settled(operation, [operand(n, operation.dtype) for n in operation.inputs])
            operands[number] = values[number]
        if number in stated:
            operands[number] = known(np.asarray(stated[number]), operation.dtype, False)
    constants = {n: operand(n, "") for n in program.constants if n in program.outputs}
    return {**constants, **values}


def _decided(value: Any) -> Any:
    return _truth(value.value) if isinstance(value, Truth) else value


def at_kinks(open_: Bounded, decided: Bounded) -> NDArray[np.bool_]:
    """Return where a bound is due to kinks: where it is much larger than that of one side of each."""
    wide, narrow = (np.broadcast_to(one.error, one.shape) for one in (open_, decided))
    moved = np.abs(open_.value - decided.value)
    return np.asarray((wide > KINKED * (narrow + TINIEST)) & (wide > 0) | (moved > wide))


def _taken(value: Any, form: Format, keeps: bool) -> Any:
    """Take an operand in the format of a line; without the sizes of its own terms, unless they only move.

    What is left of a sum is compared with its terms, and not with what those are made of in turn: along a
    hundred lines such sizes grow beyond all measure, and every bound seems small.
    """
    if not isinstance(value, Bounded):
        return value
    value = value if value.format is form else replace(value, format=form)
    return value if keeps or value.sizes is None else value.sized(None)


def _constant(array: Real, form: Format) -> Bounded:
    """Take a number of the program's own, which may be rounded to the format first."""
    if not form.unit_roundoff:
        return Bounded.exact(array, form)
    each, places = np.unique(array, return_inverse=True)
    roundings = np.array([form.rounding_of(float(x)) if np.isfinite(x) else EXACT for x in each])
    error: Any = roundings[places].reshape(array.shape) if roundings.any() else EXACT
    return Bounded(array, error, form)


def _truth(array: Any) -> Truth:
    return Truth(array, np.zeros(array.shape, np.bool_))


def around(value: Bounded, balls: Balls) -> Bounded:
    """Return a bound moved to the certified value, of which it holds all that it held."""
    high, low, radius = split_entries(balls.ravel().tolist(), balls.shape)
    if np.isinf(value.value).any():  # an infinity that both have is exact
        low, radius = (np.where(np.isinf(high) & (high == value.value), 0.0, part) for part in (low, radius))
    error: Any = value.error + radius if radius.any() else value.error
    left: Any = low if low.any() else EXACT
    return Bounded(high, error, value.format, value.terms, left, sizes=value.sizes)
