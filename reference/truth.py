"""Certified truth: balls beside the bounded numbers, so that no tolerance pays for our own rounding."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cases import Problem, names
from reference.arithmetic import Ball, Bounded, Real, precision
from reference.line import Line


class Truth:
    """The balls of everything known in a training step: inputs, what is claimed, and what is derived.

    It starts at the problem's own parameters, or at the state before any later step.
    """

    def __init__(self, problem: Problem, state: Mapping[str, Real] | None = None) -> None:
        start: dict[str, Any] = {**problem.state, names.STEP: 1.0, **(state or {})}
        given = {"x": problem.x, "y": problem.y, **problem.constants, **start}
        self._state = tuple(problem.state)
        self._step = int(start[names.STEP])
        self._known = {name: Ball.exact(array) for name, array in given.items()}

    def certify(self, line: Line, derived: Bounded) -> Bounded:
        """Replace a derived value by the certified one; its radius, far below any rounding, joins the bound.

        Where no finite ball exists, after an overflow, nothing is promised.
        """
        with precision():
            ball: Ball = line.formula(*(self._known[name] for name in line.inputs))
            high, low, radius = ball.split()
        self._known[line.name] = ball
        error = derived.error + np.where(np.isfinite(radius), radius, np.inf)
        kept = derived.terms, low, derived.parts, derived.sizes, derived.addends
        return Bounded(high, error, derived.format, *kept)

    def take(self, name: str, claimed: Real) -> None:
        """Go on from what is claimed."""
        self._known[name] = Ball.exact(claimed)

    def step(self) -> None:
        """Go on to the next training step: the parameters and the optimizer's state are the updated ones."""
        self._step += 1
        self._known[names.STEP] = Ball.exact(self._step)
        for name in self._state:
            self._known[name] = self._known[names.updated(name)]
