"""Flags of a vector: what makes its numbers hard to compute or to compare. Each is derived from the numbers.

Wycheproof's test vectors carry flags likewise (github.com/C2SP/wycheproof), so that a program that leaves
out a kind of input, on purpose, can leave out its vectors too.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Case, Problem, names
from reference import tape
from reference.arithmetic import Bounded, Format, Real, format_of
from reference.line import Line

# A slope that moves by more than this, of itself or of 1, between neighbours in float64 jumps: where it is
# smooth, it moves by some units in the last place.
JUMP: Final = math.sqrt(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Step:
    """A training step as the file has it: correctly rounded, and with bounds."""

    rounded: Mapping[str, Real]
    bounds: Mapping[str, Bounded]


Holds: TypeAlias = Callable[[Problem, Step], bool]


def _kink(problem: Problem, step: Step) -> bool:
    last = names.a(problem.depth)
    slopes = {names.slope(k): names.z(k) for k in range(1, problem.depth + 1)}
    at = slopes | {names.gradient(last): last}
    known = {**step.rounded, "x": problem.x.astype(np.float64), "y": problem.y.astype(np.float64)}
    return any(_jumps(line, at[line.name], known) for line in tape(problem) if line.name in at)


def _jumps(line: Line, at: str, known: Mapping[str, Real]) -> bool:
    """Whether a slope is not settled, or differs between the two neighbours of what it is taken at."""
    sides = []
    for end in (-np.inf, np.inf):
        moved = {**known, at: np.nextafter(known[at], end)}
        with np.errstate(all="ignore"):
            sides.append(line.formula(*[moved[name] for name in line.inputs]))
    below, above = sides
    moves = np.abs(above - below) > JUMP * np.maximum(1, np.maximum(np.abs(below), np.abs(above)))
    return bool((moves | np.isnan(known[line.name])).any())


def _saturated(problem: Problem, step: Step) -> bool:
    form = format_of(problem.dtype)
    slopes = [np.abs(step.bounds[names.slope(k)].value) for k in range(1, problem.depth + 1)]
    return any(((slope > 0) & (slope < form.unit_roundoff)).any() for slope in slopes)


def _open(problem: Problem, step: Step) -> bool:  # noqa: ARG001 - as the others
    return _any(step, np.isnan)


def _tie(problem: Problem, step: Step) -> bool:
    outputs = np.sort(step.rounded[names.a(problem.depth)], axis=-1)
    return outputs.shape[-1] > 1 and bool((outputs[:, -1] == outputs[:, -2]).any())


def _large(problem: Problem, step: Step) -> bool:
    largest = format_of(problem.dtype).largest
    sums = [step.rounded[names.z(k)] for k in range(1, problem.depth + 1)]
    return _any(step, lambda array: np.abs(array) > math.sqrt(largest)) or any(
        (np.abs(z) > math.log(largest)).any() for z in sums
    )


def _subnormal(problem: Problem, step: Step) -> bool:
    form: Format = format_of(problem.dtype)
    return _any(step, lambda array: (array != 0) & (np.abs(array) < form.smallest_normal))


def _any(step: Step, holds: Callable[[Real], NDArray[np.bool_]]) -> bool:
    return any(holds(array).any() for array in step.rounded.values())


# Each flag with its meaning, and what decides it for a step.
FLAGS: Final[dict[str, tuple[str, Holds]]] = {
    "kink": (
        "a slope of an activation or of the loss jumps exactly where it is taken: conventions differ there",
        _kink,
    ),
    "saturated": (
        "a slope of an activation is below the format's unit roundoff, so that 1 - a loses every digit",
        _saturated,
    ),
    "open": ("some value is null: it is at a kink, or the equations give no number, as 0/0", _open),
    "tie": ("two outputs of an example are both the largest", _tie),
    "large": (
        "the square of some value, or e^|z| of some layer's sum, is beyond the format's largest number",
        _large,
    ),
    "subnormal": ("some value is below the smallest normal number: it may be flushed to zero", _subnormal),
}
DIFFERS: Final = "differs"
PUBLISHED: Final = "published"
MEANINGS: Final = {name: meaning for name, (meaning, _) in FLAGS.items()} | {
    DIFFERS: "a framework is known to compute something else here; its case in the suite says why",
    PUBLISHED: "a document, a book or a lecture works this example through in print",
}


def flags(case: Case, problem: Problem, steps: Sequence[Step]) -> tuple[str, ...]:
    """Return the flags of the case, and those of which some step of these is an instance."""
    expected = [case.expectation(adapter, problem.dtype) for adapter in case.file.expect]
    held = {name: any(holds(problem, step) for step in steps) for name, (_, holds) in FLAGS.items()}
    held[DIFFERS] = any(one is not None and one.kind != "no_equivalent" for one in expected)
    held[PUBLISHED] = case.published is not None
    return tuple(name for name in MEANINGS if held[name])
