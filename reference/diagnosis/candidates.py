"""What each mistake would have made of the claimant's own inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reference import names, parts
from reference.bounded import Bounded
from reference.diagnosis.explanation import Explanation
from reference.diagnosis.situation import derive
from reference.mistakes import MISTAKES, Inexpressible
from reference.parts import FailedPart
from reference.tape import computed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from cases import Problem
    from reference.diagnosis.situation import Situation
    from reference.line import Line
    from reference.mistakes import Mistake


@dataclass(frozen=True, eq=False)
class Candidate:
    """A possible explanation, and the quantities as they would be with it.

    Attributes
    ----------
    explanation
        What happened, if it did.
    predicted
        Every quantity that the mistake may change, derived with it.
    known_by_digits
        Whether the stated digits are the evidence, so that the prediction may meet the right value.
    """

    explanation: Explanation
    predicted: Mapping[str, Bounded]
    known_by_digits: bool = False


def mistaken_tapes(
    problem: Problem, sites: Collection[str] | None = None
) -> Iterator[tuple[Mistake, tuple[str, ...], tuple[Line, ...]]]:
    """Yield every mistake: made wherever it can be, and in one line alone; with its lines and its tape.

    Parameters
    ----------
    sites
        Only mistakes that change one of these lines.
    """
    for mistake in MISTAKES.values():
        found = parts.tried(_named(mistake), _tapes, problem, mistake, sites)
        if not isinstance(found, FailedPart):
            yield from ((mistake, wrong, lines) for wrong, lines in found)


def _tapes(
    problem: Problem, mistake: Mistake, sites: Collection[str] | None
) -> list[tuple[tuple[str, ...], tuple[Line, ...]]]:
    changed = mistake.lines(problem)
    if isinstance(changed, Inexpressible):
        return []
    everywhere = tuple(line.name for line in changed)
    alone = [(name,) for name in everywhere] if len(everywhere) > 1 else []
    wanted = [wrong for wrong in (everywhere, *alone) if sites is None or not set(wrong).isdisjoint(sites)]
    tapes = [(wrong, mistake.tape(problem, only=wrong)) for wrong in wanted]
    return [(wrong, lines) for wrong, lines in tapes if not isinstance(lines, Inexpressible)]


def _named(mistake: Mistake) -> str:
    return f"the mistake {mistake.name}"


def mistakes_before(situation: Situation, quantity: str) -> Iterator[Candidate]:
    """Yield every mistake in the line of `quantity`, or in a hidden line that it follows from."""
    for mistake, wrong, lines in mistaken_tapes(situation.problem, _hidden_lines(situation, quantity)):
        if mistake.numpy_only and situation.stated[quantity].is_printed:
            continue
        evaluate = _replayed if mistake.numpy_only else _derived
        predicted = parts.tried(_named(mistake), evaluate, situation, lines)
        if isinstance(predicted, FailedPart):
            continue
        reached = _reached(situation, lines, wrong)
        explanation = Explanation(mistake.name, mistake.sentence, wrong)
        yield Candidate(explanation, {name: predicted[name] for name in reached})


def _derived(situation: Situation, lines: Sequence[Line]) -> dict[str, Bounded]:
    return derive(lines, situation.known, situation.stated)


def _replayed(situation: Situation, lines: Sequence[Line]) -> dict[str, Bounded]:
    """Compute in NumPy, from the claimant's own numbers; what else is allowed is the right line's bound."""
    dtype = situation.problem.dtype
    numbers = situation.problem.constants.keys() - {names.LEARNING_RATE}
    values: dict[str, Any] = {
        name: float(known.value) if name in numbers else known.value.astype(dtype)
        for name, known in situation.known.items()
    }
    predicted = {}
    with np.errstate(all="ignore"):  # an overflow is a value
        for line in lines:
            right, result = situation.right[line.name], computed(line, values, dtype)
            predicted[line.name] = Bounded(np.asarray(result, np.float64), right.error, right.format)
            shown = situation.is_shown(line.name)
            values[line.name] = situation.stated[line.name].value if shown else result
    return predicted


def _hidden_lines(situation: Situation, quantity: str) -> set[str]:
    """Return the line of `quantity`, and the lines it follows from that the claimant does not show."""
    inputs = {line.name: line.inputs for line in situation.lines}
    found, waiting = {quantity}, [quantity]
    while waiting:
        above = {name for name in inputs[waiting.pop()] if name in inputs and not situation.is_shown(name)}
        waiting += above - found
        found |= above
    return found


def _reached(situation: Situation, lines: Sequence[Line], wrong: Collection[str]) -> set[str]:
    """Return the lines that come out otherwise: the wrong ones, and what follows from hidden ones."""
    reached, hidden = set(wrong), set[str]()
    for line in lines:
        if line.name in wrong or not hidden.isdisjoint(line.inputs):
            reached.add(line.name)
            if not situation.is_shown(line.name):
                hidden.add(line.name)
    return reached
