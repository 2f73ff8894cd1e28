"""The checker: one walk that judges every implementation, from its own numbers, line by line of the tape.

Each line is derived from what the implementation itself states above it, so only that line's rounding is
allowed and the first line that differs is the faulty one. Where the implementation hides a quantity, later
lines take the derived one with its bound, and the bound grows by what was hidden.

Call overhead dominates for small arrays, so steps of a long run are judged in batches, as many cases are
(`reference.batched`): steps that state what the next one starts from do not wait for each other.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import numpy as np

from cases import Problem, names
from cases.errors import well_formed
from cases.near_names import no_quantity, not_claimed
from cases.protocol import IN_FLOAT32, Accumulators, Verdict
from cases.skeleton import FROM_NUMBERS
from reference.agreement import FindingsOfSteps, compare_array, compare_steps
from reference.arithmetic import Ball, Bounded, Format, for_each_element, once
from reference.certified import CertifiedValues, is_certified, switch_certification
from reference.findings import (
    AgreeingFindings,
    Claim,
    Finding,
    Implementation,
    JudgedStep,
    State,
    claims_of,
    is_last,
    wrong_kind,
)
from reference.line import Line, evaluate
from reference.training import advance, data, exact, initial_state, tape

# Steps of a batch: further ones gain nothing, and an implementation is not run far ahead.
MAX_STEPS_PER_BATCH: Final = 100

# Parameters and activations of all of them, at most, so that a batch stays in a cache.
MAX_ELEMENTS_PER_BATCH: Final = 100_000


def judge(
    problem: Problem,
    implementation: Implementation,
    promises: frozenset[str],
    *,
    certify: bool | None = None,
    accumulators: Accumulators = IN_FLOAT32,
) -> Iterator[JudgedStep]:
    """Judge a program's training run, step by step, each from the program's own previous parameters.

    Whatever the implementation raises or states wrongly is a finding; nothing but `KeyboardInterrupt` and its
    like passes through. It is called once with a copy of `problem`, and advanced step by step, or by a batch
    of steps. It may go on for ever: `problem.steps` ends it, or the first loss of its own that is at most
    `problem.until`.

    - `promises`: quantities it must state at every step; others of the tape it may state
    - `certify`: whether to derive values in balls, at every step or at none; else as `is_certified` has it
    - `accumulators`: in what the implementation declares to accumulate if the problem's format has 16 bits
    """
    certifies = partial(is_certified, problem, certify=certify)
    given, previous, certified = problem.copy(), None, None
    state: State = initial_state(problem, accumulators)
    for first, claims in batches(problem, claims_of(implementation, problem, given), certifies):
        if isinstance(claims[0], Finding):
            yield JudgedStep(first, findings=(claims[0],), previous=previous)
            return
        certified, state = switch_certification(problem, state, certified, certify=certifies(first))
        judging = judge_steps(problem, first, claims, state, promises, certified)
        certified = judging.certified
        previous = yield from judging.steps(given, previous)
        state = judging.state_after()


def _changed_inputs(problem: Problem, given: Problem, step: int) -> list[Finding]:
    """Return an error for each array that the program wrote to: shared, it corrupts others."""
    return [
        Finding(step, name, Verdict.ERROR, "was given as an input and was changed in place")
        for name, array in problem.inputs.items()
        if array.tobytes() != given.inputs[name].tobytes()
    ]


@dataclass(eq=False)
class Judging:
    """A step that is judged, or a batch of steps, whose arrays then have one axis more in front."""

    problem: Problem
    first: int  # the number of the first step
    claims: Sequence[Claim]  # of each step; in a batch none is unlike the others (see `batches`)
    states: Sequence[State]  # what each step starts from
    known: Mapping[str, Bounded]  # all that the lines are computed from
    promises: frozenset[str]
    certified: CertifiedValues | None = None
    findings: list[Sequence[Any]] = field(default_factory=list)  # of each quantity, in the order computed
    values: dict[str, Bounded] = field(init=False)  # what later lines take, by name
    derived: dict[str, Bounded] = field(default_factory=dict)  # what each claimed line was judged against
    is_batch: bool = field(init=False)
    _parted: dict[str, Sequence[Bounded]] = field(default_factory=dict)

    def run(self) -> None:
        claim, lines = self.claims[0], tape(self.problem)
        self.is_batch = len(self.claims) > 1
        self.values = evaluate(map(for_each_step, lines) if self.is_batch else lines, self.known, self.settle)
        for name in claim:
            if name not in self.values:
                self.add_error(well_formed(str(name)), no_quantity(str(name), self.values))
        if not self.findings:
            self.add_error("", "claimed nothing, so nothing was compared")
        if self.certified:
            self.certified.advance()

    def settle(self, line: Line, derived: Bounded) -> Bounded:
        """Judge what is claimed of a line; return that for later lines, or what was derived."""
        name, claim = line.name, self.claims[0]
        if self.certified:
            derived = self.certified.certify(line, derived)
        if name not in claim:
            if name in self.promises:
                known = [line.name for line in tape(self.problem)]
                self.add_error(name, not_claimed(name, map(str, claim), known))
            return derived
        self.derived[name] = derived
        wrong = wrong_kind(claim[name], derived.shape[self.is_batch :], self.problem.dtype, name)
        if wrong:
            self.add_error(name, wrong)
            return derived
        return self.compare(name, derived)

    def compare(self, name: str, derived: Bounded) -> Bounded:
        tolerance = self.problem.tolerance
        compared: Sequence[Finding]
        if not self.is_batch:
            claimed = derived.stated(self.claims[0][name])
            compared = [compare_array(self.first, name, claimed.value, derived, conventional=tolerance)]
        elif self.certified:  # whose derived values are parted all the same, as the steps keep them
            claimed = derived.stated(np.stack([claim[name] for claim in self.claims]))
            pairs = enumerate(zip(claimed.value, self.parted(name), strict=True), start=self.first)
            compared = [compare_array(step, name, *pair, conventional=tolerance) for step, pair in pairs]
        else:
            claimed = derived.stated(np.stack([claim[name] for claim in self.claims]))
            compared = compare_steps(self.first, name, claimed.value, derived, conventional=tolerance)
        self.findings.append(compared)
        if self.certified:
            self.certified.take(name, claimed.value)
        return claimed

    def add_error(self, name: str, reason: str) -> None:
        steps = range(self.first, self.first + len(self.claims))
        self.findings.append([Finding(step, name, Verdict.ERROR, reason) for step in steps])

    def steps(
        self, given: Problem, previous: JudgedStep | None
    ) -> Generator[JudgedStep, None, JudgedStep | None]:
        """Yield each judged step, after the `previous` one; return what the next step keeps of the last."""
        for i, claim in enumerate(self.claims):
            step, findings = self.first + i, self.findings_of(i)
            if is_last(self.problem, step, claim):
                findings = (*findings, *_changed_inputs(self.problem, given, step))
            judged = JudgedStep(step, claim, findings, self.states[i], previous, self.derived_of(i))
            yield judged
            previous = judged.as_previous()
        return previous

    def findings_of(self, i: int) -> Sequence[Finding]:
        if all(isinstance(findings, FindingsOfSteps) for findings in self.findings) and self.agrees:
            return AgreeingFindings(self.findings, i)
        return tuple(findings[i] for findings in self.findings)

    def state_after(self) -> State:
        """Return what the next step starts from, unless training ends here."""
        if is_last(self.problem, self.first + len(self.claims) - 1, self.claims[-1]):
            return {}
        if self.is_batch:
            return self.states[-1]
        after = advance(self.known, self.values, self.problem)
        return {name: after[name] for name in (*self.problem.state, names.STEP)}

    @once
    def agrees(self) -> bool:
        return all(
            findings.agree
            if isinstance(findings, FindingsOfSteps)
            else all(finding.passes for finding in findings)
            for findings in self.findings
        )

    def derived_of(self, i: int) -> Mapping[str, Bounded]:
        if not self.is_batch:
            return self.derived
        if self.agrees and not self.certified:  # nothing is measured against it
            return {}
        return {name: self.parted(name)[i] for name in self.derived}

    def parted(self, name: str) -> Sequence[Bounded]:
        """Return what each step of a batch was judged against."""
        if name not in self._parted:
            self._parted[name] = [_case(self.derived[name], i) for i in range(len(self.claims))]
        return self._parted[name]


def judge_steps(
    problem: Problem,
    first: int,
    claims: Sequence[Claim],
    state: State,
    promises: frozenset[str],
    certified: CertifiedValues | None = None,
) -> Judging:
    form = next(iter(state.values())).format
    states, known = [state], {**exact(data(problem), form), **state}
    if len(claims) > 1:
        following = problem.steps_before + first + 1
        for step, claim in enumerate(claims, start=following):  # each states what the next step starts from
            after = {name: claim[names.updated(name)] for name in problem.state}
            states.append(exact({**after, names.STEP: np.asarray(step)}, form))
        known = _stacked(problem, states[:-1], replace(form, stacked=True))
        if certified:
            values = ({name: one.value for name, one in state.items()} for state in states[:-1])
            certified = CertifiedValues(problem, *values)
    judging = Judging(problem, first, claims, states, known, promises, certified)
    judging.run()
    return judging


def _stacked(problem: Problem, states: Sequence[State], form: Format) -> dict[str, Bounded]:
    examples = {"x": problem.x, "y": problem.y}
    repeated = {name: np.broadcast_to(one, (len(states), *one.shape)) for name, one in examples.items()}
    stacked = {name: np.stack([state[name].value for state in states]) for name in states[0]}
    return exact({**data(problem), **repeated, **stacked}, form)


def for_each_step(line: Line) -> Line:
    """Return a line for a batch: what depends on the step's number, one for each step, is as long as it."""
    if names.STEP in line.inputs:
        return replace(line, formula=partial(_numbers, line))
    if FROM_NUMBERS.isdisjoint(line.inputs):
        return line
    return replace(line, formula=partial(_with_numbers, line))


