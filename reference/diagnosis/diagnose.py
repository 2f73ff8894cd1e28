"""Runs and steps of an implementation diagnosed, and which later quantities are off only for the first."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cases import Problem
from cases.protocol import Verdict
from reference.claim import Claim, JudgedStep
from reference.diagnosis.context import (
    EarlierStep,
    History,
    StepContext,
    Values,
    derive,
    known_before,
    step_context,
)
from reference.diagnosis.explain import Diagnosis, explain_in
from reference.diagnosis.observed import observed_in_claim
from reference.findings import Finding


def diagnose(problem: Problem, judged: Iterable[JudgedStep]) -> Iterator[Diagnosis]:
    """Diagnose an implementation's run, each finding as `explain_step` does.

    Parameters
    ----------
    judged
        Its steps from the first on, as `judge` yields them.

    Yields
    ------
    A diagnosis of each finding with numbers that differ, or an array of the wrong shape or dtype, in order.
    """
    for step in judged:
        context = _context(problem, step)
        for finding in step.failures:
            if finding.verdict is Verdict.DIFFERS or finding.quantity in context.differing:
                yield explain_in(context, finding)


def explain_step(problem: Problem, judged: JudgedStep, finding: Finding) -> Diagnosis:
    """Diagnose one finding of one judged step.

    A mistake is taken to be made from the start of the run on, in hidden lines as in those that are shown.

    Parameters
    ----------
    judged
        The step, as `judge` yields it: with the steps before it that a hidden state follows from.
    finding
        A finding of the step that is not agreement; any of them, not only the first.
    """
    return explain_in(_context(problem, judged), finding)


def _context(problem: Problem, judged: JudgedStep) -> StepContext:
    earlier = judged.previous
    previous = step_context(problem, earlier.claim, earlier.state) if earlier else None
    return step_context(problem, judged.claim, judged.state, previous, _history(problem, earlier))


def _history(problem: Problem, last: JudgedStep | None) -> History | None:
    """Return the steps up to the last, from where all of the state is known exactly, if it is."""
    steps: list[JudgedStep] = []
    while last is not None:
        steps.insert(0, last)
        last = last.previous
    if not steps or not all(number.is_exact for number in steps[0].state.values()):
        return None
    earlier = tuple(_earlier(problem, step) for step in steps)
    return History(problem, known_before(problem, steps[0].state), earlier)


def _earlier(problem: Problem, judged: JudgedStep) -> EarlierStep:
    agreed = frozenset(one.quantity for one in judged.findings if one.verdict is Verdict.AGREES)
    return EarlierStep(observed_in_claim(judged.claim, problem.dtype), agreed)


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
    """Return which later quantities of a step are wrong only because `quantity` is.

    Everything after `quantity`, usually the first that differs, is derived as if it were right; what then no
    longer agrees has inherited it. `state` is what was known before the step.
    """
    context = step_context(problem, claim, state)
    after = _following(context, quantity)
    kept = {name: one for name, one in context.observed.items() if name not in after | {quantity}}
    mended = derive(context.lines, context.known, kept)
    later = {name: context.observed[name] for name in mended if name in after & context.observed.keys()}
    off = {name for name, one in later.items() if one.verdict(mended[name]) is Verdict.DIFFERS}
    return Inheritance(quantity, tuple(name for name in later if name in off - context.differing))


def _following(context: StepContext, quantity: str) -> set[str]:
    """Return every quantity of the step that is computed from `quantity`, directly or not."""
    following = {quantity}
    for line in context.lines:
        if not following.isdisjoint(line.inputs):
            following.add(line.name)
    return following - {quantity}
