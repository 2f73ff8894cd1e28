"""The context of one training step: what is known before it, what is observed, and what follows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from cases.protocol import Verdict
from reference.agreement import ONE_DIGIT, compare
from reference.arithmetic import EVALUATION, EXACT, Bounded, Error, format_of
from reference.findings import Claim, JudgedStep
from reference.line import Line, evaluate
from reference.training import advance, exact_inputs, tape


@dataclass(frozen=True, eq=False)
class Observed:
    """One quantity as it is observed, from a program or in print."""

    value: NDArray[Any]  # as the implementation gave it; NaN where a publication prints no number
    half_unit: Error = EXACT  # of printed numbers, in the last place; NaN where none is printed
    dtype_promised: bool = True  # whether the array has the dtype of the problem
    left_open: Error | None = None  # what is left open for later lines, if less than half a unit

    @property
    def is_printed(self) -> bool:
        return not isinstance(self.half_unit, float)

    def fits(self, derived: Bounded) -> bool:
        """Whether shape and dtype let later lines follow from these numbers."""
        return self.dtype_promised and self.value.shape == derived.shape

    def as_input(self, derived: Bounded) -> Bounded:
        if not self.fits(derived):
            return derived
        if not self.is_printed:
            return derived.stated(self.value)
        left_open = self.half_unit if self.left_open is None else self.left_open
        error = np.where(self.given, left_open, derived.error)
        return Bounded(self._completed(derived), error, derived.format)

    @property
    def given(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.half_unit)

    def _completed(self, derived: Bounded) -> NDArray[Any]:
        return np.where(self.given, self.value, derived.value)

    def verdict(self, derived: Bounded) -> Verdict:
        """Compare the observed numbers with derived ones; what does not fit differs.

        Printed numbers agree only with what is known to their last places.
        """
        if not self.fits(derived):
            return Verdict.DIFFERS
        if not self.is_printed:
            return compare(0, "", self.value, derived).verdict
        given = self.given
        half_unit = np.where(given, self.half_unit, 0.0)
        verdict = compare(0, "", self._completed(derived), derived, half_unit=half_unit).verdict
        to_the_last_place = bool((np.broadcast_to(derived.error, given.shape) <= half_unit)[given].all())
        certified = to_the_last_place and float(half_unit.max()) <= ONE_DIGIT * derived.peak
        return verdict if certified or verdict is not Verdict.AGREES else Verdict.UNDECIDED

    def distinguishes(self, predicted: Bounded, right: Bounded) -> bool:
        """Whether some observed element can be only one of the two: their bounds do not meet there."""
        if predicted.shape != right.shape:
            return True
        with np.errstate(all="ignore"):  # NaN and infinity distinguish nothing
            apart = np.abs(predicted.value - right.value) > predicted.error + np.asarray(right.error)
        return bool((apart & self.given).any())


Values: TypeAlias = Mapping[str, Bounded]
Observations: TypeAlias = Mapping[str, Observed]


def observed_in_claim(claim: Mapping[str, object], dtype: str) -> dict[str, Observed]:
    """Return every array of real numbers of a claim; anything else is passed over.

    NumPy does not count ml_dtypes' bfloat16 among its own floating-point formats.
    """
    return {
        name: Observed(np.asarray(value), dtype_promised=value.dtype == dtype)
        for name, value in claim.items()
        if isinstance(value, np.ndarray | np.generic)
        and (value.dtype.kind == "f" or value.dtype == "bfloat16")
    }


@dataclass(frozen=True, eq=False)
class StepContext:
    """One training step of one implementation.

    `known` holds the data, the rates and the state before the step, `observed` what the implementation shows
    of it; `previous` is the step before, `history` all since the state was known exactly, if there are any.
    """

    problem: Problem
    known: Values
    observed: Observations
    previous: StepContext | None = field(default=None, repr=False)
    history: History | None = field(default=None, repr=False)

    @property
    def lines(self) -> tuple[Line, ...]:
        return tape(self.problem)

    @cached_property
    def right(self) -> Values:
        """Every quantity as it follows, by the right tape, from the implementation's own numbers."""
        return derive(self.lines, self.known, self.observed)

    @cached_property
    def differing(self) -> frozenset[str]:
        """The observed quantities that do not follow."""
        those = self.observed.keys() & self.right.keys()
        return frozenset(
            name for name in those if self.observed[name].verdict(self.right[name]) is Verdict.DIFFERS
        )

    def as_input(self, quantity: str) -> Bounded:
        return _as_input(quantity, self.observed, self.right[quantity])

    @cached_property
    def shown(self) -> frozenset[str]:
        return shown_of(self.observed, self.right)


