"""Formulas as what they do to each element: the NumPy operations that they call, recorded once.

Repeated, for arrays of a few elements, they take half the time of the formula. Two formulas that are written
in different ways are seen to be the same; and what a formula computes, but does not use, is left out.
"""

import operator
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import FunctionType
from typing import Any, Final, NoReturn, TypeAlias

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike

from reference.arithmetic import Elementary

# The functions beside ufuncs that take each element by itself.
OF_ELEMENTS: Final = frozenset({np.where, np.clip, np.zeros_like, np.ones_like, np.full_like})

# Those of them whose result is one number for all elements, by what they are called with beside an array.
FILLED: Final[Mapping[Any, Callable[..., float]]] = {
    np.zeros_like: lambda: 0.0,
    np.ones_like: lambda: 1.0,
    np.full_like: float,
}

# Operations that take a Python number as a float64, if that is what they take beside it.
OF_FLOATS: Final = frozenset(
    {np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.greater, np.less, np.where}
    | {np.negative, np.absolute, np.exp, np.expm1, np.log, np.log1p, np.tanh, np.sqrt}
)

# What an operation takes: an "argument", by its index; a "constant", by its type and text; a "result".
ARGUMENT, CONSTANT, RESULT = "argument", "constant", "result"
Taken: TypeAlias = tuple[str, Hashable]


@dataclass(frozen=True, eq=False)
class Program:
    """Operations in a row on numbers, and on arrays of one shape; those with the same `key` are the same.

    Each takes arguments, constants and results by their places in a list of all, in this order.
    """

    arguments: tuple[int, ...]  # those of the formula's that it uses
    constants: tuple[Any, ...]
    operations: tuple[tuple[Callable[..., Any], Callable[[list[Any]], Sequence[Any]]], ...]
    key: Hashable

    def __call__(self, *used: Any) -> Any:  # noqa: ANN401 - arrays or numbers
        values = [*used, *self.constants]
        for function, take in self.operations:
            values.append(function(*take(values)))
        return values[-1]


def recorded(formula: Callable[..., Any], shapes: Sequence[tuple[int, ...]]) -> Program:
    """Return what a formula does to each element of arguments of these shapes, or to numbers of the shape ().

    Raises TypeError or AttributeError if it does anything else, as to sum or to move elements; and whatever
    else it raises of what is no array.
    """
    recording = _Recording()
    result = formula(*(_Recorded(recording, (ARGUMENT, i), shape) for i, shape in enumerate(shapes)))
    if not isinstance(result, _Recorded):
        raise TypeError("it takes no argument")
    return recording.program(result.taken)


def on_arrays(formula: Callable[..., Any]) -> Callable[..., Any]:
    """Return what a formula calls where it is given arrays."""
    return formula.plain if isinstance(formula, Elementary) else formula


def identity(formula: Any) -> Hashable:  # noqa: ANN401 - a formula, or what it was made of
    """Return what formulas have in common that do the same to arrays: one code, and what it was made with.

    A function that is made anew by the same code of the same values is another object, but no other formula.
    """
    made: Hashable
    match on_arrays(formula):
        case FunctionType() as function:
            cells = (cell.cell_contents for cell in function.__closure__ or ())
            others = (*cells, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items())
            made = (function.__module__, function.__code__, *map(identity, others))
        case partial() as call:
            made = (partial, *map(identity, (call.func, *call.args, *call.keywords.items())))
        case tuple() as several:
            made = (tuple, *map(identity, several))
        case bool() | int() | float() | str() | None as value:
            made = (type(value), repr(value))
        case other:
            made = (object, id(other))
    return made


