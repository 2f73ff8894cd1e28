"""A captured run held against its own program, line by line, and against the exact derivative of it.

What the framework showed on the way is judged too, and each line then goes on from it: it has the bound of
its own roundings, and the first that is wrong is the line that made the mistake.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cases.captured import Captured, CapturedProgram, Operation, ShownValue
from cases.protocol import Verdict
from reference.agreement import compare
from reference.arithmetic import Bounded
from reference.findings import Finding
from reference.programs.derivatives import gradient_program
from reference.programs.evaluation import Forms, at_kinks, bounded, certified
from reference.programs.operations import MOVES, Truth

OUTPUT: Final = "the output"


@dataclass(frozen=True)
class Judged:
    """What was found of a run: each line's finding by its number, kinks, and what was not known.

    `program` has the lines of the derivative behind those of the function. A line may have several findings,
    as a gradient that is handed on.
    """

    program: CapturedProgram
    judged: tuple[tuple[int, Finding], ...]  # in the order of the lines
    kinks: tuple[tuple[str, int], ...]  # lines, each with how many elements lie on one
    known: int  # lines that were evaluated
    unknown: tuple[str, ...]
    places: Mapping[str, str]  # of each value on the way and the gradient at it, by their names

    @property
    def lines(self) -> int:
        return sum(one.number in self.program.needed for one in self.program.operations)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for _, finding in self.judged)

    @cached_property
    def by_line(self) -> Mapping[int, Finding]:
        """The finding of each line that was judged; of several one that fails, if there is one."""
        return dict(sorted(self.judged, key=lambda pair: not pair[1].passes, reverse=True))

    def place(self, number: int, finding: Finding) -> str:
        """Return where a value on the way stands in a program, "model.py:12"; "" of other quantities.

        Of a gradient at a value it is "model.py:12, through model.py:15", the line of what takes the value.
        """
        own = self.places.get(finding.quantity, "")
        by = next((one.place for one in self.program.operations if one.number == number), "")
        return f"{own}, through {by}" if own and by not in {own, ""} else own

    @property
    def agrees(self) -> bool:
        return bool(self.findings) and all(one.verdict is Verdict.AGREES for one in self.findings)


def judge_run(run: Captured) -> Judged:
    """Judge the output of a run, its gradients, and what its framework gave on the way.

    Raises NotCapturedError where the output is no single number.
    """
    shown = _between(run)
    between = {f"line {n}": n for n, one in shown.items() if one.slope is not None}
    wanted = {**run.program.inputs, **between}
    program = gradient_program(run.program, wanted)
    claims = [*_claims(run, shown, program.outputs, [*wanted.values()])]
    stated = {claim.number: claim.value for claim in claims}
    derived, sides, kinks = _derived(run, program, stated)
    judged = [
        (claim.number, _compared(claim, derived[claim.number], sides[claim.number]))
        for claim in sorted(claims, key=attrgetter("number"))
        if isinstance(derived.get(claim.number), Bounded)
    ]
    known = sum(one.number in derived for one in program.operations if one.number in program.needed)
    places = dict(_places(run, shown))
    return Judged(program, tuple(judged), kinks, known, program.unknown_reasons(), places)


def _derived(
    run: Captured, program: CapturedProgram, stated: Mapping[int, NDArray[Any]]
) -> tuple[Mapping[int, Any], Mapping[int, Any], tuple[tuple[str, int], ...]]:
    """Return each line with its bound, the same on one side of each kink, and the kinks."""
    forms = Forms(run.dtype, run.accumulators)

    def on(*, decides: bool) -> Mapping[int, Any]:
        exact = certified(program, run.inputs, stated=stated, decides=decides)
        return bounded(program, run.inputs, forms, exact, stated=stated, decides=decides)

    derived = on(decides=False)
    kinks = _kinks(program, derived)
    return derived, on(decides=True) if kinks else derived, kinks


def _between(run: Captured) -> dict[int, ShownValue]:
    """Return what the framework gave on the way, of lines that compute something.

    One that only moves elements counts where these were not given before, as those of a product by rows.
    """
    new, taken = set[int](), dict[int, ShownValue]()
    for operation in run.program.operations:
        n = operation.number
        if operation.kind not in MOVES or not new.isdisjoint(operation.inputs):
            new.add(n)
            if n in run.shown and n != run.program.output:
                taken[n] = run.shown[n]
                new.discard(n)
    return taken


def _names(shown: Mapping[int, ShownValue]) -> dict[int, str]:
    """Return what each value on the way is called: by its call, and "linear 2" of the second."""
    counted, names = Counter[str](), dict[int, str]()
    for number, one in shown.items():
        counted[one.name] += 1
        names[number] = f"{one.name} {counted[one.name]}" if counted[one.name] > 1 else one.name
    return names


def _places(run: Captured, shown: Mapping[int, ShownValue]) -> Iterator[tuple[str, str]]:
    places = {one.number: one.place for one in run.program.operations}
    for number, name in _names(shown).items():
        yield name, places[number]
        yield f"∂/∂{name}", places[number]


@dataclass(frozen=True)
class _Claim:
    """What a framework states of a line."""

    number: int
    name: str
    value: NDArray[Any]


def _claims(
    run: Captured, shown: Mapping[int, ShownValue], outputs: Sequence[int], wanted: Sequence[int]
) -> Iterator[_Claim]:
    """Give all that a framework states: values, then gradients, those on the way last."""
    names = {**{number: name for name, number in run.program.inputs.items()}, **_names(shown)}
    for number, one in shown.items():
        yield _Claim(number, names[number], one.value)
    yield _Claim(outputs[0], OUTPUT, run.output)
    slopes = {number: one.slope for number, one in shown.items() if one.slope is not None}
    slopes |= {number: run.gradients[name] for name, number in run.program.inputs.items()}
    for line, of in zip(outputs[1:], wanted, strict=True):
        yield _Claim(line, f"∂/∂{names[of]}", slopes[of])


def _compared(claim: _Claim, derived: Bounded, one_side: Bounded) -> Finding:
    """Judge a line; an element that a kink leaves open agrees within the hull of both sides."""
    if not claim.value.size:  # nothing of it can be wrong
        return compare(1, claim.name, 0.0, Bounded.exact(0.0, derived.format))
    if derived is not one_side:
        claimed = np.asarray(claim.value, np.float64)
        left_open = at_kinks(derived, one_side) & (np.abs(claimed - derived.value) <= derived.error)
        value = np.where(left_open, claimed, derived.value)
        error = np.where(left_open, 0.0, np.broadcast_to(derived.error, derived.shape))
        low = np.where(left_open, 0.0, np.broadcast_to(derived.low, derived.shape))
        derived = Bounded(value, error, derived.format, low=low, sizes=derived.sizes)
    if claim.name.startswith("∂") and np.isinf(derived.value).any():  # in another form it may be NaN
        error = np.where(np.isinf(derived.value), np.inf, np.broadcast_to(derived.error, derived.shape))
        derived = Bounded(derived.value, error, derived.format, low=derived.low, sizes=derived.sizes)
    return compare(1, claim.name, claim.value, derived)


def _kinks(program: CapturedProgram, derived: Mapping[int, Any]) -> tuple[tuple[str, int], ...]:
    """Return the lines whose truth values are open: at a kink, a tie, or too near to one to tell."""
    counted: Counter[str] = Counter()
    for operation in program.operations:
        value = derived.get(operation.number)
        if isinstance(value, Truth) and value.unsure.any():
            counted[_named(operation)] += int(value.unsure.sum())
    return tuple(counted.items())


def _named(operation: Operation) -> str:
    name = operation.name.removeprefix("derivative of ")
    return f"{name} ({operation.place})" if operation.place else name
