"""Where a program stood in one training step: what was known, what it stated, and what follows from that."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np

from cases import Problem, names
from cases.verdict import Verdict
from reference.arithmetic import Bounded, Format
from reference.diagnosis.stated import Stated
from reference.line import Line
from reference.tape import tape
from reference.training import advance


@dataclass(frozen=True, eq=False)
class Situation:
    """One training step of one implementation.

    Attributes
    ----------
    problem
        What is computed.
    known
        The data, the learning rate and the parameters before the step.
    stated
        What the implementation states of this step.
    previous
        The step before, if it is known.
    history
        The steps since all of the state was known exactly, if they are.
    """

    problem: Problem
    known: Mapping[str, Bounded]
    stated: Mapping[str, Stated]
    previous: Situation | None = field(default=None, repr=False)
    history: History | None = field(default=None, repr=False)

    @property
    def format(self) -> Format:
        """The format whose roundings are allowed."""
        return self.known["x"].format

    @property
    def lines(self) -> tuple[Line, ...]:
        """The right tape."""
        return tape(self.problem)

    @cached_property
    def right(self) -> Mapping[str, Bounded]:
        """Every quantity as it follows, by the right tape, from what the implementation itself states."""
        return MappingProxyType(derive(self.lines, self.known, self.stated))

    @cached_property
    def unaided(self) -> Mapping[str, Bounded]:
        """Every quantity as the right tape gives it from the inputs alone, whatever is stated."""
        return MappingProxyType(derive(self.lines, self.known, {}))

    @cached_property
    def differing(self) -> frozenset[str]:
        """The stated quantities that do not follow."""
        stated = {name: stated for name, stated in self.stated.items() if name in self.right}
        found = {name: entry.verdict(self.right[name]) for name, entry in stated.items()}
        return frozenset(name for name, verdict in found.items() if verdict is Verdict.DIFFERS)

    @cached_property
    def after(self) -> Mapping[str, Bounded]:
        """Everything known before the next step: the data, the rate and the updated parameters."""
        return after(self.problem, self.known, self.stated, self.right)

    def standing(self, quantity: str) -> Bounded:
        """Return what later lines take for a quantity: the stated numbers, or the derived ones."""
        stated, right = self.stated.get(quantity), self.right[quantity]
        return stated.stands_for(right) if stated else right

    @cached_property
    def shown(self) -> frozenset[str]:
        """The quantities of which later lines follow from the implementation's own numbers."""
        return shown_of(self.stated, self.right)

    def is_shown(self, quantity: str) -> bool:
        """Whether later lines follow from the implementation's own numbers of this quantity."""
        return quantity in self.shown


def shown_of(stated: Mapping[str, Stated], derived: Mapping[str, Bounded]) -> frozenset[str]:
    """Return the quantities whose stated numbers fit: these stand for themselves in the lines that follow."""
    return frozenset(name for name, one in stated.items() if name in derived and one.fits(derived[name]))


def after(
    problem: Problem,
    known: Mapping[str, Bounded],
    stated: Mapping[str, Stated],
    derived: Mapping[str, Bounded],
) -> dict[str, Bounded]:
    """Return everything known before the next step: the data, the rate and the updated state."""
    updated = [names.updated(name) for name in problem.state]
    standing = {
        name: stated[name].stands_for(derived[name]) if name in stated else derived[name] for name in updated
    }
    return advance(known, standing, problem)


def reached(
    lines: Sequence[Line], wrong: Collection[str], shown: Collection[str], hidden: Collection[str] = ()
) -> set[str]:
    """Return the lines that come out otherwise: the wrong ones, and what follows from hidden ones.

    Parameters
    ----------
    lines
        The mistaken tape.
    wrong, shown
        Its lines that are mistaken, and those whose numbers the implementation shows.
    hidden
        What already comes otherwise from the steps before.
    """
    found, unseen = set(wrong), set(hidden)
    for line in lines:
        if line.name in wrong or not unseen.isdisjoint(line.inputs):
            found.add(line.name)
            if line.name not in shown:
                unseen.add(line.name)
    return found


def derive(
    lines: Sequence[Line], known: Mapping[str, Bounded], stated: Mapping[str, Stated]
) -> dict[str, Bounded]:
    """Derive every line from what is stated above it, as the checker does; return what was derived."""
    values, derived = dict(known), {}
    with np.errstate(all="ignore"):  # overflow and 0 · ∞ make a bound infinite or NaN, judged as such
        for line in lines:
            result: Bounded = line.formula(*(values[name] for name in line.inputs))
            derived[line.name] = result
            values[line.name] = stated[line.name].stands_for(result) if line.name in stated else result
    return derived


@dataclass(frozen=True, eq=False)
class EarlierStep:
    """What was stated of an earlier step, and the names of what agreed."""

    stated: Mapping[str, Stated]
    agreed: frozenset[str]

    def refutes(self, derived: Mapping[str, Bounded]) -> bool:
        """Whether something that agreed would have differed if this were how it was computed."""
        return any(self.stated[name].verdict(derived[name]) is Verdict.DIFFERS for name in self.agreed)


@dataclass(frozen=True, eq=False)
class History:
    """The steps since all of a program's state was known exactly: at the start, or where it was stated.

    Attributes
    ----------
    problem
        What is computed.
    known
        The data, the rates and the state before the first of these steps.
    steps
        The steps, in order; the last is the one before the present step.
    """

    problem: Problem
    known: Mapping[str, Bounded]
    steps: tuple[EarlierStep, ...]

    @property
    def hidden_state(self) -> frozenset[str]:
        """The names of the state that the last step does not state."""
        stated = self.steps[-1].stated
        return frozenset(name for name in self.problem.state if names.updated(name) not in stated)

    def state_with(self, lines: Sequence[Line], wrong: Collection[str]) -> dict[str, Bounded] | None:
        """Return what a mistake, made from the first of the steps on, has made of the hidden state.

        Parameters
        ----------
        lines, wrong
            The mistaken tape, and the names of its mistaken lines.

        Returns
        -------
        By name the state that is otherwise before the present step; None where an earlier step shows that the
        mistake was not made there.
        """
        known, otherwise = dict(self.known), set[str]()
        for step in self.steps:
            derived = derive(lines, known, step.stated)
            if step.refutes(derived):
                return None
            shown = shown_of(step.stated, derived)
            changed = reached(lines, wrong, shown, otherwise) - shown
            known = after(self.problem, known, step.stated, derived)
            otherwise = {name for name in self.problem.state if names.updated(name) in changed}
        return {name: known[name] for name in otherwise}
