"""Edits that may make a problem smaller or its rules simpler, the largest steps first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from cases.catalog import LOSSES
from cases.problem import SGD
from reference import training_steps

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

# An activation whose derivative is nowhere 0.
SMOOTH: Final = "sigmoid"

# Widths to which layers are cut.
CUT_WIDTHS: Final = (1, 2, 3, 4, 8, 16, 32, 64, 128, 256)

# Each unit or example is tried as the only one if there are no more than this.
MAX_SINGLES: Final = 16

# Pairs of units in neighbouring layers are tried if there are no more than this.
MAX_PAIRS: Final = 64

# Parts that are left out of an optimizer, in this order.
OPTIONAL_NUMBERS: Final = ("weight_decay", "dampening", "momentum")


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
    return replace(with_parameters(problem, parameters), steps=problem.steps - steps)


def _only_layers(problem: Problem, first: int, last: int) -> Problem | None:
    """Keep some layers: x becomes the input of the first of them, and y is cut to the outputs of the last."""
    if last > problem.depth or last - first + 1 == problem.depth:
        return None
    values = next(training_steps(replace(problem, steps=1))) | {"x": problem.x}
    outputs = _columns(problem.y, width(problem, last))
    return replace(_of_layers(problem, range(first, last + 1)), x=values[names.a(first - 1)], y=outputs)


def _without_layer(problem: Problem, k: int) -> Problem | None:
    if k >= problem.depth:
        return None
    inputs = width(problem, k - 1)
    after = {names.W(k + 1): _columns(problem.parameters[names.W(k + 1)], inputs)}
    layers = [layer for layer in range(1, problem.depth + 1) if layer != k]
    return _of_layers(with_parameters(problem, after), layers)


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


def with_parameters(problem: Problem, arrays: dict[str, NDArray[Any]]) -> Problem:
    return replace(problem, parameters=MappingProxyType(dict(problem.parameters) | arrays))


def width(problem: Problem, layer: int) -> int:
    """Return the number of a layer's units; layer 0 is the input."""
    return problem.x.shape[1] if layer == 0 else len(problem.parameters[names.b(layer)])


# Fewer units and examples


def narrower(problem: Problem) -> Iterator[Edit]:
    """Give edits to fewer units in every layer, to fewer examples, and to fewer units here and there."""
    widest = max(width(problem, layer) for layer in range(problem.depth + 1))
    yield from (partial(_cut, width_left=cut) for cut in CUT_WIDTHS if cut < widest)
    yield from (partial(_cut, width_left=cut, smooth=True) for cut in CUT_WIDTHS[:2] if cut < widest)
    count = len(problem.x)
    yield from (partial(_only_examples, rows=rows) for rows in _singles(count))
    yield from (partial(_only_examples, rows=rows, drop=True) for rows in _chunks(count))
    for layer in range(problem.depth, -1, -1):
        count = width(problem, layer)
        yield from (partial(_only_units, layer=layer, units=range(cut)) for cut in CUT_WIDTHS if cut < count)
        yield from (partial(_only_units, layer=layer, units=units) for units in _singles(count))
        yield from (partial(_only_units, layer=layer, units=units, drop=True) for units in _chunks(count))
    for layer in range(problem.depth, 0, -1):
        yield from _fewer_pairs(problem, layer)


def _fewer_pairs(problem: Problem, layer: int) -> Iterator[Edit]:
    """Give a unit of a layer and one of the layer before: only these two, and all but these two."""
    units, before = width(problem, layer), width(problem, layer - 1)
    if units * before <= MAX_PAIRS:
        pairs = list(product(range(units), range(before)))
        yield from (partial(_only_pair, layer=layer, pair=pair) for pair in pairs)
        yield from (partial(_only_pair, layer=layer, pair=pair, drop=True) for pair in reversed(pairs))


def _only_examples(problem: Problem, rows: Sequence[int], *, drop: bool = False) -> Problem | None:
    """Keep some examples; with `drop` the others."""
    kept = _kept(len(problem.x), rows, drop=drop)
    return replace(problem, x=problem.x[kept], y=problem.y[kept]) if kept else None


