"""Numbers that somebody printed: a claim like any other, known to half a unit in the last place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cases.numbers import Number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from cases.model import Part, Printed, PrintedStep
    from cases.quantities import Shape


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
        Of those, the quantities whose printed numbers are known to be wrong, and why.
    walk
        The parts of the published text, if the case tells them.
    """

    step: int
    values: Mapping[str, PublishedArray]
    rejected: Mapping[str, str] = field(default_factory=dict)
    walk: tuple[Part, ...] = ()


@dataclass(frozen=True, eq=False)
class Published:
    """Numbers published for a case, and where; `steps` in ascending order."""

    source: str
    steps: tuple[PublishedStep, ...]


def read_published(printed: Printed, shapes: Mapping[str, Shape]) -> Published:
    """Return the printed numbers as arrays; `shapes` are those of all quantities of the network."""
    return Published(printed.source, tuple(_read_step(step, shapes) for step in printed.steps))


def _read_step(step: PrintedStep, shapes: Mapping[str, Shape]) -> PublishedStep:
    values = {name: _read_array(value, shapes[name]) for name, value in step.values.items()}
    return PublishedStep(step.step, values, dict(step.rejected), step.walk)


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
