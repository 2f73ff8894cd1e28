"""Measuring detection power: mistakes, faults and correct claims, put to this suite and the usual tools.

>>> from cases import load_case
>>> from reports.detection.detection_tables import to_frames
>>> power = measure([load_case("nets/square")], ["float64"])
>>> to_frames(power)["tools"][["tool", "caught: too low a precision"]].head(1).to_string(header=False)
'0  this suite  5 of 5 (100%)'
"""

import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from adapters import Program, Unavailable, find_adapters
from cases import Case, Problem, names
from reference import Claim, JudgedStep, Verdict, judge, training_steps
from reference.agreement import compare
from reference.arithmetic import Bounded
from reference.mistakes import MISTAKES, Inexpressible, mistaken_steps
from reference.mistakes import STRUCTURAL as WRONG_FORMULAS
from reports.detection import (
    EVERYTHING,
    OUTCOME,
    PRECISION,
    STRUCTURAL,
    SUITE,
    SUITE_OUTCOME,
    Alarm,
    Answer,
    FaultResult,
    MistakeResult,
    Power,
    cover,
)
from reports.detection.baselines import (
    OWNERS,
    Baselines,
    Comparison,
    NotRunError,
    ask,
    baselines,
    missing_frameworks,
)
from reports.detection.shown import CAUGHT, only, quantities

Objects: TypeAlias = Callable[[NDArray[Any]], bool]  # whether a tool objects to a quantity as claimed

MAX_STEPS = 100  # of a longer run only these first steps are put to the tools
MISTAKEN_STEPS = 3  # a mistake that three steps do not show is counted as missed
FINEST = {"float64": 17, "float32": 9, "float16": 5, "bfloat16": 4}  # 1 + 10⁻ᵏ is 1 from this k on

# Checks of gradients differentiate again for each element, and none of them sees a fault of 10⁻⁷: how many
# elements, and the finest fault, that they are given.
GRADIENT_ELEMENTS, FINEST_IN_GRADIENTS = 3, 7


def measure(
    cases: Sequence[Case],
    dtypes: Sequence[str] = (),
    watch: Callable[[str, int, int], None] = lambda *_: None,
    *,
    seed: int = 0,
    trials: int = 20,
) -> Power:
    """Measure on these cases, in these of their number formats if any are given; a seed decides the numbers.

    `watch` is called with what comes next, how much is done, and how much there is to do. In at most `trials`
    elements of each quantity a fault is injected.
    """
    runs = [(case, dtype) for case in cases for dtype in case.dtypes if not dtypes or dtype in dtypes]
    mistakes, faults, alarms = list[MistakeResult](), list[FaultResult](), list[Alarm]()
    for done, (case, dtype) in enumerate(runs):
        watch(f"{case.name} {dtype}", done, len(runs))
        run = CaseRun.of(case, dtype)
        tools = baselines(run.problem, run.excluded)
        mistakes += run_mistakes(run, tools)
        faults += inject_faults(run, tools, trials, seed)
        alarms += false_alarms(run, tools)
    watch("", len(runs), len(runs))
    records = tuple(mistakes), tuple(faults), tuple(alarms)
    return Power(seed, trials, *records, cover(mistakes), tuple(missing_frameworks()))


@dataclass(frozen=True)
class CaseRun:
    """A case in one number format, with the NumPy reference's own run of it, step by step."""

    case: str
    problem: Problem
    right: tuple[dict[str, NDArray[Any]], ...]
    excluded: frozenset[str] = frozenset()  # the adapters that the case expects not to agree

    @classmethod
    def of(cls, case: Case, dtype: str) -> Self:
        problem = replace(case.problem(dtype), steps=min(case.steps, MAX_STEPS))
        excluded = frozenset(name for name in case.file.expect if case.expectation(name, dtype))
        return cls(case.name, problem, tuple(training_steps(problem.copy())), excluded)

    @property
    def dtype(self) -> str:
        return self.problem.dtype

    @property
    def observable(self) -> frozenset[str]:
        """What any framework can show, among it the optimizer's state."""
        return quantities(self.problem, EVERYTHING)

    @property
    def outcome(self) -> frozenset[str]:
        return quantities(self.problem, OUTCOME)

    def gradients(self, claim: Claim) -> dict[str, NDArray[Any]]:
        return {name: np.asarray(claim[names.gradient(name)]) for name in self.problem.parameters}


