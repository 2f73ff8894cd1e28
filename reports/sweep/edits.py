"""Edits that may make a problem smaller, or its rules or numbers simpler, the largest steps first."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import ROUND_UP, Context, Decimal
from functools import partial
from itertools import product
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem, Rule, names
from cases.catalog import DENSE, LOSSES, NUMBERS
from cases.names import Axis
from cases.numbers import rounded_once
from cases.problem import SGD
from cases.protocol import DTYPES
from reference import training_steps
from reports.sweep.case_text import shortest, widths

# Makes another problem of one; None where it does not fit that problem. An edit is listed for one problem and
# may be tried on another, which earlier edits have made of it.
Edit: TypeAlias = Callable[[Problem], Problem | None]

# The simplest activations and losses, in this order; these losses take no numbers, and any targets.
SIMPLE_ACTIVATIONS: Final = ("identity", "relu", "sigmoid", "tanh")
SIMPLE_LOSSES: Final = (
    ("half_squared_error", "sum"),
    ("half_squared_error", "mean"),
    ("mean_squared_error", "mean"),
)

SMOOTH: Final = "sigmoid"  # an activation whose derivative is nowhere 0: a unit at rest shows nothing
CUT_WIDTHS: Final = (1, 2, 3, 4, 8, 16, 32, 64, 128, 256)  # widths to which layers are cut
MAX_SINGLES: Final = 16  # up to so many, each unit or example is tried as the only one
MAX_PAIRS: Final = 64  # the same of pairs of units in neighbouring layers
OPTIONAL_NUMBERS: Final = ("weight_decay", "dampening", "momentum")  # of an optimizer, left out in this order
ARRAY_DIGITS: Final = (1, 2, 3)  # to which all numbers of an array are rounded at once
NUMBER_DIGITS: Final = (1, 2, 3, 4, 6, 8, 12)  # to which single numbers are
RULE_DTYPE: Final = DTYPES[0]  # the numbers of rules are float64 in every format
_UP: Final = Context(prec=1, rounding=ROUND_UP)


def with_inputs(problem: Problem, arrays: dict[str, NDArray[Any]]) -> Problem:
    """Return the problem with another x, y, W1, …."""
    changed = problem.inputs | arrays
    x, y = changed.pop("x"), changed.pop("y")
    return replace(problem, x=x, y=y, parameters=MappingProxyType(changed))


# Fewer layers and steps


def shorter(problem: Problem) -> Iterator[Edit]:
    """Give runs of layers, the shortest first, then all layers but one inside, then fewer steps."""
    depth = problem.depth
    for length in sorted({1, 2, depth // 2, depth - 1} - {0, depth}):
        for first in range(1, depth - length + 2):
            yield partial(_only_layers, first=first, last=first + length - 1)
    yield from (partial(_without_layer, k=k) for k in range(1, depth))
    for steps in range(1, problem.steps):
        yield partial(replace, steps=steps)
        yield partial(_without_first_steps, steps=problem.steps - steps)


def _without_first_steps(problem: Problem, steps: int) -> Problem | None:
    """Start from the parameters after the first `steps`."""
    if steps >= problem.steps:
        return None
    *_, last = training_steps(replace(problem, steps=steps))
    parameters = {name: last[names.updated(name)] for name in problem.parameters}
    return replace(with_inputs(problem, parameters), steps=problem.steps - steps)


def _only_layers(problem: Problem, first: int, last: int) -> Problem | None:
    """Keep some layers: x becomes the input of the first of them, and y is cut to the outputs of the last."""
    if last > problem.depth or last - first + 1 == problem.depth:
        return None
    values = next(training_steps(replace(problem, steps=1))) | {"x": problem.x}
    outputs = _columns(problem.y, widths(problem)[last])
    return replace(_of_layers(problem, range(first, last + 1)), x=values[names.a(first - 1)], y=outputs)


def _without_layer(problem: Problem, k: int) -> Problem | None:
    if k >= problem.depth:
        return None
    after = names.W(k + 1)
    changed = {after: _columns(problem.parameters[after], widths(problem)[k - 1])}
    layers = [layer for layer in range(1, problem.depth + 1) if layer != k]
    return _of_layers(with_inputs(problem, changed), layers)


def _of_layers(problem: Problem, layers: Sequence[int]) -> Problem:
    """Keep these layers, with new numbers from 1."""
    old = {of(new): of(k) for new, k in enumerate(layers, start=1) for of in (names.W, names.b)}
    return replace(
        problem,
        activations=tuple(problem.activations[k - 1] for k in layers),
        parameters=MappingProxyType({new: problem.parameters[name] for new, name in old.items()}),
        not_trained=frozenset(new for new, name in old.items() if name in problem.not_trained),
    )


def _columns(array: NDArray[Any], count: int) -> NDArray[Any]:
    """Return `count` columns of a matrix: its first ones, or all of them again and again."""
    return array[:, np.arange(count) % array.shape[1]]


# Fewer units and examples


def narrower(problem: Problem) -> Iterator[Edit]:
    """Give edits to fewer units in every layer, to fewer examples, and to fewer units here and there."""
    sizes = widths(problem)
    cuts = [cut for cut in CUT_WIDTHS if cut < max(sizes)]
    yield from (partial(_cut, count=cut) for cut in cuts)
    yield from (partial(_cut, count=cut, smooth=True) for cut in cuts[:2])
    yield from _fewer(len(problem.x), "N")
    for layer in range(problem.depth, -1, -1):
        yield from (partial(_keep, axis=layer, kept=range(cut)) for cut in CUT_WIDTHS if cut < sizes[layer])
        yield from _fewer(sizes[layer], layer)
    for layer in range(problem.depth, 0, -1):
        if sizes[layer] * sizes[layer - 1] <= MAX_PAIRS:
            pairs = list(product(range(sizes[layer]), range(sizes[layer - 1])))
            yield from (partial(_keep_pair, layer=layer, pair=pair) for pair in pairs)
            yield from (partial(_keep_pair, layer=layer, pair=pair, drop=True) for pair in reversed(pairs))


def _fewer(count: int, axis: Axis) -> Iterator[Edit]:
    """Give each one of a few by itself; then all but a half, a quarter, … but one.

    The last are dropped first: what is left keeps its places.
    """
    yield from (partial(_keep, axis=axis, kept=[i]) for i in range(count if 1 < count <= MAX_SINGLES else 0))
    size = count // 2
    while size:
        starts = reversed(range(0, count, size))
        yield from (partial(_keep, axis=axis, kept=range(i, i + size), drop=True) for i in starts)
        size //= 2


def _keep(problem: Problem, axis: Axis, kept: Sequence[int], *, drop: bool = False) -> Problem | None:
    """Keep some examples (axis "N"), inputs (0) or units of a layer; with `drop` the others."""
    axes: dict[str, tuple[Axis, ...]] = {"x": ("N", 0), "y": ("N", problem.depth)}
    for k in range(1, problem.depth + 1):
        axes |= DENSE.parameters(k)
    on_axis = {name: own.index(axis) for name, own in axes.items() if axis in own}
    if not on_axis:
        return None
    arrays = problem.inputs
    count = min(arrays[name].shape[place] for name, place in on_axis.items())
    left = [i for i in range(count) if (i in kept) != drop]
    taken = {name: arrays[name].take(left, place) for name, place in on_axis.items()}
    return with_inputs(problem, taken) if left else None


def _keep_pair(problem: Problem, layer: int, pair: tuple[int, int], *, drop: bool = False) -> Problem | None:
    """Keep one unit of a layer and one of the layer before; with `drop` all others."""
    cut = _keep(problem, layer, pair[:1], drop=drop)
    return cut and _keep(cut, layer - 1, pair[1:], drop=drop)


def _cut(problem: Problem, count: int, *, smooth: bool = False) -> Problem | None:
    """Keep the first units of every layer, so that a square matrix stays one."""
    cut: Problem | None = replace(problem, activations=(SMOOTH,) * problem.depth) if smooth else problem
    for layer in range(problem.depth + 1):
        cut = cut and _keep(cut, layer, range(count))
    return cut


# Simpler rules, losses and activations


def simpler(problem: Problem) -> Iterator[Edit]:
    """Give edits to simpler rules, losses and activations, the simplest first."""
    yield from (partial(replace, **{name: None}) for name in ("schedule", "clipping"))
    yield partial(replace, optimizer=SGD)
    yield partial(replace, not_trained=frozenset())
    for part in (*sorted(problem.optimizer.options), *OPTIONAL_NUMBERS):
        yield partial(_without, part=part)
    yield from (partial(replace, loss=loss, reduction=of, loss_numbers=()) for loss, of in SIMPLE_LOSSES)
    yield lambda edited: replace(edited, reduction="sum") if "sum" in LOSSES[edited.loss].reductions else None
    for layers in (range(problem.depth), *(range(k, k + 1) for k in range(problem.depth))):
        yield from (partial(_activated, layers=layers, by=name) for name in SIMPLE_ACTIVATIONS)


def _without(problem: Problem, part: str) -> Problem | None:
    """Leave an option or a number out of the optimizer; AdamW without its decay is Adam."""
    rule = problem.optimizer
    if part == "momentum" and (rule.has("dampening") or rule.options):
        return None
    name = "adam" if (rule.name, part) == ("adamw", "weight_decay") else rule.name
    numbers = tuple(number for number in rule.numbers if number[0] != part)
    return replace(problem, optimizer=Rule(name, numbers, rule.options - {part}))


def _activated(problem: Problem, layers: range, by: str) -> Problem:
    activations = [by if k in layers else name for k, name in enumerate(problem.activations)]
    return replace(problem, activations=tuple(activations))


# Simpler numbers


def rounder(problem: Problem) -> Iterator[Edit]:
    """Give edits of whole arrays, then of the numbers of rules, then of single elements, y before W."""
    arrays = sorted(problem.inputs, key=lambda name: "ybxW".index(name[0]))
    for name in arrays:
        for like in (np.zeros_like, np.ones_like):
            yield partial(with_inputs, arrays={name: like(problem.inputs[name])})
        yield from (partial(_rounded, name=name, digits=digits) for digits in ARRAY_DIGITS)
    for owner, name, number, dtype in rule_numbers(problem):
        for simple in (0.5, to_digits(0.1, 1, dtype), *simple_numbers(number, dtype)):
            yield partial(_with_rule_number, owner=owner, name=name, number=simple)
    for name in arrays:
        for index, number in np.ndenumerate(problem.inputs[name]):
            for simple in simple_numbers(float(number), problem.dtype):
                yield partial(_with_element, name=name, index=index, number=simple)


def simple_numbers(number: float, dtype: str) -> Iterator[float]:
    """Give what may stand in a number's place, the simplest first: 0, 1, a power of 10, one digit, …."""
    yield from (0.0, 1.0)
    if number == 0:
        return
    written = Decimal(shortest(number, dtype))
    for simple in (Decimal(1).scaleb(written.adjusted()).copy_sign(written), _UP.plus(written)):
        yield float(rounded_once(float(simple), dtype))
    yield abs(number)
    most = len(written.normalize().as_tuple().digits)
    yield from (to_digits(number, digits, dtype) for digits in NUMBER_DIGITS if digits < most)


