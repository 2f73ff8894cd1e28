"""What a run gives: a row for each judged quantity, for each pair of programs, for each printed number."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from reference import Finding, Subject, Verdict, sentence
from reference.parts import FailedPart
from reports.accuracy import Accuracy
from reports.activations import ActivationError
from reports.bits import Bits
from reports.drift import Drift
from reports.losses import Loss
from reports.lost_digits import LostDigits

# The implementation's name where the claim is what somebody printed.
PUBLISHED = "published"


@dataclass(frozen=True)
class Row:
    """One judged quantity of one training step or, in a long run, of many (see `reports.long_runs`).

    Attributes
    ----------
    subject, finding
        Who was judged on what, and what was found.
    place
        The quantity's place in the order of computation, by which the lines of one step are sorted; -1 for a
        verdict on the claim as a whole.
    max_abs_diff, max_rel_diff
        The largest differences from the NumPy reference's own run; NaN where there is nothing to compare.
    expected
        Whether its case says that this is so: a printed number that is listed as wrong and was found wrong,
        or an expected difference of this adapter.
    unexpected
        Whether its case says that this is otherwise: an expected difference that is none.
    explanation
        What explains the difference, in a sentence or two; told where an implementation first fails.
    steps
        How many steps it stands for; the finding is that of one of them.
    """

    subject: Subject
    finding: Finding
    place: int = -1
    max_abs_diff: float = math.nan
    max_rel_diff: float = math.nan
    expected: bool = False
    unexpected: bool = False
    explanation: str = ""
    steps: int = 1

    @property
    def passes(self) -> bool:
        """Whether it agrees, or is as its case says it must be."""
        return self.finding.passes or self.expected

    @property
    def fails(self) -> bool:
        """Whether it counts against the run.

        A framework that is absent does not, unless it was asked for, nor does one that has no equivalent.
        """
        return not self.passes and self.finding.verdict not in (Verdict.NOT_RUN, Verdict.NO_EQUIVALENT)

    @property
    def compared(self) -> bool:
        """Whether numbers were compared."""
        return self.finding.index is not None

    @property
    def conventional(self) -> str:
        """Whether the case's own rtol and atol hold: "within", "outside", or "" where it asks for none."""
        return {None: "", True: "within", False: "outside"}[self.finding.conventional]

    @property
    def sentence(self) -> str:
        """The finding in one sentence, and what explains it."""
        told = sentence(self.finding, self.subject)
        return f"{told}. {self.explanation}" if self.explanation else told


@dataclass(frozen=True)
class Pair:
    """One quantity of two implementations against each other, over all steps that both took.

    Attributes
    ----------
    left, right
        The implementations: "torch" and "jax plain".
    elements, equal
        How many numbers were compared, and how many are the same bit for bit.
    ulps
        The largest distance, counted in numbers of the format; infinite where only one of the two is NaN.
    max_abs_diff
        The largest absolute difference.
    """

    case: str
    dtype: str
    left: str
    right: str
    quantity: str
    elements: int
    equal: int
    ulps: float
    max_abs_diff: float


@dataclass(frozen=True)
class Printed:
    """Printed numbers of one quantity: the one nearest its limit, beside what follows exactly.

    Attributes
    ----------
    row
        What was found.
    numbers
        How many printed numbers this stands for.
    text
        The number as it was printed.
    exact
        The float64 nearest to what follows from the inputs alone.
    """

    row: Row
    numbers: int
    text: str
    exact: float


@dataclass(frozen=True)
class Results:
    """Everything that was found, in the order of the cases.

    It is saved whole (`reports.results_file`): a further field needs a default, and no other code.
    `failed` are the parts of the run that failed, beside the verdicts.
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


def first_failure(rows: Iterable[Row]) -> Row | None:
    """Return the weightiest failing row, of equals the first in the order of computation."""
    return min(
        (row for row in rows if row.fails), key=lambda row: (-severity(row), *order(row)), default=None
    )


def severity(row: Row) -> int:
    """Return how much a row counts against the run: what differs outranks what is undecided."""
    if not row.fails:
        return 0
    return 1 if row.finding.verdict is Verdict.UNDECIDED else 2


def order(row: Row) -> tuple[int, int]:
    """Return a row's place in the order of computation, to sort by."""
    return row.finding.step, row.place
