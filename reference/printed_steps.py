"""Training steps of a program that were printed: each line from the printed numbers above it.

Unlike a published example (`reference.printed_numbers`) these are of a program that computed on with more
digits than it printed, in a number format of its own. So each printed number, of the inputs as well, is known
to half a unit in its last place, and each line may be off by that format's rounding besides.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from cases import Problem, names
from reference.agreement import compare
from reference.arithmetic import Bounded, Real, format_of
from reference.findings import Claim, Finding, JudgedStep
from reference.line import Line, evaluate
from reference.training import advance, exact_inputs, tape

# By name, half a unit in the last place of each printed number.
HalfUnits = Mapping[str, Real]


def judge_printed_steps(
    problem: Problem, inputs: HalfUnits, claims: Sequence[Claim], half_units: Sequence[HalfUnits]
) -> Iterator[JudgedStep]:
    """Judge what was printed of each step, in the order of the steps.

    The problem is in the format that the program computed in, and has the inputs as they were printed;
    `inputs` and, for each step, `half_units` say to what they and the claims are known. An input that is not
    among them is exact.
    """
    known = exact_inputs(problem, format_of(problem.dtype))
    known |= {name: _printed(known[name], known[name].value, half) for name, half in inputs.items()}
    for step, (claim, half) in enumerate(zip(claims, half_units, strict=True), start=1):
        findings: list[Finding] = []

        def settle(
            line: Line,
            derived: Bounded,
            *,
            step: int = step,
            claim: Claim = claim,
            half: HalfUnits = half,
            findings: list[Finding] = findings,
        ) -> Bounded:
            if line.name not in claim:
                return derived
            stated = np.asarray(claim[line.name], np.float64)
            findings.append(compare(step, line.name, stated, derived, half[line.name]))
            return _printed(derived, stated, half[line.name])

        state = {name: known[name] for name in (*problem.state, names.STEP)}
        values = evaluate(tape(problem), known, settle)
        yield JudgedStep(step, claim, tuple(findings), state)
        known = advance(known, values, problem)


def _printed(derived: Bounded, value: Real, half_unit: Real) -> Bounded:
    """Return a printed number, whose own format may have rounded it once more."""
    stated = derived.stated(value)
    return stated.widened(np.maximum(half_unit, derived.format.unit_roundoff * np.abs(value)))
