"""What follows, in one training step, from the numbers printed above a line, and from which of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from reference.arithmetic import Bounded, Real
from reference.certification import with_low
from reference.exact import ExactStep
from reference.line import leading_to
from reference.tape import tape

# Printed numbers are named that matter at least this much of what the one that matters most does.
MATTERS: Final = 0.1


@dataclass(frozen=True, eq=False)
class Standing:
    """What later lines take for a printed array: each number ± what it leaves open, NaN where none is."""

    value: Real
    error: Real
    text: NDArray[np.object_]

    def instead_of(self, derived: Bounded) -> Bounded:
        """Put the printed numbers in the place of the derived ones."""
        given = ~np.isnan(self.value)
        value, error = np.where(given, self.value, derived.value), np.where(given, self.error, derived.error)
        return Bounded(value, error, derived.format)

    @property
    def is_open(self) -> bool:
        """Whether a number was rounded in print, so that it leaves something open."""
        return bool((self.error > 0).any())


@dataclass(frozen=True, eq=False)
class Influence:
    """What a printed array above a line makes of it.

    Attributes
    ----------
    name
        The array's name, with its step where that is the one before.
    makes
        For each element of the line, how far it would move and what its bound would lose if the array were
        exact.
    text, exact, half_unit
        The coarsest number of the array as it was printed, the exact one, and half a unit in its last place.
    """

    name: str
    makes: Real
    text: str
    exact: float
    half_unit: float


@dataclass(eq=False)
class Above:
    """The lines of one step, each derived from the printed numbers above it; it grows with the tape.

    Attributes
    ----------
    problem, exact
        What is computed, and the exact run's step.
    standing
        The printed arrays by name; at first the state that was printed of the step before.
    """

    problem: Problem
    exact: ExactStep
    standing: dict[str, Standing]
    values: dict[str, Bounded] = field(init=False)
    sources: dict[str, frozenset[str]] = field(init=False)

    def __post_init__(self) -> None:
        """Start from what is known before the step."""
        self.values = self._start(self.standing)
        self.sources = {name: frozenset({name}) for name, one in self.standing.items() if one.is_open}

    def derive(self, name: str) -> Bounded:
        """Derive the next line of the tape."""
        (line,) = (one for one in tape(self.problem) if one.name == name)
        self.sources[name] = frozenset().union(*(self.sources.get(one, frozenset()) for one in line.inputs))
        with np.errstate(all="ignore"):  # a bound that becomes infinite or NaN is judged as such
            self.values[name] = line.formula(*(self.values[one] for one in line.inputs))
        return self.values[name]

    def take(self, name: str, printed: Standing) -> None:
        """Go on from what is printed of a line."""
        partly = np.isnan(printed.value).any()
        self.values[name] = printed.instead_of(self.values[name])
        self.standing[name] = printed
        self.sources[name] = frozenset({name} if printed.is_open else ()) | (
            self.sources[name] if partly else frozenset()
        )

    def influences(self, name: str) -> tuple[Influence, ...]:
        """Return what each printed array that the last derived line follows from makes of it, in order."""
        right, found = self.values[name], []
        for source in sorted(self.sources[name], key=self._order):
            without, printed = self._again(name, (source,)), self.standing[source]
            makes = np.abs(right.value - without.value) + (right.error - np.asarray(without.error))
            coarsest = np.unravel_index(int(np.nan_to_num(printed.error).argmax()), printed.error.shape)
            is_state = source in self.exact.before
            exact = (self.exact.before if is_state else self.exact.values)[source].value[coarsest]
            told = f"{names.updated(source)} of the step before" if is_state else source
            text, error = str(printed.text[coarsest]), float(printed.error[coarsest])
            found.append(Influence(told, makes, text, float(exact), error))
        return tuple(found)

    def _again(self, name: str, mended: Iterable[str]) -> Bounded:
        """Derive a line again, with some of the printed arrays exact."""
        standing = {one: printed for one, printed in self.standing.items() if one not in mended}
        values = self._start(standing)
        with np.errstate(all="ignore"):  # as above
            for line in leading_to([name], tape(self.problem)):
                derived: Bounded = line.formula(*(values[one] for one in line.inputs))
                if line.name == name:
                    return derived
                if line.name in mended:
                    derived = _known(self.exact.values[line.name], derived)
                values[line.name] = (
                    standing[line.name].instead_of(derived) if line.name in standing else derived
                )
        raise KeyError(name)

    def _start(self, standing: Mapping[str, Standing]) -> dict[str, Bounded]:
        before = self.exact.before
        return {
            name: standing[name].instead_of(one) if name in standing else one for name, one in before.items()
        }

    def _order(self, name: str) -> int:
        order = [line.name for line in tape(self.problem)]
        return order.index(name) if name in order else -1


def _known(exact: Bounded, derived: Bounded) -> Bounded:
    return Bounded(exact.value, with_low(exact), derived.format)


def that_matter(influences: Iterable[Influence], index: tuple[int, ...]) -> tuple[Influence, ...]:
    """Return those that matter for one element, in the order of the tape."""
    sizes = {one: float(np.nan_to_num(one.makes[index], nan=np.inf)) for one in influences}
    most = max(sizes.values(), default=0.0)
    return tuple(one for one, size in sizes.items() if size >= MATTERS * most and size > 0)