def _numbers(line: Line, *inputs: Any) -> Any:  # noqa: ANN401 - bounded numbers, or the balls of one step
    """Evaluate a line that gives a number for each step from the step's own: a rate, a correction."""
    if isinstance(inputs[0], Ball):
        return line.formula(*inputs)
    form = inputs[0].format.of_one
    steps = zip(*np.broadcast_arrays(*(number.value for number in inputs)), strict=True)
    each = [line.formula(*(Bounded.exact(number, form) for number in step)) for step in steps]
    error = np.array([float(number.error) for number in each])
    return Bounded(np.array([float(number.value) for number in each]), error, inputs[0].format)


def _with_numbers(line: Line, *inputs: Any) -> Any:  # noqa: ANN401 - the same
    if isinstance(inputs[0], Ball):
        return line.formula(*inputs)
    largest = max(inputs, key=lambda array: len(array.shape))
    pairs = zip(line.inputs, inputs, strict=True)
    return line.formula(
        *(for_each_element(one, largest) if name in FROM_NUMBERS else one for name, one in pairs)
    )


def _case(stack: Bounded, i: int) -> Bounded:
    error, low = (part if isinstance(part, float) else part[i, ...] for part in (stack.error, stack.low))
    return Bounded(stack.value[i, ...], error, stack.format.of_one, low=low, sizes=lambda: stack.scale[i])


