"""Which mistakes explain the findings of a step, and what is off only because something else is.

The first wrong line decides: a mistake is accepted if it gives that line, where the right formula cannot, and
nothing that agrees speaks against it. The step is then held against the tape with this mistake: what that
gives is explained with it, and the next line that it does not give is wrong in its own right. Of several
mistakes those are kept that give most of what differs; if they give equally much, all are named.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cases import Problem
from cases.protocol import Verdict
from reference import parts
from reference.diagnosis.candidates import Candidate, Explanation, lower_precisions, mistakes_before
from reference.diagnosis.context import StepContext, Values, changed_by, claimed_step, context_of, derive
from reference.diagnosis.hints import hint
from reference.diagnosis.pairs import two_mistakes
from reference.diagnosis.ratios import constant_ratios, update_ratios
from reference.diagnosis.relations import relations, right_itself
from reference.findings import Claim, Finding, JudgedStep
from reference.parts import FailedPart


def others(context: StepContext, quantity: str) -> Iterator[Candidate]:
    """Yield other numbers in the place of this one, its roundings, and a factor of it or of many."""
    yield from relations(context, quantity)
    yield from lower_precisions(context, quantity)
    yield from constant_ratios(context, quantity)
    yield from update_ratios(context, quantity)


def whole(context: StepContext, quantity: str) -> Iterator[Candidate]:
    """Yield known mistakes that give all elements."""
    yield from (candidate for candidate in mistakes_before(context, quantity) if not candidate.partly)


# What is looked for, in this order, by what yields it.
ATTEMPTS: Final = {
    "a right number": right_itself,
    "known mistakes": whole,
    "another number in its place": others,
    "a known mistake in some elements": mistakes_before,
    "two mistakes at once": two_mistakes,
}


# Mistakes that are named where several give the same numbers; of more only their number is said.
MAX_NAMED: Final = 3


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
        each = (name for explanation in self.explanations for name in explanation.mistake.split(" and "))
        return tuple(dict.fromkeys(each))

    def __str__(self) -> str:
        if not self.explanations:
            return "No known mistake explains it."
        clauses = [explanation.sentence for explanation in self.explanations]
        more = [f"{len(clauses) - MAX_NAMED} more that give the same numbers"] * (
            len(clauses) > MAX_NAMED + 1
        )
        return f"Explained by: {'; or: '.join([*clauses[: MAX_NAMED if more else None], *more])}."


def diagnose(problem: Problem, judged: Iterable[JudgedStep]) -> Iterator[Diagnosis]:
    """Diagnose an implementation's run, from its first step on as `judge` yields it, step by step."""
    for step in judged:
        yield from explain_step(problem, step)


def explain_step(problem: Problem, judged: JudgedStep) -> tuple[Diagnosis, ...]:
    """Diagnose a step as `judge` yields it, with the steps before it that it keeps.

    Each finding with numbers that differ, or an array of the wrong shape or dtype, has a diagnosis, in order.
    """
    context = context_of(problem, judged)
    those = [
        finding
        for finding in judged.failures
        if finding.verdict is Verdict.DIFFERS or finding.quantity in context.differing
    ]
    return tuple(_in_turn(context, those))


def _in_turn(context: StepContext, findings: Iterable[Finding]) -> Iterator[Diagnosis]:
    """Diagnose findings in the order of the tape, each from what explains those before it."""
    explained: dict[str, Diagnosis] = {}  # by the quantities that an accepted mistake gives
    for finding in findings:
        quantity = finding.quantity
        if quantity not in explained:
            diagnosis, best = _search(context, finding)
            explained[quantity] = _made_before(diagnosis, explained.values())
            for cause in best[:1]:
                given = replace(diagnosis, follows=explained[quantity].follows or quantity, hint="")
                explained = dict.fromkeys(cause.given(context), given) | explained
                if cause.tape and not cause.partly:
                    context = context.with_mistake(cause.tape, cause.explanation.lines)
        yield replace(explained[quantity], finding=finding)


def _made_before(diagnosis: Diagnosis, others: Iterable[Diagnosis]) -> Diagnosis:
    """Return a diagnosis, as following from an earlier one with the same mistakes if there is any."""
    same = (other for other in others if other.explanations and str(other) == str(diagnosis))
    earlier = next(same, None)
    return replace(diagnosis, follows=earlier.follows or earlier.finding.quantity) if earlier else diagnosis


def explain_in(context: StepContext, finding: Finding) -> Diagnosis:
    return _search(context, finding)[0]


def _search(context: StepContext, finding: Finding) -> tuple[Diagnosis, Sequence[Candidate]]:
    """Return the diagnosis of a finding by itself, and the candidates that it names, the best first."""
    quantity = finding.quantity
    if quantity not in context.differing:
        return Diagnosis(finding), ()
    with np.errstate(all="ignore"):  # of a number without a bound every candidate is without one, too
        for what, possible in ATTEMPTS.items():
            best = parts.tried(f"the search for {what}", _best, context, possible(context, quantity))
            if best and not isinstance(best, FailedPart):
                break
        else:
            best = ()
        advice = parts.tried("the hint", hint, context, quantity, best)
    explanations = tuple(candidate.explanation for candidate in best)
    return Diagnosis(finding, explanations, hint=advice if isinstance(advice, str) else ""), best


def _best(context: StepContext, candidates: Iterable[Candidate]) -> Sequence[Candidate]:
    """Return those that explain most, each mistake once."""
    weighed = [(len(candidate.given(context)), candidate) for candidate in candidates]
    most = max((size for size, _ in weighed), default=None)
    best = [candidate for size, candidate in weighed if size == most]
    return list({one.explanation.sentence: one for one in reversed(best)}.values())[::-1]


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
