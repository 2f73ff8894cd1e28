"""Which mistakes explain a finding, of a run or in print, and what is off only because something else is.

A mistake is accepted only if it predicts everything it changes: none of these quantities may differ from what
is observed, and the finding's own must agree, to at least one digit, where the right value does not. Of
several, those that explain most are kept; if they explain equally much, all are named.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cases import Problem
from cases.protocol import Verdict
from reference import parts
from reference.diagnosis.candidates import (
    Candidate,
    Explanation,
    mistakes_before,
    part_name,
    relations,
    right_itself,
)
from reference.diagnosis.context import (
    StepContext,
    Values,
    changed_by,
    claimed_step,
    context_of,
    derive,
)
from reference.findings import Claim, Finding, JudgedStep
from reference.parts import FailedPart

# What is looked for, in this order, by what yields it.
ATTEMPTS: Final = {
    "a right number": right_itself,
    "known mistakes": mistakes_before,
    "another number in its place": relations,
}


@dataclass(frozen=True)
class Diagnosis:
    """Everything that explains one finding; several explanations where they give the same numbers.

    `follows` is the quantity, wrong before it, whose explanation gives this number too; "" where this one is
    wrong in its own right. `hint` says in a sentence what else to look at, or to show, where there is more.
    """

    finding: Finding
    explanations: tuple[Explanation, ...] = ()
    follows: str = ""
    hint: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(explanation.mistake for explanation in self.explanations)

    def __str__(self) -> str:
        if not self.explanations:
            return "No known mistake explains it."
        return f"Explained by: {'; or: '.join(explanation.sentence for explanation in self.explanations)}."


def explain_in(context: StepContext, finding: Finding) -> Diagnosis:
    quantity = finding.quantity
    searched = ATTEMPTS if quantity in context.differing else {}
    with np.errstate(all="ignore"):  # of a number without a bound every candidate is without one, too
        for what, possible in searched.items():
            part = f"the search for {what}"
            best = parts.tried(part, _best, context, quantity, possible(context, quantity))
            if best and not isinstance(best, FailedPart):
                return Diagnosis(finding, best)
    return Diagnosis(finding)


def _best(context: StepContext, quantity: str, candidates: Iterable[Candidate]) -> tuple[Explanation, ...]:
    """Return what holds and explains most, each mistake once; what is true of this step alone comes last."""
    held = [
        candidate
        for candidate in candidates
        if parts.tried(part_name(candidate.explanation.mistake), _holds, context, quantity, candidate) is True
    ]
    held = [candidate for candidate in held if not candidate.is_new] or held
    extent = [len(context.differing & candidate.predicted.keys()) for candidate in held]
    best = [one.explanation for one, reach in zip(held, extent, strict=True) if reach == max(extent)]
    return tuple({explanation.sentence: explanation for explanation in reversed(best)}.values())[::-1]


def _holds(context: StepContext, quantity: str, candidate: Candidate) -> bool:
    """Whether all that is observed is as the candidate predicts, and the finding's own quantity certainly."""
    observed, predicted = context.observed, candidate.predicted
    if candidate.known_by_digits:
        numbers = replace(observed[quantity], dtype_promised=True)
        return numbers.verdict(predicted[quantity]) is Verdict.AGREES
    own, prediction = observed[quantity], predicted[quantity]
    agrees = own.verdict(prediction) is Verdict.AGREES
    if not (agrees and own.distinguishes(prediction, context.right[quantity])):
        return False
    others = [name for name in predicted if name in observed and name != quantity]
    return all(observed[name].verdict(predicted[name]) is not Verdict.DIFFERS for name in others)


def diagnose(problem: Problem, judged: Iterable[JudgedStep]) -> Iterator[Diagnosis]:
    """Diagnose an implementation's run, from its first step on as `judge` yields it, step by step."""
    for step in judged:
        yield from explain_step(problem, step)


def explain_step(problem: Problem, judged: JudgedStep) -> tuple[Diagnosis, ...]:
    """Diagnose a step as `judge` yields it, with the steps before it that it keeps.

    Each finding with numbers that differ, or an array of the wrong shape or dtype, has a diagnosis, in order.
    """
    context = context_of(problem, judged)
    return tuple(
        explain_in(context, finding)
        for finding in judged.failures
        if finding.verdict is Verdict.DIFFERS or finding.quantity in context.differing
    )


@dataclass(frozen=True)
class Inheritance:
    """What is wrong only because one quantity is.

    What is `inherited` follows from the implementation's own numbers, but not from the same numbers with
    `quantity` put right: its own lines are right, and nothing needs to be mended there.
    """

    quantity: str
    inherited: tuple[str, ...]

    def __str__(self) -> str:
        """Return one sentence, or nothing where nothing was inherited."""
        if not self.inherited:
            return ""
        *others, last = self.inherited
        those = f"{', '.join(others)} and {last} are" if others else f"{last} is"
        return f"{those} off only because {self.quantity} is: computed from it without another error."


def inherited(problem: Problem, claim: Claim, state: Values, quantity: str) -> Inheritance:
    """Derive all after `quantity`, usually the first that differs, as if it were right.

    What then no longer agrees has inherited it. `state` is what was known before the step.
    """
    context = claimed_step(problem, claim, state)
    after = changed_by(context.lines, (), (), {quantity})  # all that is computed from it, directly or not
    kept = {name: one for name, one in context.observed.items() if name not in after | {quantity}}
    mended = derive(context.lines, context.known, kept)
    later = {name: context.observed[name] for name in mended if name in after & context.observed.keys()}
    off = {name for name, one in later.items() if one.verdict(mended[name]) is Verdict.DIFFERS}
    return Inheritance(quantity, tuple(name for name in later if name in off - context.differing))
