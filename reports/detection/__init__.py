"""Detection power: which mistakes this suite catches that the usual tools miss, and its false alarms.

Here are the names of the tools, and the records of a measurement, in the order of the cases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final, Self, TypeVar

# This suite, given everything that can be observed of an implementation; or no more than the loss, the
# gradients and the updated parameters.
SUITE: Final = "this suite"
SUITE_OUTCOME: Final = "this suite, outcome only"
OURS: Final = (SUITE, SUITE_OUTCOME)

# The usual tools.
ASSERT_CLOSE: Final = "torch.testing.assert_close"
ALLCLOSE: Final = "numpy.allclose"
GRADCHECK: Final = "torch.autograd.gradcheck"
CHECK_GRADS: Final = "jax.test_util.check_grads"
TOOLS: Final = (ASSERT_CLOSE, ALLCLOSE, GRADCHECK, CHECK_GRADS)

# What of a training step is shown where the diagnosis is measured.
EVERYTHING: Final = "everything shown"
OUTCOME: Final = "outcome only"
SHOWN: Final = (EVERYTHING, OUTCOME)

# The kinds of mistakes, and what the tables call them.
STRUCTURAL, PRECISION = "structural", "precision"
KINDS: Final = {STRUCTURAL: "wrong formula", PRECISION: "too low a precision"}


Counted = TypeVar("Counted", "Pairs", "RightRuns")


@dataclass(frozen=True)
class Answer:
    """What one tool says of one claim, with the first line that it objects to, if it names one."""

    tool: str
    objects: bool | None  # None where it did not run, with the reason
    step: int = 0
    quantity: str = ""
    reason: str = ""

    @property
    def where(self) -> str:
        """The line it objects to first: "dL/dW1", or "dL/dW1, step 2"."""
        return f"{self.quantity}, step {self.step}" if self.step > 1 else self.quantity


@dataclass(frozen=True)
class MistakeResult:
    """One mistake on one case in one number format, and what each tool says, this suite first."""

    case: str
    dtype: str
    mistake: str
    kind: str
    inexpressible: str = ""  # why the mistake cannot be made here; then there are no answers
    changes: bool = False  # any observable number; if not, there is nothing to catch
    answers: tuple[Answer, ...] = ()

    def by(self, tool: str) -> Answer | None:
        return next((answer for answer in self.answers if answer.tool == tool), None)

    def caught_by(self, tool: str) -> bool:
        answer = self.by(tool)
        return answer is not None and answer.objects is True


@dataclass(frozen=True)
class FaultResult:
    """The smallest relative faults that one tool catches in one quantity."""

    case: str
    dtype: str
    quantity: str
    tool: str
    smallest: tuple[float, ...] = ()  # 10⁻ᵏ of each element tried; infinite where its double is not caught
    reason: str = ""  # why nothing was measured


@dataclass(frozen=True)
class Alarm:
    """What one tool says of a correct claim: where it objects, the alarm is false."""

    case: str
    dtype: str
    implementation: str
    answer: Answer


@dataclass(frozen=True)
class Coverage:
    """What one case adds to the others, where mistakes are counted once for each number format."""

    case: str
    catches: int
    alone: tuple[str, ...]  # what no other case catches: "fixed-parameter-updated (float64)"
    needed: bool  # for a small set of cases that together catch everything that any case catches


@dataclass(frozen=True)
class Named:
    """How often the first diagnosis of a run names its mistake, on random networks on which it is seen."""

    mistake: str
    dtype: str
    shown: str  # of `SHOWN`
    drawn: int  # how many networks were drawn
    alone: int = 0  # how often its name is the only one
    equal: int = 0  # how often it is named together with others, which explain as much
    unnamed: int = 0
    instead: tuple[tuple[str, ...], ...] = ()  # the names that were given where it was not among them
    blind: tuple[str, ...] = ()  # why it cannot be made on the other networks, each reason once

    @classmethod
    def of(
        cls,
        about: tuple[str, str, str],
        networks: int,
        diagnoses: Sequence[tuple[str, ...]],
        blind: tuple[str, ...],
    ) -> Self:
        """Count first diagnoses, each by its names, of a mistake in a number format with so much shown."""
        mistake, *_ = about
        alone, unnamed = diagnoses.count((mistake,)), diagnoses.count(())
        equal = sum(mistake in names for names in diagnoses) - alone
        instead = tuple(names for names in diagnoses if names and mistake not in names)
        return cls(*about, networks, alone, equal, unnamed, instead, blind)

    @property
    def rightly(self) -> int:
        return self.alone + self.equal

    @property
    def seen(self) -> int:
        """On how many networks the suite objects to it."""
        return self.rightly + self.unnamed + len(self.instead)

    @property
    def another_alone(self) -> int:
        return sum(len(names) == 1 for names in self.instead)


@dataclass(frozen=True)
class Pairs:
    """What is said of two mistakes at once, each made in lines of its own, and seen on the same network."""

    dtype: str
    shown: str
    pairs: int
    first_named: int  # how often the one that is seen first is named in the first diagnosis
    apart: int  # how often the other is seen at another line, or in a later step
    first_named_apart: int  # how often the first is named then
    second_in_its_own_right: int  # how often the other's line does not follow from the first's diagnosis
    second_named: int  # how often the other is named at its line
    both_named: int  # how often the first diagnosis names both, where they are seen at one line
    set_aside: int = 0  # pairs beside these that are one mistake to whoever sees the numbers

    def __add__(self, other: Pairs) -> Pairs:
        return _sum(self, other)


@dataclass(frozen=True)
class RightRuns:
    """What is said of right programs, and of right numbers that follow a wrong one."""

    dtype: str
    shown: str
    programs: int
    diagnoses: int = 0  # of right programs: every one is false
    spoiled: int = 0  # programs of which one quantity is stated wrongly, at random, and nothing else
    names: tuple[str, ...] = ()  # the names that their diagnoses give, each time: every one is false

    def __add__(self, other: RightRuns) -> RightRuns:
        return _sum(self, other)


def _sum(some: Counted, other: Counted) -> Counted:
    """Add up what was counted in the same number format, with the same quantities shown."""
    counts = [field.name for field in fields(some) if field.name not in {"dtype", "shown"}]
    return replace(some, **{name: getattr(some, name) + getattr(other, name) for name in counts})


@dataclass(frozen=True)
class Naming:
    """Whether the diagnosis names a mistake rightly, measured on random networks."""

    seed: int
    networks: int  # on how many networks each mistake was looked for
    mistakes: tuple[Named, ...] = ()
    pairs: tuple[Pairs, ...] = ()
    right: tuple[RightRuns, ...] = ()
    failed: tuple[str, ...] = ()  # the parts of the diagnosis that failed, each once, in a sentence


@dataclass(frozen=True)
class Power:
    seed: int  # from which the faults were drawn
    trials: int  # in how many elements of each quantity they were injected
    meetings: tuple[MistakeResult, ...]
    faults: tuple[FaultResult, ...]
    alarms: tuple[Alarm, ...]
    coverage: tuple[Coverage, ...]
    not_run: tuple[str, ...] = ()  # a sentence for each tool that did not run at all
    naming: Naming | None = None  # None where it was not measured


def cover(results: Iterable[MistakeResult]) -> tuple[Coverage, ...]:
    """Weigh each case against all others, by the mistakes it catches in each number format."""
    catches: dict[str, set[str]] = {}
    for result in results:
        caught = catches.setdefault(result.case, set())
        caught |= {f"{result.mistake} ({result.dtype})"} if result.caught_by(SUITE) else set()
    needed, coverage = _small_set(catches), []
    for case, caught in catches.items():
        alone = caught.difference(*(other for name, other in catches.items() if name != case))
        coverage.append(Coverage(case, len(caught), tuple(sorted(alone)), case in needed))
    return tuple(coverage)


def _small_set(catches: Mapping[str, set[str]]) -> list[str]:
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
        if catches[case] <= set().union(*(catches[other] for other in chosen if other != case)):
            chosen.remove(case)
    return chosen
