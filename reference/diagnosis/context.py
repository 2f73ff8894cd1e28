"""The context of one training step: what is known before it, what is observed, and what follows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TypeAlias

from cases import Problem, names
from cases.protocol import Verdict
from reference.arithmetic import EVALUATION, Bounded, Format, format_of
from reference.claim import Claim
from reference.diagnosis.observed import Observed, observed_in_claim
from reference.line import Line, evaluate
from reference.tape import tape
from reference.training import advance, exact_inputs

Values: TypeAlias = Mapping[str, Bounded]
Observations: TypeAlias = Mapping[str, Observed]


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
        """The right tape."""
        return tape(self.problem)

    @cached_property
    def right(self) -> Values:
        """Every quantity as it follows, by the right tape, from the implementation's own numbers."""
        return MappingProxyType(derive(self.lines, self.known, self.observed))

    @cached_property
    def unaided(self) -> Values:
        """Every quantity as the right tape gives it from the inputs alone."""
        return MappingProxyType(derive(self.lines, self.known, {}))

    @cached_property
    def differing(self) -> frozenset[str]:
        """The observed quantities that do not follow."""
        verdicts = {
            name: one.verdict(self.right[name]) for name, one in self.observed.items() if name in self.right
        }
        return frozenset(name for name, verdict in verdicts.items() if verdict is Verdict.DIFFERS)

    @cached_property
    def after(self) -> Values:
        """Everything known before the next step."""
        return known_after(self.problem, self.known, self.observed, self.right)

    def as_input(self, quantity: str) -> Bounded:
        """Return what later lines take for a quantity: the observed numbers, or the derived ones."""
        return _as_input(quantity, self.observed, self.right[quantity])

    @cached_property
    def shown(self) -> frozenset[str]:
        """The quantities of which later lines take the implementation's own numbers."""
        return shown_of(self.observed, self.right)


def step_context(
    problem: Problem,
    claim: Claim,
    state: Values,
    previous: StepContext | None = None,
    history: History | None = None,
) -> StepContext:
    """Return the context of a claimed step: every number taken as it is, in the problem's own format."""
    observed = observed_in_claim(claim, problem.dtype)
    return StepContext(problem, known_before(problem, state), observed, previous, history)


def known_before(problem: Problem, state: Values) -> dict[str, Bounded]:
    """Return everything that a step is computed from, given the state before it."""
    form = _format_of(problem, state)
    return exact_inputs(problem, form) | {
        name: replace(number, format=form) for name, number in state.items()
    }


def _format_of(problem: Problem, state: Values) -> Format:
    """Return the format in which a state was judged, for values that are not certified."""
    formats = [replace(number.format, evaluation=EVALUATION) for number in state.values()]
    return formats[0] if formats else format_of(problem.dtype)


def shown_of(observed: Observations, derived: Values) -> frozenset[str]:
    """Return the quantities whose observed numbers fit, so that later lines take them."""
    return frozenset(name for name, one in observed.items() if name in derived and one.fits(derived[name]))


def _as_input(name: str, observed: Observations, derived: Bounded) -> Bounded:
    return observed[name].as_input(derived) if name in observed else derived


def known_after(
    problem: Problem, known: Values, observed: Observations, derived: Values
) -> dict[str, Bounded]:
    """Return everything known before the next step: the data, the rate and the updated state."""
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
class EarlierStep:
    """What was observed of an earlier step, and the names of what agreed."""

    observed: Observations
    agreed: frozenset[str]

    def refutes(self, derived: Values) -> bool:
        """Whether something that agreed would have differed if this were how it was computed."""
        return any(self.observed[name].verdict(derived[name]) is Verdict.DIFFERS for name in self.agreed)


@dataclass(frozen=True, eq=False)
class History:
    """The steps since all of a program's state was known exactly: at the start, or where it was shown.

    `known` holds the data, the rates and the state before the first; the last comes before the present step.
    """

    problem: Problem
    known: Values
    steps: tuple[EarlierStep, ...]

    @property
    def hidden_state(self) -> frozenset[str]:
        """The names of the state that the last step does not show."""
        observed = self.steps[-1].observed
        return frozenset(name for name in self.problem.state if names.updated(name) not in observed)

    def state_with(self, lines: Sequence[Line], wrong: Collection[str]) -> dict[str, Bounded] | None:
        """Return the hidden state that a mistake, made in all of the steps, has changed by the present one.

        None where an earlier step shows that the mistake was not made there.
        """
        known, changed = dict(self.known), set[str]()
        for step in self.steps:
            derived = derive(lines, known, step.observed)
            if step.refutes(derived):
                return None
            shown = shown_of(step.observed, derived)
            hidden = changed_by(lines, wrong, shown, changed) - shown
            known = known_after(self.problem, known, step.observed, derived)
            changed = {name for name in self.problem.state if names.updated(name) in hidden}
        return {name: known[name] for name in changed}
