"""What else a wrong number may be: another quantity, another step's, a multiple, a rounding."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases import names
from reference.arithmetic import EVALUATION, FLOAT32, Bounded
from reference.diagnosis.candidates import Candidate
from reference.diagnosis.explanation import Explanation
from reference.diagnosis.lossy_forms import lossy_forms
from reference.diagnosis.situation import Situation, derive
from reference.diagnosis.stated import Stated
from reference.mistakes import MISTAKES
from reference.tape import tape


def _state_after(kind: str, name: str) -> str:
    return names.updated(names.state(kind, name))


# The quantities that every layer has.
OF_LAYERS: tuple[Callable[[int], str], ...] = (
    names.z,
    names.a,
    names.slope,
    lambda k: names.gradient(names.z(k)),
    lambda k: names.gradient(names.a(k)),
)

# The quantities that every parameter has, or may have.
OF_PARAMETERS: tuple[Callable[[str], str], ...] = (
    names.gradient,
    names.updated,
    names.clipped,
    names.decayed,
    lambda name: names.state("direction", name),
    *(partial(_state_after, kind) for kind in ("m", "v", "u")),
)


def right_itself(situation: Situation, quantity: str) -> Iterator[Candidate]:
    """Yield the right value: it differs where it stands behind a wrong one that it was not computed from.

    A printed number that is right agrees, wherever it stands.
    """
    if situation.stated[quantity].is_printed:
        return
    sentence = "the number itself is right, but one that was stated before it is not"
    explanation = Explanation("right-itself", sentence, (quantity,))
    yield Candidate(explanation, {quantity: situation.unaided[quantity]})


def relations(situation: Situation, quantity: str) -> Iterator[Candidate]:
    """Yield what else the stated numbers of a quantity may be."""
    for name, sentence, predicted in _other_numbers(situation, quantity):
        yield Candidate(Explanation(name, sentence, (quantity,)), {quantity: predicted})
    for name, sentence, predicted in _other_roundings(situation, quantity):
        yield Candidate(Explanation(name, sentence, (quantity,)), {quantity: predicted}, known_by_digits=True)


def _other_numbers(situation: Situation, quantity: str) -> Iterator[tuple[str, str, Bounded]]:
    right = situation.right[quantity]
    if len(right.shape) > 1:
        yield "transposed", "the array is transposed", right.mT
    for other in _of_other_layers(situation, quantity):
        yield "another-layer", f"{other}, another layer's, stands in its place", situation.right[other]
    yield from _of_other_steps(situation, quantity)
    yield from _multiples(right, len(situation.problem.x))


def _of_other_layers(situation: Situation, quantity: str) -> list[str]:
    """Return the names of the other layers' quantities of the same role."""
    layers = range(1, situation.problem.depth + 1)
    every = [[of(k) for k in layers] for of in OF_LAYERS]
    every += [[of(kind(k)) for k in layers] for of in OF_PARAMETERS for kind in (names.W, names.b)]
    others = [name for role in every if quantity in role for name in role if name != quantity]
    return [name for name in others if name in situation.right]


def _of_other_steps(situation: Situation, quantity: str) -> Iterator[tuple[str, str, Bounded]]:
    lines, previous = tape(situation.problem), situation.previous
    if previous:
        yield "previous-step", "the value is that of the previous step", previous.right[quantity]
        if quantity in map(names.gradient, situation.problem.parameters) and previous.is_shown(quantity):
            total = situation.right[quantity] + previous.standing(quantity)
            yield "gradient-not-cleared", "the previous step's gradient was not cleared, but added to", total
    if quantity not in map(names.updated, situation.problem.state):
        following = derive(lines, situation.after, {})
        yield "next-step", "the value is that of the next step, after the update", following[quantity]


def _multiples(right: Bounded, examples: int) -> Iterator[tuple[str, str, Bounded]]:
    if examples > 1:
        what = f"the {examples} examples"
        yield "times-batch", f"a sum over {what} stands where their mean belongs", examples * right
        yield "over-batch", f"a mean over {what} stands where their sum belongs", right / examples
    yield from multiples(right)


def multiples(right: Bounded) -> Iterator[tuple[str, str, Bounded]]:
    """Yield what any number may be a multiple of, by name and in words."""
    yield "twice", "a factor ½ is missing", 2 * right
    yield "half", "there is a factor ½ too many", right / 2


def _other_roundings(situation: Situation, quantity: str) -> Iterator[tuple[str, str, Bounded]]:
    stated, right = situation.stated[quantity], situation.right[quantity]
    if not stated.is_printed:
        yield from lossy_forms(situation, quantity)
    if stated.is_printed and was_truncated(stated, right):
        yield (
            "truncated",
            "the number was truncated, not rounded",
            replace(stated.stands_for(right), error=0.0),
        )
    if not stated.is_printed and situation.problem.dtype == "float64":
        rounded = {name: _rounded_to_float32(number) for name, number in situation.known.items()}
        derived = derive(situation.lines, rounded, situation.stated)[quantity]
        if _are_float32(stated.value):
            yield "float32", "float32 was used where float64 was promised", derived
        elif _products_are_float32(situation, quantity):
            forward = MISTAKES["float32-forward"]
            yield forward.name, forward.sentence, derived


def _rounded_to_float32(number: Bounded) -> Bounded:
    """Return the number as known to an implementation that rounds it, and all that follows, to float32."""
    rounding = FLOAT32.unit_roundoff * np.abs(number.value)
    return Bounded(number.value, number.error + rounding, FLOAT32)


def _products_are_float32(situation: Situation, quantity: str) -> bool:
    """Whether z − b holds float32's numbers: products summed in any order, before b was added in float64."""
    biases = {names.z(k): names.b(k) for k in range(1, situation.problem.depth + 1)}
    if quantity not in biases or not situation.is_shown(quantity):
        return False
    z, b = situation.stated[quantity].value, situation.known[biases[quantity]].value
    return _are_float32(z - b, 2 * EVALUATION * (np.abs(z) + np.abs(b)))


def _are_float32(array: NDArray[Any], rounding: NDArray[Any] | float = 0.0) -> bool:
    """Whether every number is one of float32's; for one of float64 that is a chance of about 2⁻²⁸."""
    with np.errstate(all="ignore"):  # what overflows, or is not finite, is no number of float32
        return bool((np.abs(array.astype(np.float32) - array) <= rounding).all())


def was_truncated(stated: Stated, right: Bounded) -> bool:
    """Whether cutting off the digits that were not printed gives all that were, across the whole bound."""
    given, unit = ~np.isnan(stated.half_unit), 2 * np.asarray(stated.half_unit)
    ends = [np.abs(right.value) + sign * np.asarray(right.error) for sign in (-1, 1)]
    cut = [np.floor(end / unit) for end in ends]
    printed = np.round(np.abs(stated.value) / unit)
    return bool(all((places == printed)[given].all() for places in cut))
