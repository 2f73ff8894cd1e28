"""Running one implementation on some cases and judging it: over a stack, and one case at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cases import Problem
from cases.stacks import sliced, unstacked
from cases.verdict import NoEquivalent
from reference import JudgedStep, Subject, Verdict, judge, sentence
from reference.stacks import followed, judge_recomputed, judge_stack, stack_of_one
from reports.runs.runner import diagnosed
from reports.sweep import judged
from reports.sweep.implementations import Implementation
from reports.sweep.judged import Judged
from reports.sweep.known import known

Claims = Sequence[Mapping[str, NDArray[Any]]]

# So many findings of one trial are told in a sentence; the others are counted.
MOST_TOLD: Final = 3


# What a compiled program's difference is known as that goes on with another value than the one it states.
#
# XLA may fuse a product into the sums that use it, and compute it once more for the output, in another order;
# in 16 bits it may go on with what it has not rounded yet.
RECOMPUTED: Final = "computed twice by the compiler"


@dataclass(frozen=True)
class Trial:
    """What was found of one implementation on some cases.

    Attributes
    ----------
    judged
        An entry for each case.
    known
        For each case by which case of `cases/divergences/` its difference is known, or `RECOMPUTED`, or "".
    told
        Findings in a sentence, by the case's place.
    """

    judged: Judged
    known: NDArray[Any]
    told: dict[int, str] = field(default_factory=dict)


def try_stack(implementation: Implementation, stack: Problem) -> Trial:
    """Judge a program over a stack; where it fails as a whole, halves are tried, down to single cases."""
    program, count = implementation.program, len(stack.x)
    if program.stacked is None:
        raise ValueError(f"{implementation.adapter.name} has no program over a stack")
    claims: list[Mapping[str, NDArray[Any]]] = []

    def kept(problem: Problem) -> Iterator[Mapping[str, NDArray[Any]]]:
        for claim in program.stacked.run(problem):  # type: ignore[union-attr]  # seen above
            claims.append(claim)
            yield claim

    try:
        promises = implementation.promises(stack.depth)
        found = [one for step in judge_stack(stack, kept, promises, program.accumulators) for one in step]
    except NoEquivalent:
        return Trial(judged.declined(count), np.full(count, "", object))
    except (Exception, SystemExit):  # noqa: BLE001 - each case is tried by itself, and tells what befalls it
        return _halved(implementation, stack)
    result = judged.of_stack(found)
    explained = _known(implementation, stack, result, claims)
    return Trial(result, explained, _told(implementation, stack, result, explained, claims))


def _halved(implementation: Implementation, stack: Problem) -> Trial:
    middle = len(stack.x) // 2
    if middle == 0:
        return try_alone(implementation, stack)
    parts = [
        try_stack(implementation, sliced(stack, *ends)) for ends in ((0, middle), (middle, len(stack.x)))
    ]
    return together(parts)


def together(parts: Sequence[Trial]) -> Trial:
    """Put trials of cases that follow each other together."""
    told: dict[int, str] = {}
    before = 0
    for part in parts:
        told |= {before + i: sentence for i, sentence in part.told.items()}
        before += len(part.known)
    return Trial(
        judged.joined([part.judged for part in parts]), np.concatenate([part.known for part in parts]), told
    )


def try_alone(implementation: Implementation, stack: Problem) -> Trial:
    """Judge a program on each case of a stack by itself, as a user runs it, against certified truth."""
    return together([_one_alone(implementation, stack, i) for i in range(len(stack.x))])


def _one_alone(implementation: Implementation, stack: Problem, i: int) -> Trial:
    steps = list(_judge(implementation, stack, i, implementation.program.run))
    result, claims = judged.of_steps(steps), [stack_of_one(step.claim) for step in steps]
    explained = _known(implementation, sliced(stack, i, i + 1), result, claims)
    is_news = result.verdict[0] in {Verdict.DIFFERS, Verdict.ERROR} and not explained[0]
    return Trial(result, explained, {0: _sentence(implementation, stack, i, steps)} if is_news else {})


def _judge(
    implementation: Implementation, stack: Problem, i: int, run: Callable[..., Any]
) -> Iterator[JudgedStep]:
    problem, program = unstacked(stack, i, _name(stack, i)), implementation.program
    return judge(problem, run, implementation.promises(problem.depth), accumulators=program.accumulators)


def _name(stack: Problem, i: int) -> str:
    """Name a case of a stack: the stack's name ends with the number of its first."""
    start, _, number = stack.case.rpartition(" ")
    return f"{start} {int(number) + i}"


def _known(implementation: Implementation, stack: Problem, result: Judged, claims: Claims) -> NDArray[Any]:
    """Return for each case that differs by which case of the suite that is known."""
    explained = np.full(len(stack.x), "", object)
    differs = result.verdict == str(Verdict.DIFFERS)
    firsts = set(zip(result.step[differs].tolist(), result.first[differs].tolist(), strict=True))
    steps = list(followed(stack, claims, implementation.program.accumulators)) if firsts else []
    for step, quantity in sorted(firsts):
        here = differs & (result.step == step) & (result.first == quantity)
        by = implementation.adapter.framework or implementation.adapter.name
        explained[here] = known(by, stack, quantity, steps[step - 1], shown=implementation.shows_all)[here]
    news = differs & (explained == "")
    if implementation.program.is_compiled and news.any():
        explained[news & recomputed(implementation, stack, claims)] = RECOMPUTED
    return explained


def recomputed(implementation: Implementation, stack: Problem, claims: Claims) -> NDArray[np.bool_]:
    """Return the cases that agree if a value was computed again, in another order, where it is used."""
    steps = judge_recomputed(stack, claims, implementation.program.accumulators)
    again = judged.of_stack([one for step in steps for one in step])
    return again.verdict != str(Verdict.DIFFERS)


def _told(
    implementation: Implementation, stack: Problem, result: Judged, explained: NDArray[Any], claims: Claims
) -> dict[int, str]:
    """Tell the first cases that differ and are not known, each judged again by itself from the same claim."""
    news = np.flatnonzero((result.verdict == str(Verdict.DIFFERS)) & (explained == ""))
    told = {}
    for i in news[:MOST_TOLD].tolist():
        own = [{name: array[i] if array.ndim else array for name, array in claim.items()} for claim in claims]
        steps = list(_judge(implementation, stack, i, lambda _, own=own: iter(own)))
        told[i] = _sentence(implementation, stack, i, steps)
    return told


def _sentence(implementation: Implementation, stack: Problem, i: int, steps: Sequence[JudgedStep]) -> str:
    """Tell the first failure in one sentence, with the mistake that explains it."""
    problem = unstacked(stack, i, _name(stack, i))
    subject = Subject(problem.case, implementation.adapter.name, implementation.program.name, problem.dtype)
    failing = [
        (step, one) for step in steps for one in step.findings
        if one.verdict in {Verdict.DIFFERS, Verdict.ERROR}
    ]  # fmt: skip
    if not failing:
        return "in the stack it differs; judged by itself against certified truth it does not"
    step, finding = failing[0]
    _, told = diagnosed(problem, step, finding) if finding.verdict is Verdict.DIFFERS else ((), "")
    return f"{sentence(finding, subject)}. {told}".strip()
