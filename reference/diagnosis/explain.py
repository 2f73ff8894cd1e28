"""Which mistakes explain a finding, tried on the implementation's own numbers.

A mistake is accepted only if it predicts everything it reaches: no quantity that it changes may differ from
what is stated, and the finding's own must agree, to at least one digit, where the right value does not. Of
several, those that explain most are kept; if they explain equally much, all are named.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np

from cases import Problem
from cases.verdict import Verdict
from reference import parts
from reference.arithmetic import EVALUATION, Bounded, Format, format_of
from reference.claim import Claim
from reference.diagnosis.candidates import Candidate, mistakes_before
from reference.diagnosis.explanation import Diagnosis, Explanation
from reference.diagnosis.relations import relations, right_itself
from reference.diagnosis.situation import History, Situation
from reference.diagnosis.stated import stated_in_claim
from reference.findings import Finding
from reference.parts import FailedPart
from reference.training import exact_inputs

State: TypeAlias = Mapping[str, Bounded]


def situation_of(
    problem: Problem,
    claim: Claim,
    state: State,
    previous: Situation | None = None,
    history: History | None = None,
) -> Situation:
    """Return where the implementation stood: every number taken as it is, in the problem's own format."""
    stated = stated_in_claim(claim, problem.dtype)
    return Situation(problem, known_before(problem, state), stated, previous, history)


def known_before(problem: Problem, state: State) -> dict[str, Bounded]:
    """Return everything that a step is computed from, given the state before it."""
    form = format_allowed(problem, state)
    return exact_inputs(problem, form) | {name: replace(one, format=form) for name, one in state.items()}


def format_allowed(problem: Problem, state: State) -> Format:
    """Return the format in which a state was judged, beside values that are not certified."""
    formats = [replace(number.format, evaluation=EVALUATION) for number in state.values()]
    return formats[0] if formats else format_of(problem.dtype)


# What is looked for, in this order, by what yields it.
ATTEMPTS: Final = {
    "a right number": right_itself,
    "known mistakes": mistakes_before,
    "another number in its place": relations,
}


def explain_in(situation: Situation, finding: Finding) -> Diagnosis:
    """Explain a finding of the step that the situation describes."""
    quantity = finding.quantity
    if quantity not in situation.differing:
        return Diagnosis(finding)
    with np.errstate(all="ignore"):  # of a number without a bound every candidate is without one, too
        for what, possible in ATTEMPTS.items():
            part = f"the search for {what}"
            found = parts.tried(part, _best, situation, quantity, possible(situation, quantity))
            if found and not isinstance(found, FailedPart):
                return Diagnosis(finding, found)
    return Diagnosis(finding)


def _best(situation: Situation, quantity: str, candidates: Iterable[Candidate]) -> tuple[Explanation, ...]:
    """Return the explanations that hold and explain most, each mistake once.

    What no earlier step speaks against comes before what is true of this step alone.
    """
    held = [
        one
        for one in candidates
        if parts.tried(f"the mistake {one.explanation.mistake}", _holds, situation, quantity, one) is True
    ]
    held = [one for one in held if not one.is_new] or held
    extent = [len(situation.differing & one.predicted.keys()) for one in held]
    best = [one.explanation for one, reach in zip(held, extent, strict=True) if reach == max(extent)]
    return tuple({explanation.sentence: explanation for explanation in reversed(best)}.values())[::-1]


def _holds(situation: Situation, quantity: str, candidate: Candidate) -> bool:
    """Whether everything stated is as the candidate predicts, and the finding's own quantity certainly is."""
    stated, predicted = situation.stated, candidate.predicted
    if candidate.known_by_digits:
        numbers = replace(stated[quantity], dtype_promised=True)
        return numbers.verdict(predicted[quantity]) is Verdict.AGREES
    if stated[quantity].verdict(predicted[quantity]) is not Verdict.AGREES:
        return False
    if not stated[quantity].tells_apart(predicted[quantity], situation.right[quantity]):
        return False
    others = [name for name in predicted if name in stated and name != quantity]
    return all(stated[name].verdict(predicted[name]) is not Verdict.DIFFERS for name in others)
