"""Which mistakes explain a finding, evaluated at the implementation's own numbers.

A mistake is accepted only if it predicts everything it changes: none of these quantities may differ from what
is observed, and the finding's own must agree, to at least one digit, where the right value does not. Of
several, those that explain most are kept; if they explain equally much, all are named.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cases.protocol import Verdict
from reference import parts
from reference.diagnosis.candidates import Candidate, Explanation, mistakes_before, part_name
from reference.diagnosis.context import StepContext
from reference.diagnosis.relations import relations, right_itself
from reference.findings import Finding
from reference.parts import FailedPart

# What is looked for, in this order, by what yields it.
ATTEMPTS: Final = {
    "a right number": right_itself,
    "known mistakes": mistakes_before,
    "another number in its place": relations,
}


@dataclass(frozen=True)
class Diagnosis:
    """Everything that explains one finding; several explanations where they give the same numbers."""

    finding: Finding
    explanations: tuple[Explanation, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the mistakes."""
        return tuple(explanation.mistake for explanation in self.explanations)

    def __str__(self) -> str:
        """Return one sentence, which follows the finding's own."""
        if not self.explanations:
            return "No known mistake explains it."
        return f"Explained by: {'; or: '.join(one.sentence for one in self.explanations)}."


def explain_in(context: StepContext, finding: Finding) -> Diagnosis:
    """Explain a finding of the step in its context."""
    quantity = finding.quantity
    if quantity not in context.differing:
        return Diagnosis(finding)
    with np.errstate(all="ignore"):  # of a number without a bound every candidate is without one, too
        for what, possible in ATTEMPTS.items():
            part = f"the search for {what}"
            best = parts.tried(part, _best, context, quantity, possible(context, quantity))
            if best and not isinstance(best, FailedPart):
                return Diagnosis(finding, best)
    return Diagnosis(finding)


def _best(context: StepContext, quantity: str, candidates: Iterable[Candidate]) -> tuple[Explanation, ...]:
    """Return the explanations that hold and explain most, each mistake once.

    What no earlier step speaks against comes before what is true of this step alone.
    """
    held = [
        one
        for one in candidates
        if parts.tried(part_name(one.explanation.mistake), _holds, context, quantity, one) is True
    ]
    held = [one for one in held if not one.is_new] or held
    extent = [len(context.differing & one.predicted.keys()) for one in held]
    best = [one.explanation for one, reach in zip(held, extent, strict=True) if reach == max(extent)]
    return tuple({explanation.sentence: explanation for explanation in reversed(best)}.values())[::-1]


def _holds(context: StepContext, quantity: str, candidate: Candidate) -> bool:
    """Whether all that is observed is as the candidate predicts, and the finding's own quantity certainly."""
    observed, predicted = context.observed, candidate.predicted
    if candidate.known_by_digits:
        numbers = replace(observed[quantity], dtype_promised=True)
        return numbers.verdict(predicted[quantity]) is Verdict.AGREES
    if observed[quantity].verdict(predicted[quantity]) is not Verdict.AGREES:
        return False
    if not observed[quantity].distinguishes(predicted[quantity], context.right[quantity]):
        return False
    others = [name for name in predicted if name in observed and name != quantity]
    return all(observed[name].verdict(predicted[name]) is not Verdict.DIFFERS for name in others)
