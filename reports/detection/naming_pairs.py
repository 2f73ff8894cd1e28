"""Two mistakes at once, and none at all: what the diagnosis says of them, on the same random networks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final, TypeAlias

import numpy as np

from cases import Problem
from reference import Claim
from reference.diagnosis import Diagnosis
from reference.mistakes import MISTAKES, Inexpressible
from reference.training import tape
from reports.detection import Pairs, RightRuns
from reports.detection.drawn_networks import drawn
from reports.detection.naming import claims_of, diagnoses, possible
from reports.detection.shown import quantities
from reports.sweep.structure import CaseStream, Stream

PAIRS: Final = 100  # in each number format, with each selection of quantities shown
PROGRAMS: Final = 100  # the same of right programs
MAX_TRIED: Final = 100  # pairs that are tried on one network

# A right number that follows a wrong one may be called this, which is what it is.
RIGHT_ITSELF: Final = "right-itself"

Place: TypeAlias = tuple[int, str]  # a step and a quantity


# Two mistakes


@dataclass(frozen=True)
class Pair:
    """Two mistakes on one network, the one that is seen first and the other; where each is seen by itself."""

    problem: Problem
    mistakes: tuple[str, str]
    places: tuple[Place, Place]
    claims: tuple[Claim, ...]  # with both


def measure_pairs(seed: int, dtype: str, shown: str, pairs: int = PAIRS) -> Pairs:
    """Draw pairs of mistakes that are both seen, each pair on another network; count what is said of them."""
    answers = [answer for number in range(pairs) if (answer := _answer(seed, number, dtype, shown))]
    counts = (sum(each) for each in zip(*answers, strict=True)) if answers else (0, 0, 0, 0)
    return Pairs(dtype, shown, len(answers), *counts)


def _answer(seed: int, number: int, dtype: str, shown: str) -> tuple[bool, bool, bool, bool] | None:
    """Return what `Pairs` counts of the first pair on a network of which both are seen; None without any."""
    for pair in drawn_pairs(seed, number, dtype, shown):
        said = _until(pair, shown)
        (_, second), (at_first, at_second) = pair.mistakes, pair.places
        here = [diagnosis for diagnosis in said if place_of(diagnosis) == at_second]
        if said and here:
            first_named = pair.mistakes[0] in said[0].names
            named = second in here[0].names
            together = at_second == at_first
            return first_named, not (together or here[0].follows), together and named, named
    return None


def _until(pair: Pair, shown: str) -> list[Diagnosis]:
    """Return the diagnoses up to the step at which the second mistake is seen."""
    last, _ = pair.places[1]
    given = diagnoses(pair.problem, pair.claims, shown)
    return list(takewhile(lambda diagnosis: diagnosis.finding.step <= last, given))


def drawn_pairs(seed: int, number: int, dtype: str, shown: str) -> Iterator[Pair]:
    """Give pairs of mistakes on a network that change no line in common, and are each seen by itself."""
    problem = drawn(seed, number, dtype)
    known, stream = possible(problem), Stream(seed, "pairs", shown, number)
    places: dict[str, Place | None] = {}
    for _ in range(MAX_TRIED if len(known) > 1 else 0):
        names = stream.choice(known), stream.choice(known)
        for name in names:
            if name not in places:
                places[name] = _place(problem, name, shown)
        claims = _with_both(problem, *names)
        at = [(place, name) for name in names if (place := places[name])]
        if claims and len(at) == len(set(names)) > 1:
            (one, first), (two, second) = sorted(at, key=lambda each: _order(problem, *each))
            yield Pair(problem, (first, second), (one, two), claims)


def _place(problem: Problem, mistake: str, shown: str) -> Place | None:
    lines = MISTAKES[mistake].tape(problem)
    if isinstance(lines, Inexpressible):
        return None
    first = next(diagnoses(problem, claims_of(problem, lines), shown), None)
    return place_of(first) if first else None


def place_of(diagnosis: Diagnosis) -> Place:
    return diagnosis.finding.step, diagnosis.finding.quantity


def _order(problem: Problem, place: Place, mistake: str) -> tuple[int, int, int]:
    """Return what sorts mistakes by where they are seen, and by their own lines where that is the same."""
    order, lines = [line.name for line in tape(problem)], MISTAKES[mistake].lines(problem)
    own = 0 if isinstance(lines, Inexpressible) else order.index(lines[0].name)
    step, quantity = place
    return step, order.index(quantity), own


def _with_both(problem: Problem, one: str, other: str) -> tuple[Claim, ...]:
    """Train with two mistakes; nothing where they change a line in common, or need each other's result."""
    base = MISTAKES[one].tape(problem)
    if one == other or isinstance(base, Inexpressible):
        return ()
    both = MISTAKES[other].tape(problem, base=base)
    return () if isinstance(both, Inexpressible) else tuple(claims_of(problem, both))


# Right programs, and right numbers


def measure_right(seed: int, dtype: str, shown: str, programs: int = PROGRAMS) -> RightRuns:
    """Diagnose right programs; and the same with one quantity of the first step spoiled, at random."""
    said, spoiled, names = 0, 0, list[str]()
    for number in range(programs):
        problem = drawn(seed, number, dtype)
        claims = claims_of(problem)
        said += sum(1 for _ in diagnoses(problem, claims, shown))
        given = list(diagnoses(problem, spoil(problem, claims, seed, number, shown), shown))
        spoiled += bool(given)
        names += [name for diagnosis in given for name in diagnosis.names if name != RIGHT_ITSELF]
    return RightRuns(dtype, shown, programs, said, spoiled, tuple(names))


def spoil(
    problem: Problem, claims: Sequence[Claim], seed: int, number: int, shown: str
) -> list[dict[str, object]]:
    """Add noise to one of the quantities that are shown of the first step, as large as 1 or a part of it."""
    stream = Stream(seed, "spoil", shown, number)
    quantity = stream.choice(sorted(quantities(problem, shown) & claims[0].keys()))
    size = 10.0 ** -stream.below(4)
    right = np.asarray(claims[0][quantity], np.float64)
    noise = CaseStream(seed, ("noise", shown, number), range(1)).approx_normal(*right.shape)[0]
    wrong = np.asarray(right + size * (1 + np.abs(right)) * noise, problem.dtype)
    return [{**claims[0], quantity: wrong}, *map(dict, claims[1:])]
