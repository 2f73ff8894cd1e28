"""Each mistake run from the inputs to the end, for published numbers: few of many, each to a few digits.

Published numbers may mix what was computed by hand with what a program printed, so here nothing that is
stated is taken over. A mistake has to give the first number that differs, and to spoil no later one that
agrees line by line; of several mistakes those are kept that give most of the later numbers that differ.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from cases import Problem
from cases.verdict import Verdict
from reference import parts
from reference.arithmetic import Bounded
from reference.claim import MAX_SEARCHED_STEPS
from reference.diagnosis.candidates import mistaken_tapes
from reference.diagnosis.explanation import Explanation
from reference.diagnosis.situation import derive
from reference.diagnosis.stated import Stated
from reference.line import Line
from reference.parts import FailedPart
from reference.tape import tape
from reference.training import advance, propagate

# A step and a quantity.
Place: TypeAlias = tuple[int, str]


@dataclass(frozen=True, eq=False)
class Run:
    """A training run of which some quantities are stated.

    Attributes
    ----------
    problem
        What was computed.
    known
        The data, the learning rate and the first parameters.
    stated
        What is stated, by step.
    """

    problem: Problem
    known: Mapping[str, Bounded]
    stated: dict[int, Mapping[str, Stated]] = field(default_factory=dict)

    def explanations(self, differing: Sequence[Place]) -> dict[Place, tuple[Explanation, ...]]:
        """Return what explains each differing quantity, the first of them that can be explained above all.

        Parameters
        ----------
        differing
            The places whose own line does not give what is stated, in order.
        """
        for i, first in enumerate(differing):
            found = self._search(differing[i:]) if first[0] <= MAX_SEARCHED_STEPS else {}
            if found:
                reach = max(map(len, found.values()))
                best = {why: places for why, places in found.items() if len(places) == reach}
                return {place: _each_once(w for w in best if place in best[w]) for place in differing}
        return dict.fromkeys(differing, ())

    def _search(self, differing: Sequence[Place]) -> dict[Explanation, list[Place]]:
        """Return the mistakes that explain the first of these places, each with all that it explains."""
        right = next(derived for _, derived in self._from(tape(self.problem), differing[0]))
        found = {}
        for mistake, wrong, lines in mistaken_tapes(self.problem):
            if not mistake.numpy_only:
                part = f"the mistake {mistake.name}"
                places = parts.tried(part, self._reproduced, lines, differing, right)
                if isinstance(places, FailedPart):
                    continue
                found[Explanation(mistake.name, mistake.sentence, wrong)] = places
        return {explanation: places for explanation, places in found.items() if places}

    def _reproduced(self, lines: Sequence[Line], differing: Sequence[Place], right: Bounded) -> list[Place]:
        """Return the differing places that a mistaken tape gives; none, if it spoils one that agrees."""
        first, reproduced = differing[0], []
        for place, derived in self._from(lines, first):
            verdict = self.stated[place[0]][place[1]].verdict(derived)
            if place == first and not self._is_proof(place, derived, right):
                return []
            if verdict is Verdict.DIFFERS and place not in differing:
                return []
            if verdict is Verdict.AGREES and place in differing:
                reproduced.append(place)
        return reproduced

    def _is_proof(self, place: Place, derived: Bounded, right: Bounded) -> bool:
        stated = self.stated[place[0]][place[1]]
        return stated.verdict(derived) is Verdict.AGREES and stated.tells_apart(derived, right)

    def _from(self, lines: Sequence[Line], first: Place) -> Iterator[tuple[Place, Bounded]]:
        """Yield every stated quantity from the first differing one on, in the order of the right tape."""
        order = [line.name for line in tape(self.problem)]
        known, before = dict(self.known), 0
        for step in sorted(number for number in self.stated if number >= first[0]):
            known = propagate(self.problem, lines, known, step - before - 1)
            derived, here = derive(lines, known, {}), self.stated[step]
            start = order.index(first[1]) if step == first[0] else 0
            yield from (((step, name), derived[name]) for name in order[start:] if name in here)
            known, before = advance(known, derived, self.problem), step


def _each_once(explanations: Iterable[Explanation]) -> tuple[Explanation, ...]:
    """Return one explanation for each mistake: the one that changes most, which comes first."""
    once: dict[str, Explanation] = {}
    for explanation in explanations:
        once.setdefault(explanation.mistake, explanation)
    return tuple(once.values())
