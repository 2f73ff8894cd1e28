"""What a measurement of power gives: frozen records, in the order of the cases."""

import math
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What one tool says of one claim.

    Attributes
    ----------
    objects
        Whether it objects; None where it did not run.
    step, quantity
        The first line that it objects to; 0 and "" where it names none.
    reason
        Why it did not run.
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
class Meeting:
    """One mistake on one case in one number format.

    Attributes
    ----------
    inexpressible
        Why the mistake cannot be made here, or "".
    changes
        Whether it changes any number that is shown; if not, there is nothing to catch.
    answers
        What each tool says, ours first; none where the mistake cannot be made.
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
        """Whether a tool objects."""
        answer = self.by(tool)
        return answer is not None and answer.objects is True


@dataclass(frozen=True)
class Fault:
    """The smallest relative faults that one tool catches in one quantity.

    Attributes
    ----------
    smallest
        For each element tried the smallest 10⁻ᵏ, added relative to its value, that is caught; infinite where
        not even a doubled value is.
    reason
        Why there is nothing to tell, or "".
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

    @property
    def median(self) -> float:
        """The median over the elements, of two middle ones the larger."""
        return middle(self.smallest)

    @property
    def worst(self) -> float:
        """The largest over the elements."""
        return max(self.smallest, default=math.nan)


@dataclass(frozen=True)
class Alarm:
    """What one tool says of a claim that is right: where it objects, the alarm is false."""

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
        Those that no other case catches: "fixed-parameter-updated (float64)".
    needed
        Whether it belongs to a small set of cases that together catch everything that any case catches.
    """

    case: str
    catches: int
    alone: tuple[str, ...]
    needed: bool

    @property
    def redundant(self) -> bool:
        """Whether every mistake it catches is also caught by another case."""
        return not self.alone


@dataclass(frozen=True)
class Power:
    """Everything that was measured.

    Attributes
    ----------
    seed, trials
        What the faults were drawn from, and in how many elements of each quantity they were planted.
    not_run
        For each tool that did not run at all, the reason in a sentence.
    """

    seed: int
    trials: int
    meetings: tuple[Meeting, ...]
    faults: tuple[Fault, ...]
    alarms: tuple[Alarm, ...]
    coverage: tuple[Coverage, ...]
    not_run: tuple[str, ...] = ()


def middle(numbers: tuple[float, ...]) -> float:
    """Return the median, of two middle numbers the larger; NaN of none."""
    return sorted(numbers)[len(numbers) // 2] if numbers else math.nan


def kind(quantity: str) -> str:
    """Return a quantity without its layer: dL/dW."""
    return re.sub(r"\d+", "", quantity)
