"""Two known mistakes at once, where what is hidden lets neither be seen alone."""

from collections.abc import Iterator
from itertools import combinations
from typing import Final

import numpy as np

from reference import parts
from reference.arithmetic import Bounded
from reference.diagnosis.candidates import (
    UNLIKELY,
    Candidate,
    Explanation,
    chance_of,
    fitted,
    mistaken_tapes,
    part_name,
    sites_of,
)
from reference.diagnosis.context import StepContext
from reference.mistakes import Inexpressible

# Every pair is a tape to evaluate: no more parameters, and no more mistakes, than half a second allows.
MAX_PARAMETERS: Final = 500
MAX_MISTAKES: Final = 60


def two_mistakes(context: StepContext, quantity: str) -> Iterator[Candidate]:
    """Yield each pair of mistakes, both made wherever they can be, that gives a wrong number.

    Of so many pairs one might fit by chance, so the digits have to speak as clearly as for two lines.
    """
    sites = sites_of(context, quantity)
    if context.problem.size > MAX_PARAMETERS or context.observed[quantity].is_printed or sites == {quantity}:
        return
    tapes = mistaken_tapes(context.problem, sites, context.mistaken)
    possible = {tape[0].name: tape for tape in reversed([one for one in tapes if not one[0].numpy_only])}
    if len(possible) > MAX_MISTAKES:
        return
    for (first, lines, base), (second, others, _) in combinations(reversed(possible.values()), 2):
        both = second.tape(context.problem, only=others, base=base)
        if isinstance(both, Inexpressible):
            continue
        name = f"{first.name} and {second.name}"
        fit = parts.tried(part_name(name), fitted, context, quantity, lines + others, both)
        if isinstance(fit, tuple) and not fit[1] and _is_certain(context, quantity, fit[0][quantity]):
            sentence = f"{first.sentence}; and {second.sentence}"
            yield Candidate(Explanation(name, sentence, lines + others), fit[0], both)


def _is_certain(context: StepContext, quantity: str, predicted: Bounded) -> bool:
    every = np.ones(predicted.shape, np.bool_)
    return chance_of(context.observed[quantity], predicted, context.right[quantity], every) <= UNLIKELY**2
