"""Training steps of which nothing is stated: only what the next step starts from is derived."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reference import names
from reference.line import leading_to
from reference.tape import advanced

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cases import Problem
    from reference.bounded import Bounded
    from reference.line import Line


def passed(
    problem: Problem, lines: Sequence[Line], known: Mapping[str, Bounded], steps: int
) -> dict[str, Bounded]:
    """Return what is known after so many steps more: the data, the rates and the state, with its bounds.

    Parameters
    ----------
    lines
        The tape, the problem's own or a mistaken one.
    known
        What is known before the first of these steps.
    """
    needed, going_on = leading_to(map(names.updated, problem.state), lines), dict(known)
    with np.errstate(all="ignore"):  # a bound that becomes infinite or NaN is judged as such, later
        for _ in range(steps):
            values = dict(going_on)
            for line in needed:
                values[line.name] = line.formula(*[values[name] for name in line.inputs])
            going_on = advanced(going_on, values, problem)
    return going_on
