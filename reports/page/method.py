"""What a tolerance is made of, for one line of the run itself: dL/dW2 of the document's worked example.

Its arrays have one element each, so the findings on the lines above hold all numbers that it follows from.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np

from reference import Bounded, Finding, Line, Subject, judge, tape, training_steps, worked_example
from reference.activations.sigmoid import ULPS
from reference.arithmetic import FLOAT64, NEGLIGIBLE
from reports.outcome import group_by
from reports.runs.comparison import REFERENCE
from reports.runs.rows import PUBLISHED, Row
from reports.runs.runner import rows_of

CASE: Final = "worked/document"
QUANTITY: Final = "dL/dW2"


@dataclass(frozen=True)
class Anatomy:
    """One comparison, taken apart: `line`, computed from `inputs`, the implementation's own numbers above it.

    It is `afresh` where it was computed for the page, because the run has not that case. The tolerance allows
    so many `roundings`: one for each term and each sum, and one more. `reach` is Σ|aᵢbᵢ|, and `gamma` is γ of
    so many roundings; `rest` is what the tolerance holds besides their product, if that shows: underflow, and
    the exact value's radius.
    """

    implementation: str
    afresh: bool
    line: Line
    inputs: tuple[tuple[str, float], ...]
    finding: Finding
    roundings: int
    reach: float
    gamma: float
    rest: float
    unit_roundoff: float = FLOAT64.unit_roundoff
    ulps_of_sigmoid: int = ULPS


def anatomy(rows: Iterable[Row]) -> Anatomy:
    """Take the line apart for a framework, if the run has one on that case; else for the NumPy reference."""
    line = next(line for line in tape(worked_example()) if line.name == QUANTITY)
    all_stated = _stated(rows)
    stated = {name: own for name, own in all_stated.items() if {QUANTITY, *line.inputs} <= own.keys()}
    afresh = not stated
    stated = stated or _stated(_reference())
    implementation = next((name for name in stated if name != REFERENCE), REFERENCE)
    findings = stated[implementation]
    inputs, finding = tuple((name, findings[name].claimed) for name in line.inputs), findings[QUANTITY]
    form = FLOAT64.certified if finding.truth == "certified" else FLOAT64
    left, right = (Bounded.exact([[value]], form) for _, value in inputs)
    roundings = left.shape[-1] + 1
    with np.errstate(all="ignore"):  # an overflow is a number that is shown
        reach = float((left.magnitude @ right.magnitude).item())
    gamma = form.gamma(roundings)
    rest = finding.tolerance - gamma * reach
    shown_rest = rest if rest > NEGLIGIBLE * gamma * reach else 0.0
    return Anatomy(implementation, afresh, line, inputs, finding, roundings, reach, gamma, shown_rest)


def _stated(rows: Iterable[Row]) -> dict[str, dict[str, Finding]]:
    """Collect by implementation the findings on the first step's quantities, where they were compared."""
    wanted = CASE, FLOAT64.name, 1
    compared = (
        row
        for row in rows
        if (row.subject.case, row.subject.dtype, row.finding.step) == wanted
        and row.subject.adapter != PUBLISHED
        and row.compared
        and row.passes
    )
    by_implementation = group_by(compared, lambda row: row.subject.implementation)
    return {
        name: {row.finding.quantity: row.finding for row in own} for name, own in by_implementation.items()
    }


def _reference() -> Iterator[Row]:
    problem = worked_example()
    subject = Subject(CASE, REFERENCE, "", problem.dtype)
    steps = judge(problem, training_steps, frozenset())
    return chain.from_iterable(rows_of(problem, subject, step) for step in steps)
