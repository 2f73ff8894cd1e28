"""Which steps of a run are judged against certified truth, and how a program's own state crosses over.

Certifying costs more than all the rest of a step. Each step is judged from the implementation's own
parameters, so certified truth can set in at any step whose parameters are stated: nothing before it is
needed.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cases import Problem
from reference.arithmetic import EVALUATION, EXACT, Bounded, Error, Format
from reference.truth import Truth

# Parameters. Larger problems are judged against float64 values with their bound, unless asked otherwise.
CERTIFY_UP_TO = 100_000

# Steps of a run that is certified throughout.
EVERY_STEP_UP_TO = 1_000

# Of a longer run these first steps are certified, and then one step in so many. The others are judged by
# float64 values, and the bound pays for their rounding; a finding says in `truth` which of the two it was.
FIRST, EVERY = 100, 100


def is_certified(problem: Problem, step: int) -> bool:
    """Whether a step is judged against certified truth where nothing else is asked for."""
    everywhere = problem.steps <= EVERY_STEP_UP_TO or step <= FIRST
    return problem.size <= CERTIFY_UP_TO and (everywhere or step % EVERY == 0)


def crossed(
    problem: Problem, state: Mapping[str, Bounded], truth: Truth | None, *, certify: bool
) -> tuple[Truth | None, dict[str, Bounded]]:
    """Return the truth of the next step and the parameters it starts from.

    Parameters
    ----------
    state
        The parameters, as the step before left them.
    truth
        The truth of the step before, or None where there was none.
    certify
        Whether the next step is to be certified. It is not where the truth would have to set in at a
        parameter that the implementation hides or misstates, which is known to a bound only.
    """
    if certify == (truth is not None):
        return truth, dict(state)
    stated = certify and all(number.is_exact for number in state.values())
    fresh = Truth(problem, {name: number.value for name, number in state.items()}) if stated else None
    form = next(iter(state.values())).format
    return fresh, _in_format(state, replace(form, evaluation=0.0 if fresh else EVALUATION))


def _in_format(state: Mapping[str, Bounded], form: Format) -> dict[str, Bounded]:
    """Return the parameters for that arithmetic; what is left of a certified value joins its bound."""
    return {
        name: replace(number, format=form, low=EXACT, error=with_low(number))
        for name, number in state.items()
    }


def with_low(number: Bounded) -> Error:
    """Return a number's bound around its nearest float64: what is left of a certified value joins it."""
    return number.error if type(number.low) is float else number.error + np.abs(number.low)
