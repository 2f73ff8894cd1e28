"""Whether the diagnosis names a mistake: each made on random networks until it was seen on enough of them.

>>> from reports.detection import EVERYTHING
>>> [result, _] = naming_of("sign-of-the-error", "float64", seed=0, networks=3)
>>> (result.shown, result.seen, result.alone) == (EVERYTHING, 3, 3)
True
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cases import Problem
from reference import Claim, JudgedStep, judge, training_steps
from reference.diagnosis import Diagnosis, diagnose, explain_step
from reference.diagnosis.candidates import is_distinguished
from reference.diagnosis.context import context_of
from reference.line import Line
from reference.mistakes import MISTAKES, Inexpressible
from reports.detection import SHOWN, Named
from reports.detection.drawn_networks import drawn
from reports.detection.shown import only, quantities

DTYPES: Final = ("float64", "float32")
NETWORKS: Final = 20  # on which a mistake is to be seen
MAX_DRAWN: Final = 2000  # networks that are drawn for a mistake until it was seen on enough of them


def naming_of(mistake: str, dtype: str, *, seed: int, networks: int = NETWORKS) -> tuple[Named, ...]:
    """Count what the first diagnosis says of a mistake, with everything shown and with the outcome only."""
    names_by_shown: dict[str, list[tuple[str, ...]]] = {shown: [] for shown in SHOWN}
    reasons, number = dict[str, None](), 0
    while number < MAX_DRAWN and (left := [name for name in SHOWN if len(names_by_shown[name]) < networks]):
        problem = drawn(seed, number, dtype)
        number += 1
        lines = MISTAKES[mistake].tape(problem)
        if isinstance(lines, Inexpressible):
            reasons[lines.reason] = None
            continue
        claims = claims_of(problem, lines)
        for shown in left:
            names_by_shown[shown] += first_names(problem, mistake, claims, shown)
    return tuple(
        Named.of((mistake, dtype, shown), number, names, tuple(reasons))
        for shown, names in names_by_shown.items()
    )


def first_names(problem: Problem, mistake: str, claims: Sequence[Claim], shown: str) -> list[tuple[str, ...]]:
    """Give the names of a run's first diagnosis; nothing where the mistake is not seen.

    That is where the suite objects to no number, or to none that only this mistake, and not rounding, could
    give. Names without its own are given wherever there are any.
    """
    for step in islice(judged(problem, claims, shown), len(claims)):
        for diagnosis in explain_step(problem, step):
            wrongly = diagnosis.names and mistake not in diagnosis.names
            seen = wrongly or is_distinguished(context_of(problem, step), MISTAKES[mistake])
            return [diagnosis.names] if seen else []
    return []


def claims_of(problem: Problem, lines: tuple[Line, ...] | None = None) -> list[dict[str, NDArray[Any]]]:
    """Train in plain NumPy by a tape, by default the right one; what overflows is part of what is stated."""
    with np.errstate(all="ignore"):
        return list(training_steps(problem.copy(), lines))


def judged(problem: Problem, claims: Iterable[Claim], shown: str) -> Iterator[JudgedStep]:
    """Judge what is shown of a run; without ball arithmetic, for the reason in `measurement.judged`."""
    those = quantities(problem, shown)
    return judge(problem, lambda _: (only(claim, those) for claim in claims), frozenset(), certify=False)


def diagnoses(problem: Problem, claims: Sequence[Claim], shown: str) -> Iterator[Diagnosis]:
    """Give the diagnoses of a run from its start on, as they are made."""
    return diagnose(problem, islice(judged(problem, claims, shown), len(claims)))


def possible(problem: Problem, among: Collection[str] = MISTAKES) -> list[str]:
    """Return the names of those mistakes that can be made on a problem."""
    return [name for name in among if not isinstance(MISTAKES[name].tape(problem), Inexpressible)]
