"""What a run gives: a row for each judged quantity, and everything else that is measured.

In a long run one row stands for many steps, so that memory does not grow with their number and no count is
lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np

from cases import Problem
from cases.protocol import Verdict
from reference import Finding, Subject, sentence, tape
from reference.agreement import FindingsOfSteps
from reference.arithmetic import Real
from reference.explanations import Explanation
from reference.parts import FailedPart
from reports.runs.accuracy import Accuracy, LostDigits
from reports.runs.activation_errors import ActivationError
from reports.runs.comparison import Pair
from reports.runs.parameter_drift import Drift
from reports.runs.recorded import Bits, Loss
from reports.user_programs.program_results import ProgramResult

PUBLISHED = "published"  # the implementation's name where the claim is printed


@dataclass(frozen=True)
class Row:
    """One judged quantity of one training step or, in a long run, of many.

    It is `expected` where its case says that this is so (a printed number that is listed as wrong and is
    wrong, or an expected difference of this adapter), and `unexpected` where that says otherwise.
    """

    subject: Subject
    finding: Finding
    place: int = -1  # in the order of computation; -1 for a verdict on the claim as a whole
    max_abs_diff: float = math.nan  # from the NumPy reference's own run; NaN where nothing is to compare
    max_rel_diff: float = math.nan
    expected: bool = False
    unexpected: bool = False
    explanation: str = ""  # in sentences, where an implementation first fails, or is wrong in its own right
    causes: tuple[Explanation, ...] = ()  # the mistakes that explain it; several that give the same numbers
    steps: int = 1  # how many it stands for; the finding is that of one of them

    @property
    def passes(self) -> bool:
        """Whether it agrees, or is as its case says it must be."""
        return self.finding.passes or self.expected

    @property
    def fails(self) -> bool:
        """Whether it counts against the run; a framework that is absent, or has no equivalent, does not."""
        return not self.passes and self.finding.verdict not in (Verdict.NOT_RUN, Verdict.NO_EQUIVALENT)

    @property
    def compared(self) -> bool:
        return self.finding.index is not None

    @property
    def conventional(self) -> str:
        """Whether the case's own rtol and atol hold; "" where it asks for none."""
        return {None: "", True: "within", False: "outside"}[self.finding.conventional]

    @property
    def sentence(self) -> str:
        """The finding in one sentence, and what explains it."""
        text = sentence(self.finding, self.subject)
        return f"{text}. {self.explanation}" if self.explanation else text


@dataclass(frozen=True)
class Printed:
    """Printed numbers of one quantity: the one nearest its limit, and what follows exactly."""

    row: Row
    numbers: int  # how many printed ones this stands for
    text: str  # as it was printed
    exact: float  # the float64 nearest to what follows from the inputs alone


@dataclass(frozen=True)
class Results:
    """All that a run gives, in the order of the cases; `failed` are its parts that failed, never a verdict.

    It is saved whole (`reports.results_file`): a further field needs a default, a type that is imported here
    at run time, and no other code.
    """

    rows: tuple[Row, ...] = ()
    pairs: tuple[Pair, ...] = ()
    printed: tuple[Printed, ...] = ()
    drifts: tuple[Drift, ...] = ()
    accuracy: tuple[Accuracy, ...] = ()
    losses: tuple[Loss, ...] = ()
    activations: tuple[ActivationError, ...] = ()
    bits: tuple[Bits, ...] = ()
    lost_digits: tuple[LostDigits, ...] = ()
    failed: tuple[FailedPart, ...] = ()
    programs: tuple[ProgramResult, ...] = ()


def first_failure(rows: Iterable[Row]) -> Row | None:
    """Return the weightiest failing row, of equals the first in the order of computation."""
    failing = (row for row in rows if row.fails)
    return min(failing, key=lambda row: (-severity(row), *order(row)), default=None)


def severity(row: Row) -> int:
    """Return how much a row counts against the run: what differs outranks what is undecided."""
    if not row.fails:
        return 0
    return 1 if row.finding.verdict is Verdict.UNDECIDED else 2


