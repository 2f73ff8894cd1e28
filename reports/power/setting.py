"""A setting: one case in one number format, with what is computed once and used by every measurement."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases import Case, Problem, names
from reference import Claim, training_steps

# Of a longer run only these first steps are put to the tools.
MOST_STEPS = 100

# A mistake that three steps do not show is counted as missed.
STEPS = 3


@dataclass(frozen=True)
class Setting:
    """A problem, and the NumPy reference's own run of it.

    Attributes
    ----------
    unlike
        The adapters that the case expects not to agree: no correct implementations of this problem.
    """

    case: str
    problem: Problem
    right: tuple[dict[str, NDArray[Any]], ...]
    unlike: frozenset[str] = frozenset()

    @classmethod
    def of(cls, case: Case, dtype: str) -> Setting:
        """Run the reference once."""
        problem = replace(case.problem(dtype), steps=min(case.steps, MOST_STEPS))
        unlike = frozenset(name for name in case.file.expect if case.expectation(name, dtype))
        return cls(case.name, problem, tuple(training_steps(problem.copy())), unlike)

    @property
    def dtype(self) -> str:
        """The number format."""
        return self.problem.dtype

    @property
    def observable(self) -> frozenset[str]:
        """What can be observed in any framework, among it the optimizer's state."""
        return names.observable(self.problem.depth) | self.problem.updated_states

    @property
    def outcome(self) -> frozenset[str]:
        """The loss, the gradients and the updated parameters."""
        return names.outcome(self.problem.depth)

    def gradients(self, claim: Claim) -> dict[str, NDArray[Any]]:
        """Return a claim's gradients of the loss by parameter."""
        return {name: np.asarray(claim[names.gradient(name)]) for name in self.problem.parameters}


def only(claim: Claim, quantities: frozenset[str]) -> dict[str, NDArray[Any]]:
    """Keep these quantities of a claim, in the claim's order."""
    return {name: array for name, array in claim.items() if name in quantities}