# Mistakes


def run_mistakes(run: CaseRun, tools: Baselines) -> Iterator[MistakeResult]:
    """Make every mistake that the problem allows, and put what it gives to every tool."""
    for mistake in MISTAKES.values():
        kind = STRUCTURAL if mistake in WRONG_FORMULAS else PRECISION
        about = (run.case, run.dtype, mistake.name, kind)
        tape_of_it = mistake.tape(run.problem)
        if isinstance(tape_of_it, Inexpressible):
            yield MistakeResult(*about, tape_of_it.reason)
            continue
        steps = islice(mistaken_steps(run.problem.copy(), mistake), MISTAKEN_STEPS)
        claims = [only(claim, run.observable) for claim in steps]
        changes = any(
            not np.array_equal(array, right[name], equal_nan=True)
            for claim, right in zip(claims, run.right, strict=False)
            for name, array in claim.items()
        )
        yield MistakeResult(*about, changes=changes, answers=tuple(_on_mistake(run, claims, tools)))


def _on_mistake(run: CaseRun, claims: Sequence[Claim], tools: Baselines) -> Iterator[Answer]:
    yield judged(run, claims, SUITE)
    yield judged(run, [only(claim, run.outcome) for claim in claims], SUITE_OUTCOME)
    yield from (_compared(run, claims, tool, objects) for tool, objects in tools.comparisons.items())
    for tool, check in tools.gradient_checks.items():
        yield ask(tool, check, run.gradients(claims[0]))


def judged(run: CaseRun, claims: Sequence[Claim], tool: str) -> Answer:
    """Judge step by step until something is caught.

    Not in ball arithmetic: over the shipped cases that catches the same mistakes at the same lines, and takes
    three times as long on small networks and fifty times as long on the largest.
    """
    steps = judge(run.problem, lambda _: iter(claims), frozenset(claims[0]), certify=False)
    return _first_caught(tool, islice(steps, len(claims)))


def _first_caught(tool: str, steps: Iterable[JudgedStep]) -> Answer:
    for step in steps:
        for finding in step.findings:
            if finding.verdict in CAUGHT:
                return Answer(tool, objects=True, step=finding.step, quantity=finding.quantity)
    return Answer(tool, objects=False)


def _compared(run: CaseRun, claims: Sequence[Claim], tool: str, objects: Comparison) -> Answer:
    """Compare a run, quantity by quantity, with the reference's own run in the same format."""
    for step, (claim, right) in enumerate(zip(claims, run.right, strict=False), start=1):
        for name, array in claim.items():
            answer = ask(tool, objects, array, right[name])
            if answer.reason:
                return answer
            if answer.objects:
                return replace(answer, step=step, quantity=name)
    return Answer(tool, objects=False)


# Correct claims


def false_alarms(run: CaseRun, tools: Baselines) -> Iterator[Alarm]:
    """Put PyTorch's and JAX's own, correct claims to every tool; an excluded adapter makes none."""
    about = (run.case, run.dtype)
    for adapter in find_adapters(tuple(name for name in OWNERS.values() if name not in run.excluded)):
        if isinstance(adapter, Unavailable):
            reason = f"{adapter.verdict}: {adapter.reason}"
            for tool in (SUITE, *tools.comparisons):
                yield Alarm(*about, adapter.name, Answer(tool, objects=None, reason=reason))
            continue
        for program in adapter.programs:
            name = f"{adapter.name} {program.name}".strip()
            yield from (Alarm(*about, name, answer) for answer in _on_program(run, program, tools))
    for tool, check in tools.own_gradients.items():
        if OWNERS[tool] not in run.excluded:
            yield Alarm(*about, OWNERS[tool], ask(tool, check))


