"""Certified values: balls along with the bounded numbers, so that no tolerance pays for our own rounding.

A run of balls from the inputs alone, with no program's numbers, says where the training that the equations
describe goes, and how uncertain that is; with bounds, how far a correct program may be off.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from cases import Problem, names
from cases.numbers import nearest
from reference.arithmetic import (
    BITS,
    EVALUATION,
    Ball,
    Bounded,
    Real,
    exact_each,
    format_of,
    precision,
    split,
)
from reference.line import Line, evaluate, leading_to
from reference.training import advance, exact_inputs, initial_values, tape

# Parameters. Larger problems are judged against float64 values with their bound, unless asked otherwise.
MAX_CERTIFIED_PARAMETERS: Final = 100_000

# Steps of a run that is certified throughout. Of a longer run a prefix is, and then every multiple of the
# stride; other steps are judged by float64 values, whose rounding the bound pays for (`Finding.truth`).
MAX_CERTIFIED_STEPS: Final = 1_000
CERTIFIED_PREFIX_STEPS, CERTIFIED_STRIDE = 100, 100

# Where even these do not settle how a ball rounds, as at a kink, the value is NaN.
MAX_ROUNDING_BITS: Final = 16 * BITS


def is_certified(problem: Problem, step: int, *, certify: bool | None = None) -> bool:
    """Whether a step is judged against certified values: as `certify` asks for, or else by its cost."""
    if certify is not None:
        return certify
    everywhere = problem.steps <= MAX_CERTIFIED_STEPS or step <= CERTIFIED_PREFIX_STEPS
    return problem.size <= MAX_CERTIFIED_PARAMETERS and (everywhere or step % CERTIFIED_STRIDE == 0)


def exact_balls(arrays: Mapping[str, ArrayLike]) -> dict[str, Ball]:
    return {name: Ball.exact(array) for name, array in arrays.items()}


class CertifiedValues:
    """The balls of all that is known in a training step; from the problem's own state on, or a later one.

    Of a batch of consecutive steps there is a state for each, and what is derived and claimed is stacked.
    """

    def __init__(self, problem: Problem, *states: Mapping[str, ArrayLike]) -> None:
        self._problem, given = problem, exact_balls(initial_values(problem))
        self._each = [{**given, **exact_balls(state)} for state in states or [{}]]

    def certify(self, line: Line, derived: Bounded) -> Bounded:
        """Replace a derived value by the certified one; its radius, far below any rounding, joins the bound.

        Where no finite ball exists, after an overflow, nothing is promised.
        """
        with precision():
            balls: list[Ball] = [line.formula(*[known[name] for name in line.inputs]) for known in self._each]
            high, low, radius = split(balls) if len(balls) > 1 else balls[0].split()
        for known, ball in zip(self._each, balls, strict=True):
            known[line.name] = ball
        error = derived.error + np.where(np.isfinite(radius), radius, np.inf)
        kept = derived.terms, low, derived.parts, derived.sizes, derived.addends
        return Bounded(high, error, derived.format, *kept)

    def take(self, name: str, claimed: Real) -> None:
        stack = claimed if len(self._each) > 1 else claimed[None]
        for known, ball in zip(self._each, exact_each(stack), strict=True):
            known[name] = ball

    def advance(self) -> None:
        """Go on to the step after the last: the parameters and the optimizer's state are the updated ones."""
        last = self._each[-1]
        self._each = [advance(last, last, self._problem)]


def switch_certification(
    problem: Problem, state: Mapping[str, Bounded], certified: CertifiedValues | None, *, certify: bool
) -> tuple[CertifiedValues | None, dict[str, Bounded]]:
    """Return the certified values of the next step, if it is to have any, and the state it starts from.

    Each step is judged from the implementation's own `state`, as the step before left it, so certified values
    can set in at any step whose state is stated: nothing before it is needed. They do not where some of it is
    hidden or misstated, which is known to a bound only. `certified` are those of the step before, if any.
    """
    if certify == (certified is not None):
        return certified, dict(state)
    stated = certify and all(number.is_exact for number in state.values())
    fresh = CertifiedValues(problem, {name: one.value for name, one in state.items()}) if stated else None
    form = replace(next(iter(state.values())).format, evaluation=0.0 if fresh else EVALUATION)
    return fresh, {name: number.in_format(form) for name, number in state.items()}


