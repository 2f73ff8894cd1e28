"""Numbers that somebody printed: a claim like any other, known to half a unit in the last place."""

import re
from collections.abc import Mapping
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
        """The printed numbers as fractions; 0 where none was printed, or where it is no more than that."""
        exact = np.empty(self.text.size, dtype=object)
        exact[:] = [_exact(text) for text in self.text.ravel().tolist()]
        return exact.reshape(self.text.shape)


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
    values
        By quantity: z1, a1, …, loss, dL/da2, …, W1_new, ….
    rejected
        Of those, the printed numbers that are known to be wrong, and why.
    walk
        The parts of the published text, if the case tells them.
    """

    step: int
    values: Mapping[str, PublishedArray]
    rejected: tuple[Rejected, ...] = ()
    walk: tuple[Part, ...] = ()


@dataclass(frozen=True, eq=False)
class Published:
    """Numbers published for a case, and where.

    Attributes
    ----------
    source
        Where they were printed.
    steps
        What was printed, in ascending order of the steps.
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
    rounded = printed.inputs == "as printed"
    written = {name: _read_written(value, rounded=rounded) for name, value in inputs.items()}
    written |= {name: _read_written(value, rounded=False) for name, value in rules.items()}
    known = {name: one for name, one in written.items() if one is not None}
    steps = tuple(_read_step(step, shapes) for step in printed.steps)
    return Published(printed.source, steps, printed.computed_in, {} if printed.computed_in else known)


def rejected_element(key: str) -> tuple[str, tuple[int, ...] | None]:
    """Return the quantity and the index that a key of `rejected` names; no index for a bare name."""
    found = _ELEMENT.fullmatch(key)
    if found is None:
        return key, None
    return found["name"], tuple(int(place) for place in found["index"].split(","))


_ELEMENT: Final = re.compile(r"(?P<name>[^\[\]]+)\[(?P<index> *[0-9]{1,9} *(?:, *[0-9]{1,9} *)?)\]", re.ASCII)


def _read_step(step: PrintedStep, shapes: Mapping[str, Shape]) -> PublishedStep:
    values = {name: _read_array(value, shapes[name]) for name, value in step.values.items()}
    rejected = tuple(Rejected(*rejected_element(key), reason) for key, reason in step.rejected.items())
    return PublishedStep(step.step, values, rejected, step.walk)


def _read_written(value: Any, *, rounded: bool) -> Written | None:  # noqa: ANN401 - whatever a file may say
    """Return what is written out; a number that is drawn, or that is no number, is left to the problem.

    A whole number is exact where others were rounded: 1 is a label or a count, 1.0 was measured.
    """
    if not isinstance(value, Number | list):
        return None
    numbers, shape = _flatten(value), _shape(value)
    if not all(isinstance(number, Number) for number in numbers):
        return None
    exact, half_units = np.empty(len(numbers), object), np.empty(len(numbers), object)
    exact[:] = [_exact(number.text if number else None) for number in numbers]
    half_units[:] = [_open(number) for number in numbers]
    return Written(exact.reshape(shape), half_units.reshape(shape) if rounded else None)


def _open(number: Number | None) -> Fraction:
    return Fraction(number.half_unit) if number and number.whole is None else Fraction(0)


def _shape(value: Any) -> tuple[int, ...]:  # noqa: ANN401 - a number, or nested lists of one shape
    return (len(value), *_shape(value[0])) if isinstance(value, list) else ()


def _exact(text: str | None) -> Fraction:
    number = None if text is None else Number(text)
    return number.exact if number and number.nearest else Fraction(0)


def _read_array(value: Any, shape: Shape) -> PublishedArray:  # noqa: ANN401 - a number, or nested lists of any depth
    numbers = _flatten(value)
    nearest = [np.nan if number is None else number.nearest for number in numbers]
    half_units = [np.nan if number is None else number.half_unit for number in numbers]
    texts = np.empty(len(numbers), dtype=object)
    texts[:] = [None if number is None else number.text for number in numbers]
    full = tuple(length or 0 for length in shape)
    return PublishedArray(
        np.array(nearest, np.float64).reshape(full),
        np.array(half_units, np.float64).reshape(full),
        texts.reshape(full),
    )


def _flatten(value: Any) -> list[Number | None]:  # noqa: ANN401 - as above
    if value is None or isinstance(value, Number):
        return [value]
    return [number for item in value for number in _flatten(item)]
