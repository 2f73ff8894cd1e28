"""Random networks on which mistakes are made: the same from a seed on every machine, small, and seldom large.

They are those of a sweep, whose kinds of update, losses and activations come in turn, with shapes that let
more mistakes be made: half of them have one width throughout.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Final

from cases import Problem, Rule
from cases.problem import unstacked
from reports.sweep.plan import draw
from reports.sweep.structure import ORDINARY, Stream, structure

MAX_DEPTH: Final = 3
MAX_WIDTH: Final = 4
MAX_BATCH: Final = 6
MAX_STEPS: Final = 3

KEPT: Final = 4096  # networks that a process keeps, because one mistake after another is made on them


@lru_cache(maxsize=KEPT)
def drawn(seed: int, number: int, dtype: str) -> Problem:
    """Draw one of a series of networks; of the same number in another format it is the same one, rounded."""
    stream = Stream(seed, "shape", number)
    depth, steps, batch = (1 + stream.below(most) for most in (MAX_DEPTH, MAX_STEPS, MAX_BATCH))
    if stream.below(2):
        widths = [2 + stream.below(MAX_WIDTH - 1)] * (depth + 1)
    else:
        widths = [1 + stream.below(MAX_WIDTH) for _ in range(depth + 1)]
    shared = structure(seed, number, (dtype,), widths)
    steps = max(steps, shared.problem.steps)
    schedule = _schedule(shared.problem.schedule, stream, steps)
    problem = replace(shared.problem, steps=steps, schedule=schedule)
    shared = replace(shared, problem=problem, batch=batch, regime=ORDINARY)
    return unstacked(draw(seed, number, range(1), shared), 0, f"network {number} of seed {seed}")


def _schedule(rule: Rule | None, stream: Stream, steps: int) -> Rule | None:
    """Draw after how many steps the rate falls, or has fallen: in the last step at the latest."""
    if rule is None:
        return None
    counts = {name: 1 + stream.below(max(steps - 1, 1)) for name in ("every", "over")}
    return replace(rule, numbers=tuple((name, counts.get(name, number)) for name, number in rule.numbers))