def certified_steps(
    problem: Problem, bits: int = BITS, lines: Sequence[Line] | None = None
) -> Iterator[dict[str, Ball]]:
    """Train in balls, without an end; yield each step's quantities by name, in the order of the lines."""
    lines, known = lines or tape(problem), exact_balls(initial_values(problem))
    while True:
        with precision(bits):
            values = evaluate(lines, known)
        yield values
        known = advance(known, values, problem)


def certified_trajectory(problem: Problem, bits: int = BITS) -> Iterator[dict[str, Ball]]:
    """Train likewise; yield for each step the parameters after it, by name."""
    needed = leading_to(map(names.updated, problem.parameters), tape(problem))
    for values in certified_steps(problem, bits, needed):
        yield {name: values[names.updated(name)] for name in problem.parameters}


def forward_bounds(problem: Problem, steps: int = 1) -> list[dict[str, Bounded]]:
    """Return every quantity of the first steps by name, with the largest error a correct program may have.

    Each line's roundings are carried into the lines below, step after step, so the bounds are wider than
    those by which an implementation is judged that states its lines. A bound is infinite where a step may
    overflow. In 16 bits, sums and products may accumulate in float32.
    """
    return [values for _, values in islice(forward_steps(problem), steps)]


def forward_steps(problem: Problem) -> Iterator[tuple[dict[str, Bounded], dict[str, Bounded]]]:
    """Train so without an end; yield for each step what is known before it, and its quantities."""
    certified, known = CertifiedValues(problem), exact_inputs(problem, format_of(problem.dtype).certified)
    while True:
        values = evaluate(tape(problem), known, certified.certify)
        yield known, values
        certified.advance()
        known = advance(known, values, problem)


def error_from_rounded(derived: Bounded, rounded: Real) -> Real:
    """How far a correct program may be from correctly rounded values; NaN where there is no bound."""
    off = np.abs((derived.value - rounded) + derived.low)  # the difference of two near float64 is exact
    bound = np.broadcast_to(derived.error, rounded.shape) + off
    return np.where(np.isfinite(bound), bound, np.nan)


def correctly_rounded(problem: Problem, steps: int = 1) -> list[dict[str, Real]]:
    """Return every quantity of the first steps by name, in the problem's format: the number nearest to it.

    The training runs in balls, from the inputs alone. A ball settles a value if both of its ends round to it;
    where one does not, the whole is repeated with twice the bits (Ziv, "Fast evaluation of elementary
    mathematical functions with correctly rounded last bit", ACM TOMS 17, 1991). A value is NaN where it is
    not settled: at a kink, or where the equations give no number. A zero is always +0.
    """
    bits = BITS
    while True:
        balls = islice(certified_steps(problem, bits), steps)
        rounded = [{name: _rounded(ball, problem.dtype) for name, ball in step.items()} for step in balls]
        settled = not any(np.isnan(array).any() for step in rounded for array in step.values())
        if settled or bits >= MAX_ROUNDING_BITS:
            return rounded
        bits *= 2


def _rounded(ball: Ball, dtype: str) -> Real:
    values = [_settled(entry, dtype) for entry in ball.matrix.entries()]
    return np.array(values, np.float64).reshape(ball.shape)


def _settled(entry: Any, dtype: str) -> float:  # noqa: ANN401 - python-flint has no types
    if not entry.is_finite():
        return math.nan
    middle, radius = _fraction(entry.mid()), _fraction(entry.rad())
    low, high = (nearest(end, dtype) for end in (middle - radius, middle + radius))
    return low + 0.0 if low == high else math.nan


def _fraction(number: Any) -> Fraction:  # noqa: ANN401 - the same
    mantissa, exponent = number.man_exp()
    return int(mantissa) * Fraction(2) ** int(exponent)
