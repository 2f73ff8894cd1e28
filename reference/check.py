"""The checker: one loop that judges every claimant, from its own numbers, line by line of the tape.

Each line is derived from what the claimant itself states above it, so only that line's rounding is allowed
and the first line that differs is the faulty one. Where the claimant hides a quantity, the derived one stands
in for it with its bound, and the bound grows by what was hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases.defects import well_formed
from reference import crash, names
from reference.agreement import compare_unguarded
from reference.bounded import Bounded
from reference.certification import crossed, is_certified
from reference.findings import Finding
from reference.formats import IN_FLOAT32, format_of
from reference.tape import advanced, is_done, tape
from reference.verdicts import NoEquivalent, Verdict

if TYPE_CHECKING:
    from cases import Problem
    from reference.formats import Accumulators, Format
    from reference.line import Line
    from reference.truth import Truth

Claim: TypeAlias = Mapping[str, NDArray[Any]]
"""What a claimant states of one training step: quantities by name."""

Claimant: TypeAlias = "Callable[[Problem], Iterator[Claim]]"
"""Takes a problem, trains, and yields one claim for each step."""


@dataclass(frozen=True)
class JudgedStep:
    """One training step of one claimant.

    Attributes
    ----------
    claim, findings
        What it claimed, and what was found, in the order computed.
    state
        The parameters, the optimizer's state and the step's number, before the step.
    previous
        The step before, without its own previous one: a long run does not keep every step.
    derived
        What each claimed line was judged against, by name.
    """

    step: int
    claim: Claim = field(default_factory=lambda: MappingProxyType({}))
    findings: tuple[Finding, ...] = ()
    state: Mapping[str, Bounded] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    previous: JudgedStep | None = field(default=None, repr=False)
    derived: Mapping[str, Bounded] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that are not agreement, first line first."""
        return tuple(finding for finding in self.findings if not finding.passes)


def judge(
    problem: Problem,
    claimant: Claimant,
    promises: frozenset[str],
    *,
    certify: bool | None = None,
    accumulators: Accumulators = IN_FLOAT32,
) -> Iterator[JudgedStep]:
    """Judge a claimant's training run, step by step, each from the claimant's own previous parameters.

    Parameters
    ----------
    problem
        What the claimant is given, by copy.
    claimant
        Called once; it is advanced by one step for each step that is judged. It may itself go on for ever:
        `problem.steps` ends it, or the first loss of its own that is at most `problem.until`.
    promises
        Quantities it must state at every step; others of the tape it may state.
    certify
        Whether to derive values in ball arithmetic, at every step or at none; by default at the steps that
        `reference.certification` names: all, but for the largest networks and for runs of thousands of steps.
    accumulators
        What the claimant declares to accumulate in where the problem's format has 16 bits.

    Yields
    ------
    One judged step for each training step. Whatever the claimant raises, and whatever it states wrongly, is a
    finding; nothing but `KeyboardInterrupt` and its like passes through.
    """
    truth: Truth | None = None
    given, state = problem.copy(), first_state(problem, None, accumulators)
    claims: Iterator[Claim] | None = None
    previous: JudgedStep | None = None
    for step in range(1, problem.steps + 1):
        try:
            claims = iter(claimant(given)) if claims is None else claims
            claim = _taken(next(claims))
        except StopIteration:
            yield _stopped(step, _too_early(problem, step))
            return
        except NoEquivalent as reason:
            declined = Finding(step, "", Verdict.NO_EQUIVALENT, well_formed(str(reason)))
            yield JudgedStep(step, findings=(declined,))
            return
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it does costs its own row
            yield _stopped(step, crash.told(error))
            return
        wanted = is_certified(problem, step) if certify is None else certify
        truth, state = crossed(problem, state, truth, certify=wanted)
        judged, state = judge_step(problem, step, state, claim, promises, truth)
        last = _is_last(problem, step, claim)
        yield replace(_with_changed_inputs(judged, problem, given) if last else judged, previous=previous)
        if last:
            return
        previous = judged


def judge_step(
    problem: Problem,
    step: int,
    state: Mapping[str, Bounded],
    claim: Claim,
    promises: frozenset[str],
    truth: Truth | None = None,
) -> tuple[JudgedStep, dict[str, Bounded]]:
    """Judge one step's claim from the parameters before it; return those after it, unless it is the last."""
    form = next(iter(state.values())).format
    known, findings, lines = {**_data(problem, form), **state}, [], tape(problem)
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
    after = {} if _is_last(problem, step, claim) else _after(problem, known)
    if truth:
        truth.step()
    return JudgedStep(step, claim, tuple(findings), state, derived=judged_against), after