def to_digits(number: float, digits: int, dtype: str) -> float:
    """Round a number to decimal digits, and that to a format; the result may be 0 or infinite."""
    return float(rounded_once(float(f"{number:.{digits - 1}e}"), dtype))


def _rounded(problem: Problem, name: str, digits: int) -> Problem:
    array = problem.inputs[name]
    rounded = [to_digits(float(number), digits, problem.dtype) for number in array.flat]
    return with_inputs(problem, {name: np.array(rounded, array.dtype).reshape(array.shape)})


def _with_element(problem: Problem, name: str, index: tuple[int, ...], number: float) -> Problem:
    array = problem.inputs[name].copy()
    array[index] = number
    return with_inputs(problem, {name: array})


def rule_numbers(problem: Problem) -> Iterator[tuple[str, str, float, str]]:
    """Give the learning rate, and the numbers of the loss and of each rule: owner, name, value, format."""
    yield "", "learning_rate", problem.learning_rate, problem.dtype
    yield from (("loss", name, number, problem.dtype) for name, number in problem.loss_numbers)
    for owner in ("optimizer", "schedule", "clipping"):
        rule: Rule | None = getattr(problem, owner)
        yield from ((owner, name, number, RULE_DTYPE) for name, number in (rule.numbers if rule else ()))


def _with_rule_number(problem: Problem, owner: str, name: str, number: float) -> Problem | None:
    """Change a number, if the problem still has it and it may be that."""
    kind = NUMBERS[name].kind if name in NUMBERS else "positive"  # as the learning rate is
    if kind == "count":
        number = max(1, int(number))
    is_enough = number >= 0 if kind in {"share", "smoothing"} else number > 0
    is_too_much = number >= 1 and kind in {"fraction", "smoothing"}
    if not is_enough or is_too_much or not math.isfinite(number):
        return None
    if not owner:
        return replace(problem, learning_rate=number)
    rule: Rule | None = None if owner == "loss" else getattr(problem, owner)
    given = problem.loss_numbers if owner == "loss" else rule.numbers if rule else ()
    numbers = tuple((key, number if key == name else value) for key, value in given)
    changed: dict[str, Any] = {owner: replace(rule, numbers=numbers)} if rule else {"loss_numbers": numbers}
    return replace(problem, **changed) if given else None


PASSES: Final = (shorter, narrower, simpler, rounder)  # so that the most is cut off first
