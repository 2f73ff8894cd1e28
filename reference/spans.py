"""Parting a run into spans: consecutive steps that are judged together, because that is quicker.

Only steps that are not certified are: certifying costs more than all the rest of a step.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cases import Problem
from reference.claims import Claim
from reference.findings import Finding

# Steps that are judged together: further ones gain nothing, and an implementation is not run far ahead.
MOST: Final = 100

# Parameters and activations of all of them, at most, so that a stack of steps stays in a cache.
ELEMENTS: Final = 100_000


@dataclass(frozen=True)
class Span:
    """Consecutive steps from the first on: a claim of each, or a finding that ends the run."""

    first: int
    claims: Sequence[Claim | Finding]


def spans(
    problem: Problem, claims: Iterable[Claim | Finding], certifies: Callable[[int], bool]
) -> Iterator[Span]:
    """Part a run into spans: a certified step stands alone, others as many together as are worth it."""
    most = min(MOST, ELEMENTS // _elements(problem))
    waiting: list[Claim | Finding] = []
    for step, claim in enumerate(claims, start=1):
        if isinstance(claim, Finding) or most <= 1 or certifies(step):
            if waiting:
                yield Span(step - len(waiting), waiting)
            yield Span(step, [claim])
            waiting = []
            continue
        waiting.append(claim)
        if len(waiting) == most:
            yield Span(step + 1 - most, waiting)
            waiting = []
    if waiting:
        yield Span(step + 1 - len(waiting), waiting)


def _elements(problem: Problem) -> int:
    widths: list[int] = [array.shape[0] for array in problem.parameters.values()]
    return problem.size + len(problem.x) * sum(widths)
