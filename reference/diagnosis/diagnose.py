"""Which mistakes explain the findings of a step, and what is off only because something else is.

The first wrong line decides: a mistake is accepted if it gives that line, where the right formula cannot, and
nothing that agrees speaks against it. The step is then held against the tape with this mistake: what that
gives is explained with it, and the next line that it does not give is wrong in its own right. Of several
mistakes those are kept that give most of what differs; if they give equally much, all are named.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cases import Problem
from cases.protocol import Verdict
from reference import parts
from reference.diagnosis.candidates import Candidate, lower_precisions, mistakes_before
from reference.diagnosis.context import StepContext, Values, changed_by, claimed_step, context_of, derive
from reference.diagnosis.hints import hint
from reference.diagnosis.pairs import two_mistakes
from reference.diagnosis.ratios import constant_ratios, update_ratios
from reference.diagnosis.relations import relations, right_itself
from reference.explanations import Diagnosis
from reference.findings import Claim, Finding, JudgedStep
from reference.parts import FailedPart


def others(context: StepContext, quantity: str) -> Iterator[Candidate]:
    """Yield other numbers in the place of this one, its roundings, and a factor of it or of many."""
    yield from relations(context, quantity)
    yield from lower_precisions(context, quantity)
    yield from constant_ratios(context, quantity)
    yield from update_ratios(context, quantity)


def attempts(context: StepContext, quantity: str) -> Iterator[tuple[str, Iterable[Candidate]]]:
    """Yield what is looked for, in this order, in words and as candidates that are made when asked for."""
    partly: list[Candidate] = []

    def whole() -> Iterator[Candidate]:
        most = 0
        for candidate in mistakes_before(context, quantity):
            if candidate.partly:
                partly.append(candidate)
            else:
                most = max(most, len(candidate.given(context)))
                yield candidate
        if 0 < most < len(context.differing):  # a number of few digits may be as predicted by chance
            lower = lower_precisions(context, quantity)
            yield from (candidate for candidate in lower if len(candidate.given(context)) > most)

    yield "a right number", right_itself(context, quantity)
    yield "known mistakes", whole()
    yield "another number in its place", others(context, quantity)
    yield "a known mistake in some elements", partly
    yield "two mistakes at once", two_mistakes(context, quantity)


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


def _in_turn(context: StepContext, findings: Sequence[Finding]) -> Iterator[Diagnosis]:
    """Diagnose findings in the order of the tape, each from what explains those before it.

    Finite numbers are looked at first: of NaN nothing can be said but that a mistake gives it, too.
    """
    explained: dict[str, Diagnosis] = {}  # by the quantities that an accepted mistake gives
    for finding in sorted(findings, key=lambda finding: context.is_lost(finding.quantity)):
        quantity = finding.quantity
        if quantity not in explained:
            diagnosis, best = _search(context, finding)
            explained[quantity] = _made_before(diagnosis, explained.values())
            for cause in best[:1]:
                given = replace(diagnosis, follows=explained[quantity].follows or quantity, hint="")
                explained = dict.fromkeys(cause.given(context), given) | explained
                if cause.tape and not cause.partly:
                    context = context.with_mistake(cause.tape, cause.explanation.lines)
    for name, follows in _followed(findings, explained).items():
        explained[name] = replace(explained[name], follows=follows)
    yield from (replace(explained[finding.quantity], finding=finding) for finding in findings)


def _followed(findings: Iterable[Finding], explained: Mapping[str, Diagnosis]) -> dict[str, str]:
    """Return what each finding follows from: the first, in their order, that has its explanation."""
    roots = {name: explained[name].follows or name for name in (finding.quantity for finding in findings)}
    first = {root: name for name, root in reversed(roots.items())}
    return {name: "" if first[root] == name else first[root] for name, root in roots.items()}


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
        for what, possible in attempts(context, quantity):
            best = parts.tried(f"the search for {what}", _best, context, possible)
            if best and not isinstance(best, FailedPart):
                break
        else:
            best = ()
        advice = parts.tried("the hint", hint, context, quantity, best)
    explanations = tuple(candidate.explanation for candidate in best)
    return Diagnosis(finding, explanations, hint=advice if isinstance(advice, str) else ""), best


def _best(context: StepContext, candidates: Iterable[Candidate]) -> Sequence[Candidate]:
    """Return those that explain most, each mistake once, if it is certain that any of them does."""
    weighed = [(len(candidate.given(context)), candidate) for candidate in candidates]
    most = max((size for size, candidate in weighed if not candidate.possibly), default=None)
    best = [
        candidate
        for size, candidate in weighed
        if size == most or (most and candidate.possibly and size > most)
    ]
    ordered = sorted(best, key=lambda candidate: candidate.possibly)
    return list({one.explanation.sentence: one for one in reversed(ordered)}.values())[::-1]


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
