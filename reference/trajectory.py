"""The certified trajectory: a training in ball arithmetic from the inputs alone, with no claimant's numbers.

Nothing is rounded here as a claimant would round, so it tells how far a claimant's roundings have carried it
from the training that the equations describe. The balls widen from step to step, and say by how much.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from reference import names
from reference.balls import BITS, Ball, precision
from reference.line import leading_to
from reference.tape import tape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cases import Problem
    from reference.line import Line


def certified_trajectory(problem: Problem, bits: int = BITS) -> Iterator[dict[str, Ball]]:
    """Train in balls of so many bits, without an end: `steps` and `until` are the claimants'.

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


def _trained(problem: Problem, lines: Sequence[Line], bits: int) -> Iterator[dict[str, Ball]]:
    given = {"x": problem.x, "y": problem.y, **problem.constants, **problem.state}
    known = {name: Ball.exact(array) for name, array in given.items()}
    for step in count(1):
        known[names.STEP] = Ball.exact(step)
        with precision(bits):
            values = dict(known)
            for line in lines:
                values[line.name] = line.formula(*(values[name] for name in line.inputs))
        yield {line.name: values[line.name] for line in lines}
        known |= {name: values[names.updated(name)] for name in problem.state}
