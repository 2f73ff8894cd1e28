"""Two known mistakes at once, where what is hidden lets neither be seen alone."""

import math
from collections.abc import Iterator
from itertools import combinations
from typing import Final

import numpy as np

from reference import parts
from reference.diagnosis.candidates import (
    UNLIKELY,
    Candidate,
    MistakenTape,
    chance_of,
    fitted,
    mistaken_tapes,
    part_name,
    sites_of,
)
from reference.diagnosis.context import Refuted, StepContext, predicted_by, states_with
from reference.explanations import Explanation
from reference.mistakes import Inexpressible

# Every pair is a tape to evaluate, in each step since the state is hidden: no more parameters, and no more
# evaluations, than a second allows.
MAX_PARAMETERS: Final = 500
MAX_EVALUATIONS: Final = 6000


def two_mistakes(context: StepContext, quantity: str) -> Iterator[Candidate]:
    """Yield each pair of mistakes, both made wherever they can be, that gives a wrong number.

    Of so many pairs one might fit by chance, so the digits have to speak as clearly as for two lines. Where
    a number before this one is without an explanation, two mistakes do not give this one either.
    """
    sites, order = sites_of(context, quantity), context.order
    is_first = all(order[name] >= order[quantity] for name in context.differing)
    small = context.problem.size <= MAX_PARAMETERS and not context.observed[quantity].is_printed
    if not (is_first and small and _is_comparable(context, quantity)) or sites == {quantity}:
        return
    possible = _possible(context, quantity, sites)
    if math.comb(len(possible), 2) * (len(context.earlier) + 1) > MAX_EVALUATIONS:
        return
    for (first, lines, base), (second, others, _) in combinations(possible, 2):
        both = second.tape(context.problem, only=others, base=base)
        if isinstance(both, Inexpressible):
            continue
        name = f"{first.name} and {second.name}"
        fit = parts.tried(part_name(name), fitted, context, quantity, lines + others, both)
        if isinstance(fit, tuple) and not fit[1]:
            sentence = f"{first.sentence}; and {second.sentence}"
            candidate = Candidate(Explanation(name, sentence, lines + others), fit[0], both)
            if _is_certain(context, candidate):
                yield candidate


def _is_comparable(context: StepContext, quantity: str) -> bool:
    """Whether some elements have a bound and are beyond it, each a number: NaN has no digits that speak."""
    wrong, stated = context.wrong.get(quantity), context.observed[quantity].value
    return wrong is not None and bool(wrong.any() and np.isfinite(stated[wrong].astype(np.float64)).all())


def _possible(context: StepContext, quantity: str, sites: set[str] | None) -> list[MistakenTape]:
    """Return each mistake where it is made most widely, if nothing before the number speaks against it."""
    widest: dict[str, MistakenTape] = {}
    for tape in mistaken_tapes(context.problem, sites, context.mistaken):
        if not tape[0].numpy_only:
            widest.setdefault(tape[0].name, tape)
    return [tape for tape in widest.values() if not _is_refuted(context, quantity, tape)]


def _is_refuted(context: StepContext, quantity: str, tape: MistakenTape) -> bool:
    """Whether an earlier step, or what is before the number in this one, speaks against a mistake alone."""
    _, wrong, lines = tape
    states = states_with(context, lines, wrong)
    before = [line for line in lines if context.order[line.name] < context.order[quantity]]
    if states is None:
        return True
    try:
        predicted_by(context, before, wrong, states[-1])
    except (Refuted, ValueError):
        return True
    return False


def _is_certain(context: StepContext, pair: Candidate) -> bool:
    """Whether all the numbers that differ and are as predicted speak for a pair, together."""
    predicted = {name: pair.predicted[name] for name in pair.given(context)}
    every = (
        chance_of(context.observed[name], value, context.right[name], np.ones(value.shape, np.bool_))
        for name, value in predicted.items()
    )
    return math.prod(every) <= UNLIKELY**2
