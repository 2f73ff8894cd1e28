"""What of a training step is shown to whoever judges it: all that a framework can show, or its outcome."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from reference import Claim, Verdict
from reports.detection import EVERYTHING

CAUGHT: Final = (Verdict.DIFFERS, Verdict.ERROR)  # an error is an array of the wrong shape


def quantities(problem: Problem, shown: str) -> frozenset[str]:
    """Return the names of what is shown, of `SHOWN`; the optimizer's state is part of everything."""
    outcome = names.outcome(problem.depth)
    return names.observable(problem.depth) | problem.updated_states if shown == EVERYTHING else outcome


def only(claim: Claim, those: frozenset[str]) -> dict[str, NDArray[Any]]:
    return {name: np.asarray(array) for name, array in claim.items() if name in those}
