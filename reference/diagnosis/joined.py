"""Wrong lines that do the same to each element, computed at once for the elements of many arrays."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reference.diagnosis.program import Program
from reference.line import Line

Indices: TypeAlias = NDArray[np.intp]


class Member(NamedTuple):
    """A line, what it does to each element, and the tapes that have it, by their indices."""

    line: Line
    program: Program
    those: Indices

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(self.line.inputs[i] for i in self.program.arguments)


class Elements:
    """The elements of some arrays in a row, one array after another."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Take shapes with the stack's axis in front, which is 1 long for what is the same in all tapes."""
        self.shapes = dict(shapes)
        ends = accumulate(map(prod, self.shapes.values()), initial=0)
        self.parts = {
            name: slice(start, end) for name, (start, end) in zip(self.shapes, pairwise(ends), strict=True)
        }

    def of(self, name: str, those: Indices) -> Indices:
        """Return where these tapes' elements of an array are."""
        length, *shape = self.shapes[name]
        first = self.parts[name].start + prod(shape) * (those if length > 1 else np.zeros_like(those))
        return np.asarray(first[:, None] + np.arange(prod(shape))).ravel()


# A program, and which of all inputs it takes.
Call: TypeAlias = tuple[Program, slice]


@dataclass(frozen=True, eq=False)
class Joined:
    """Wrong lines of several names and tapes, in which one program is called once.

    The elements of all that they take are first put in the order of the calls, and their results then where
    the right lines have them.
    """

    taken: Elements
    made: Elements  # of all tapes
    order: Indices  # of what is taken, as the calls take it
    inputs: Sequence[slice | str]  # of one call after another: where it is in this order, or a number's name
    calls: Sequence[Call]
    places: Indices  # of the results

    @classmethod
    def of(cls, members: Sequence[Member], shapes: Mapping[str, tuple[int, ...]]) -> "Joined":
        """Join lines of given shapes; numbers have the shape ()."""
        alike: dict[Hashable, list[Member]] = {}
        for one in members:
            numbers = tuple(None if shapes[name] else name for name in one.inputs)
            alike.setdefault((one.program.key, numbers), []).append(one)
        taken = Elements({name: shapes[name] for one in members for name in one.inputs if shapes[name]})
        made = Elements({one.line.name: shapes[one.line.name] for one in members})
        order, places, inputs, calls = _Row(), _Row(), list[slice | str](), list[Call]()
        for several in alike.values():
            first, tapes = len(inputs), [one.those for one in several]
            for each in zip(*(one.inputs for one in several), strict=True):
                inputs.append(order.add(map(taken.of, each, tapes)) if shapes[each[0]] else each[0])
            calls.append((several[0].program, slice(first, len(inputs))))
            places.add(made.of(one.line.name, one.those) for one in several)
        return cls(taken, made, order.joined(), inputs, calls, places.joined())

    def compute(self, values: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
        """Return the lines of all tapes, by name, from the right ones and from all that they take."""
        row = np.concatenate([values[name].reshape(-1) for name in self.taken.parts]).take(self.order)
        given = [row[one] if type(one) is slice else values[one] for one in self.inputs]
        made = np.concatenate([values[name].reshape(-1) for name in self.made.parts])
        made[self.places] = np.concatenate([program(*given[those]) for program, those in self.calls])
        return {name: made[part].reshape(values[name].shape) for name, part in self.made.parts.items()}


class _Row:
    """Indices that are put one after another."""

    def __init__(self) -> None:
        self.parts = list[Indices]()

    def add(self, several: Iterable[Indices]) -> slice:
        """Append these, and return where they are."""
        start = sum(map(len, self.parts))
        self.parts += several
        return slice(start, sum(map(len, self.parts)))

    def joined(self) -> Indices:
        return np.concatenate(self.parts)
