"""What a wrong number may be: a mistake at the implementation's own inputs, or some other number."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from reference import parts
from reference.activations import ACTIVATIONS
from reference.arithmetic import EVALUATION, FLOAT32, Bounded, Real
from reference.diagnosis.context import Observed, StepContext, changed_by, derive, known_after
from reference.line import Line, evaluate
from reference.mistakes import MISTAKES, Inexpressible, Mistake
from reference.parts import FailedPart
from reference.training import as_array

NEW = ", in this step and not in the one before it"

# A name, a sentence, and what the number would be.
Relation: TypeAlias = tuple[str, str, Bounded]


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
    known_by_digits: bool = False  # they are the evidence: the prediction may meet the right value
    is_new: bool = False  # not made in the step before, where it would have shown


def part_name(mistake: str) -> str:
    return f"the mistake {mistake}"


def right_itself(context: StepContext, quantity: str) -> Iterator[Candidate]:
    """Yield the right value: it differs where it follows a wrong one that it was not computed from.

    A printed number that is right agrees anywhere.
    """
    if not context.observed[quantity].is_printed:
        sentence = "the number itself is right, but one that was stated before it is not"
        unaided = derive(context.lines, context.known, {})[quantity]
        yield Candidate(Explanation("right-itself", sentence, (quantity,)), {quantity: unaided})


# Known mistakes.


def mistaken_tapes(
    problem: Problem, sites: Collection[str] | None = None
) -> Iterator[tuple[Mistake, tuple[str, ...], tuple[Line, ...]]]:
    """Yield each mistake, wherever it can be made and in one line alone; only those that change `sites`."""
    for mistake in MISTAKES.values():
        tapes = parts.tried(part_name(mistake.name), _tapes, problem, mistake, sites)
        if not isinstance(tapes, FailedPart):
            yield from ((mistake, wrong, lines) for wrong, lines in tapes)


def _tapes(
    problem: Problem, mistake: Mistake, sites: Collection[str] | None
) -> list[tuple[tuple[str, ...], tuple[Line, ...]]]:
    wanted = [wrong for wrong in mistake.sites(problem) if sites is None or not set(wrong).isdisjoint(sites)]
    tapes = [(wrong, mistake.tape(problem, only=wrong)) for wrong in wanted]
    return [(wrong, lines) for wrong, lines in tapes if not isinstance(lines, Inexpressible)]


def mistakes_before(context: StepContext, quantity: str) -> Iterator[Candidate]:
    """Yield every mistake in the line of `quantity`, or in a hidden line that it follows from."""
    for mistake, wrong, lines in mistaken_tapes(context.problem, _hidden_lines(context, quantity)):
        if mistake.numpy_only and context.observed[quantity].is_printed:
            continue
        predict = _replayed if mistake.numpy_only else _derived
        prediction = parts.tried(part_name(mistake.name), predict, context, wrong, lines)
        if not isinstance(prediction, FailedPart) and quantity in prediction[0]:
            predicted, is_new = prediction
            sentence = mistake.sentence + NEW * is_new
            yield Candidate(Explanation(mistake.name, sentence, wrong), predicted, is_new=is_new)


def _derived(
    context: StepContext, wrong: Collection[str], lines: Sequence[Line]
) -> tuple[dict[str, Bounded], bool]:
    """Derive what the mistake changes, and whether an earlier step shows that it was not made there.

    Then it is made in this step alone, and only from a state that is shown: a hidden one would come from it.
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
    inputs, hidden = {line.name: line.inputs for line in context.lines}, {quantity}
    for line in reversed(context.lines):
        if line.name in hidden:
            hidden |= {name for name in line.inputs if name in inputs and name not in context.shown}
    hidden_before = context.history.hidden_state if context.history else frozenset()
    return None if any(not hidden_before.isdisjoint(inputs[name]) for name in hidden) else hidden


# Another number in its place: another quantity, another step's, a multiple, a rounding, a lossy form.


def relations(context: StepContext, quantity: str) -> Iterator[Candidate]:
    for name, sentence, predicted in _other_numbers(context, quantity):
        yield Candidate(Explanation(name, sentence, (quantity,)), {quantity: predicted})
    for name, sentence, predicted in _other_roundings(context, quantity):
        yield Candidate(Explanation(name, sentence, (quantity,)), {quantity: predicted}, known_by_digits=True)


def _other_numbers(context: StepContext, quantity: str) -> Iterator[Relation]:
    right, examples = context.right[quantity], len(context.problem.x)
    if len(right.shape) > 1:
        yield "transposed", "the array is transposed", right.mT
    for k in range(1, context.problem.depth + 1):
        other = re.sub(r"(?<=[zaWb])\d+", str(k), quantity)  # of the same role: dL/dW2 of dL/dW1
        if other != quantity and other in context.right:
            yield "another-layer", f"{other}, another layer's, stands in its place", context.right[other]
    yield from _of_other_steps(context, quantity)
    if examples > 1:
        what = f"the {examples} examples"
        yield "times-batch", f"a sum over {what} stands where their mean belongs", examples * right
        yield "over-batch", f"a mean over {what} stands where their sum belongs", right / examples
    yield from multiples(right)


