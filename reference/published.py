"""Published numbers as a claim: a worked example's printed lines, judged by the checker's loop."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from reference.agreement import compare
from reference.bounded import Bounded
from reference.claims import JudgedStep
from reference.formats import PRINTED
from reference.known import exact_inputs
from reference.tape import advanced, tape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cases import Problem
    from cases.published import Published, PublishedArray
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
    One judged step for each training step up to the last that has printed numbers.
    """
    known = exact_inputs(problem, PRINTED)
    printed = {entry.step: entry.values for entry in published.steps}
    for step in range(1, max(printed) + 1):
        findings = []
        for line in tape(problem):
            with np.errstate(all="ignore"):  # a bound that becomes infinite or NaN is judged as such
                derived = line.formula(*(known[name] for name in line.inputs))
            known[line.name] = derived
            if line.name in printed.get(step, {}):
                finding, known[line.name] = _judge_printed(step, line.name, printed[step][line.name], derived)
                findings.append(finding)
        yield JudgedStep(step, findings=tuple(findings))
        known = advanced(known, known, problem)


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
