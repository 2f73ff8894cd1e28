"""Earlier steps of a run as a mistake would have had them: what it left hidden, or that it was not made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference import names
from reference.diagnosis.situation import after, derive, reached, shown_of
from reference.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from cases import Problem
    from reference.bounded import Bounded
    from reference.diagnosis.stated import Stated
    from reference.line import Line


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
    """The steps since all of a claimant's state was known exactly: at the start, or where it was stated.

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
