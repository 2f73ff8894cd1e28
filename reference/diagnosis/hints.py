"""What else to show, or to change, so that more can be said of a wrong number."""

from collections.abc import Iterator, Sequence

import numpy as np

from cases import names
from cases.catalog import SYMBOLS
from reference.arithmetic import Bounded
from reference.diagnosis.candidates import Candidate, sites_of
from reference.diagnosis.context import StepContext, derive

# Hidden quantities that are named in a hint; more would not be read.
MAX_SHOWN = 3

# By how much a number of the case is moved, to see whether two mistakes give the same by its coincidence.
MOVED = 1 - 2.0**-4


def hint(context: StepContext, quantity: str, best: Sequence[Candidate]) -> str:
    """Return a sentence on what to show where a number has no explanation, or several; or nothing."""
    if not best:
        hidden = [name for name in _hidden(context, quantity) if name != quantity]
        return f"{_show(hidden[-MAX_SHOWN:])}: {quantity} follows from what is not shown." if hidden else ""
    if len(best) == 1:
        return ""
    deciding = _deciding(context, quantity, best)
    if deciding:
        return f"{_show(deciding[:1])}, which tells them apart."
    return next(_coincidences(context, quantity, best), "")


def _hidden(context: StepContext, quantity: str) -> list[str]:
    """Return the hidden quantities that one follows from, which a program can show, in order."""
    hidden, slopes = sites_of(context, quantity), map(names.slope, range(1, context.problem.depth + 1))
    possible = context.order.keys() if hidden is None else hidden
    unseen = set(possible) - context.shown - set(slopes)
    return [name for name in context.order if name in unseen]


def _show(quantities: Sequence[str]) -> str:
    *others, last = quantities
    return f"State {', '.join(others)} and {last} too" if others else f"State {last} too"


def _deciding(context: StepContext, quantity: str, best: Sequence[Candidate]) -> list[str]:
    """Return hidden quantities that some of these mistakes change, and others do not."""
    changed = [candidate.predicted.keys() for candidate in best]
    return [
        name
        for name in _hidden(context, quantity)
        if any(name in those for those in changed) and not all(name in those for those in changed)
    ]


def _coincidences(context: StepContext, quantity: str, best: Sequence[Candidate]) -> Iterator[str]:
    """Say which number of the case makes these mistakes equal: moved, it would tell them apart."""
    tapes = [candidate.tape for candidate in best if candidate.tape]
    for name in (names.LEARNING_RATE, *dict(context.problem.optimizer.numbers)) if len(tapes) > 1 else ():
        number = context.known[name]
        moved = {**context.known, name: Bounded.exact(number.value * MOVED, number.format)}
        first, *others = (derive(lines, moved, {})[quantity] for lines in tapes)
        distances = (np.abs(first.value - other.value) > first.error + other.error for other in others)
        if all(np.any(apart) for apart in distances):
            symbol = SYMBOLS.get(name, name)
            yield f"They are equal by this case's numbers: with another {symbol} they would differ."