def order(row: Row) -> tuple[int, int]:
    """Return a row's step and its place in the order of computation, to sort by."""
    return row.finding.step, row.place


def places(problem: Problem) -> dict[str, int]:
    """Return the place of each quantity in the order of computation."""
    return {line.name: place for place, line in enumerate(tape(problem))}


KEPT_STEPS: Final = 100  # steps with every row; of all further ones one row stands for each quantity

# A quantity, its verdict, what its truth is, and whether the case's own tolerance holds.
Key: TypeAlias = tuple[str, str, str, bool | None]


class RowKeeper:
    """The rows of one implementation over a run.

    Rows of the first `KEPT_STEPS` steps are kept as they are, and so are those of the step that fails first
    and, where that is undecided, of the first that is decided. Of the others one row stands for each quantity
    with one verdict and one kind of truth: see `Merged`.
    """

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._kept = list(rows)
        self._merged: dict[Key, Merged] = {}
        self._worst = 0

    @property
    def rows(self) -> list[Row]:
        return [*self._kept, *(merged.row for merged in self._merged.values())]

    def add(self, rows: Sequence[Row]) -> None:
        if self.is_worse(rows) or (rows and rows[0].finding.step <= KEPT_STEPS):
            self._kept += rows
        else:
            for row in rows:
                self.merge(row.subject, row.finding, row.place, (row.max_abs_diff, row.max_rel_diff))
        self._worst = max(self._worst, *map(severity, rows), 0)

    def is_worse(self, rows: Sequence[Row]) -> bool:
        """Whether a step fails more severely than every step before it; what comes later follows from it."""
        return any(severity(row) > self._worst for row in rows)

    def merge(self, subject: Subject, finding: Finding, place: int, apart: tuple[float, float]) -> None:
        """Count one finding, with its largest plain differences, of a step that is not kept."""
        self._of(subject, finding, place).add(finding, apart)

    def merge_agreeing(
        self,
        subject: Subject,
        findings: FindingsOfSteps,
        steps: range,
        place: int,
        apart: Sequence[Real],
    ) -> None:
        """Count these steps of a batch that agrees; `apart` are their plain differences, where there are."""
        those = slice(steps.start - findings.first, steps.stop - findings.first)
        used, digits = findings.compared.used[those], findings.compared.digits[those]
        worst = replace(findings[those.start + int(used.argmax())], digits=float(digits.min()))
        largest = (float(np.fmax.reduce(array)) for array in apart) if apart else (math.nan, math.nan)
        self._of(subject, worst, place).add(worst, (*largest,), len(steps))

    def _of(self, subject: Subject, finding: Finding, place: int) -> Merged:
        key = finding.quantity, finding.verdict, finding.truth, finding.conventional
        merged = self._merged.get(key)
        if merged is None:
            merged = self._merged[key] = Merged(subject, place, finding)
        return merged


@dataclass
class Merged:
    """Findings of one quantity over many steps, as one row: that of the largest `used`.

    It has that step's numbers, but the fewest digits and the largest plain differences of all the steps.
    """

    subject: Subject
    place: int
    worst: Finding
    steps: int = 0
    digits: float = math.inf
    apart: tuple[float, float] = (math.nan, math.nan)

    def add(self, finding: Finding, apart: tuple[float, float], steps: int = 1) -> None:
        """Count one more, or the worst of so many; NaN, which is never within, is worse than any number."""
        used, worst = finding.used, self.worst.used
        if used > worst or (math.isnan(used) and not math.isnan(worst)):
            self.worst = finding
        self.steps += steps
        self.digits = min(self.digits, finding.digits)
        if apart != self.apart:
            self.apart = _larger(self.apart[0], apart[0]), _larger(self.apart[1], apart[1])

    @property
    def row(self) -> Row:
        is_compared = self.worst.index is not None
        finding = replace(self.worst, digits=self.digits) if is_compared else self.worst
        return Row(self.subject, finding, self.place, *self.apart, steps=self.steps)


def _larger(number: float, other: float) -> float:
    """Return the larger of two, the first of equals; NaN stands for nothing known."""
    return other if other > number or math.isnan(number) else number