def batches(
    problem: Problem, claims: Iterable[Claim | Finding], certifies: Callable[[int], bool]
) -> Iterator[tuple[int, list[Any]]]:
    """Part a run into batches; yield each with the number of its first step.

    A batch is of consecutive steps that are all certified, or none of them. Their claims are of the same
    names, dtypes and shapes, and state the state, as does the claim before them. Any other step is judged
    alone; so is a finding, which ends the run.
    """
    most = _max_steps(problem)
    wanted = {names.updated(name): (array.dtype, array.shape) for name, array in problem.state.items()}
    waiting: list[Claim | Finding] = []
    kind_waiting: object = None
    follows_stated = True
    for step, claim in enumerate(claims, start=1):
        own = {} if most == 1 or isinstance(claim, Finding) else _form(claim)
        states = own.items() >= wanted.items()
        fits = states and follows_stated
        follows_stated = states
        kind = own, certifies(step)
        if waiting and (len(waiting) == most or not fits or kind != kind_waiting):
            yield step - len(waiting), waiting
            waiting = []
        if fits:
            waiting.append(claim)
            kind_waiting = kind
        else:
            yield step, [claim]
    if waiting:
        yield step + 1 - len(waiting), waiting


def _max_steps(problem: Problem) -> int:
    """Return how many steps fit a batch: 1 where some step is unlike others, as the first by dampening."""
    numbered = {line.name for line in tape(problem) if names.STEP in line.inputs}
    widths: list[int] = [array.shape[0] for array in problem.parameters.values()]
    elements = problem.size + len(problem.x) * sum(widths)
    fitting = min(MAX_STEPS_PER_BATCH, MAX_ELEMENTS_PER_BATCH // elements)
    return max(1, fitting) if numbered <= FROM_NUMBERS else 1


def _form(claim: Claim) -> dict[str, Any]:
    return {
        name: (array.dtype, array.shape) if isinstance(array, (np.ndarray, np.generic)) else type(array)
        for name, array in claim.items()
    }
