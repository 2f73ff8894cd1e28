"""What a correct program may be off by that starts from the inputs and shows nothing on its way."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from cases import Problem
from reference.arithmetic import Bounded, Real, format_of
from reference.known import exact_inputs
from reference.tape import advanced, tape
from reference.truth import Truth


def allowances(problem: Problem, steps: int = 1) -> list[dict[str, Bounded]]:
    """Return every quantity of the first steps by name, with the largest error a correct program may have.

    Each line's roundings are carried into the lines below, step after step, so the bounds are wider than
    those by which an implementation is judged that states its lines. A bound is infinite where a step may
    overflow. In 16 bits, sums and products may accumulate in float32.
    """
    return [values for _, values in islice(allowed_steps(problem), steps)]


def allowed_steps(problem: Problem) -> Iterator[tuple[dict[str, Bounded], dict[str, Bounded]]]:
    """Train so without an end; yield for each step what is known before it, and its quantities."""
    truth, form = Truth(problem), format_of(problem.dtype).certified
    known: dict[str, Any] = exact_inputs(problem, form)
    while True:
        values = dict(known)
        with np.errstate(all="ignore"):  # an overflow makes a bound infinite or NaN
            for line in tape(problem):
                derived = line.formula(*(values[name] for name in line.inputs))
                values[line.name] = truth.certify(line, derived)
        yield known, {line.name: values[line.name] for line in tape(problem)}
        truth.step()
        known = advanced(known, values, problem)


def within(derived: Bounded, rounded: Real) -> Real:
    """Return how far a correct program may be from correctly rounded values: its own error, and theirs.

    NaN where there is no bound.
    """
    off = np.abs((derived.value - rounded) + derived.low)  # the difference of two near float64 is exact
    bound = np.broadcast_to(derived.error, rounded.shape) + off
    return np.where(np.isfinite(bound), bound, np.nan)
