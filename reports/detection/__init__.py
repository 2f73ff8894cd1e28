"""Detection power: which mistakes this suite catches that the usual tools miss, and its false alarms.

Here are the names of the tools, and the records of a measurement, in the order of the cases.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from reports.runs.accuracy import kind

# This suite, given everything that can be observed of an implementation; or no more than the loss, the
# gradients and the updated parameters.
SUITE: Final = "this suite"
SUITE_OUTCOME: Final = "this suite, outcome only"
OURS: Final = (SUITE, SUITE_OUTCOME)

# The usual tools, each with its defaults.
ASSERT_CLOSE: Final = "torch.testing.assert_close"
ALLCLOSE: Final = "numpy.allclose"
GRADCHECK: Final = "torch.autograd.gradcheck"
CHECK_GRADS: Final = "jax.test_util.check_grads"
TOOLS: Final = (ASSERT_CLOSE, ALLCLOSE, GRADCHECK, CHECK_GRADS)

# The kinds of mistakes, and what the tables call them.
STRUCTURAL, PRECISION = "structural", "precision"
KINDS: Final = {STRUCTURAL: "wrong formula", PRECISION: "too low a precision"}


@dataclass(frozen=True)
class Answer:
    """What one tool says of one claim.

    Attributes
    ----------
    objects
        Whether it objects; None where it did not run, with the `reason`.
    step, quantity
        The first line that it objects to; 0 and "" where it names none.
    """

    tool: str
    objects: bool | None
    step: int = 0
    quantity: str = ""
    reason: str = ""

    @property
    def where(self) -> str:
        """The line it objects to first: "dL/dW1", or "dL/dW1, step 2"."""
        return f"{self.quantity}, step {self.step}" if self.step > 1 else self.quantity


@dataclass(frozen=True)
class MistakeResult:
    """One mistake on one case in one number format.

    Attributes
    ----------
    inexpressible
        Why the mistake cannot be made here, or "".
    changes
        Whether it changes any observable number; if not, there is nothing to catch.
    answers
        What each tool says, this suite first; none where the mistake cannot be made.
    """

    case: str
    dtype: str
    mistake: str
    kind: str
    inexpressible: str = ""
    changes: bool = False
    answers: tuple[Answer, ...] = ()

    def by(self, tool: str) -> Answer | None:
        """Return what a tool says, if it was asked."""
        return next((answer for answer in self.answers if answer.tool == tool), None)

    def caught_by(self, tool: str) -> bool:
        answer = self.by(tool)
        return answer is not None and answer.objects is True


@dataclass(frozen=True)
class FaultResult:
    """The smallest relative faults that one tool catches in one quantity.

    Attributes
    ----------
    smallest
        For each element tried the smallest 10⁻ᵏ, added relative to its value, that is caught; infinite where
        not even a doubled value is.
    reason
        Why nothing was measured, or "".
    """

    case: str
    dtype: str
    quantity: str
    tool: str
    smallest: tuple[float, ...] = ()
    reason: str = ""

    @property
    def kind(self) -> str:
        """The quantity without its layer: dL/dW."""
        return kind(self.quantity)


def upper_median(numbers: tuple[float, ...]) -> float:
    """Return the median, of two middle numbers the larger; NaN of none."""
    return sorted(numbers)[len(numbers) // 2] if numbers else math.nan


@dataclass(frozen=True)
class Alarm:
    """What one tool says of a correct claim: where it objects, the alarm is false."""

    case: str
    dtype: str
    implementation: str
    answer: Answer


@dataclass(frozen=True)
class Coverage:
    """What one case adds to the others.

    Attributes
    ----------
    catches
        How many mistakes it catches, counted once for each number format.
    alone
        Those that no other case catches: "fixed-parameter-updated (float64)"; if none, it is redundant.
    needed
        Whether it belongs to a small set of cases that together catch everything that any case catches.
    """

    case: str
    catches: int
    alone: tuple[str, ...]
    needed: bool


@dataclass(frozen=True)
class Power:
    """Everything that was measured.

    Attributes
    ----------
    seed, trials
        What the faults were drawn from, and in how many elements of each quantity they were injected.
    not_run
        For each tool that did not run at all, the reason in a sentence.
    """

    seed: int
    trials: int
    meetings: tuple[MistakeResult, ...]
    faults: tuple[FaultResult, ...]
    alarms: tuple[Alarm, ...]
    coverage: tuple[Coverage, ...]
    not_run: tuple[str, ...] = ()


def cover(results: Iterable[MistakeResult]) -> tuple[Coverage, ...]:
    """Weigh each case against all others, by the mistakes it catches in each number format."""
    catches: dict[str, set[tuple[str, str]]] = {}
    for result in results:
        caught = catches.setdefault(result.case, set())
        if result.caught_by(SUITE):
            caught.add((result.mistake, result.dtype))
    needed = _small_set(catches)
    coverage = []
    for case, caught in catches.items():
        alone = caught.difference(*(other for name, other in catches.items() if name != case))
        named = tuple(f"{mistake} ({dtype})" for mistake, dtype in sorted(alone))
        coverage.append(Coverage(case, len(caught), named, case in needed))
    return tuple(coverage)


def _small_set(catches: Mapping[str, set[tuple[str, str]]]) -> list[str]:
    """Choose greedily: always the case that catches most of what is still uncaught, the earlier of equals.

    A case that the later choices have made superfluous is dropped again, so none can be left out.
    """
    uncaught = set().union(*catches.values())
    chosen: list[str] = []
    while uncaught:
        best = max(catches, key=lambda case: len(catches[case] & uncaught))
        chosen.append(best)
        uncaught -= catches[best]
    for case in tuple(chosen):
        rest = [other for other in chosen if other != case]
        if catches[case] <= set().union(*(catches[other] for other in rest)):
            chosen = rest
    return chosen
