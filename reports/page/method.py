"""What a tolerance is made of, for one line of the run itself: dL/dW2 of the document's worked example.

Its arrays have one element each, so the findings on the lines above hold all numbers that it follows from.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Final

import numpy as np

from reference import Bounded, Finding, Subject, judge, tape, training_steps, worked_example
from reference.activations.sigmoid import ULPS
from reference.arithmetic import FLOAT64, NEGLIGIBLE
from reports.outcome import group_by
from reports.runs.comparison import REFERENCE
from reports.runs.rows import PUBLISHED, Row
from reports.runs.runner import rows_of

CASE: Final = "worked/document"
QUANTITY: Final = "dL/dW2"


def anatomy(rows: Iterable[Row]) -> dict[str, Any]:
    """Take the line apart for a framework, if the run has one on that case; else for the NumPy reference.

    It is computed `afresh` where the run has not that case. `inputs` are the implementation's own numbers
    above the line. The tolerance allows `roundings`: one for each term and each sum, and one more. `reach` is
    Σ|aᵢbᵢ|, `gamma` is γ of that many roundings, and `rest` what the tolerance holds besides their product,
    if that shows: underflow, and the exact value's radius.
    """
    line = next(line for line in tape(worked_example()) if line.name == QUANTITY)
    complete = {name: own for name, own in _stated(rows).items() if {QUANTITY, *line.inputs} <= own.keys()}
    stated = complete or _stated(_reference())
    implementation = next((name for name in stated if name != REFERENCE), REFERENCE)
    finding = stated[implementation][QUANTITY]
    inputs = [(name, stated[implementation][name].claimed) for name in line.inputs]
    form = FLOAT64.certified if finding.truth == "certified" else FLOAT64
    left, right = (Bounded.exact([[value]], form) for _, value in inputs)
    roundings = left.shape[-1] + 1
    with np.errstate(all="ignore"):  # an overflow is a number that is shown
        reach = float((left.magnitude @ right.magnitude).item())
    gamma = form.gamma(roundings)
    rest = finding.tolerance - gamma * reach
    return {
        "implementation": implementation, "afresh": not complete, "line": line, "inputs": inputs,
        "finding": finding, "roundings": roundings, "reach": reach, "gamma": gamma,
        "rest": rest if rest > NEGLIGIBLE * gamma * reach else 0.0,
        "unit_roundoff": FLOAT64.unit_roundoff, "ulps_of_sigmoid": ULPS,
    }  # fmt: skip


def _stated(rows: Iterable[Row]) -> dict[str, dict[str, Finding]]:
    wanted = CASE, FLOAT64.name, 1
    first = (row for row in rows if (row.subject.case, row.subject.dtype, row.finding.step) == wanted)
    own = (row for row in first if row.subject.adapter != PUBLISHED)
    compared = (row for row in own if row.compared and row.passes)
    by_implementation = group_by(compared, lambda row: row.subject.implementation)
    return {
        name: {row.finding.quantity: row.finding for row in own} for name, own in by_implementation.items()
    }


def _reference() -> Iterator[Row]:
    problem = worked_example()
    subject = Subject(CASE, REFERENCE, "", problem.dtype)
    steps = judge(problem, training_steps, frozenset())
    return chain.from_iterable(rows_of(problem, subject, step) for step in steps)
