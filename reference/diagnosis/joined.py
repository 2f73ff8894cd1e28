"""Formulas that take each element by itself, called once for the elements of many arrays, of any shapes."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import prod
from types import FunctionType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reference.arithmetic import Elementary
from reference.line import Line

Indices: TypeAlias = NDArray[np.intp]

# A line, and the tapes that have it, by their indices.
Member: TypeAlias = tuple[Line, Indices]


def recipe(formula: Callable[..., Any]) -> Hashable:
    """Return what is equal for functions that were made alike, as one for each layer: code and closure."""
    if not isinstance(formula, FunctionType) or not formula.__closure__:
        return formula
    try:
        taken = [cell.cell_contents for cell in formula.__closure__]
        made = formula.__module__, formula.__code__, formula.__defaults__
        alike = (*made, *((type(one), recipe(one)) for one in taken))
        hash(alike)
    except (TypeError, ValueError):  # it holds what has no hash, or a name that is not bound yet
        return formula
    return alike


def plain(formula: Callable[..., Any]) -> Callable[..., Any]:
    """Return what a formula computes of NumPy arrays, without asking each time which they are."""
    return formula.plain if isinstance(formula, Elementary) else formula


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


# A formula; where its results are among all; and for each input where it is among all, or a number's name.
Call: TypeAlias = tuple[Callable[..., Any], slice, tuple[slice | str, ...]]


@dataclass(frozen=True, eq=False)
class Joined:
    """Right and wrong lines of which every element is computed by itself.

    The elements of all that they take are first put in the order of the calls, and their results then in that
    of the lines.
    """

    taken: Elements
    made: Elements
    calls: Sequence[Call]
    order: Indices  # of what is taken, as the calls take it
    places: Indices  # of the results, as the lines have them

    @classmethod
    def of(cls, members: Iterable[Member], shapes: Mapping[str, tuple[int, ...]]) -> "Joined":
        """Join lines of given shapes; each tape has one of every name. Numbers have the shape ()."""
        alike: dict[Hashable, list[Member]] = {}
        for line, those in members:
            numbers = tuple(None if shapes[name] else name for name in line.inputs)
            alike.setdefault((recipe(line.formula), numbers), []).append((line, those))
        lines = [line for several in alike.values() for line, _ in several]
        taken = Elements({name: shapes[name] for line in lines for name in line.inputs if shapes[name]})
        made = Elements({line.name: shapes[line.name] for line in lines})
        calls, order, places = list[Call](), _Row(), _Row()
        for several in alike.values():
            given = tuple(
                order.add(taken.of(name, those) for name, (_, those) in zip(column, several, strict=True))
                if shapes[column[0]]
                else column[0]
                for column in zip(*(line.inputs for line, _ in several), strict=True)
            )
            results = places.add(made.of(line.name, those) for line, those in several)
            calls.append((plain(several[0][0].formula), results, given))
        return cls(taken, made, calls, order.joined(), np.argsort(places.joined()))

    def compute(self, values: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
        """Return the lines, by name, from the values of all that they take."""
        given = np.concatenate([values[name].reshape(-1) for name in self.taken.shapes]).take(self.order)
        results = np.empty(len(self.places))
        for formula, those, inputs in self.calls:
            results[those] = formula(*[given[one] if type(one) is slice else values[one] for one in inputs])
        results = results.take(self.places)
        return {
            name: results[self.made.parts[name]].reshape(shape) for name, shape in self.made.shapes.items()
        }


class _Row:
    """Indices that are put one after another."""

    def __init__(self) -> None:
        self.parts = list[Indices]()
        self.length = 0

    def add(self, several: Iterable[Indices]) -> slice:
        """Append these, and return where they are."""
        self.parts += several
        start, self.length = self.length, sum(map(len, self.parts))
        return slice(start, self.length)

    def joined(self) -> Indices:
        return np.concatenate(self.parts)
