"""Invalid vectors: for each mistake of the reference a step that a checker must reject, and why."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from cases import Problem
from cases.numbers import rounded_once
from reference.arithmetic import Bounded, Format, Real, format_of
from reference.line import Line, evaluate
from reference.mistakes import STRUCTURAL, Inexpressible, Mistake
from reference.training import advance, exact_inputs
from reports.vector_flags import PUBLISHED
from reports.vector_form import InvalidStep, Quantity, Values, Vector
from reports.vector_values import exact, numbers

MOST_NUMBERS: Final = 250  # of a step: with less, some optimizers have no vector

# What a mistaken value is written to. float64 has more, but not the same last ones on every machine; where it
# does not have so many more, after a cancellation, a value is left as it is right.
DIGITS: Final = 9
MORE_DIGITS: Final = 3


def invalid_steps(made: Sequence[tuple[Problem, Vector]]) -> Iterator[InvalidStep]:
    """Give each mistake once, on the smallest vector where it is seen; rather on one without flags."""
    small = [pair for pair in made if _size(pair[1]) <= MOST_NUMBERS]
    small.sort(key=lambda pair: (bool({*pair[1].flags} - {PUBLISHED}), _size(pair[1])))
    for mistake in STRUCTURAL:
        for problem, vector in small:
            if (step := _seen(mistake, problem, vector)) is not None:
                yield step
                break


def _size(vector: Vector) -> int:
    return sum(len(quantity.decimal) for quantity in vector.steps[0].values())


def _seen(mistake: Mistake, problem: Problem, vector: Vector) -> InvalidStep | None:
    """Return the first step that the mistake takes out of the bounds, however it is rounded; or None."""
    lines = mistake.tape(problem)
    if isinstance(lines, Inexpressible):
        return None
    forms = format_of(problem.dtype), format_of("float64")
    runs = zip(*(_run(problem, lines, form) for form in forms), vector.steps, strict=False)
    for number, (mine, fine, right) in enumerate(runs, start=1):
        if any(mine[name].shape != quantity.shape for name, quantity in right.items()):
            return None
        claims = {name: _claimed(mine[name], fine[name], right[name], vector.dtype) for name in right}
        if outside := tuple(name for name in right if claims[name].hex != right[name].hex):
            about = vector.case, vector.dtype, number, mistake.name, mistake.sentence
            return InvalidStep(*about, outside, claims)
    return None


def _run(problem: Problem, lines: Sequence[Line], form: Format) -> Iterator[Mapping[str, Bounded]]:
    """Train with the mistake, without an end, with bounds that hold every order of its roundings."""
    known = exact_inputs(problem, form)
    while True:
        values = evaluate(lines, known)
        yield values
        known = advance(known, values, problem)


def _claimed(mine: Bounded, fine: Bounded, right: Quantity, dtype: str) -> Values:
    """Return the right values, but those that are certainly outside as the mistake has them.

    `mine` is bounded as the format's programs are, and `fine` as those of float64.
    """
    near, within = numbers(right.hex, float.fromhex), numbers(right.within)
    value, error, noise = (
        np.broadcast_to(part, mine.shape).ravel() for part in (mine.value, mine.error, fine.error)
    )
    written = _written(value, dtype)
    with np.errstate(all="ignore"):  # an infinity less another is no number, and not outside
        is_outside = (np.abs(value - near) - error > within) & (np.abs(written - near) > within)
        is_outside &= np.isfinite(written) & (noise * 10.0 ** (DIGITS + MORE_DIGITS) <= np.abs(value))
    return exact(np.where(is_outside, written, near).reshape(mine.shape), dtype)


def _written(value: Real, dtype: str) -> Real:
    short = [float(f"{number:.{DIGITS}g}") for number in value.tolist()]
    return rounded_once(short, dtype).astype(np.float64)
