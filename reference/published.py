"""Published numbers as a claim: a worked example's printed lines, judged by the checker's loop."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from reference import names
from reference.agreement import compare
from reference.bounded import Bounded
from reference.claims import JudgedStep
from reference.formats import PRINTED
from reference.known import exact_inputs
from reference.passage import passed
from reference.tape import advanced, tape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cases import Problem
    from cases.published import Published, PublishedArray, PublishedStep
    from reference.findings import Finding


def judge_published(problem: Problem, published: Published) -> Iterator[JudgedStep]:
    """Judge published numbers as a claim: each printed number from the printed numbers above it.

    A printed number stands for every number that rounds to it, so it leaves half a unit in its last place
    open, both when it is judged and when later lines follow from it.

    Parameters
    ----------
    problem
        The published example, in float64.
    published
        The printed numbers, by step.

    Yields
    ------
    One judged step for each training step that has printed numbers, with the state that leads to it.
    """
    known, step = exact_inputs(problem, PRINTED), 1
    for entry in published.steps:
        known = passed(problem, tape(problem), known, entry.step - step)
        judged, known = _judge_step(problem, entry, known)
        yield judged
        step = entry.step + 1


def _judge_step(
    problem: Problem, entry: PublishedStep, known: Mapping[str, Bounded]
) -> tuple[JudgedStep, dict[str, Bounded]]:
    """Judge the numbers printed of one step; return what is known before the next, too."""
    values, findings = dict(known), []
    for line in tape(problem):
        with np.errstate(all="ignore"):  # a bound that becomes infinite or NaN is judged as such
            derived = line.formula(*(values[name] for name in line.inputs))
        values[line.name] = derived
        if line.name in entry.values:
            printed = entry.values[line.name]
            finding, values[line.name] = _judge_printed(entry.step, line.name, printed, derived)
            findings.append(finding)
    state = {name: known[name] for name in (*problem.state, names.STEP)}
    return JudgedStep(entry.step, findings=tuple(findings), state=state), advanced(known, values, problem)


def _judge_printed(
    step: int, name: str, printed: PublishedArray, derived: Bounded
) -> tuple[Finding, Bounded]:
    """Compare the elements that were printed; the others stay as derived, and decide nothing."""
    given = ~np.isnan(printed.value)
    bound, exact = np.broadcast_to(derived.error, given.shape), np.asarray(derived.value)
    alone = Bounded(exact[given], bound[given], derived.format)
    finding = compare(step, name, printed.value[given], alone, half_unit=printed.half_unit[given])
    (worst,) = finding.index or (0,)
    place = tuple(int(i) for i in np.argwhere(given)[worst])
    value, error = np.where(given, printed.value, exact), np.where(given, printed.half_unit, bound)
    return replace(finding, index=place), Bounded(value, error, derived.format)
