"""Another number in the place of a wrong one: another quantity's, another step's, a multiple, a rounding."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import names
from cases.protocol import Verdict
from reference.activations import ACTIVATIONS
from reference.arithmetic import EVALUATION, FLOAT32, Bounded, Real, cast
from reference.diagnosis.candidates import UNLIKELY_IN_FEW_DIGITS, Candidate, chance_of
from reference.diagnosis.context import Observed, StepContext, derive, known_after
from reference.explanations import Explanation
from reference.mistakes import MISTAKES

# A name, a sentence, and what the number would be; or what it and others would be.
Relation: TypeAlias = tuple[str, str, Bounded]
Rounding: TypeAlias = tuple[str, str, Mapping[str, Bounded]]


def right_itself(context: StepContext, quantity: str) -> Iterator[Candidate]:
    """Yield the right value: it differs where it follows a wrong one that it was not computed from.

    A printed number that is right agrees anywhere.
    """
    if not context.observed[quantity].is_printed:
        sentence = "the number itself is right, but one that was stated before it is not"
        right = context.without_mistakes
        starts = ((other.unaided, other.from_before) for other in dict.fromkeys((context, right)))
        for follows in chain.from_iterable(starts):  # with what is mistaken before, or without it
            yield from _fitting(context, quantity, "right-itself", sentence, follows[quantity])


def relations(context: StepContext, quantity: str) -> Iterator[Candidate]:
    """Yield what else may stand in the place of a wrong number, if it gives it."""
    others = _other_numbers(context, quantity), _untouched(context, quantity), _dropped_out(context, quantity)
    for relation in chain.from_iterable(others):
        yield from _fitting(context, quantity, *relation)
    for name, sentence, predicted in _other_roundings(context, quantity):
        numbers = replace(context.observed[quantity], dtype_promised=True)
        if numbers.verdict(predicted[quantity]) is Verdict.AGREES:  # the prediction may meet the right value
            yield Candidate(Explanation(name, sentence, (quantity,)), predicted)


def _fitting(
    context: StepContext, quantity: str, name: str, sentence: str, predicted: Bounded
) -> Iterator[Candidate]:
    observed, right = context.observed[quantity], context.right[quantity]
    if observed.verdict(predicted) is not Verdict.AGREES or not observed.distinguishes(predicted, right):
        return
    may_be_chance = observed.is_printed and predicted.shape == right.shape
    if not may_be_chance or chance_of(observed, predicted, right, observed.given) <= UNLIKELY_IN_FEW_DIGITS:
        yield Candidate(Explanation(name, sentence, (quantity,)), {quantity: predicted})


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


def _untouched(context: StepContext, quantity: str) -> Iterator[Relation]:
    """Yield what it is where some elements were skipped: still as before the update, or gradients of 0.

    Kernels that work in blocks skip whole ranges of them. A gradient so small that float32 has no number for
    it is 0 for another reason.
    """
    wrong, right = context.wrong.get(quantity), context.right[quantity]
    before = {names.updated(name): name for name in context.problem.state}
    gradients = map(names.gradient, context.problem.parameters)
    if wrong is None or wrong.all() or not wrong.any():
        return
    if quantity in before:
        what, old = "untouched", context.known[before[quantity]].value
    elif quantity in gradients and float(np.abs(right.value[wrong]).min()) >= FLOAT32.smallest_normal:
        what, old = "0, as if skipped", np.zeros(right.shape)
    else:
        return
    skipped = Bounded(np.where(wrong, old, right.value), np.where(wrong, 0.0, right.error), right.format)
    sentence = f"{_which(wrong.ravel())} of the {wrong.size} elements are {what}; the others are right"
    yield "elements-skipped", sentence, skipped


# The probabilities with which dropout is left on, as programs have them.
DROPOUTS = 0.1, 0.2, 0.25, 0.3, 0.4, 0.5


def _dropped_out(context: StepContext, quantity: str) -> Iterator[Relation]:
    """Yield what an activation is after dropout, and ∂L/∂z before it: 0, or 1/(1 − p) times what follows."""
    observed, right = context.observed[quantity], context.right[quantity]
    depth = range(1, context.problem.depth + 1)
    those = {*map(names.a, depth), *(names.gradient(names.z(k)) for k in depth)}
    if quantity not in those or observed.value.shape != right.shape:
        return
    dropped = observed.value == 0
    if dropped.all() or not (dropped & (np.abs(right.value) > right.error)).any():
        return
    for p in DROPOUTS:
        kept = right / cast(Bounded.exact(1 - p, right.format))
        predicted = Bounded(
            np.where(dropped, 0.0, kept.value), np.where(dropped, 0.0, kept.error), kept.format
        )
        others = (
            f"{int(dropped.sum())} of the {dropped.size} elements are 0, the others {1 / (1 - p):.6g} times"
        )
        yield "dropout-left-on", f"dropout was left on, with p = {p:g}: {others} what follows", predicted


def _which(those: NDArray[np.bool_]) -> str:
    """Name some elements of an array by its first, its last, or any of them: "the first 3"."""
    count = int(those.sum())
    if those[:count].all():
        return f"the first {count}"
    return f"the last {count}" if those[-count:].all() else f"{count}"


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


def _other_roundings(context: StepContext, quantity: str) -> Iterator[Rounding]:
    observed, right = context.observed[quantity], context.right[quantity]
    if not observed.is_printed:
        yield from _lossy_forms(context, quantity)
        if context.problem.dtype == "float64":
            yield from _in_float32(context, quantity)
    elif was_truncated(observed, right):
        number = replace(observed.as_input(right), error=0.0)
        yield "truncated", "the number was truncated, not rounded", {quantity: number}


def was_truncated(observed: Observed, right: Bounded) -> bool:
    """Whether cutting off the digits that were not printed gives all that were, across the whole bound."""
    unit = 2 * np.asarray(observed.half_unit)
    printed = np.round(np.abs(observed.value) / unit)
    ends = (np.abs(right.value) + sign * np.asarray(right.error) for sign in (-1, 1))
    return all(bool((np.floor(end / unit) == printed)[observed.given].all()) for end in ends)


def _in_float32(context: StepContext, quantity: str) -> Iterator[Rounding]:
    """Yield float32 for all that holds its numbers; or in the products of the forward pass alone."""
    rounded = {
        name: Bounded(number.value, number.error + FLOAT32.unit_roundoff * np.abs(number.value), FLOAT32)
        for name, number in context.known.items()
    }
    derived = derive(context.lines, rounded, context.observed)
    those = {name: derived[name] for name in context.differing if _are_float32(context.observed[name].value)}
    if quantity in those:
        yield "float32", "float32 was used where float64 was promised", those
    elif _products_are_float32(context, quantity):
        forward = MISTAKES["float32-forward"]
        yield forward.name, forward.sentence, {quantity: derived[quantity]}


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


def _lossy_forms(context: StepContext, quantity: str) -> Iterator[Rounding]:
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
        yield "sigmoid-by-tanh", sentence, {quantity: by_tanh}


def _are_multiples(array: Real, unit: float) -> bool:
    """Whether every number is a whole multiple of `unit`, and some number of its size need not be.

    1 + t is a multiple of the unit roundoff for every t from −1 to 1, and half of it of half of that. Below ¼
    a format's numbers lie closer.
    """
    whole = np.asarray(array, np.float64) / unit
    return bool((whole == np.rint(whole)).all() and (np.abs(array) < 1 / 4).any())