def multiples(right: Bounded) -> Iterator[Relation]:
    yield "twice", "a factor ½ is missing", 2 * right
    yield "half", "there is a factor ½ too many", right / 2


def _of_other_steps(context: StepContext, quantity: str) -> Iterator[Relation]:
    previous = context.previous
    if previous:
        yield "previous-step", "the value is that of the previous step", previous.right[quantity]
        if quantity in map(names.gradient, context.problem.parameters) and quantity in previous.shown:
            total = context.right[quantity] + previous.as_input(quantity)
            yield "gradient-not-cleared", "the previous step's gradient was not cleared, but added to", total
    if quantity not in map(names.updated, context.problem.state):
        after = known_after(context.problem, context.known, context.observed, context.right)
        following = derive(context.lines, after, {})
        yield "next-step", "the value is that of the next step, after the update", following[quantity]


def _other_roundings(context: StepContext, quantity: str) -> Iterator[Relation]:
    observed, right = context.observed[quantity], context.right[quantity]
    if not observed.is_printed:
        yield from _lossy_forms(context, quantity)
        if context.problem.dtype == "float64":
            yield from _in_float32(context, quantity)
    elif was_truncated(observed, right):
        number = replace(observed.as_input(right), error=0.0)
        yield "truncated", "the number was truncated, not rounded", number


def was_truncated(observed: Observed, right: Bounded) -> bool:
    """Whether cutting off the digits that were not printed gives all that were, across the whole bound."""
    unit = 2 * np.asarray(observed.half_unit)
    printed = np.round(np.abs(observed.value) / unit)
    ends = (np.abs(right.value) + sign * np.asarray(right.error) for sign in (-1, 1))
    return all(bool((np.floor(end / unit) == printed)[observed.given].all()) for end in ends)


def _in_float32(context: StepContext, quantity: str) -> Iterator[Relation]:
    rounded = {
        name: Bounded(number.value, number.error + FLOAT32.unit_roundoff * np.abs(number.value), FLOAT32)
        for name, number in context.known.items()
    }
    derived = derive(context.lines, rounded, context.observed)[quantity]
    if _are_float32(context.observed[quantity].value):
        yield "float32", "float32 was used where float64 was promised", derived
    elif _products_are_float32(context, quantity):
        forward = MISTAKES["float32-forward"]
        yield forward.name, forward.sentence, derived


def _products_are_float32(context: StepContext, quantity: str) -> bool:
    """Whether z − b holds float32's numbers: products summed in any order, before b was added in float64."""
    biases = {names.z(k): names.b(k) for k in range(1, context.problem.depth + 1)}
    if quantity not in biases or quantity not in context.shown:
        return False
    z, b = context.observed[quantity].value, context.known[biases[quantity]].value
    return _are_float32(z - b, 2 * EVALUATION * (np.abs(z) + np.abs(b)))


def _are_float32(array: NDArray[Any], rounding: NDArray[Any] | float = 0.0) -> bool:
    """Whether every number is one of float32's; for one of float64 that is a chance of about 2⁻²⁸."""
    with np.errstate(all="ignore"):  # what overflows, or is not finite, is no number of float32
        return bool((np.abs(array.astype(np.float32) - array) <= rounding).all())


def _lossy_forms(context: StepContext, quantity: str) -> Iterator[Relation]:
    """Yield a form that loses digits, right on paper but off by more than a correct program may be.

    Of σ that is ½ (1 + tanh(z/2)): 1 + tanh keeps the absolute error of tanh, however small it is itself.
    """
    activations = enumerate(context.problem.activations, start=1)
    sigmoids = {names.a(k): names.z(k) for k, activation in activations if activation == "sigmoid"}
    unit = context.right[quantity].format.unit_roundoff
    if quantity in sigmoids and _are_multiples(context.observed[quantity].value, unit / 2):
        z = context.as_input(sigmoids[quantity])
        by_tanh = (Bounded.exact(1.0, z.format) + ACTIVATIONS["tanh"].value(z / 2)) / 2
        sentence = "σ was computed as ½ (1 + tanh(z/2)), which loses its digits far out"
        yield "sigmoid-by-tanh", sentence, by_tanh


def _are_multiples(array: Real, unit: float) -> bool:
    """Whether every number is a whole multiple of `unit`, and some number of its size need not be.

    1 + t is a multiple of the unit roundoff for every t from −1 to 1, and half of it of half of that. Below ¼
    a format's numbers lie closer.
    """
    whole = np.asarray(array, np.float64) / unit
    return bool((whole == np.rint(whole)).all() and (np.abs(array) < 1 / 4).any())
