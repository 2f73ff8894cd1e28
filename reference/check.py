"""The checker: one loop that judges every implementation, from its own numbers, line by line of the tape.

Each line is derived from what the implementation itself states above it, so only that line's rounding is
allowed and the first line that differs is the faulty one. Where the implementation hides a quantity, the
derived one stands in for it with its bound, and the bound grows by what was hidden.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from cases import Problem, names
from cases.dtypes import IN_FLOAT32, Accumulators
from cases.errors import well_formed
from cases.verdict import Verdict
from reference.agreement import compare_unguarded
from reference.bounded import Bounded
from reference.certification import crossed, is_certified
from reference.claims import (
    SEARCHED_STEPS,
    Claim,
    Implementation,
    JudgedStep,
    State,
    claims_of,
    is_last,
    wrong_kind,
)
from reference.findings import Finding
from reference.known import data, first_state
from reference.line import Line
from reference.spans import Span, spans
from reference.tape import advanced, tape
from reference.together import judge_together
from reference.truth import Truth


def judge(
    problem: Problem,
    implementation: Implementation,
    promises: frozenset[str],
    *,
    certify: bool | None = None,
    accumulators: Accumulators = IN_FLOAT32,
) -> Iterator[JudgedStep]:
    """Judge a program's training run, step by step, each from the program's own previous parameters.

    Parameters
    ----------
    problem
        What the implementation is given, by copy.
    implementation
        Called once; it is advanced by one step for each step that is judged, and ahead of them where steps
        are judged together. It may itself go on for ever: `problem.steps` ends it, or the first loss of its
        own that is at most `problem.until`.
    promises
        Quantities it must state at every step; others of the tape it may state.
    certify
        Whether to derive values in ball arithmetic, at every step or at none; by default at the steps that
        `reference.certification` names: all, but for the largest networks and for runs of thousands of steps.
    accumulators
        What the implementation declares to accumulate in where the problem's format has 16 bits.

    Yields
    ------
    One judged step for each training step. Whatever the implementation raises, and whatever it states
    wrongly, is a finding; nothing but `KeyboardInterrupt` and its like passes through.
    """

    def certifies(step: int) -> bool:
        return is_certified(problem, step) if certify is None else certify

    given, previous = problem.copy(), None
    truth: Truth | None = None
    state: State = first_state(problem, accumulators)
    for span in spans(problem, claims_of(implementation, problem, given), certifies):
        truth, state = crossed(problem, state, truth, certify=certifies(span.first))
        together, state = _judge_span(problem, span, state, promises, truth)
        for judged in together:
            yield replace(_at_the_end(judged, problem, given), previous=previous)
            previous = _kept(judged, previous)


def _kept(judged: JudgedStep, previous: JudgedStep | None) -> JudgedStep:
    """Return a step for the next one to keep; where some of its state was hidden, with those before it."""
    is_hidden = not all(number.is_exact for number in judged.state.values())
    if not is_hidden or judged.step > SEARCHED_STEPS:
        return judged
    return replace(judged, previous=previous, derived={})


def _judge_span(
    problem: Problem, span: Span, state: State, promises: frozenset[str], truth: Truth | None
) -> tuple[Sequence[JudgedStep], State]:
    """Judge steps together if there are several, all in agreement; else one after the other."""
    if len(span.claims) > 1 and (found := judge_together(problem, span, state, promises)):
        return found
    judged: list[JudgedStep] = []
    for step, claim in enumerate(span.claims, start=span.first):
        if isinstance(claim, Finding):
            judged.append(JudgedStep(step, findings=(claim,)))
        else:
            one, state = judge_step(problem, step, state, claim, promises, truth)
            judged.append(one)
    return judged, state


def judge_step(
    problem: Problem,
    step: int,
    state: State,
    claim: Claim,
    promises: frozenset[str],
    truth: Truth | None = None,
) -> tuple[JudgedStep, State]:
    """Judge one step's claim from the parameters before it; return those after it, unless it is the last."""
    form = next(iter(state.values())).format
    known, findings, lines = {**data(problem, form), **state}, [], tape(problem)
    judged_against: dict[str, Bounded] = {}
    with np.errstate(all="ignore"):  # an overflow makes a bound infinite or NaN, and is judged as such
        for line in lines:
            derived = line.formula(*[known[name] for name in line.inputs])
            if truth:
                derived = truth.certify(line, derived)
            known[line.name] = derived
            if line.name in claim:
                judged_against[line.name] = derived
                finding, known[line.name] = _judge_line(step, line.name, claim[line.name], derived, problem)
                findings.append(finding)
                if truth and known[line.name].is_exact:
                    truth.take(line.name, known[line.name].value)
            elif line.name in promises:
                findings.append(Finding(step, line.name, Verdict.ERROR, "was promised, but is not claimed"))
    findings += _unknown_names(step, claim, lines)
    if not findings:
        findings = [Finding(step, "", Verdict.ERROR, "claimed nothing, so nothing was compared")]
    after = {} if is_last(problem, step, claim) else _after(problem, known)
    if truth:
        truth.step()
    return JudgedStep(step, claim, tuple(findings), state, derived=judged_against), after


def _after(problem: Problem, known: Mapping[str, Bounded]) -> dict[str, Bounded]:
    """Return what the next step starts from."""
    after = advanced(known, known, problem)
    return {name: after[name] for name in (*problem.state, names.STEP)}


def _judge_line(
    step: int, name: str, claimed: object, derived: Bounded, problem: Problem
) -> tuple[Finding, Bounded]:
    wrong = wrong_kind(claimed, derived.shape, problem.dtype)
    if wrong:
        return Finding(step, name, Verdict.ERROR, wrong), derived
    array = np.asarray(claimed)
    finding = compare_unguarded(step, name, array, derived, conventional=problem.tolerance)
    return finding, derived.stated(array)


def _unknown_names(step: int, claim: Claim, lines: Sequence[Line]) -> list[Finding]:
    known = {line.name for line in lines}
    unknown = [well_formed(str(name)) for name in claim if name not in known]
    return [Finding(step, name, Verdict.ERROR, "is not a quantity of this training step") for name in unknown]


def _at_the_end(judged: JudgedStep, problem: Problem, given: Problem) -> JudgedStep:
    """Add to the last step an error for each array that the program wrote to: shared, it corrupts others."""
    if not judged.state or not is_last(problem, judged.step, judged.claim):
        return judged
    changed = [
        Finding(judged.step, name, Verdict.ERROR, "was given as an input and was changed in place")
        for name, array in problem.inputs.items()
        if array.tobytes() != given.inputs[name].tobytes()
    ]
    return replace(judged, findings=(*judged.findings, *changed))
