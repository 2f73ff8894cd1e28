"""What each mistake would have made of the implementation's own inputs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cases import Problem, names
from reference import parts
from reference.arithmetic import Bounded
from reference.diagnosis.explanation import Explanation
from reference.diagnosis.situation import Situation, derive, reached
from reference.line import Line, evaluate
from reference.mistakes import MISTAKES, Inexpressible, Mistake
from reference.parts import FailedPart
from reference.training import as_array

NEW = ", in this step and not in the one before it"


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
    is_new
        Whether it was not made in the step before, where it would have shown.
    """

    explanation: Explanation
    predicted: Mapping[str, Bounded]
    known_by_digits: bool = False
    is_new: bool = False


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
        found = parts.tried(_named(mistake), evaluate, situation, wrong, lines)
        if isinstance(found, FailedPart) or quantity not in found[0]:
            continue
        predicted, is_new = found
        sentence = mistake.sentence + NEW * is_new
        yield Candidate(Explanation(mistake.name, sentence, wrong), predicted, is_new=is_new)


def _derived(
    situation: Situation, wrong: Collection[str], lines: Sequence[Line]
) -> tuple[dict[str, Bounded], bool]:
    """Derive what comes out otherwise, and tell whether an earlier step shows that it did not there.

    Then the mistake can be made in this step alone, and only from a state that is shown: a hidden one would
    have to come from the mistake itself.
    """
    history = situation.history
    state = history.state_with(lines, wrong) if history else {}
    if state is None and history and history.hidden_state:
        return {}, True
    before = state or {}
    predicted = derive(lines, {**situation.known, **before}, situation.stated)
    changed = reached(lines, wrong, situation.shown, before)
    return {name: predicted[name] for name in changed}, state is None


def _replayed(
    situation: Situation, wrong: Collection[str], lines: Sequence[Line]
) -> tuple[dict[str, Bounded], bool]:
    """Compute in NumPy, from the program's own numbers; what else is allowed is the right line's bound."""
    dtype = situation.problem.dtype
    numbers = situation.problem.constants.keys() - {names.LEARNING_RATE}
    values: dict[str, Any] = {
        name: float(known.value) if name in numbers else known.value.astype(dtype)
        for name, known in situation.known.items()
    }
    predicted = {}

    def settle(line: Line, result: Any) -> Any:  # noqa: ANN401 - an array, or a number of a schedule
        right = situation.right[line.name]
        predicted[line.name] = Bounded(np.asarray(result, np.float64), right.error, right.format)
        shown = situation.is_shown(line.name)
        return situation.stated[line.name].value if shown else as_array(dtype)(line, result)

    evaluate(lines, values, settle)
    return {name: predicted[name] for name in reached(lines, wrong, situation.shown)}, False


def _hidden_lines(situation: Situation, quantity: str) -> set[str] | None:
    """Return the line of `quantity`, and the lines it follows from that the implementation does not show.

    None, which is all of them, where it follows from a state that the step before does not show.
    """
    inputs = {line.name: line.inputs for line in situation.lines}
    found, waiting = {quantity}, [quantity]
    while waiting:
        above = {name for name in inputs[waiting.pop()] if name in inputs and not situation.is_shown(name)}
        waiting += above - found
        found |= above
    hidden_before = situation.history.hidden_state if situation.history else frozenset()
    return None if any(not hidden_before.isdisjoint(inputs[name]) for name in found) else found
