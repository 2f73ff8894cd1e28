"""One walk over a captured program: in balls, or in bounds around certified values."""

# ruff: noqa: ANN401 - an array of either arithmetic, or a truth value

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cases.captured import UNKNOWN, CapturedProgram, Operation
from reference.arithmetic import EXACT, Bounded, Format, Real, precision
from reference.arithmetic.balls import split_entries
from reference.programs.operations import MOVES, Balls, Truth, apply, balls_of

KINKED: Final = 4.0  # how many times a bound must be that of one side, to be due to a kink
TINIEST: Final = 2.0**-1074
NOTHING: Final[Mapping[int, Real]] = MappingProxyType({})


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
        return _walk(program, inputs, lambda array, _: balls_of(array), settled, stated)


def bounded(
    program: CapturedProgram,
    inputs: Mapping[str, Real],
    form: Format,
    exact: Mapping[int, Any] | None = None,
    *,
    stated: Mapping[int, Real] = NOTHING,
    decides: bool = False,
) -> dict[int, Any]:
    """Return every value with the bound of what a correct program may compute in this format from the inputs.

    Where `exact` has a value in balls, the bound is around that one and pays for the program's rounding only.
    Lines go on from what is `stated` of those before them, so that each has the bound of its own roundings.
    """
    form = form if exact is None else form.certified

    def known(array: Real, is_own: bool) -> Bounded:
        return _constant(array, form) if is_own else Bounded.exact(array, form)

    def settled(operation: Operation, operands: Sequence[Any]) -> Any:
        keeps = operation.kind in MOVES
        value = apply(operation, [_sized(operand, keeps) for operand in operands])
        if exact is not None and isinstance(value, Bounded) and not keeps:
            value = around(value, exact[operation.number])
        return _decided(value) if decides else value

    with np.errstate(all="ignore"):
        return _walk(program, inputs, known, settled, stated)


def _walk(
    program: CapturedProgram,
    inputs: Mapping[str, Real],
    known: Callable[[Real, bool], Any],
    settled: Callable[[Operation, Sequence[Any]], Any],
    stated: Mapping[int, Real],
) -> dict[int, Any]:
    """Evaluate line by line; `known` takes an array, and whether it is a constant of the program's own."""
    constants = {number: _taken(array, True, known) for number, array in program.constants.items()}
    given = {number: _taken(inputs[name], False, known) for name, number in program.inputs.items()}
    values = {**constants, **given}
    operands = dict(values)
    for operation in program.operations:
        if operation.kind != UNKNOWN and all(number in operands for number in operation.inputs):
            number = operation.number
            values[number] = settled(operation, [operands[number] for number in operation.inputs])
            operands[number] = known(stated[number], False) if number in stated else values[number]
        elif operation.number in stated:
            operands[operation.number] = known(stated[operation.number], False)
    return values


def _taken(array: Any, is_own: bool, known: Callable[[Real, bool], Any]) -> Any:
    array = np.asarray(array)
    return _truth(array) if array.dtype == bool else known(array, is_own)


def _decided(value: Any) -> Any:
    return _truth(value.value) if isinstance(value, Truth) else value


def at_kinks(open_: Bounded, decided: Bounded) -> NDArray[np.bool_]:
    """Return where a bound is due to kinks: where it is much larger than that of one side of each."""
    wide, narrow = (np.broadcast_to(one.error, one.shape) for one in (open_, decided))
    moved = np.abs(open_.value - decided.value)
    return np.asarray((wide > KINKED * (narrow + TINIEST)) & (wide > 0) | (moved > wide))


def _sized(value: Any, keeps: bool) -> Any:
    """Leave out the sizes of a value's own terms, but for what only moves it.

    What is left of a sum is compared with its terms, and not with what those are made of in turn: along a
    hundred lines such sizes grow beyond all measure, and every bound seems small.
    """
    if keeps or not isinstance(value, Bounded) or value.sizes is None:
        return value
    return value.sized(None)


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
    error: Any = value.error + radius if radius.any() else value.error
    left: Any = low if low.any() else EXACT
    return Bounded(high, error, value.format, value.terms, left, sizes=value.sizes)
