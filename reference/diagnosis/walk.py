"""Whole runs diagnosed: every finding of an implementation's steps, explained."""

from collections.abc import Iterable, Iterator
from functools import partial

from cases import Problem
from cases.verdict import Verdict
from reference.claim import JudgedStep
from reference.diagnosis.explain import explain_in, known_before, situation_of
from reference.diagnosis.explanation import Diagnosis
from reference.diagnosis.situation import EarlierStep, History, Situation
from reference.diagnosis.stated import stated_in_claim
from reference.findings import Finding


def diagnose(problem: Problem, judged: Iterable[JudgedStep]) -> Iterator[Diagnosis]:
    """Diagnose an implementation's run, each finding as `explain_step` does.

    Parameters
    ----------
    problem
        What the implementation was given.
    judged
        Its steps from the first on, as `judge` yields them.

    Yields
    ------
    A diagnosis of each finding with numbers that differ, or an array of the wrong shape or dtype, in order.
    """
    for step in judged:
        situation = _situation(problem, step)
        for finding in step.failures:
            if finding.verdict is Verdict.DIFFERS or finding.quantity in situation.differing:
                yield explain_in(situation, finding)


def explain_step(problem: Problem, judged: JudgedStep, finding: Finding) -> Diagnosis:
    """Diagnose one finding of one judged step: for reports, tests, sweeps, whoever asks.

    A mistake is taken to be made from the start of the run on, in hidden lines as in those that are shown.

    Parameters
    ----------
    problem
        What the implementation was given.
    judged
        The step, as `judge` yields it: with the steps before it that a hidden state follows from.
    finding
        A finding of the step that is not agreement; any of them, not only the first.
    """
    return explain_in(_situation(problem, judged), finding)


def _situation(problem: Problem, judged: JudgedStep) -> Situation:
    earlier = judged.previous
    previous = situation_of(problem, earlier.claim, earlier.state) if earlier else None
    return situation_of(problem, judged.claim, judged.state, previous, _history(problem, earlier))


def _history(problem: Problem, last: JudgedStep | None) -> History | None:
    """Return the steps up to the last, from where all of the state is known exactly, if it is."""
    steps: list[JudgedStep] = []
    while last is not None:
        steps.insert(0, last)
        last = last.previous
    if not steps or not all(number.is_exact for number in steps[0].state.values()):
        return None
    return History(
        problem, known_before(problem, steps[0].state), tuple(map(partial(_earlier, problem), steps))
    )


def _earlier(problem: Problem, judged: JudgedStep) -> EarlierStep:
    stated = stated_in_claim(judged.claim, problem.dtype)
    agreed = frozenset(one.quantity for one in judged.findings if one.verdict is Verdict.AGREES)
    return EarlierStep(stated, agreed)
