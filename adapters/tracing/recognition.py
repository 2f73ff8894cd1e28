"""Which function of the catalog a piece of a program is: found by its values in float64."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases.catalog import LOSSES, REDUCED_LOSSES
from cases.recording import UnreadableError

Array: TypeAlias = NDArray[Any]

# How far a function may be from one of the catalog, relative to 1 or to its values, and be taken for it: what
# separates any two of the catalog is more than ten times as much, and what rounding does in float32 far less.
# A function this near that is not equal is judged as what it is taken for, to the derived tolerance.
NEAR: Final = 1e-5

# How far the sum of a row of probabilities may be from 1: as rounding to 16 bits leaves it.
IN_16_BITS: Final = 0.05

# Where activations are compared: their kinks (0, ±1, 6), both tails, and what lies between.
POINTS: Final[Array] = np.concatenate([np.linspace(-9, 9, 145), [-40.0, -20.5, -15, 12, 15, 20.5, 40]])

# Where losses are compared: this many draws of predictions.
DRAWS: Final = 3

# The numbers where a square becomes a line: on the near side of them alone it is another loss, too. So losses
# of any numbers are compared this many times as far away, as well.
WIDTHS: Final = ("delta", "beta")
BEYOND: Final = (3, 30)


class NotElementwiseError(UnreadableError):
    """A function goes by rows, as a softmax: at a network's end it may be a part of the loss."""


def activation_of(function: Callable[[Array], Array], known: Mapping[str, Callable[[Array], Array]]) -> str:
    """Return the name of the activation that `function` computes; both take and return arrays (points, 3).

    Raises NotElementwiseError if it does not go element by element, UnreadableError if it is none of them.
    """
    points = _moved(POINTS[:, None])
    with np.errstate(all="ignore"):
        values = function(points)
        if values.shape != points.shape or not _distance(values, _moved(values)) <= NEAR:
            raise NotElementwiseError("does not go element by element")
        distances = {name: _distance(values, candidate(points)) for name, candidate in known.items()}
    name = min(distances, key=lambda name: distances[name])
    if not distances[name] <= NEAR:
        raise UnreadableError(
            f"is no activation that the suite knows; {name} is the nearest, {distances[name]:.1g} away"
        )
    return name


def _moved(columns: Array) -> Array:
    """Return the first column, the same in the reverse order, and the same from another number on."""
    first = columns[:, 0]
    return np.stack([first, first[::-1], np.roll(first, 7)], axis=1)


def _distance(values: Array, others: Array) -> float:
    """Return the largest difference, relative to 1 or to what is larger; infinite where one alone is NaN."""
    apart = np.abs(values - others) / np.maximum(1, np.abs(others))
    apart[(values == others) | (np.isnan(values) & np.isnan(others))] = 0
    return float(np.nan_to_num(apart, nan=np.inf).max())


@dataclass(frozen=True)
class StatedLoss:
    """A loss as a problem states it."""

    name: str
    reduction: str
    numbers: tuple[tuple[str, float], ...] = ()


def loss_of(
    function: Callable[[Array], float],
    known: Callable[[StatedLoss, Array, Array], float],
    targets: Array,
    numbers: Mapping[str, float],
    preferred: str = "",
) -> StatedLoss:
    """Return the loss that `function` computes of predictions (N, n), with the targets that it has.

    `known` computes one of the catalog of predictions and targets; `numbers` are those that the program
    states (`delta`, `beta`, `label_smoothing`), by their names; `preferred` is the loss that is taken of two
    that are equal here. Raises UnreadableError if it is none of the catalog.
    """
    random = np.random.default_rng(0)
    draws = [random.uniform(0.05, 0.95, targets.shape) for _ in range(DRAWS)]
    values = [function(draw) for draw in draws]
    distances = {}
    for stated in _candidates(targets, numbers):
        pairs = ((value, known(stated, draw, targets)) for draw, value in zip(draws, values, strict=True))
        distances[stated] = max(_apart(value, other) for value, other in pairs)
        if distances[stated] <= NEAR and LOSSES[stated.name].targets == "any":
            width = max((number for key, number in stated.numbers if key in WIDTHS), default=1)
            signs = random.choice((-1, 1), targets.shape) * random.uniform(0.5, 1, targets.shape)
            far = [targets + times * width * signs for times in BEYOND]
            distances[stated] = max(_apart(function(one), known(stated, one, targets)) for one in far)
    nearest = min(
        distances, key=lambda stated: (distances[stated] > NEAR, stated.name != preferred, distances[stated])
    )
    if not distances[nearest] <= NEAR:
        raise UnreadableError(_no_loss(nearest, distances[nearest]))
    return nearest


def _apart(value: float, other: float) -> float:
    return abs(value - other) / max(abs(other), 1e-3)


def _no_loss(nearest: StatedLoss, distance: float) -> str:
    name = f"{nearest.name} ({nearest.reduction})"
    return (
        f"the loss is none that the suite knows; the nearest is {name}, {distance:.1g} away. Known are "
        f"{', '.join(LOSSES)}; pass one of these names as the loss to be judged by it"
    )


def _candidates(targets: Array, numbers: Mapping[str, float]) -> Iterator[StatedLoss]:
    for name, reduction in REDUCED_LOSSES:
        kind = LOSSES[name]
        if kind.targets == "any" or _holds(kind.targets, targets):
            needed = {key: numbers.get(key, 1.0) for key, about in kind.keys.items() if about.default is ...}
            yield StatedLoss(name, reduction, tuple(needed.items()))
            if numbers.get("label_smoothing") and "label_smoothing" in kind.keys:
                smoothed = {"label_smoothing": numbers["label_smoothing"]}
                yield StatedLoss(name, reduction, tuple(smoothed.items()))


def _holds(kind: str, targets: Array) -> bool:
    """Say whether targets are of a kind: "probabilities", "distributions" or "classes"."""
    if not ((targets >= 0) & (targets <= 1)).all():
        return False
    if kind == "probabilities":
        return True
    rows = targets.sum(axis=1)
    return bool(
        (np.abs(rows - 1) < IN_16_BITS).all() and (kind == "distributions" or np.isin(targets, (0, 1)).all())
    )


def one_hot(classes: Sequence[int] | Array, width: int, dtype: str) -> Array:
    """Return rows with a 1 at each class; raises UnreadableError for one that is not from 0 to width − 1."""
    labels = np.asarray(classes).reshape(-1)
    if not ((labels >= 0) & (labels < width)).all():
        raise UnreadableError(
            f"targets are classes from {labels.min()} to {labels.max()}, expected 0 to {width - 1}"
        )
    return np.eye(width, dtype=dtype)[labels]
