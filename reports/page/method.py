"""What a tolerance is made of, for one line of the run itself: dL/dW2 of the document's worked example.

Its arrays have one element each, so what was found on the lines above tells all that this one follows from.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np

from reference import Bounded, Finding, Line, Subject, judge, tape, training_steps, worked_example
from reference.activations.sigmoid import ULPS
from reference.arithmetic import FLOAT64, NEGLIGIBLE
from reports.runs.comparison import REFERENCE
from reports.runs.rows import PUBLISHED, Row
from reports.runs.runner import rows_of

CASE: Final = "worked/document"
QUANTITY: Final = "dL/dW2"


@dataclass(frozen=True)
class Anatomy:
    """One comparison, taken apart.

    Attributes
    ----------
    implementation, version
        Whose number it is, and whether it was computed for the page because the run has not that case.
    line, inputs
        The line of the tape, and the implementation's own numbers above it.
    roundings
        How many the tolerance allows: one for each term and each sum, and one more.
    reach, gamma
        Σ|aᵢbᵢ|, and γ of so many roundings.
    rest
        What the tolerance holds beside their product, if that shows: underflow, and the exact value's radius.
    ulps_of_sigmoid
        The contract of the activation, in units in the last place.
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
    stated = {who: found for who, found in _stated(rows).items() if {QUANTITY, *line.inputs} <= set(found)}
    afresh = not stated
    if afresh:
        stated = _stated(_reference())
    implementation = next((who for who in stated if who != REFERENCE), REFERENCE)
    return _apart(implementation, line, stated[implementation], afresh=afresh)


def _stated(rows: Iterable[Row]) -> dict[str, dict[str, Finding]]:
    """Collect by implementation what was found on each quantity of the first step, where it was compared."""
    found: dict[str, dict[str, Finding]] = {}
    for row in rows:
        who, about = row.subject, (row.subject.case, row.subject.dtype, row.finding.step)
        if about == (CASE, FLOAT64.name, 1) and who.adapter != PUBLISHED and row.compared and row.passes:
            found.setdefault(who.implementation, {})[row.finding.quantity] = row.finding
    return found


def _reference() -> Iterator[Row]:
    problem = worked_example()
    subject = Subject(CASE, REFERENCE, "", problem.dtype)
    steps = judge(problem, training_steps, frozenset())
    return chain.from_iterable(rows_of(problem, subject, step) for step in steps)


def _apart(implementation: str, line: Line, found: Mapping[str, Finding], *, afresh: bool) -> Anatomy:
    inputs = tuple((name, found[name].claimed) for name in line.inputs)
    form = FLOAT64.certified if found[QUANTITY].truth == "certified" else FLOAT64
    factors = [Bounded.exact([[value]], form) for _, value in inputs]
    roundings = factors[0].shape[-1] + 1
    with np.errstate(all="ignore"):  # an overflow is a number that is told
        reach = float((factors[0].magnitude @ factors[1].magnitude).item())
    gamma = form.gamma(roundings)
    rest = found[QUANTITY].tolerance - gamma * reach
    shows = rest > NEGLIGIBLE * gamma * reach
    return Anatomy(
        implementation, afresh, line, inputs, found[QUANTITY], roundings, reach, gamma, rest if shows else 0.0
    )