def context_of(problem: Problem, judged: JudgedStep) -> StepContext:
    """Return the context of a judged step, with those of the steps that it has before it."""
    steps: list[JudgedStep] = []
    earlier = judged.previous
    while earlier is not None:
        steps.insert(0, earlier)
        earlier = earlier.previous
    previous = claimed_step(problem, steps[-1].claim, steps[-1].state) if steps else None
    history = None
    if steps and all(number.is_exact for number in steps[0].state.values()):
        history = History(problem, _known_before(problem, steps[0].state), tuple(steps))
    return replace(claimed_step(problem, judged.claim, judged.state), previous=previous, history=history)


def claimed_step(problem: Problem, claim: Claim, state: Values) -> StepContext:
    """Return the context of a claim by itself: every number taken as it is, in the problem's own format."""
    return StepContext(problem, _known_before(problem, state), observed_in_claim(claim, problem.dtype))


def _known_before(problem: Problem, state: Values) -> dict[str, Bounded]:
    """Return all that a step is computed from, in its state's format for values that are not certified."""
    formats = [replace(number.format, evaluation=EVALUATION) for number in state.values()]
    form = formats[0] if formats else format_of(problem.dtype)
    before = {name: replace(number, format=form) for name, number in state.items()}
    return exact_inputs(problem, form) | before


def shown_of(observed: Observations, derived: Values) -> frozenset[str]:
    return frozenset(name for name, one in observed.items() if name in derived and one.fits(derived[name]))


def _as_input(name: str, observed: Observations, derived: Bounded) -> Bounded:
    return observed[name].as_input(derived) if name in observed else derived


def known_after(
    problem: Problem, known: Values, observed: Observations, derived: Values
) -> dict[str, Bounded]:
    updated = map(names.updated, problem.state)
    return advance(known, {name: _as_input(name, observed, derived[name]) for name in updated}, problem)


def derive(lines: Sequence[Line], known: Values, observed: Observations) -> dict[str, Bounded]:
    """Derive every line from what is observed above it, as the checker does; return what was derived."""
    derived: dict[str, Bounded] = {}

    def settle(line: Line, value: Bounded) -> Bounded:
        derived[line.name] = value
        return _as_input(line.name, observed, value)

    evaluate(lines, known, settle)
    return derived


def changed_by(
    lines: Sequence[Line], wrong: Collection[str], shown: Collection[str], hidden: Collection[str] = ()
) -> set[str]:
    """Return the lines of a mistaken tape that change: the wrong ones, and what follows from hidden ones.

    Of `shown` lines later ones take the implementation's numbers; `hidden` has changed in earlier steps.
    """
    changed, unseen = set(wrong), set(hidden)
    for line in lines:
        if line.name in wrong or not unseen.isdisjoint(line.inputs):
            changed.add(line.name)
            if line.name not in shown:
                unseen.add(line.name)
    return changed


@dataclass(frozen=True, eq=False)
class History:
    """The steps since all of a program's state was known exactly: at the start, or where it was shown.

    `known` holds the data, the rates and the state before the first; the last comes before the present step.
    """

    problem: Problem
    known: Values
    steps: tuple[JudgedStep, ...]

    @cached_property
    def observed(self) -> tuple[Observations, ...]:
        return tuple(observed_in_claim(step.claim, self.problem.dtype) for step in self.steps)

    @property
    def hidden_state(self) -> frozenset[str]:
        return frozenset(name for name in self.problem.state if names.updated(name) not in self.observed[-1])

    def state_with(self, lines: Sequence[Line], wrong: Collection[str]) -> dict[str, Bounded] | None:
        """Return the hidden state that a mistake, made in all of the steps, has changed by the present one.

        None where something of an earlier step that agreed shows that the mistake was not made there.
        """
        known, changed = dict(self.known), set[str]()
        for step, observed in zip(self.steps, self.observed, strict=True):
            derived = derive(lines, known, observed)
            agreed = {finding.quantity for finding in step.findings if finding.verdict is Verdict.AGREES}
            if any(observed[name].verdict(derived[name]) is Verdict.DIFFERS for name in agreed):
                return None
            shown = shown_of(observed, derived)
            hidden = changed_by(lines, wrong, shown, changed) - shown
            known = known_after(self.problem, known, observed, derived)
            changed = {name for name in self.problem.state if names.updated(name) in hidden}
        return {name: known[name] for name in changed}
