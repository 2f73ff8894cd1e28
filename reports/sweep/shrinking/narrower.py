"""Narrower networks: fewer units and examples, as edits of a problem."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Final

from cases import Problem, names
from reports.sweep.shrinking.shorter import Edit, with_parameters

SMOOTH: Final = "sigmoid"

# Of so many units or examples at most each is tried as the only one.
ONE_BY_ONE: Final = 16

# Pairs of units in neighbouring layers are tried where there are so many at most.
PAIRS: Final = 64

# Widths to which layers are cut.
SHORT: Final = (1, 2, 3, 4, 8, 16, 32, 64, 128, 256)


def narrower(problem: Problem) -> Iterator[Edit]:
    """Give edits to fewer units in every layer, to fewer examples, and to fewer units here and there."""
    widest = max(_width(problem, layer) for layer in range(problem.depth + 1))
    yield from (partial(_cut, width=width) for width in SHORT if width < widest)
    yield from (partial(_cut, width=width, smooth=True) for width in SHORT[:2] if width < widest)
    yield from _fewer_examples(problem)
    for layer in range(problem.depth, -1, -1):
        yield from _fewer_units(problem, layer)
    for layer in range(problem.depth, 0, -1):
        yield from _fewer_pairs(problem, layer)


def _fewer_examples(problem: Problem) -> Iterator[Edit]:
    count = len(problem.x)
    yield from (partial(_only_examples, rows=rows) for rows in _parts(count))
    yield from (partial(_without_examples, rows=rows) for rows in _chunks(count))


def _only_examples(problem: Problem, rows: Sequence[int]) -> Problem | None:
    if not rows or rows[-1] >= len(problem.x):
        return None
    return replace(problem, x=problem.x[list(rows)], y=problem.y[list(rows)])


def _without_examples(problem: Problem, rows: range) -> Problem | None:
    return _only_examples(problem, [row for row in range(len(problem.x)) if row not in rows])


def _fewer_units(problem: Problem, layer: int) -> Iterator[Edit]:
    count = _width(problem, layer)
    yield from (partial(_only_units, layer=layer, units=range(width)) for width in SHORT if width < count)
    yield from (partial(_only_units, layer=layer, units=units) for units in _parts(count))
    yield from (partial(_without_units, layer=layer, units=units) for units in _chunks(count))


def _only_units(problem: Problem, layer: int, units: Sequence[int]) -> Problem | None:
    """Keep some units of a layer; of layer 0 some inputs."""
    if layer > problem.depth or not units or units[-1] >= _width(problem, layer):
        return None
    kept, changed = list(units), {}
    if layer:
        changed = {name: problem.parameters[name][kept] for name in (names.W(layer), names.b(layer))}
    if layer < problem.depth:
        changed[names.W(layer + 1)] = problem.parameters[names.W(layer + 1)][:, kept]
    x = problem.x if layer else problem.x[:, kept]
    y = problem.y if layer < problem.depth else problem.y[:, kept]
    return replace(with_parameters(problem, changed), x=x, y=y)


def _without_units(problem: Problem, layer: int, units: range) -> Problem | None:
    if layer > problem.depth:
        return None
    left = [unit for unit in range(_width(problem, layer)) if unit not in units]
    return _only_units(problem, layer, left)


def _fewer_pairs(problem: Problem, layer: int) -> Iterator[Edit]:
    """Give a unit of a layer and one of the layer before: only these two, and all but these two."""
    units, before = _width(problem, layer), _width(problem, layer - 1)
    if units * before <= PAIRS:
        places = list(product(range(units), range(before)))
        yield from (partial(_only_pair, layer=layer, units=units) for units in places)
        yield from (partial(_without_pair, layer=layer, units=units) for units in reversed(places))


def _only_pair(problem: Problem, layer: int, units: tuple[int, int]) -> Problem | None:
    cut = _only_units(problem, layer, units[:1])
    return cut and _only_units(cut, layer - 1, units[1:])


def _without_pair(problem: Problem, layer: int, units: tuple[int, int]) -> Problem | None:
    cut = _without_units(problem, layer, range(units[0], units[0] + 1))
    return cut and _without_units(cut, layer - 1, range(units[1], units[1] + 1))


def _cut(problem: Problem, width: int, *, smooth: bool = False) -> Problem | None:
    """Keep the first units of every layer, so that a square matrix stays one.

    With `smooth` every activation becomes one that is flat nowhere: a unit at rest shows nothing.
    """
    activations = (SMOOTH,) * problem.depth if smooth else problem.activations
    cut: Problem | None = replace(problem, activations=activations)
    for layer in range(problem.depth + 1):
        cut = cut and _only_units(cut, layer, range(min(width, _width(problem, layer))))
    return cut


def _width(problem: Problem, layer: int) -> int:
    return problem.x.shape[1] if layer == 0 else len(problem.parameters[names.b(layer)])


def _parts(count: int) -> Iterator[range]:
    """Give each one of a few by itself."""
    yield from (range(one, one + 1) for one in range(count if 1 < count <= ONE_BY_ONE else 0))


def _chunks(count: int) -> Iterator[range]:
    """Give halves, quarters, … down to single ones, the last first: what is left keeps its places."""
    size = count // 2
    while size:
        yield from (range(start, min(start + size, count)) for start in reversed(range(0, count, size)))
        size //= 2
