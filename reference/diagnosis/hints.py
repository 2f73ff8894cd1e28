"""What else to show, or to change, so that more can be said of a wrong number."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from cases import names
from cases.catalog import SYMBOLS
from reference.arithmetic import Bounded
from reference.diagnosis.candidates import Candidate, fitted, sites_of
from reference.diagnosis.context import StepContext, derive
from reference.diagnosis.ratios import with_input_times

# Hidden quantities that are named in a hint; more would not be read.
MAX_SHOWN = 3

# By how much a number of the case is moved, to see whether two mistakes give the same by its coincidence.
MOVED = 1 - 2.0**-4

# Numbers that are missing with a mistake, and may as well be too small to be seen.
MISSING: Final = {"decay-missing": "weight_decay", "decay-missing-in-the-biases": "weight_decay"}

# Halvings to the largest number that cannot be seen: of one in a hundred, and then of its first digits.
HALVINGS: Final = 30
REFINED: Final = 5


def hint(context: StepContext, quantity: str, best: Sequence[Candidate]) -> str:
    """Return a sentence on what to show where a number has no explanation, or several; or nothing."""
    if not best:
        hidden = [name for name in _hidden(context, quantity) if name != quantity]
        return f"{_show(hidden[-MAX_SHOWN:])}: {quantity} follows from what is not shown." if hidden else ""
    if len(best) == 1:
        return _too_small(context, quantity, best[0])
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


def _too_small(context: StepContext, quantity: str, candidate: Candidate) -> str:
    """Say up to which size a number that seems to be missing may be there, in a format of few digits.

    In float64 that is less than anybody asks for.
    """
    number = MISSING.get(candidate.explanation.mistake)
    if number is None or context.problem.dtype == "float64":
        return ""
    unseen, seen = 0.0, 1.0
    for _ in range(HALVINGS):
        if unseen and seen <= unseen * (1 + 2.0**-REFINED):
            break
        middle = (unseen + seen) / 2 if unseen else seen / 2
        if _gives(context, quantity, candidate, number, middle):
            unseen = middle
        else:
            seen = middle
    asked = float(context.problem.constants[number])
    at_most = f"at most {_rounded_up(seen * asked)}, where {asked:g} is asked for"
    return f"Or it is there, too small to be seen in {context.problem.dtype}: {at_most}." if unseen else ""


def _gives(context: StepContext, quantity: str, candidate: Candidate, number: str, factor: float) -> bool:
    """Whether a part of a number of the rule, in the lines of a mistake, gives the same numbers as that."""
    wrong = candidate.explanation.lines
    share = Bounded.exact(factor, context.known["x"].format)
    lines = tuple(
        with_input_times(line, number, share) if line.name in wrong and number in line.inputs else line
        for line in context.lines
    )
    fit = fitted(context, quantity, wrong, lines)
    if fit is None or fit[1]:
        return False
    return candidate.given(context) <= replace(candidate, predicted=fit[0]).given(context)


def _rounded_up(value: float) -> str:
    """Write a positive number with two digits, no smaller than it is."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return f"{math.ceil(value / unit) * unit:.2g}"
