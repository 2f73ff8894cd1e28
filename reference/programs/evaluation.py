"""One walk over a captured program: in balls, or in bounds around certified values."""

# ruff: noqa: ANN401 - an array of either arithmetic, or a truth value

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cases.captured import UNKNOWN, CapturedProgram
from reference.arithmetic import EXACT, Bounded, Format, Real, precision
from reference.arithmetic.balls import split_entries
from reference.programs.operations import MOVES, Balls, Truth, apply, balls_of

KINKED: Final = 4.0  # how many times a bound must be that of one side, to be due to a kink
TINIEST: Final = 2.0**-1074


def certified(
    program: CapturedProgram, inputs: Mapping[str, Real], *, decides: bool = False
) -> dict[int, Any]:
    """Return every value in balls, by its number; what is not known, and all behind it, is left out.

    `inputs`: by name, of the shapes that the program has. If it `decides`, one side of each kink is taken.
    """
    values: dict[int, Any] = {}
    with precision():
        for number, array in _known(program, inputs).items():
            values[number] = _truth(array) if array.dtype == bool else balls_of(array)
        for operation in program.operations:
            if operation.kind != UNKNOWN and all(number in values for number in operation.inputs):
                value = apply(operation, [values[number] for number in operation.inputs])
                values[operation.number] = _decided(value) if decides else value
    return values


def bounded(
    program: CapturedProgram,
    inputs: Mapping[str, Real],
    form: Format,
    exact: Mapping[int, Any] | None = None,
    *,
    decides: bool = False,
) -> dict[int, Any]:
    """Return every value with the bound of what a correct program may compute in this format from the inputs.

    Where `exact` has a value in balls, the bound is around that one and pays for the program's rounding only.
    """
    form = form if exact is None else form.certified
    values: dict[int, Any] = {}
    with np.errstate(all="ignore"):
        for number, array in _known(program, inputs).items():
            values[number] = _truth(array) if array.dtype == bool else _constant(array, form, number, program)
        for operation in program.operations:
            if operation.kind != UNKNOWN and all(number in values for number in operation.inputs):
                keeps = operation.kind in MOVES
                value = apply(operation, [_sized(values[number], keeps) for number in operation.inputs])
                if exact is not None and isinstance(value, Bounded) and not keeps:
                    value = around(value, exact[operation.number])
                values[operation.number] = _decided(value) if decides else value
    return values


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


def _known(program: CapturedProgram, inputs: Mapping[str, Real]) -> dict[int, Any]:
    given = {number: np.asarray(inputs[name]) for name, number in program.inputs.items()}
    return {**program.constants, **given}


def _constant(array: Real, form: Format, number: int, program: CapturedProgram) -> Bounded:
    """Take an input as it is; a number of the program's own may be rounded to the format first."""
    if number in program.inputs.values() or not form.unit_roundoff:
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
