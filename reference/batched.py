"""Judging a stack: many cases of one structure at once, each array with one axis more in front.

The lines, the bounds and the agreement are those of `reference.checker`; only the findings come in arrays,
one entry for each case. Nothing is certified here, and nothing explained: a case that is not in agreement is
judged again by itself.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem
from cases.protocol import IN_FLOAT32, Accumulators
from cases.skeleton import FROM_NUMBERS
from reference.agreement import compare_cases
from reference.arithmetic import Bounded, Real, format_of
from reference.checker import Judging
from reference.line import Line, evaluate
from reference.training import advance, exact_inputs, tape

# What is claimed of all cases of a stack, in arrays of the shape (C, …).
StackClaim: TypeAlias = Mapping[str, NDArray[Any]]
StackImplementation: TypeAlias = Callable[[Problem], Iterator[StackClaim]]


def stack_of_one(claim: StackClaim) -> dict[str, NDArray[Any]]:
    """Return what is claimed of one case as a claim of a stack, with one axis more in front."""
    return {
        name: np.asarray(array) if name in FROM_NUMBERS else np.asarray(array)[None]
        for name, array in claim.items()
    }


class MalformedError(Exception):
    """A claim of a stack that is none: a wrong name, kind, dtype or shape, or a promise that is not kept."""


@dataclass(frozen=True)
class StackFinding:
    """The verdicts on one quantity of one step, in arrays with an entry for each of C cases."""

    step: int
    quantity: str
    verdicts: NDArray[np.int8]  # indices in `reference.agreement.VERDICTS`
    used: Real  # the largest error over its tolerance; infinite where nothing is allowed and something is off
    digits: Real  # decimal digits that are certified, as in `reference.findings.Finding`


def judge_stack(
    problem: Problem,
    implementation: StackImplementation,
    promises: frozenset[str],
    accumulators: Accumulators = IN_FLOAT32,
) -> Iterator[tuple[StackFinding, ...]]:
    """Judge the training runs of a stack, step by step, each case from its own previous parameters.

    Every array of the problem has the shape (C, …), as those that the implementation yields; it is given a
    copy. Promises and accumulators are as in `reference.checker.judge`. A claim that is not what it should be
    raises MalformedError; what the implementation raises passes through.
    """
    for step in _steps(problem, implementation(problem.copy()), promises, accumulators):
        yield tuple(findings[0] for findings in step.findings)


def known_values(
    problem: Problem, claims: Iterable[StackClaim], accumulators: Accumulators = IN_FLOAT32
) -> Iterator[dict[str, Bounded]]:
    """Give for each step what is known of a stack: what is claimed, exact; what is hidden, with its bound."""
    for step in _steps(problem, claims, frozenset(), accumulators):
        yield {**step.known, **step.values}


def judge_recomputed(
    problem: Problem, claims: Iterable[StackClaim], accumulators: Accumulators = IN_FLOAT32
) -> Iterator[tuple[StackFinding, ...]]:
    """Judge again as if a compiler had computed what it states once more, in another order, where it is used.

    What is stated and what is used are then two results of the same line, each within that line's own bound.
    """
    for step in _steps(problem, claims, frozenset(), accumulators):
        yield tuple(step.recomputed())


@dataclass(eq=False)
class _StackStep(Judging):
    def compare(self, name: str, derived: Bounded) -> Bounded:
        claimed = derived.stated(self.claims[0][name])
        self.findings.append([self.finding(name, claimed, derived)])
        return claimed

    def finding(self, name: str, claimed: Bounded, derived: Bounded) -> StackFinding:
        compared = compare_cases(claimed.value, derived)
        parts: Any = (compared.verdicts, compared.used, compared.digits)
        return StackFinding(self.first, name, *(np.broadcast_to(part, len(self.problem.x)) for part in parts))

    def add_error(self, name: str, reason: str) -> None:
        raise MalformedError(f"{name} {reason}".strip())

    def recomputed(self) -> list[StackFinding]:
        """Compare with what is derived from each claimed number as far off again as its own bound allows."""
        findings = []

        def settle(line: Line, again: Bounded) -> Bounded:
            if line.name not in self.derived:
                return again
            claimed = self.values[line.name]
            findings.append(self.finding(line.name, claimed, again))
            return claimed.widened(2 * self.derived[line.name].error)

        evaluate(tape(self.problem), self.known, settle)
        return findings


def _steps(
    problem: Problem, claims: Iterable[StackClaim], promises: frozenset[str], accumulators: Accumulators
) -> Iterator[_StackStep]:
    known = exact_inputs(problem, replace(format_of(problem.dtype, accumulators), stacked=True))
    waiting = iter(claims)
    for number in range(1, problem.steps + 1):
        claim = next(waiting, None)
        if claim is None:
            raise MalformedError(f"stopped after {number - 1} of {problem.steps} steps")
        step = _StackStep(problem, number, [claim], [], known, promises)
        step.run()
        yield step
        known = advance(known, step.values, problem)
