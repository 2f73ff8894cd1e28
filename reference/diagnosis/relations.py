"""What else a wrong number may be: another quantity, another step's, a multiple, a rounding, a lossy form."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import names
from reference.activations import ACTIVATIONS
from reference.arithmetic import EVALUATION, FLOAT32, Bounded, Real
from reference.diagnosis.candidates import Candidate, Explanation
from reference.diagnosis.context import StepContext, derive
from reference.diagnosis.observed import Observed
from reference.mistakes import MISTAKES

# A name, a sentence, and what the number would be.
Relation: TypeAlias = tuple[str, str, Bounded]


def right_itself(context: StepContext, quantity: str) -> Iterator[Candidate]:
    """Yield the right value: it differs where it follows a wrong one that it was not computed from.

    A printed number that is right agrees anywhere.
    """
    if context.observed[quantity].is_printed:
        return
    sentence = "the number itself is right, but one that was stated before it is not"
    explanation = Explanation("right-itself", sentence, (quantity,))
    yield Candidate(explanation, {quantity: context.unaided[quantity]})


def relations(context: StepContext, quantity: str) -> Iterator[Candidate]:
    """Yield what else the observed numbers of a quantity may be."""
    for name, sentence, predicted in _other_numbers(context, quantity):
        yield Candidate(Explanation(name, sentence, (quantity,)), {quantity: predicted})
    for name, sentence, predicted in _other_roundings(context, quantity):
        yield Candidate(Explanation(name, sentence, (quantity,)), {quantity: predicted}, known_by_digits=True)


def _other_numbers(context: StepContext, quantity: str) -> Iterator[Relation]:
    right = context.right[quantity]
    if len(right.shape) > 1:
        yield "transposed", "the array is transposed", right.mT
    for other in _of_other_layers(context, quantity):
        yield "another-layer", f"{other}, another layer's, stands in its place", context.right[other]
    yield from _of_other_steps(context, quantity)
    yield from _multiples_by_examples(right, len(context.problem.x))
    yield from multiples(right)


# The quantities that every layer has, and those that every parameter has, or may have.
OF_LAYERS: tuple[Callable[[int], str], ...] = (
    names.z,
    names.a,
    names.slope,
    lambda k: names.gradient(names.z(k)),
    lambda k: names.gradient(names.a(k)),
)
OF_PARAMETERS: tuple[Callable[[str], str], ...] = (
    names.gradient,
    names.updated,
    names.clipped,
    names.decayed,
    lambda name: names.state("direction", name),
    lambda name: names.updated(names.state("m", name)),
    lambda name: names.updated(names.state("v", name)),
    lambda name: names.updated(names.state("u", name)),
)


def _of_other_layers(context: StepContext, quantity: str) -> list[str]:
    """Return the names of the other layers' quantities of the same role."""
    layers = range(1, context.problem.depth + 1)
    roles = [[of(k) for k in layers] for of in OF_LAYERS]
    roles += [[of(kind(k)) for k in layers] for of in OF_PARAMETERS for kind in (names.W, names.b)]
    others = [name for role in roles if quantity in role for name in role if name != quantity]
    return [name for name in others if name in context.right]


def _of_other_steps(context: StepContext, quantity: str) -> Iterator[Relation]:
    previous = context.previous
    if previous:
        yield "previous-step", "the value is that of the previous step", previous.right[quantity]
        if quantity in map(names.gradient, context.problem.parameters) and quantity in previous.shown:
            total = context.right[quantity] + previous.as_input(quantity)
            yield "gradient-not-cleared", "the previous step's gradient was not cleared, but added to", total
    if quantity not in map(names.updated, context.problem.state):
        following = derive(context.lines, context.after, {})
        yield "next-step", "the value is that of the next step, after the update", following[quantity]


def _multiples_by_examples(right: Bounded, examples: int) -> Iterator[Relation]:
    if examples > 1:
        what = f"the {examples} examples"
        yield "times-batch", f"a sum over {what} stands where their mean belongs", examples * right
        yield "over-batch", f"a mean over {what} stands where their sum belongs", right / examples


def multiples(right: Bounded) -> Iterator[Relation]:
    """Yield what any number may be a multiple of."""
    yield "twice", "a factor ½ is missing", 2 * right
    yield "half", "there is a factor ½ too many", right / 2


def _other_roundings(context: StepContext, quantity: str) -> Iterator[Relation]:
    observed, right = context.observed[quantity], context.right[quantity]
    if observed.is_printed:
        if was_truncated(observed, right):
            number = replace(observed.as_input(right), error=0.0)
            yield "truncated", "the number was truncated, not rounded", number
        return
    yield from _lossy_forms(context, quantity)
    if context.problem.dtype == "float64":
        yield from _in_float32(context, quantity)


def was_truncated(observed: Observed, right: Bounded) -> bool:
    """Whether cutting off the digits that were not printed gives all that were, across the whole bound."""
    given, unit = ~np.isnan(observed.half_unit), 2 * np.asarray(observed.half_unit)
    ends = [np.abs(right.value) + sign * np.asarray(right.error) for sign in (-1, 1)]
    cut = [np.floor(end / unit) for end in ends]
    printed = np.round(np.abs(observed.value) / unit)
    return bool(all((digits == printed)[given].all() for digits in cut))


def _in_float32(context: StepContext, quantity: str) -> Iterator[Relation]:
    rounded = {name: _rounded_to_float32(number) for name, number in context.known.items()}
    derived = derive(context.lines, rounded, context.observed)[quantity]
    if _are_float32(context.observed[quantity].value):
        yield "float32", "float32 was used where float64 was promised", derived
    elif _products_are_float32(context, quantity):
        forward = MISTAKES["float32-forward"]
        yield forward.name, forward.sentence, derived


def _rounded_to_float32(number: Bounded) -> Bounded:
    """Return the number as known to an implementation that rounds it, and all that follows, to float32."""
    rounding = FLOAT32.unit_roundoff * np.abs(number.value)
    return Bounded(number.value, number.error + rounding, FLOAT32)


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
    sigmoids = {
        names.a(k): names.z(k)
        for k, activation in enumerate(context.problem.activations, start=1)
        if activation == "sigmoid"
    }
    if quantity not in sigmoids:
        return
    unit = context.right[quantity].format.unit_roundoff
    if _are_multiples(context.observed[quantity].value, unit / 2):
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
