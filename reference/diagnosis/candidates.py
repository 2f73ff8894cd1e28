"""What each mistake would have made of the implementation's own inputs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from cases import Problem, names
from reference import parts
from reference.arithmetic import Bounded
from reference.diagnosis.context import StepContext, changed_by, derive
from reference.line import Line, evaluate
from reference.mistakes import MISTAKES, Inexpressible, Mistake
from reference.parts import FailedPart
from reference.training import as_array

NEW = ", in this step and not in the one before it"

# The lines that are wrong, and the tape with them.
MistakenTape: TypeAlias = tuple[tuple[str, ...], tuple[Line, ...]]


@dataclass(frozen=True)
class Explanation:
    """A mistake that predicts what was claimed, to the last digit that a bound certifies.

    `mistake` is its name, one of `reference.mistakes.MISTAKES` or a relation's ("transposed"), `sentence`
    what happened, as a clause, and `lines` those that are wrong: the finding's own, or hidden ones before it.
    """

    mistake: str
    sentence: str
    lines: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A possible explanation, and every quantity that it may change, as it would be with it."""

    explanation: Explanation
    predicted: Mapping[str, Bounded]
    # whether the observed digits are the evidence, so that the prediction may meet the right value
    known_by_digits: bool = False
    # whether it was not made in the step before, where it would have shown
    is_new: bool = False


def part_name(mistake: str) -> str:
    """Return what the trial of a mistake is called where it fails."""
    return f"the mistake {mistake}"


def mistaken_tapes(
    problem: Problem, sites: Collection[str] | None = None
) -> Iterator[tuple[Mistake, tuple[str, ...], tuple[Line, ...]]]:
    """Yield every mistake: made wherever it can be, and in one line alone; with its lines and its tape.

    With `sites` only mistakes that change one of these lines.
    """
    for mistake in MISTAKES.values():
        tapes = parts.tried(part_name(mistake.name), _tapes, problem, mistake, sites)
        if not isinstance(tapes, FailedPart):
            yield from ((mistake, wrong, lines) for wrong, lines in tapes)


def _tapes(problem: Problem, mistake: Mistake, sites: Collection[str] | None) -> list[MistakenTape]:
    changed = mistake.lines(problem)
    if isinstance(changed, Inexpressible):
        return []
    everywhere = tuple(line.name for line in changed)
    alone = [(name,) for name in everywhere] if len(everywhere) > 1 else []
    wanted = [wrong for wrong in (everywhere, *alone) if sites is None or not set(wrong).isdisjoint(sites)]
    tapes = [(wrong, mistake.tape(problem, only=wrong)) for wrong in wanted]
    return [(wrong, lines) for wrong, lines in tapes if not isinstance(lines, Inexpressible)]


def mistakes_before(context: StepContext, quantity: str) -> Iterator[Candidate]:
    """Yield every mistake in the line of `quantity`, or in a hidden line that it follows from."""
    for mistake, wrong, lines in mistaken_tapes(context.problem, _hidden_lines(context, quantity)):
        if mistake.numpy_only and context.observed[quantity].is_printed:
            continue
        predict = _replayed if mistake.numpy_only else _derived
        prediction = parts.tried(part_name(mistake.name), predict, context, wrong, lines)
        if isinstance(prediction, FailedPart) or quantity not in prediction[0]:
            continue
        predicted, is_new = prediction
        sentence = mistake.sentence + NEW * is_new
        yield Candidate(Explanation(mistake.name, sentence, wrong), predicted, is_new=is_new)


def _derived(
    context: StepContext, wrong: Collection[str], lines: Sequence[Line]
) -> tuple[dict[str, Bounded], bool]:
    """Derive what the mistake changes, and whether an earlier step shows that it was not made there.

    Then the mistake can be made in this step alone, and only from a state that is shown: a hidden one would
    have to come from the mistake itself.
    """
    history = context.history
    state = history.state_with(lines, wrong) if history else {}
    if state is None and history and history.hidden_state:
        return {}, True
    before = state or {}
    predicted = derive(lines, {**context.known, **before}, context.observed)
    changed = changed_by(lines, wrong, context.shown, before)
    return {name: predicted[name] for name in changed}, state is None


def _replayed(
    context: StepContext, wrong: Collection[str], lines: Sequence[Line]
) -> tuple[dict[str, Bounded], bool]:
    """Compute in NumPy, from the program's own numbers; what else is allowed is the right line's bound."""
    dtype = context.problem.dtype
    numbers = context.problem.constants.keys() - {names.LEARNING_RATE}
    values: dict[str, Any] = {
        name: float(known.value) if name in numbers else known.value.astype(dtype)
        for name, known in context.known.items()
    }
    predicted: dict[str, Bounded] = {}
    as_arrays = as_array(dtype)

    def settle(line: Line, result: Any) -> Any:  # noqa: ANN401 - an array, or a number of a schedule
        right, value = context.right[line.name], as_arrays(line, result)
        predicted[line.name] = Bounded(np.asarray(value, np.float64), right.error, right.format)
        return context.observed[line.name].value if line.name in context.shown else value

    evaluate(lines, values, settle)
    return {name: predicted[name] for name in changed_by(lines, wrong, context.shown)}, False


def _hidden_lines(context: StepContext, quantity: str) -> set[str] | None:
    """Return the line of `quantity`, and the lines it follows from that the implementation does not show.

    None, which is all of them, where it follows from a state that the step before does not show.
    """
    inputs = {line.name: line.inputs for line in context.lines}
    hidden, waiting = {quantity}, [quantity]
    while waiting:
        above = {name for name in inputs[waiting.pop()] if name in inputs and name not in context.shown}
        waiting += above - hidden
        hidden |= above
    hidden_before = context.history.hidden_state if context.history else frozenset()
    return None if any(not hidden_before.isdisjoint(inputs[name]) for name in hidden) else hidden