def _on_program(run: CaseRun, program: Program, tools: Baselines) -> Iterator[Answer]:
    """Judge all that a program shows, and compare its outcome; nothing where it has no equivalent."""
    problem = run.problem
    promises, accumulators = program.promises(problem.depth), program.accumulators
    steps = list(judge(problem, program.run, promises, accumulators=accumulators))
    if any(finding.verdict is Verdict.NO_EQUIVALENT for step in steps for finding in step.findings):
        return
    yield _first_caught(SUITE, steps)
    claims = [only(step.claim, run.outcome) for step in steps]
    yield from (_compared(run, claims, tool, objects) for tool, objects in tools.comparisons.items())


# Faults in single elements


def inject_faults(run: CaseRun, tools: Baselines, trials: int, seed: int) -> Iterator[FaultResult]:
    """Find the smallest relative fault that each tool catches in each quantity of the first step.

    A fault is one element's value × (1 + 10⁻ᵏ) in a correct claim of everything. This suite is asked about
    that quantity's line alone, so what the lines that follow would also show is not counted.
    """
    right = run.right[0]
    first = next(judge(replace(run.problem, steps=1), lambda _: iter([right]), frozenset(right)))
    for name, derived in first.derived.items():
        array = right[name]
        # So the elements that are drawn for a quantity do not depend on what else is measured.
        key = zlib.crc32(f"{run.case} {run.dtype}".encode()), zlib.crc32(name.encode())
        elements = _elements(array, trials, np.random.default_rng([seed, *key]))
        for tool, objects in _checks_of(run, name, derived, tools):
            some, finest = elements, FINEST[run.dtype]
            if tool in tools.gradient_checks:
                some, finest = elements[:GRADIENT_ELEMENTS], FINEST_IN_GRADIENTS
            caught, reason = _smallest_faults(objects, array, some, finest)
            yield FaultResult(run.case, run.dtype, name, tool, caught, reason)


def _elements(array: NDArray[Any], trials: int, draw: np.random.Generator) -> list[tuple[int, ...]]:
    fitting = np.argwhere(np.isfinite(array) & (array != 0))
    return [tuple(fitting[i].tolist()) for i in draw.permutation(len(fitting))[:trials]]


def _checks_of(run: CaseRun, name: str, derived: Bounded, tools: Baselines) -> Iterator[tuple[str, Objects]]:
    right, gradients = run.right[0][name], run.gradients(run.right[0])
    yield SUITE, lambda claimed: compare(1, name, claimed, derived).verdict is Verdict.DIFFERS
    for tool, comparison in tools.comparisons.items():
        yield tool, _after(comparison, lambda claimed: (claimed, right))
    parameter = name.removeprefix(names.gradient(""))
    for tool, check in tools.gradient_checks.items() if parameter in gradients else ():
        yield tool, _after(check, lambda claimed: ({**gradients, parameter: claimed},))


def _after(check: Callable[..., bool], given: Callable[[NDArray[Any]], tuple[object, ...]]) -> Objects:
    return lambda claimed: check(*given(claimed))


def _smallest_faults(
    objects: Objects, array: NDArray[Any], elements: Sequence[tuple[int, ...]], finest: int
) -> tuple[tuple[float, ...], str]:
    """Return the smallest fault that is caught in each element; or none, and why."""
    try:
        objects_already = objects(np.array(array))
    except NotRunError as reason:
        return (), str(reason)
    if not elements:
        return (), "every element is 0, which no relative fault changes"
    if objects_already:
        return (), "objects to the right value already"
    return tuple(_smallest(objects, array, element, finest) for element in elements), ""


def _smallest(objects: Objects, array: NDArray[Any], element: tuple[int, ...], finest: int) -> float:
    """Return the smallest 10⁻ᵏ that is caught, by bisection: if a fault is caught, so is a larger one.

    Infinite where even a doubled value is not.
    """
    faulty, value = np.array(array), float(array[element])
    caught, missed = -1, finest
    while missed - caught > 1:
        k = (caught + missed) // 2
        with np.errstate(over="ignore"):  # twice the largest number is infinite, and a fault
            faulty[element] = value * (1 + 10.0**-k)
        caught, missed = (k, missed) if objects(faulty) else (caught, k)
    return 10.0**-caught if caught >= 0 else math.inf
