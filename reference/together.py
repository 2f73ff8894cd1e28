"""Steps of a long run judged together: NumPy's time is that of being asked, so it is asked once for many.

Each step is judged from the implementation's own state before it, so steps that state it do not wait for each
other: they are a stack, as many cases are (`reference.stacks`). The lines, the bounds and the numbers of a
finding are the same. Only agreement is told here; where there is anything else, each step is judged alone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from cases import Problem, names
from reference.agreement import agreements
from reference.arithmetic import EXACT, Bounded, for_each_element
from reference.claims import Claim, JudgedStep, State, is_last, wrong_kind
from reference.findings import Finding
from reference.known import data
from reference.line import Line
from reference.spans import Span
from reference.stacks import COMMON
from reference.tape import tape


def judge_together(
    problem: Problem, span: Span, state: State, promises: frozenset[str]
) -> tuple[list[JudgedStep], State] | None:
    """Judge several steps at once, by float64 values with their bounds.

    Returns
    -------
    The judged steps, and the state after the last, unless training ends there. None where that is not so
    simple: a state is hidden, a claim malformed, or a quantity not in agreement.
    """
    claims = [claim for claim in span.claims if not isinstance(claim, Finding)]
    before = _states(problem, span.first, state, claims)
    if before is None or any(claim.keys() != claims[0].keys() for claim in claims):
        return None
    with np.errstate(all="ignore"):  # an overflow makes a bound infinite or NaN, and is judged as such
        found = _findings(problem, span.first, before[: len(claims)], claims, promises)
    if found is None:
        return None
    steps = range(span.first, span.first + len(claims))
    judged = [
        JudgedStep(step, claim, findings, known)
        for step, claim, findings, known in zip(steps, claims, zip(*found, strict=True), before, strict=False)
    ]
    return judged, {} if is_last(problem, steps[-1], claims[-1]) else before[-1]


def _states(problem: Problem, first: int, state: State, claims: Sequence[Claim]) -> list[State] | None:
    """Return what is known before each step and after the last, if all of it is stated."""
    if not all(number.is_exact for number in state.values()):
        return None
    form, before = next(iter(state.values())).format, [state]
    for step, claim in enumerate(claims, start=first):
        after = {names.STEP: Bounded.exact(step + 1.0, form)}
        for name in problem.state:
            stated = claim.get(names.updated(name))
            if stated is None or wrong_kind(stated, state[name].shape, problem.dtype):
                return None
            after[name] = Bounded.exact(stated, form)
        before.append(after)
    return before


def _findings(
    problem: Problem,
    first: int,
    before: Sequence[State],
    claims: Sequence[Claim],
    promises: frozenset[str],
) -> list[list[Finding]] | None:
    """Return for each quantity its findings, one a step; None where one is not in agreement."""
    lines, stated = tape(problem), claims[0].keys()
    if not _are_simple(lines, stated, promises):
        return None
    known, found = _known(problem, before), []
    for line in lines:
        known[line.name] = derived = _derived(line, problem, known, before)
        if line.name in stated:
            arrays = [claim[line.name] for claim in claims]
            if any(wrong_kind(array, derived.shape[1:], problem.dtype) for array in arrays):
                return None
            known[line.name] = exact = derived.stated(np.stack(arrays))
            agreeing = agreements(first, line.name, exact.value, derived, conventional=problem.tolerance)
            if agreeing is None:
                return None
            found.append(agreeing)
    return found


def _are_simple(lines: Sequence[Line], stated: Collection[str], promises: frozenset[str]) -> bool:
    """Whether no name is missing or unknown, and no step unlike the others, as the first is by dampening."""
    known = {line.name for line in lines}
    numbered = {line.name for line in lines if names.STEP in line.inputs}
    return (
        bool(stated) and known.issuperset(stated) and promises & known <= set(stated) and numbered <= COMMON
    )


def _known(problem: Problem, before: Sequence[State]) -> dict[str, Bounded]:
    """Return what a stack of steps is computed from: the same data in each, and each one's own state."""
    form = replace(next(iter(before[0].values())).format, stacked=True)
    known = data(problem, form)
    for name in ("x", "y"):
        value = known[name].value
        known[name] = Bounded(np.broadcast_to(value, (len(before), *value.shape)), EXACT, form)
    for name in problem.state:
        known[name] = Bounded(np.stack([state[name].value for state in before]), EXACT, form)
    return known


def _derived(line: Line, problem: Problem, known: Mapping[str, Bounded], before: Sequence[State]) -> Bounded:
    """Evaluate a line for every step; a number that depends on the step's own is one for each of them."""
    if names.STEP in line.inputs:
        return _numbers(line, problem, before)
    inputs = [known[name] for name in line.inputs]
    largest = max(inputs, key=lambda one: len(one.shape))
    shaped = (
        for_each_element(one, largest) if name in COMMON else one
        for name, one in zip(line.inputs, inputs, strict=True)
    )
    return line.formula(*shaped)


def _numbers(line: Line, problem: Problem, before: Sequence[State]) -> Bounded:
    """Evaluate a line that gives a number for each step from the step's own: a rate, a correction."""
    form = next(iter(before[0].values())).format
    rules = data(problem, form)
    each = [line.formula(*({**rules, **state}[name] for name in line.inputs)) for state in before]
    value, error = (
        np.array([np.asarray(part) for part in parts])
        for parts in zip(*((one.value, one.error) for one in each), strict=True)
    )
    return Bounded(value, error, replace(form, stacked=True))
