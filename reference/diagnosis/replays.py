"""A run replayed without bounds, from a program's own numbers; what is hidden is as a mistake leaves it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases import names
from reference.arithmetic import Bounded
from reference.diagnosis.context import Refuted, StepContext, changed_by
from reference.line import Line, evaluate
from reference.training import as_array


def replay(context: StepContext, wrong: Collection[str], lines: Sequence[Line]) -> dict[str, Bounded]:
    """Return what a mistake in the `wrong` lines changes, by NumPy in the problem's own format.

    What is allowed is the right line's bound. Raises `Refuted` where a quantity that agrees as it is would
    differ, in this step or in one before it.
    """
    state: dict[str, NDArray[Any]] = {}
    for step in context.earlier:
        after = _replayed(step, wrong, lines, state)
        state = _hidden_after(step, {name: number.value for name, number in after.items()})
    return _replayed(context, wrong, lines, state)


def in_float64(
    context: StepContext, quantity: str, wrong: Collection[str], lines: Sequence[Line], end: int
) -> NDArray[Any] | None:
    """Return a quantity with a mistake in the `wrong` of the `lines`, of which `end` lead up to it.

    None where the mistake does not change it.
    """
    key = tuple(
        line for line in lines if line.name in wrong
    )  # the others are those of the context's own tape
    state = context.hidden_before.get(key)
    if state is None:
        state = {}
        for step in context.earlier:
            state = _hidden_after(step, _walked(step, wrong, lines, state, step.shown))
        context.hidden_before[key] = state
    return _walked(context, wrong, lines[:end], state, context.shown - {quantity}).get(quantity)


def _walked(
    step: StepContext,
    wrong: Collection[str],
    lines: Sequence[Line],
    state: Mapping[str, NDArray[Any]],
    kept: Collection[str],
) -> dict[str, NDArray[Any]]:
    changed, plain = changed_by(lines, wrong, step.shown, state), step.plain

    def settle(line: Line, value: NDArray[Any]) -> NDArray[Any]:
        return plain[line.name] if line.name in kept else value

    return evaluate([line for line in lines if line.name in changed], {**plain, **state}, settle)


def _hidden_after(step: StepContext, made: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return what a mistake has changed of the state after a step, where the step does not show it."""
    hidden = {name: names.updated(name) for name in step.problem.state}
    return {name: made[new] for name, new in hidden.items() if new in made.keys() - step.shown}


def _replayed(
    step: StepContext, wrong: Collection[str], lines: Sequence[Line], state: Mapping[str, NDArray[Any]]
) -> dict[str, Bounded]:
    """The same of one step; `state` is the hidden state that the mistake has changed before it."""
    dtype, predicted = step.problem.dtype, dict[str, Bounded]()
    numbers = step.problem.constants.keys() - {names.LEARNING_RATE}
    values: dict[str, Any] = {
        name: float(known.value) if name in numbers else known.value.astype(dtype)
        for name, known in step.known.items()
    }
    values |= {name: array.astype(dtype) for name, array in state.items()}
    as_arrays = as_array(dtype)

    def settle(line: Line, result: Any) -> Any:  # noqa: ANN401 - an array, or a number of a schedule
        right, value = step.right[line.name], as_arrays(line, result)
        predicted[line.name] = Bounded(np.asarray(value, np.float64), right.error, right.format)
        return shown.get(line.name, value)

    changed = changed_by(lines, wrong, step.shown, state)
    needed = set(changed)
    for line in reversed(lines):  # and what is hidden of that which they follow from
        needed |= set(line.inputs).difference(step.shown) if line.name in needed else set()
    shown = {name: observed.value for name, observed in step.observed.items() if name in step.shown}
    evaluate([line for line in lines if line.name in needed], values | shown, settle)
    changes = {name: predicted[name] for name in changed}
    if any(step.refutes(name, value) for name, value in changes.items()):
        raise Refuted
    return changes