@dataclass(eq=False)
class _Recording:
    constants: dict[Taken, Any] = field(default_factory=dict)
    operations: dict[tuple[Hashable, tuple[Taken, ...]], tuple[int, Callable[..., Any]]] = field(
        default_factory=dict
    )

    def add(self, function: Callable[..., Any], key: Hashable, inputs: Sequence[Any]) -> "_Recorded":
        taken = tuple(one.taken if isinstance(one, _Recorded) else self._constant(one) for one in inputs)
        number, _ = self.operations.setdefault((key, taken), (len(self.operations), function))
        shapes = (one.shape for one in inputs if isinstance(one, _Recorded))
        return _Recorded(self, (RESULT, number), np.broadcast_shapes(*shapes))

    def _constant(self, value: Any) -> Taken:  # noqa: ANN401 - whatever an operation is given
        if not isinstance(value, int | float | np.generic):
            raise TypeError("no number")
        taken = CONSTANT, (type(value), repr(value))
        self.constants[taken] = value
        return taken

    def program(self, last: Taken) -> Program:
        """Return all that leads to the last result."""
        needed, operations = {last}, list[tuple[Taken, Callable[..., Any], Hashable, tuple[Taken, ...]]]()
        filled = self._filled(last)
        for (key, of), (number, function) in reversed(self.operations.items()):
            if (RESULT, number) in needed:
                taken = tuple(filled.get(one, one) for one in of)
                needed.update(taken)
                operations.insert(0, ((RESULT, number), function, key, taken))
        arguments = sorted(int(str(i)) for kind, i in needed if kind == ARGUMENT)
        constants = dict.fromkeys(one for *_, taken in operations for one in taken if one[0] == CONSTANT)
        order = [*((ARGUMENT, i) for i in arguments), *constants, *(result for result, *_ in operations)]
        places = {one: i for i, one in enumerate(order)}
        steps = [(function, key, [places[one] for one in taken]) for _, function, key, taken in operations]
        return Program(
            tuple(arguments),
            self._numbers(constants, {function for _, function, *_ in operations}),
            tuple((function, _taker(those)) for function, _, those in steps),
            (len(arguments), *constants, *((key, *those) for _, key, those in steps)),
        )

    def _filled(self, last: Taken) -> dict[Taken, Taken]:
        """Return the constant for each result that is the same number in all elements, but for the last."""
        filled = dict[Taken, Taken]()
        for (_, (__, *others)), (number, function) in self.operations.items():
            if (
                function in FILLED
                and (RESULT, number) != last
                and all(one in self.constants for one in others)
            ):
                value = FILLED[function](*(self.constants[one] for one in others))
                filled[RESULT, number] = self._constant(value)
        return filled

    def _numbers(self, constants: Iterable[Taken], functions: set[Callable[..., Any]]) -> tuple[Any, ...]:
        """Return constants, as arrays if no function tells them from numbers: that takes half the time."""
        numbers = [self.constants[one] for one in constants]
        are_floats = functions <= OF_FLOATS and all(type(number) in {int, float} for number in numbers)
        return tuple(np.asarray(number, np.float64) if are_floats else number for number in numbers)


def _taker(places: Sequence[int]) -> Callable[[list[Any]], Sequence[Any]]:
    first, *others = places
    return operator.itemgetter(*places) if others else operator.itemgetter(slice(first, first + 1))


class _Recorded(NDArrayOperatorsMixin):
    """What stands for an array, or a number, while a formula is recorded."""

    dtype = np.dtype(np.float64)  # of all but conditions, which nobody asks for theirs

    def __init__(self, recording: _Recording, taken: Taken, shape: tuple[int, ...]) -> None:
        self.recording, self.taken, self.shape = recording, taken, shape

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:  # noqa: ANN401
        if method != "__call__" or ufunc.signature or ufunc.nout != 1 or options.keys() - {"dtype"}:
            return NotImplemented
        return self.recording.add(
            partial(ufunc, **options) if options else ufunc, (ufunc, str(options)), inputs
        )

    def __array_function__(
        self,
        function: Callable[..., Any],
        _: Any,  # noqa: ANN401 - as NumPy calls it
        inputs: Sequence[Any],
        options: Mapping[str, Any],
    ) -> Any:  # noqa: ANN401
        if function not in OF_ELEMENTS or options:
            return NotImplemented
        return self.recording.add(function, function, inputs)

    def __pow__(self, exponent: Any) -> "_Recorded":  # noqa: ANN401 - a number or another
        """Record what NumPy does for an operator, which knows squares: `np.power` rounds otherwise."""
        return self.recording.add(operator.pow, operator.pow, (self, exponent))

    def __iand__(self, other: Any) -> "_Recorded":  # noqa: ANN401 - a number or another
        return self & other  # it is no argument: those are numbers, without conditions

    def astype(self, dtype: DTypeLike) -> "_Recorded":
        return self.recording.add(operator.methodcaller("astype", dtype), ("astype", str(dtype)), (self,))

    def __bool__(self) -> NoReturn:
        raise TypeError("what it is depends on the numbers")

    def __array__(self, *_: Any, **__: Any) -> NoReturn:  # noqa: ANN401
        raise TypeError("no array")
