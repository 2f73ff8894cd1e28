"""Numbers that somebody printed: a claim like any other, known to half a unit in the last place."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cases.case_schema import Part, Printed, PrintedStep
from cases.numbers import Number
from cases.skeleton import Shape


@dataclass(frozen=True, eq=False)
class PublishedArray:
    """One quantity as it was printed, in the quantity's full shape.

    Attributes
    ----------
    value
        The printed numbers, rounded to float64; nan where none was printed.
    half_unit
        Half a unit in the last printed place: 0.60224 has 0.5e-5, 3.50e-05 has 0.5e-7; nan where none was.
    text
        The printed texts (an array of objects); None where none was printed.
    """

    value: NDArray[np.float64]
    half_unit: NDArray[np.float64]
    text: NDArray[np.object_]

    @property
    def given(self) -> NDArray[np.bool_]:
        """Which numbers were printed."""
        return ~np.isnan(self.value)

    @property
    def exact(self) -> NDArray[np.object_]:
        """The printed numbers as fractions; 0 where none was printed."""
        return _each(self.text, lambda text: _exact(None if text is None else Number(text)), object)


@dataclass(frozen=True, eq=False)
class Written:
    """An input as it is written: fractions in its shape, and half a unit of each where they were rounded."""

    value: NDArray[np.object_]
    half_unit: NDArray[np.object_] | None = None


@dataclass(frozen=True)
class Rejected:
    """A printed number known to be wrong, and why; `index` is None for the one wrong number of its array."""

    quantity: str
    index: tuple[int, ...] | None
    reason: str


@dataclass(frozen=True, eq=False)
class PublishedStep:
    """What was printed about one training step.

    Attributes
    ----------
    step
        The training step, from 1; it may lie beyond the steps that the case runs.
    rejected
        Of the values, the printed numbers that are known to be wrong, and why.
    walk
        The parts of the published text, if the case gives them.
    """

    step: int
    values: Mapping[str, PublishedArray]
    rejected: tuple[Rejected, ...] = ()
    walk: tuple[Part, ...] = ()


@dataclass(frozen=True, eq=False)
class Published:
    """Numbers published for a case: where, and of which steps, in ascending order.

    Attributes
    ----------
    computed_in
        The number format of the program that printed them; None for numbers computed by hand, or in a format
        that is far finer than what is printed.
    inputs
        The inputs and the rules' numbers by name as they are written, where they are written out.
    """

    source: str
    steps: tuple[PublishedStep, ...]
    computed_in: str | None = None
    inputs: Mapping[str, Written] = field(default_factory=dict)


def read_published(
    printed: Printed, shapes: Mapping[str, Shape], inputs: Mapping[str, Any], rules: Mapping[str, Any]
) -> Published:
    """Return the printed numbers as arrays.

    Parameters
    ----------
    shapes
        Those of all quantities of the network.
    inputs
        What the file gives for x, y and each parameter: nested lists of numbers, or what is not written out.
    rules
        The rules' numbers by name; somebody chose them, so they are exact in any case.
    """
    steps = tuple(_read_step(step, shapes) for step in printed.steps)
    if printed.computed_in:
        return Published(printed.source, steps, printed.computed_in)
    rounded = printed.inputs == "as printed"
    written = {name: _read_written(value, rounded=rounded) for name, value in inputs.items()}
    written |= {name: _read_written(value, rounded=False) for name, value in rules.items()}
    known = {name: value for name, value in written.items() if value is not None}
    return Published(printed.source, steps, inputs=known)


def rejected_element(key: str) -> tuple[str, tuple[int, ...] | None]:
    """Return the quantity and the index that a key of `rejected` names; no index for a bare name."""
    element = _ELEMENT.fullmatch(key)
    if element is None:
        return key, None
    return element["name"], tuple(int(i) for i in element["index"].split(","))


_ELEMENT: Final = re.compile(r"(?P<name>[^\[\]]+)\[(?P<index> *[0-9]{1,9} *(?:, *[0-9]{1,9} *)?)\]", re.ASCII)


def _read_step(step: PrintedStep, shapes: Mapping[str, Shape]) -> PublishedStep:
    values = {name: _read_array(value, shapes[name]) for name, value in step.values.items()}
    rejected = tuple(Rejected(*rejected_element(key), reason) for key, reason in step.rejected.items())
    return PublishedStep(step.step, values, rejected, step.walk)


def _read_array(value: Any, shape: Shape) -> PublishedArray:  # noqa: ANN401 - a number, or nested lists
    numbers = np.array(value, object).reshape([length or 0 for length in shape])
    return PublishedArray(
        _each(numbers, lambda number: np.nan if number is None else number.nearest, np.float64),
        _each(numbers, lambda number: np.nan if number is None else number.half_unit, np.float64),
        _each(numbers, lambda number: None if number is None else number.text, object),
    )


def _read_written(value: Any, *, rounded: bool) -> Written | None:  # noqa: ANN401 - whatever a file may say
    """Return what is written out; a number that is drawn, or that is no number, is left to the problem.

    A whole number is exact where others were rounded: 1 is a label or a count, 1.0 was measured.
    """
    numbers = np.array(value, object)
    if not all(isinstance(number, Number) for number in numbers.flat):
        return None
    half_unit = _each(numbers, lambda number: Fraction(number.half_unit * (number.whole is None)), object)
    return Written(_each(numbers, _exact, object), half_unit if rounded else None)


def _exact(number: Number | None) -> Fraction:
    """Return a number's value; 0 where there is none, or where it is no more than that."""
    return number.exact if number and number.nearest else Fraction(0)


def _each(numbers: NDArray[np.object_], of: Callable[[Any], Any], dtype: Any) -> NDArray[Any]:  # noqa: ANN401
    values = np.empty(numbers.size, dtype)
    values[:] = [of(number) for number in numbers.flat]
    return values.reshape(numbers.shape)