def _only_units(problem: Problem, layer: int, units: Sequence[int], *, drop: bool = False) -> Problem | None:
    """Keep some units of a layer, of layer 0 some inputs; with `drop` the others."""
    kept = _kept(width(problem, layer), units, drop=drop) if layer <= problem.depth else []
    if not kept:
        return None
    changed = {}
    if layer:
        changed = {name: problem.parameters[name][kept] for name in (names.W(layer), names.b(layer))}
    if layer < problem.depth:
        changed[names.W(layer + 1)] = problem.parameters[names.W(layer + 1)][:, kept]
    x = problem.x if layer else problem.x[:, kept]
    y = problem.y if layer < problem.depth else problem.y[:, kept]
    return replace(with_parameters(problem, changed), x=x, y=y)


def _kept(count: int, chosen: Sequence[int], *, drop: bool) -> list[int]:
    """Return the chosen indices below `count`, or all others; none if they do not fit."""
    if drop:
        return [one for one in range(count) if one not in chosen]
    return list(chosen) if chosen and chosen[-1] < count else []


def _only_pair(problem: Problem, layer: int, pair: tuple[int, int], *, drop: bool = False) -> Problem | None:
    unit, before = pair
    cut = _only_units(problem, layer, [unit], drop=drop)
    return cut and _only_units(cut, layer - 1, [before], drop=drop)


def _cut(problem: Problem, width_left: int, *, smooth: bool = False) -> Problem | None:
    """Keep the first units of every layer, so that a square matrix stays one.

    With `smooth` every activation becomes one whose derivative is nowhere 0: a unit at rest shows nothing.
    """
    activations = (SMOOTH,) * problem.depth if smooth else problem.activations
    cut: Problem | None = replace(problem, activations=activations)
    for layer in range(problem.depth + 1):
        cut = cut and _only_units(cut, layer, range(min(width_left, width(problem, layer))))
    return cut


def _singles(count: int) -> Iterator[range]:
    """Give each one of a few by itself."""
    yield from (range(one, one + 1) for one in range(count if 1 < count <= MAX_SINGLES else 0))


def _chunks(count: int) -> Iterator[range]:
    """Give halves, quarters, … down to single ones, the last first: what is left keeps its places."""
    size = count // 2
    while size:
        yield from (range(start, min(start + size, count)) for start in reversed(range(0, count, size)))
        size //= 2


# Simpler rules, losses and activations


def simpler(problem: Problem) -> Iterator[Edit]:
    """Give edits to simpler rules, losses and activations, the simplest first."""
    yield from (partial(replace, **{name: None}) for name in ("schedule", "clipping"))
    yield partial(replace, optimizer=SGD)
    yield partial(replace, not_trained=frozenset())
    yield from (partial(_without_option, option=option) for option in sorted(problem.optimizer.options))
    yield from (partial(_without_number, number=name) for name in OPTIONAL_NUMBERS)
    yield from (partial(replace, loss=loss, reduction=of, loss_numbers=()) for loss, of in SIMPLE_LOSSES)
    yield lambda edited: replace(edited, reduction="sum") if "sum" in LOSSES[edited.loss].reductions else None
    yield from (partial(_activated, layers=None, by=name) for name in SIMPLE_ACTIVATIONS)
    for k in range(problem.depth):
        yield from (partial(_activated, layers=k, by=name) for name in SIMPLE_ACTIVATIONS)


def _without_option(problem: Problem, option: str) -> Problem:
    rule = problem.optimizer
    return replace(problem, optimizer=replace(rule, options=rule.options - {option}))


def _without_number(problem: Problem, number: str) -> Problem | None:
    """Leave a part out of the optimizer; AdamW without its decay is Adam."""
    rule = problem.optimizer
    is_needed = number == "momentum" and (rule.has("dampening") or rule.options)
    if is_needed or not rule.has(number):
        return None
    left = tuple(one for one in rule.numbers if one[0] != number)
    name = "adam" if rule.name == "adamw" else rule.name
    return replace(problem, optimizer=replace(rule, name=name, numbers=left))


def _activated(problem: Problem, layers: int | None, by: str) -> Problem | None:
    """Replace the activation of one layer, counted from 0, or of all."""
    if layers is None:
        return replace(problem, activations=(by,) * problem.depth)
    before, after = problem.activations[:layers], problem.activations[layers + 1 :]
    return replace(problem, activations=(*before, by, *after)) if layers < problem.depth else None
