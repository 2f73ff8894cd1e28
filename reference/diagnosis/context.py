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
from reference.agreement import ONE_DIGIT, compare, distance
from reference.arithmetic import EVALUATION, EXACT, Bounded, Elementary, Error, format_of
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

    def is_within(self, derived: Bounded) -> NDArray[np.bool_]:
        """Return which elements are within the bound of a derived array of the same shape; NaN never is."""
        with np.errstate(all="ignore"):  # NaN and infinity are outside
            off = distance(np.asarray(self.value, np.float64), derived)
            return np.asarray(off <= derived.error + np.asarray(self.half_unit))

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
    """One training step of one implementation, and the tape that it is held against.

    `known` holds the data, the rates and the state before the step, `observed` what the implementation shows
    of it; `previous` is the step before, and `earlier` are all steps since the state was known exactly, if
    there are any. The tape is the right one, or one with mistakes that are known already.
    """

    problem: Problem
    known: Values
    observed: Observations
    previous: StepContext | None = field(default=None, repr=False)
    earlier: tuple[StepContext, ...] = field(default=(), repr=False)
    mistaken: tuple[Line, ...] = field(default=(), repr=False)  # the tape with mistakes, if there are any

    @cached_property
    def hidden_before(self) -> dict[tuple[Line, ...], dict[str, NDArray[Any]]]:
        """What wrong lines have made of the state before the step, as it is worked out (`in_float64`)."""
        return {}

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.mistaken or tape(self.problem)

    @cached_property
    def right(self) -> Values:
        """Every quantity as it follows, by the tape, from the implementation's own numbers."""
        return derive(self.lines, self.known, self.observed)

    @cached_property
    def taken(self) -> Values:
        """What later lines take: what is known before the step, and each quantity as shown or derived."""
        return {**self.known, **{name: self.as_input(name) for name in self.right}}

    @cached_property
    def plain(self) -> Mapping[str, NDArray[Any]]:
        """The same in float64, without bounds."""
        return {name: number.value for name, number in self.taken.items()}

    @cached_property
    def verdicts(self) -> Mapping[str, Verdict]:
        """The verdict on each observed quantity of the tape, from the implementation's own numbers."""
        here = [name for name in self.right if name in self.observed]
        return {name: self.observed[name].verdict(self.right[name]) for name in here}

    @cached_property
    def differing(self) -> frozenset[str]:
        """The observed quantities that do not follow."""
        return frozenset(name for name, verdict in self.verdicts.items() if verdict is Verdict.DIFFERS)

    @cached_property
    def shown(self) -> frozenset[str]:
        return shown_of(self.observed, self.right)

    @property
    def hidden_state(self) -> frozenset[str]:
        """The state before the step that the steps before it do not show."""
        if not self.earlier:
            return frozenset()
        shown = self.earlier[-1].observed
        return frozenset(name for name in self.problem.state if names.updated(name) not in shown)

    def as_input(self, quantity: str) -> Bounded:
        return _as_input(quantity, self.observed, self.right[quantity])

    @cached_property
    def order(self) -> Mapping[str, int]:
        return {line.name: i for i, line in enumerate(tape(self.problem))}

    @cached_property
    def unaided(self) -> Values:
        """Every quantity as it follows from the state before the step alone, whatever else is stated."""
        known = self.earlier[0].known if self.earlier else self.known
        for step in self.earlier:
            known = known_after(self.problem, known, step.observed, derive(self.lines, known, {}))
        return derive(self.lines, known, {})

    @cached_property
    def from_before(self) -> Values:
        """Every quantity as it follows from the steps before alone, with what differs there put right."""
        steps = self.earlier or ((self.previous,) if self.previous else ())
        known = steps[0].known if steps else self.known
        for step in steps:
            right = {name: one for name, one in step.observed.items() if name not in step.differing}
            known = known_after(self.problem, known, right, derive(self.lines, known, right))
        return derive(self.lines, known, {})

    @cached_property
    def without_mistakes(self) -> StepContext:
        """The same step held against the right tape."""
        if not self.mistaken:
            return self
        return replace(self, mistaken=(), earlier=tuple(step.without_mistakes for step in self.earlier))

    def refutes(self, quantity: str, predicted: Bounded) -> bool:
        """Whether a quantity that agrees as it is differs from a prediction."""
        agrees = self.verdicts.get(quantity) is Verdict.AGREES
        return agrees and self.observed[quantity].verdict(predicted) is Verdict.DIFFERS

    @cached_property
    def wrong(self) -> Mapping[str, NDArray[np.bool_]]:
        """Which elements of each quantity that differs do not follow, where shapes let them be compared."""
        return {
            name: np.isfinite(self.right[name].error) & observed.given & ~observed.is_within(self.right[name])
            for name, observed in self.observed.items()
            if name in self.differing and observed.value.shape == self.right[name].shape
        }

    def is_lost(self, quantity: str) -> bool:
        """Whether all that is wrong of a quantity is NaN or infinite."""
        wrong = self.wrong.get(quantity)
        return wrong is not None and not self._stated(quantity, wrong).any()

    def has_lost(self, quantity: str) -> bool:
        """Whether something that is wrong of a quantity is NaN or infinite."""
        wrong = self.wrong.get(quantity)
        return wrong is not None and not self._stated(quantity, wrong).all()

    def _stated(self, quantity: str, those: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.isfinite(np.asarray(self.observed[quantity].value[those], np.float64))

    def as_predicted(self, quantity: str, predicted: Bounded) -> NDArray[np.bool_]:
        """Return which elements of an array of the same shape are as predicted: within the bound, if any.

        Without one an element is, if both are NaN or the same infinity, or not plainly another number.
        """
        observed, stated = self.observed[quantity], np.asarray(self.observed[quantity].value, np.float64)
        value, known = predicted.value, np.isfinite(predicted.value)
        alike = (stated == value) | (np.isnan(stated) & np.isnan(value))
        with np.errstate(all="ignore"):
            near = np.abs(stated - value) <= ONE_DIGIT * np.abs(value[known]).max(initial=0.0)
        return np.where(np.isfinite(predicted.error), observed.is_within(predicted), alike | near)

    def gives(self, quantity: str, predicted: Bounded) -> bool:
        """Whether a prediction gives what differs; of what is lost, NaN or the same infinity."""
        observed = self.observed[quantity]
        if observed.verdict(predicted) is Verdict.AGREES:
            return True
        if not self.has_lost(quantity) or predicted.shape != observed.value.shape:
            return False
        return bool(self.as_predicted(quantity, predicted)[self.wrong[quantity]].all())

    def with_mistake(self, lines: tuple[Line, ...], wrong: Collection[str]) -> StepContext:
        """Return the same step held against a tape with a mistake, made in the steps before it as well."""
        states = states_with(self, lines, wrong) or [{} for _ in range(len(self.earlier) + 1)]
        steps = [
            replace(step, known={**step.known, **state}, mistaken=lines)
            for step, state in zip((*self.earlier, self), states, strict=True)
        ]
        return replace(steps[-1], earlier=tuple(steps[:-1]))


def context_of(problem: Problem, judged: JudgedStep) -> StepContext:
    """Return the context of a judged step, with those of the steps that it has before it."""
    steps: list[JudgedStep] = []
    before = judged.previous
    while before is not None:
        steps.insert(0, before)
        before = before.previous
    earlier = tuple(claimed_step(problem, step.claim, step.state) for step in steps)
    from_the_start = bool(steps) and all(number.is_exact for number in steps[0].state.values())
    return replace(
        claimed_step(problem, judged.claim, judged.state),
        previous=earlier[-1] if earlier else None,
        earlier=earlier if from_the_start else (),
    )


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


class Refuted(Exception):  # noqa: N818 - no error: what is shown is not as a mistake predicts it
    """What is shown, and agrees, is not as a mistake predicts it."""


def predicted_by(
    context: StepContext,
    lines: Sequence[Line],
    wrong: Collection[str],
    state: Values,
) -> dict[str, Bounded]:
    """Return every quantity that a mistake in the `wrong` lines changes, as it is with it.

    `state` is the hidden state that it has changed in earlier steps. Raises `Refuted` where a quantity that
    agrees as it is would differ.
    """
    changed, predicted = changed_by(lines, wrong, context.shown, state), dict[str, Bounded]()
    known, at_the_loss = {**context.taken, **state}, names.gradient(names.a(context.problem.depth))

    def settle(line: Line, value: Bounded) -> Bounded:
        name = line.name
        if name == at_the_loss:
            value = _as_written(line, known, value)
        predicted[name] = value
        if context.refutes(name, value):
            raise Refuted(name)
        known[name] = _as_input(name, context.observed, value)
        return known[name]

    evaluate([line for line in lines if line.name in changed], known, settle)
    return predicted


def _as_written(line: Line, known: Values, value: Bounded) -> Bounded:
    """Give a loss's gradient the bound of its formula where it has none, at what is no probability.

    No framework promises anything there; a program that a mistake has brought there computes what is written.
    """
    unbounded = ~np.isfinite(value.error)
    if not isinstance(line.formula, Elementary) or not unbounded.any():
        return value
    try:
        written = line.formula.plain(*(known[name] for name in line.inputs))
    except (TypeError, AttributeError):  # a function of NumPy's, which takes arrays only
        return value
    return replace(value, error=np.where(unbounded, written.error, value.error))


def states_with(
    context: StepContext, lines: Sequence[Line], wrong: Collection[str]
) -> list[dict[str, Bounded]] | None:
    """Return the hidden state that a mistake has changed before each earlier step and before the present one.

    None where something that agrees in an earlier step shows that the mistake was not made there.
    """
    states: list[dict[str, Bounded]] = [{}]
    for step in context.earlier:
        try:
            predicted = predicted_by(step, lines, wrong, states[-1])
        except (Refuted, ValueError):  # or its arrays do not fit those that are shown
            return None
        hidden = {name: predicted.get(names.updated(name)) for name in context.problem.state}
        after = {name: number.kept() for name, number in hidden.items() if number is not None}
        states.append({name: after[name] for name in after if names.updated(name) not in step.shown})
    return states
