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
    if not isinstance(formula, FunctionType) or formula.__kwdefaults__:
        return formula
    try:
        cells = [cell.cell_contents for cell in formula.__closure__ or ()]
        taken = tuple((type(one), recipe(one)) for one in (*cells, *(formula.__defaults__ or ())))
        hash(taken)
    except (TypeError, ValueError):  # it holds what has no hash, or a name that is not bound yet
        return formula
    return formula.__module__, formula.__code__, taken


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


# A formula, and which of all inputs it takes.
Call: TypeAlias = tuple[Callable[..., Any], slice]


@dataclass(frozen=True, eq=False)
class Joined:
    """Wrong lines of which every element is computed by itself.

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
        for line, those in members:
            numbers = tuple(None if shapes[name] else name for name in line.inputs)
            alike.setdefault((recipe(line.formula), numbers), []).append((line, those))
        lines = [line for line, _ in members]
        taken = Elements({name: shapes[name] for line in lines for name in line.inputs if shapes[name]})
        made = Elements({line.name: shapes[line.name] for line in lines})
        order, places, inputs, calls = _Row(), _Row(), list[slice | str](), list[Call]()
        for several in alike.values():
            columns, tapes = zip(*(line.inputs for line, _ in several), strict=True), [i for _, i in several]
            first = len(inputs)
            inputs += [
                order.add(map(taken.of, each, tapes)) if shapes[each[0]] else each[0] for each in columns
            ]
            calls.append((plain(several[0][0].formula), slice(first, len(inputs))))
            places.add(made.of(line.name, those) for line, those in several)
        return cls(taken, made, order.joined(), inputs, calls, places.joined())

    def compute(self, values: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
        """Return the lines of all tapes, by name, from the right ones and from all that they take."""
        row = np.concatenate([values[name].reshape(-1) for name in self.taken.parts]).take(self.order)
        given = [row[one] if type(one) is slice else values[one] for one in self.inputs]
        made = np.concatenate([values[name].reshape(-1) for name in self.made.parts])
        made[self.places] = np.concatenate([formula(*given[those]) for formula, those in self.calls])
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
