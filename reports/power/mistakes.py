"""Every mistake on one setting: who catches it, and at which line first."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from reference import Claim, Verdict, judge
from reference.mistakes import MISTAKES, Inexpressible, mistaken_steps
from reference.mistakes import STRUCTURAL as WRONG_FORMULAS
from reports.power.results import Answer, Meeting
from reports.power.setting import STEPS, Setting, only
from reports.power.tools import NotRun, Objects, ObjectsToGradients, Toolbox
from reports.power.words import OUTCOME, PRECISION, SHOWN, STRUCTURAL

# An error is a gradient of the wrong shape; what is undecided is not caught.
CAUGHT = (Verdict.DIFFERS, Verdict.ERROR)


def meet(setting: Setting, toolbox: Toolbox) -> Iterator[Meeting]:
    """Put every mistake to every tool."""
    for mistake in MISTAKES.values():
        kind = STRUCTURAL if mistake in WRONG_FORMULAS else PRECISION
        about = (setting.case, setting.dtype, mistake.name, kind)
        tape = mistake.tape(setting.problem)
        if isinstance(tape, Inexpressible):
            yield Meeting(*about, tape.reason)
            continue
        run = mistaken_steps(setting.problem.copy(), mistake)
        claims = [only(claim, setting.observable) for claim in islice(run, STEPS)]
        answers = (*_ours(setting, claims), *_theirs(setting, claims, toolbox))
        yield Meeting(*about, changes=_changes(setting, claims), answers=answers)


def _changes(setting: Setting, claims: Sequence[Claim]) -> bool:
    """Whether any number that is shown is another one."""
    return not all(
        np.array_equal(array, right[name], equal_nan=True)
        for claim, right in zip(claims, setting.right, strict=False)
        for name, array in claim.items()
    )


def _ours(setting: Setting, claims: Sequence[Claim]) -> Iterator[Answer]:
    yield judged(setting, claims, SHOWN)
    yield judged(setting, [only(claim, setting.outcome) for claim in claims], OUTCOME)


def judged(setting: Setting, claims: Sequence[Claim], tool: str) -> Answer:
    """Judge step by step until something is caught.

    Not in ball arithmetic: over the shipped cases that catches the same mistakes at the same lines, and takes
    three times as long on small networks and fifty times as long on the largest.
    """
    run = judge(setting.problem, lambda _: iter(claims), frozenset(claims[0]), certify=False)
    for step in islice(run, len(claims)):
        for finding in step.findings:
            if finding.verdict in CAUGHT:
                return Answer(tool, objects=True, step=finding.step, quantity=finding.quantity)
    return Answer(tool, objects=False)


def _theirs(setting: Setting, claims: Sequence[Claim], toolbox: Toolbox) -> Iterator[Answer]:
    for tool, objects in toolbox.comparisons.items():
        yield compared(setting, claims, tool, objects)
    for tool, check in toolbox.gradient_checks.items():
        yield _checked(setting, claims[0], tool, check)


def compared(setting: Setting, claims: Sequence[Claim], tool: str, objects: Objects | NotRun) -> Answer:
    """Compare a program's run, quantity by quantity, with the reference's own run in the same format."""
    if isinstance(objects, NotRun):
        return Answer(tool, objects=None, reason=objects.reason)
    for step, (claim, right) in enumerate(zip(claims, setting.right, strict=False), start=1):
        for name, array in claim.items():
            if objects(array, right[name]):
                return Answer(tool, objects=True, step=step, quantity=name)
    return Answer(tool, objects=False)


def _checked(setting: Setting, claim: Claim, tool: str, objects: ObjectsToGradients | NotRun) -> Answer:
    if isinstance(objects, NotRun):
        return Answer(tool, objects=None, reason=objects.reason)
    return Answer(tool, objects=objects(setting.gradients(claim)))
