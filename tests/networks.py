"""Networks for the tests: built from a few numbers, the same on every machine."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from cases import Problem
from cases.rounding import rounded_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

LOSSES = [("half_squared_error", "sum"), ("half_squared_error", "mean"), ("mean_squared_error", "mean")]
ACTIVATIONS = ["sigmoid", "tanh", "relu", "identity"]


def network(
    widths: Sequence[int] = (2, 3, 1),
    batch: int = 4,
    *,
    activations: str | Sequence[str] = "sigmoid",
    loss: tuple[str, str] = ("half_squared_error", "sum"),
    dtype: str = "float64",
    scale: float = 1.0,
    seed: int = 0,
    **others: Any,
) -> Problem:
    """Draw a network whose pre-activations are of the order of `scale`."""
    rng = np.random.default_rng([seed, *widths, batch])
    depth = len(widths) - 1
    parameters = {}
    for k in range(1, depth + 1):
        weights = rng.standard_normal((widths[k], widths[k - 1])) * scale / np.sqrt(widths[k - 1])
        parameters |= {f"W{k}": rounded_once(weights, dtype)}
        parameters |= {f"b{k}": rounded_once(rng.standard_normal(widths[k]), dtype)}
    return Problem(
        case=f"net-{'-'.join(map(str, widths))}",
        dtype=dtype,
        activations=(activations,) * depth if isinstance(activations, str) else tuple(activations),
        parameters=MappingProxyType(parameters),
        x=rounded_once(rng.standard_normal((batch, widths[0])), dtype),
        y=rounded_once(rng.standard_normal((batch, widths[-1])), dtype),
        loss=loss[0],
        reduction=loss[1],
        learning_rate=float(rounded_once(others.pop("learning_rate", 0.1), dtype)),
        **others,
    )


def exactly(problem: Problem, dtype: str) -> Problem:
    """Return the same numbers in a wider format."""
    parameters = {name: array.astype(dtype) for name, array in problem.parameters.items()}
    return replace(
        problem,
        dtype=dtype,
        x=problem.x.astype(dtype),
        y=problem.y.astype(dtype),
        parameters=MappingProxyType(parameters),
    )


def damaged(
    run: Callable[[Problem], Iterator[Mapping[str, NDArray[Any]]]],
    damage: Callable[[dict[str, Any]], None],
) -> Callable[[Problem], Iterator[Mapping[str, Any]]]:
    """Wrap a claimant so that `damage` changes each of its claims before they are judged."""

    def claimant(problem: Problem) -> Iterator[Mapping[str, Any]]:
        for claim in run(problem):
            changed = {name: np.array(value) for name, value in claim.items()}
            damage(changed)
            yield changed

    return claimant
