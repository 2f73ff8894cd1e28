"""Which later quantities are off only because of the first wrong line."""

from collections.abc import Mapping
from dataclasses import dataclass

from cases import Problem
from cases.verdict import Verdict
from reference.arithmetic import Bounded
from reference.claim import Claim
from reference.diagnosis.explain import situation_of
from reference.diagnosis.situation import Situation, derive


@dataclass(frozen=True)
class Inheritance:
    """What follows from one wrong quantity.

    Attributes
    ----------
    quantity
        The quantity whose own line is wrong.
    inherited
        Stated quantities that follow from the implementation's own numbers, but not from the same numbers
        with `quantity` put right: their own lines are right, and nothing needs to be mended there.
    """

    quantity: str
    inherited: tuple[str, ...]

    def __str__(self) -> str:
        """Tell it in one sentence, or not at all where nothing was inherited."""
        if not self.inherited:
            return ""
        *others, last = self.inherited
        those = f"{', '.join(others)} and {last} are" if others else f"{last} is"
        return f"{those} off only because {self.quantity} is: computed from it without another error."


def inherited(problem: Problem, claim: Claim, state: Mapping[str, Bounded], quantity: str) -> Inheritance:
    """Tell which later quantities of a step are wrong only because `quantity` is.

    Parameters
    ----------
    problem, claim, state
        The problem, what is claimed of the step, and the parameters before it.
    quantity
        A quantity that differs; usually the first.
    """
    return inherited_in(situation_of(problem, claim, state), quantity)


def inherited_in(situation: Situation, quantity: str) -> Inheritance:
    """Derive everything after `quantity` as if it were right, and see what then no longer agrees."""
    after = _following(situation, quantity)
    kept = {name: stated for name, stated in situation.stated.items() if name not in after | {quantity}}
    mended = derive(situation.lines, situation.known, kept)
    stated = {name: situation.stated[name] for name in mended if name in after & situation.stated.keys()}
    off = {name for name, one in stated.items() if one.verdict(mended[name]) is Verdict.DIFFERS}
    return Inheritance(quantity, tuple(name for name in stated if name in off - situation.differing))


def _following(situation: Situation, quantity: str) -> set[str]:
    """Return every quantity of the step that is computed from `quantity`, directly or not."""
    found = {quantity}
    for line in situation.lines:
        if not found.isdisjoint(line.inputs):
            found.add(line.name)
    return found - {quantity}
