"""Known mistakes as explanations of a wrong number: each is made in a tape, and must give what is shown.

The evidence for one is the number that is wrong, which it has to give where the right formula cannot. What
agrees as it is, in this step or an earlier one, is evidence against it wherever it would differ.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem
from cases.protocol import Verdict
from reference import parts
from reference.agreement import ONE_DIGIT
from reference.arithmetic import Bounded
from reference.diagnosis.context import (
    Observed,
    Refuted,
    StepContext,
    Values,
    predicted_by,
    states_with,
)
from reference.diagnosis.replays import in_float64, replay
from reference.explanations import Explanation
from reference.line import Line
from reference.mistakes import MISTAKES, Inexpressible, Mistake
from reference.parts import FailedPart

# A mistake that fits some elements alone is one of about a thousand that are tried, each in every element: it
# is named only if fewer than one in a million would fit by chance.
UNLIKELY = 1e-6

# Of printed numbers, and in formats of 16 bits, the whole array may fit by chance.
UNLIKELY_IN_FEW_DIGITS = 1e-2
FEW_DIGITS = 2.0**-12  # the unit roundoff from which on a format has few

# Of a prediction that agrees with what is stated, and meets the right value, too: no evidence for a mistake;
# and yet, where another one is named, this one may be meant.
POSSIBLY = "possibly"

# A mistake, the lines in which it is made, and the tape with it.
MistakenTape: TypeAlias = tuple[Mistake, tuple[str, ...], tuple[Line, ...]]

# What a mistake changes, as it is with it; and in how many elements it was made, if not in all.
Fit: TypeAlias = tuple[dict[str, Bounded], str]


@dataclass(frozen=True, eq=False)
class Candidate:
    """An explanation that nothing shown speaks against, and every quantity that changes, as it is with it.

    `tape` is the one with the mistake, if what is hidden follows from it. Of an array of which some elements
    are right `partly` says that the others are as predicted; `possibly` is as `POSSIBLY`.
    """

    explanation: Explanation
    predicted: Mapping[str, Bounded]
    tape: tuple[Line, ...] = field(default=(), repr=False)
    partly: bool = False
    possibly: bool = False

    def given(self, context: StepContext) -> set[str]:
        """Return what differs, and is as predicted."""
        differing = context.differing & self.predicted.keys()
        return {name for name in differing if context.gives(name, self.predicted[name])}


def part_name(mistake: str) -> str:
    return f"the mistake {mistake}"


def mistaken_tapes(
    problem: Problem, sites: Collection[str] | None = None, base: tuple[Line, ...] = ()
) -> Iterator[MistakenTape]:
    """Yield each mistake, wherever it can be made and in a line or a layer alone; only those in `sites`.

    They are made in the `base`, by default the right tape, in lines that no other mistake has changed there.
    """
    for mistake in MISTAKES.values():
        tapes = parts.tried(part_name(mistake.name), _tapes, problem, mistake, sites, base)
        if not isinstance(tapes, FailedPart):
            yield from ((mistake, wrong, lines) for wrong, lines in tapes)


def _tapes(
    problem: Problem, mistake: Mistake, sites: Collection[str] | None, base: tuple[Line, ...]
) -> list[tuple[tuple[str, ...], tuple[Line, ...]]]:
    wanted = [wrong for wrong in mistake.sites(problem) if sites is None or not set(wrong).isdisjoint(sites)]
    tapes = [(wrong, mistake.tape(problem, only=wrong, base=base)) for wrong in wanted]
    return [(wrong, lines) for wrong, lines in tapes if not isinstance(lines, Inexpressible)]


def mistakes_before(context: StepContext, quantity: str) -> Iterator[Candidate]:
    """Yield every wrong formula in the line of `quantity`, or in a hidden line before it, that fits."""
    for tape in _tapes_before(context, quantity, numpy_only=False):
        candidate = _candidate(context, quantity, tape, fitted)
        if candidate is not None:
            yield candidate


def lower_precisions(context: StepContext, quantity: str) -> Iterator[Candidate]:
    """Yield every right formula in too low a precision, in that line or a hidden one before it, that fits."""
    for tape in _tapes_before(context, quantity, numpy_only=True):
        candidate = _candidate(context, quantity, tape, _lower)
        if candidate is not None and not candidate.partly and not candidate.possibly:
            yield replace(candidate, tape=())  # for NumPy alone: what is hidden cannot follow from it


def _candidate(
    context: StepContext, quantity: str, tape: MistakenTape, fitting: Callable[..., Fit | None]
) -> Candidate | None:
    mistake, wrong, lines = tape
    fit = parts.tried(part_name(mistake.name), fitting, context, quantity, wrong, lines)
    if not isinstance(fit, tuple):
        return None
    predicted, share = fit
    possibly, share = share == POSSIBLY, share.removeprefix(POSSIBLY)
    explanation = Explanation(mistake.name, mistake.sentence + share, wrong)
    candidate = Candidate(explanation, predicted, lines, partly=bool(share))
    return replace(candidate, possibly=possibly and not _is_certain(context, candidate))


def _is_certain(context: StepContext, candidate: Candidate) -> bool:
    """Whether some number of the step that differs is as predicted, and could not be so if it were right."""
    predicted = {name: candidate.predicted[name] for name in candidate.given(context)}
    return any(
        context.observed[name].distinguishes(value, context.right[name]) for name, value in predicted.items()
    )


def is_distinguished(context: StepContext, mistake: Mistake) -> bool:
    """Whether some number that differs can be the mistake's, made wherever it can be, and not the right one.

    Their bounds do not meet there; or one of them is lost. So it is, too, where something refutes the
    mistake, or it leaves that number as it is.
    """
    lines, changed = mistake.tape(context.problem), mistake.lines(context.problem)
    if isinstance(lines, Inexpressible) or isinstance(changed, Inexpressible):
        return False
    wrong = tuple(line.name for line in changed)
    try:
        if mistake.numpy_only:
            predicted = replay(context, wrong, lines)
        else:
            states = states_with(context, lines, wrong)
            predicted = predicted_by(context, lines, wrong, states[-1]) if states else {}
    except (Refuted, ValueError):
        return True
    return any(
        name not in predicted
        or context.has_lost(name)
        or context.observed[name].distinguishes(predicted[name], context.right[name])
        for name in context.differing
    )


def _tapes_before(context: StepContext, quantity: str, *, numpy_only: bool) -> Iterator[MistakenTape]:
    if not (numpy_only and context.observed[quantity].is_printed):
        tapes = mistaken_tapes(context.problem, sites_of(context, quantity), context.mistaken)
        yield from (tape for tape in tapes if tape[0].numpy_only == numpy_only)


def fitted(context: StepContext, quantity: str, wrong: Collection[str], lines: Sequence[Line]) -> Fit | None:
    """Predict on `Bounded` numbers; None where what is shown, in this step or an earlier one, speaks against.

    First no further than to the wrong number, which most mistakes do not give.
    """
    end = next(i for i, line in enumerate(lines, start=1) if line.name == quantity)
    if _is_elsewhere(context, quantity, wrong, lines, end):
        return None
    states = states_with(context, lines, wrong)
    if states is None:
        return None
    state = states[-1]
    try:
        share = fit(context, quantity, predicted_by(context, lines[:end], wrong, state))
        if share is None:
            return None
        predicted = predicted_by(context, lines, wrong, state)
    except (Refuted, ValueError):  # or its arrays do not fit those that are shown
        return None
    return None if context.has_lost(quantity) and not _gives_all(context, predicted) else (predicted, share)


def _gives_all(context: StepContext, predicted: Values) -> bool:
    """Whether all that differs, and that a mistake changes, is as predicted, and is more than one element."""
    those = context.differing & predicted.keys()
    elements = sum(predicted[name].value.size for name in those)
    return elements > 1 and all(context.gives(name, predicted[name]) for name in those)


def _is_elsewhere(
    context: StepContext, quantity: str, wrong: Collection[str], lines: Sequence[Line], end: int
) -> bool:
    """Whether a mistake plainly gives another number: in float64 and without bounds, which is cheap.

    A prediction agrees only if its bound certifies a digit, so what is farther off than that does not, nor
    an array of another shape, nor a number where NaN or infinity is predicted, or the other way round.
    """
    try:
        made = in_float64(context, quantity, wrong, lines, end)
    except ValueError:  # its arrays do not fit those that are shown
        return True
    stated = np.asarray(context.observed[quantity].value, np.float64)
    if made is None or np.shape(made) != stated.shape:
        return True
    those = context.wrong.get(quantity, np.ones(stated.shape, np.bool_))  # all, if only its shape is wrong
    made, stated = np.asarray(made)[those], stated[those]
    known = np.isfinite(made)
    off = np.abs(stated[known] - made[known])
    far = off > ONE_DIGIT * np.abs(made[known]).max(initial=0.0)
    return not np.array_equal(known, np.isfinite(stated)) or bool(far.any())


def _lower(context: StepContext, quantity: str, wrong: Collection[str], lines: Sequence[Line]) -> Fit | None:
    """Predict in NumPy, as `fitted` does on `Bounded` numbers."""
    try:
        changes = replay(context, wrong, lines)
    except Refuted:
        return None
    share = fit(context, quantity, changes)
    return None if share is None else (changes, share)


def fit(context: StepContext, quantity: str, predicted: Mapping[str, Bounded]) -> str | None:
    """Return "" if a prediction gives the wrong number, and in words a share if it gives its wrong elements.

    `POSSIBLY` if it might be the right number as well. None if it does not, or not what differs before it:
    that, too, is wrong, and it is not as predicted.
    """
    order = context.order
    before = [name for name in predicted if order[name] < order.get(quantity, 0)]
    if quantity not in predicted or any(
        context.observed[name].verdict(predicted[name]) is Verdict.DIFFERS
        for name in context.differing.intersection(before)
    ):
        return None
    observed, value, right = context.observed[quantity], predicted[quantity], context.right[quantity]
    if _misses(context, quantity, value):
        return None
    if observed.verdict(value) is Verdict.AGREES:
        has_few_digits = observed.is_printed or right.format.unit_roundoff >= FEW_DIGITS
        chance = chance_of(observed, value, right, observed.given) if has_few_digits else 0.0
        if chance > UNLIKELY_IN_FEW_DIGITS:
            return None
        return "" if observed.distinguishes(value, right) else POSSIBLY
    return _share(context, quantity, value)


def _misses(context: StepContext, quantity: str, predicted: Bounded) -> bool:
    """Whether a prediction is plainly not what is observed, in an element that is wrong: most are."""
    wrong, observed = context.wrong.get(quantity), context.observed[quantity]
    if wrong is None or predicted.shape != wrong.shape:
        return False
    return bool((wrong & np.isfinite(predicted.error) & ~observed.is_within(predicted)).any())


def _share(context: StepContext, quantity: str, predicted: Bounded) -> str | None:
    """Return the share of the elements in which a mistake was made, if it gives all that are wrong.

    "" where only such others differ from it as have no bound, of which nothing is known.
    """
    observed, right = context.observed[quantity], context.right[quantity]
    wrong = context.wrong.get(quantity)
    if wrong is None or predicted.shape != right.shape or not observed.dtype_promised:
        return None
    bounded, as_predicted = np.isfinite(predicted.error), context.as_predicted(quantity, predicted)
    if not as_predicted[wrong].all():
        return None
    spoiled = np.isfinite(right.error) & bounded & ~wrong & ~as_predicted
    if chance_of(observed, predicted, right, wrong & bounded) > UNLIKELY and (
        spoiled.any() or not _is_lost_alike(context, quantity, predicted)
    ):
        return None
    given = int(np.broadcast_to(observed.given, wrong.shape).sum())
    return f", in {int(wrong.sum())} of the {given} elements" if spoiled.any() else ""


def _is_lost_alike(context: StepContext, quantity: str, predicted: Bounded) -> bool:
    """Whether a mistake makes NaN, or infinite, just what is so: evidence, as few do.

    It has to give all else that differs and that it changes, too (`fitted`); and what follows something lost
    that has no explanation may be lost for that alone.
    """
    lost = ~np.isfinite(np.asarray(context.observed[quantity].value, np.float64))
    before = (name for name in context.differing if context.order[name] < context.order[quantity])
    if not context.has_lost(quantity) or any(map(context.has_lost, before)):
        return False
    same = np.array_equal(lost, ~np.isfinite(predicted.value))
    return same and bool(context.as_predicted(quantity, predicted)[lost].all())


def chance_of(observed: Observed, predicted: Bounded, right: Bounded, those: NDArray[np.bool_]) -> float:
    """Return how likely these elements are as predicted by chance: what is left open over the distances."""
    left_open = predicted.error + right.error + np.where(observed.given, observed.half_unit, np.inf)
    shares = left_open / np.abs(predicted.value - right.value)
    each = np.nan_to_num(
        np.broadcast_to(shares, predicted.shape)[np.broadcast_to(those, predicted.shape)], nan=1.0
    )
    return float(np.minimum(each, 1.0).prod())


def sites_of(context: StepContext, quantity: str) -> set[str] | None:
    """Return the line of `quantity`, and the lines it follows from that the implementation does not show.

    None, which is all of them, where it follows from a state that the step before does not show.
    """
    inputs, hidden = {line.name: line.inputs for line in context.lines}, {quantity}
    for line in reversed(context.lines):
        if line.name in hidden:
            hidden |= {name for name in line.inputs if name in inputs and name not in context.shown}
    hidden_before = context.hidden_state
    return None if any(not hidden_before.isdisjoint(inputs[name]) for name in hidden) else hidden
