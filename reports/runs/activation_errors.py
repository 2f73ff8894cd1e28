"""Each activation and its derivative over a range, by every implementation, against certified truth.

An implementation is given a network of one layer with W = 1, b = 0 and the points as its examples, so that z
is the point itself. The loss is Σ |a − y| with y far below a: its gradient is 1 exactly, and dL/dz is the
derivative as the implementation computes it, with no rounding but its own. Nothing is judged here; the cases
do that.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import numpy as np

from adapters import Adapter, Unavailable
from cases import Problem, names
from cases.protocol import Fault, Program
from reference.activations import ACTIVATIONS
from reference.arithmetic import Ball, Real, precision
from reference.findings import Claim
from reports import supervision
from reports.environment import Selection
from reports.runs.accuracy import ulps
from reports.runs.step_batches import observed
from reports.supervision import Activity

# The range is −24 to 24: beyond softplus' threshold of 20, and to where σ(z) is 1 in float64.
REACH: Final = 24.0
STRIPS: Final = 64  # that it is cut into; of each the point with the largest error is reported
POINTS: Final = 6  # in each strip, besides the kinks
KINKS: Final = (-1.0, 0.0, 1.0, 6.0)

# The format in which it is measured: the first of these that was asked for. One halves what JAX compiles.
DTYPES: Final = ("float32", "float64")

QUANTITIES: Final = {"value": names.a(1), "derivative": names.gradient(names.z(1))}


@dataclass(frozen=True)
class ActivationError:
    """The largest error of an activation or its derivative in one strip of the range, at the point `z`."""

    activation: str
    dtype: str
    implementation: str
    quantity: str  # "value", "derivative"
    z: float
    ulps: float  # |claimed − true| in units in the last place of the true number; NaN where the claim is


def measure_selected(selection: Selection) -> tuple[ActivationError, ...]:
    """Measure the activations of the selected cases in one format, by the selected adapters."""
    used = {layer.activation for case in selection.cases for layer in case.file.layers}
    asked = {dtype for _, dtype in selection.runs}
    activations = [name for name in ACTIVATIONS if name in used]
    dtypes = (dtype for dtype in DTYPES if dtype in asked)
    return next((measure(activations, selection.adapters, dtype) for dtype in dtypes), ())


def measure(
    activations: Sequence[str], adapters: Sequence[Adapter | Unavailable], dtype: str
) -> tuple[ActivationError, ...]:
    """Measure what every program states of a1 and dL/dz1; one that fails here is left out."""
    present = [adapter for adapter in adapters if isinstance(adapter, Adapter)]
    claims = {
        f"{adapter.name} {program.name}".strip(): _claims(adapter, program, activations, dtype)
        for adapter in present
        for program in adapter.programs
    }
    supervision.note(None)
    return tuple(
        error
        for activation in activations
        for implementation, of_each in claims.items()
        for error in _errors(activation, dtype, implementation, of_each.get(activation, {}))
    )


def _errors(activation: str, dtype: str, implementation: str, claim: Claim) -> Iterator[ActivationError]:
    points = grid(dtype)
    for quantity, (high, low) in truths(activation, dtype).items():
        claimed = observed(claim, QUANTITIES[quantity], dtype)
        if claimed is None or claimed.size != points.size:
            continue
        with np.errstate(all="ignore"):  # an infinite claim is infinitely far off
            off = np.abs(ulps(claimed.astype(np.float64).ravel(), high, low, dtype))
        about = activation, dtype, implementation, quantity
        for worst in worst_of_strips(points, off):
            yield ActivationError(*about, points.item(worst), off.item(worst))


def _claims(adapter: Adapter, program: Program, activations: Iterable[str], dtype: str) -> dict[str, Claim]:
    """Return what a program states of one step with each activation.

    Where it fails there is nothing: the cases report failures. After a hang or a crash of its process it is
    not run again, because each could take as long; nor is one that shows only the outcome of a step.
    """
    claims: dict[str, Claim] = {}
    for activation in activations:
        given = problem(activation, dtype)
        supervision.note(Activity(adapter.name, program.name, given.case, dtype))
        try:
            claim = dict(next(iter(program.run(given)), {}))
        except Fault:
            break
        except (Exception, SystemExit):  # noqa: BLE001, S112 - it costs its own curve; the cases report it
            continue
        if claim.keys().isdisjoint(QUANTITIES.values()):
            break
        claims[activation] = claim
    return claims


def grid(dtype: str) -> Real:
    """Return the points in ascending order: numbers of the format, spread evenly, and the kinks."""
    evenly = np.linspace(-REACH, REACH, STRIPS * POINTS).astype(dtype).astype(np.float64)
    return np.union1d(evenly, KINKS)


def problem(activation: str, dtype: str) -> Problem:
    """Return the network of one layer whose a1 is the activation and whose dL/dz1 is its derivative."""
    points = grid(dtype).astype(dtype)[:, None]
    parameters = {names.W(1): np.ones((1, 1), dtype), names.b(1): np.zeros(1, dtype)}
    return Problem(
        case=f"{activation} over a range",
        dtype=dtype,
        activations=(activation,),
        parameters=MappingProxyType(parameters),
        x=points,
        y=np.full_like(points, -2 * REACH),
        loss="l1",
        reduction="sum",
        learning_rate=0.5,
    )


@lru_cache(maxsize=64)
def truths(activation: str, dtype: str) -> dict[str, tuple[Real, Real]]:
    """Return the value and the derivative at each point as (high, low), certified to about 40 digits."""
    function = ACTIVATIONS[activation]
    with precision():
        z = Ball.exact(grid(dtype))
        a = function.value(z)
        values = {"value": a.split(), "derivative": function.derivative(z, a).split()}
    return {quantity: (high, low) for quantity, (high, low, _) in values.items()}


def worst_of_strips(points: Real, off: Real) -> list[int]:
    """Return for each strip of the range the place of its largest error; NaN is larger than any."""
    strips = np.minimum((points + REACH) * (STRIPS / (2 * REACH)), STRIPS - 1).astype(int)
    size = np.where(np.isnan(off), math.inf, off)
    members = (np.flatnonzero(strips == strip) for strip in np.unique(strips))
    return [int(places[np.argmax(size[places])]) for places in members]
