"""Training steps of which nothing is stated: only what the next step starts from is derived."""

from collections.abc import Mapping, Sequence

import numpy as np

from cases import Problem, names
from reference.arithmetic import Bounded
from reference.line import Line, leading_to
from reference.tape import advanced


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
