"""The certified trajectory: a training in ball arithmetic from the inputs alone, with no program's numbers.

Nothing is rounded here as an implementation would round, so it tells how far an implementation's roundings
have carried it from the training that the equations describe. The balls widen from step to step, and say by
how much.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count
from typing import TypeAlias

from cases import Problem, names
from cases.published_values import Written
from reference.balls import BITS, Ball, precision
from reference.line import Line, leading_to
from reference.tape import tape

# So many bits below a ball's radius are worked with.
GUARD = 64

# Inputs by name as they are written, in place of the problem's own binary numbers.
Given: TypeAlias = Mapping[str, Written]


def certified_trajectory(problem: Problem, bits: int = BITS) -> Iterator[dict[str, Ball]]:
    """Train in balls of so many bits, without an end: `steps` and `until` are the implementations'.

    Yields
    ------
    For each step the parameters after it, by name.
    """
    needed = leading_to(map(names.updated, problem.parameters), tape(problem))
    for values in _trained(problem, needed, bits):
        yield {name: values[names.updated(name)] for name in problem.parameters}


def certified_steps(problem: Problem, bits: int = BITS) -> Iterator[dict[str, Ball]]:
    """Train likewise; yield for each step every quantity by name, in the order computed."""
    yield from _trained(problem, tape(problem), bits)


def certified_at(
    problem: Problem, steps: Collection[int], given: Given, bits: int = BITS, *, middles: bool = False
) -> Iterator[tuple[int, dict[str, Ball], dict[str, Ball]]]:
    """Train likewise to the last of these steps; of the others only what leads to the next is computed.

    As the balls widen, fewer bits are worked with: what is far below their radius tells nothing.

    Parameters
    ----------
    middles
        Whether each step starts from the middles of the balls alone, so that nothing is certified.

    Yields
    ------
    Each step's number, what is known before it, and its quantities: all of them where it was asked for.
    """
    every, known = tape(problem), _start(problem, given, bits)
    needed = leading_to(map(names.updated, problem.state), every)
    for step in range(1, max(steps) + 1):
        if bits > BITS and not middles:
            width = width_of_state(problem, known)
            bits = max(BITS, min(bits, GUARD - int(max(width, -bits))))
        values = _computed(every if step in steps else needed, known, step, bits)
        yield step, known, values
        known = _after(problem, known, values)
        if middles:
            known |= {name: known[name].middle() for name in problem.state}


def width_of_state(problem: Problem, known: Mapping[str, Ball]) -> float:
    """Return log2 of the largest radius in the state, as `Ball.width` does."""
    return max((known[name].width() for name in problem.state), default=-math.inf)


def _trained(problem: Problem, lines: Sequence[Line], bits: int) -> Iterator[dict[str, Ball]]:
    known = _start(problem, {}, bits)
    for step in count(1):
        values = _computed(lines, known, step, bits)
        yield {line.name: values[line.name] for line in lines}
        known = _after(problem, known, values)


def _start(problem: Problem, given: Given, bits: int) -> dict[str, Ball]:
    arrays = {"x": problem.x, "y": problem.y, **problem.constants, **problem.state}
    with precision(bits):
        written = {name: Ball.of_fractions(one.value, one.half_unit) for name, one in given.items()}
    return {name: written[name] if name in written else Ball.exact(array) for name, array in arrays.items()}


def _computed(lines: Sequence[Line], known: Mapping[str, Ball], step: int, bits: int) -> dict[str, Ball]:
    values = {**known, names.STEP: Ball.exact(step)}
    with precision(bits):
        for line in lines:
            values[line.name] = line.formula(*(values[name] for name in line.inputs))
    return values


def _after(problem: Problem, known: Mapping[str, Ball], values: Mapping[str, Ball]) -> dict[str, Ball]:
    return {**known, **{name: values[names.updated(name)] for name in problem.state}}