def _after(problem: Problem, known: Mapping[str, Bounded]) -> dict[str, Bounded]:
    """Return what the next step starts from, in memory of its own."""
    going_on = advanced(known, known, problem)
    return {name: going_on[name].kept() for name in (*problem.state, names.STEP)}


def _is_last(problem: Problem, step: int, claim: Claim) -> bool:
    """Whether training ends with this step, by the claimant's own loss; a malformed one ends nothing."""
    loss = claim.get("loss")
    stated = not wrong_kind(loss, (), problem.dtype)
    return step == problem.steps or (stated and is_done(problem, loss))


def _judge_line(
    step: int, name: str, claimed: object, derived: Bounded, problem: Problem
) -> tuple[Finding, Bounded]:
    wrong = wrong_kind(claimed, derived.shape, problem.dtype)
    if wrong:
        return Finding(step, name, Verdict.ERROR, wrong), derived
    array = np.asarray(claimed)
    finding = compare_unguarded(step, name, array, derived, conventional=problem.tolerance)
    return finding, Bounded.exact(array, derived.format)


def wrong_kind(claimed: object, shape: tuple[int, ...], dtype: str) -> str:
    """Say what is wrong with a claimed value before its numbers are looked at, or nothing."""
    if not isinstance(claimed, np.ndarray | np.generic):
        return f"is a {type(claimed).__name__}, expected a NumPy array"
    if claimed.dtype != dtype:
        return f"has dtype {claimed.dtype}, expected {dtype}"
    if claimed.shape != shape:
        return f"has shape {claimed.shape}, expected {shape}"
    return ""


def _unknown_names(step: int, claim: Claim, lines: Sequence[Line]) -> list[Finding]:
    known = {line.name for line in lines}
    unknown = [well_formed(str(name)) for name in claim if name not in known]
    return [Finding(step, name, Verdict.ERROR, "is not a quantity of this training step") for name in unknown]


def first_state(
    problem: Problem,
    truth: Truth | None = None,
    accumulators: Accumulators = IN_FLOAT32,
) -> dict[str, Bounded]:
    """Return what a run starts from: the parameters, the optimizer's state, the step's number, by name."""
    form = format_of(problem.dtype, accumulators)
    start = {**problem.state, names.STEP: np.asarray(1.0)}
    return _exact(start, form.certified if truth else form)


def _data(problem: Problem, form: Format) -> dict[str, Bounded]:
    return _exact({"x": problem.x, "y": problem.y, **problem.constants}, form)


def exact_inputs(problem: Problem, form: Format) -> dict[str, Bounded]:
    """Return everything the first step is computed from: the data, the rates, the parameters."""
    return {**_data(problem, form), **_exact({**problem.state, names.STEP: np.asarray(1.0)}, form)}


def _exact(arrays: Mapping[str, NDArray[Any]], form: Format) -> dict[str, Bounded]:
    return {name: Bounded.exact(array, form) for name, array in arrays.items()}


def _too_early(problem: Problem, step: int) -> str:
    told = f"stopped after {step - 1} of {problem.steps} steps"
    return told if problem.until is None else f"{told}, with no loss of at most {problem.until:.9g}"


def _stopped(step: int, reason: str) -> JudgedStep:
    return JudgedStep(step, findings=(Finding(step, "", Verdict.ERROR, reason),))


def _taken(claim: object) -> Claim:
    """Take a claim as it is now, whatever its owner does to it later.

    Raises
    ------
    TypeError
        If it is no mapping; what its own methods raise passes through.
    """
    if not isinstance(claim, Mapping):
        raise TypeError(f"yielded {type(claim).__name__}, expected a mapping from names to arrays")
    return dict(claim)


def _with_changed_inputs(judged: JudgedStep, problem: Problem, given: Problem) -> JudgedStep:
    """Add an error for each array that the claimant wrote to: with shared memory it would corrupt others."""
    changed = [
        Finding(judged.step, name, Verdict.ERROR, "was given as an input and was changed in place")
        for name, array in problem.inputs.items()
        if array.tobytes() != given.inputs[name].tobytes()
    ]
    return replace(judged, findings=(*judged.findings, *changed))
