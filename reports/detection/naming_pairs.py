"""Two mistakes at once, and none at all: what the diagnosis says of them, on the same random networks."""

from collections.abc import Collection, Iterator, Sequence
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
from reports.detection.naming import claims_of, diagnoses, judged, possible
from reports.detection.shown import CAUGHT, only, quantities
from reports.sweep.structure import CaseStream, Stream

PAIRS: Final = 120  # in each number format, with each selection of quantities shown
PROGRAMS: Final = 400  # the same of right programs
SPOILED: Final = 20  # of so many right programs one is spoiled
MAX_TRIED: Final = 100  # pairs that are tried on one network

COUNTS: Final = 6  # what is counted of a pair, in the order of `Pairs`

# A right number that follows a wrong one may be called this, which is what it is.
RIGHT_ITSELF: Final = "right-itself"

Place: TypeAlias = tuple[int, str]  # a step and a quantity


# Two mistakes


@dataclass(frozen=True)
class Alone:
    """A mistake by itself: where it is seen first, and its run."""

    place: Place
    claims: Sequence[Claim]


@dataclass(frozen=True)
class Pair:
    """Two mistakes on one network, the one that is seen first and the other; where each is seen by itself."""

    problem: Problem
    mistakes: tuple[str, str]
    places: tuple[Place, Place]
    claims: tuple[Claim, ...]  # with both


def measure_pairs(
    dtype: str, shown: str, numbers: range, *, seed: int, among: Collection[str] = MISTAKES
) -> Pairs:
    """Count what is said of a random pair of mistakes, both seen, on each network of these numbers."""
    given = (_answer(seed, number, dtype, shown, among) for number in numbers)
    answers = [answer for answer in given if answer]
    counts = (sum(each) for each in zip(*answers, strict=True)) if answers else [0] * COUNTS
    return Pairs(dtype, shown, len(answers), *counts)


def _answer(
    seed: int, number: int, dtype: str, shown: str, among: Collection[str]
) -> tuple[bool, ...] | None:
    """Return what `Pairs` counts of the first pair on a network of which both are seen; None without any."""
    for pair in drawn_pairs(seed, number, dtype, shown, among):
        said = _until(pair, shown)
        at_first, at_second = pair.places
        here = next((diagnosis for diagnosis in said if place_of(diagnosis) == at_second), None)
        if here:
            first_named, second_named = pair.mistakes[0] in said[0].names, pair.mistakes[1] in here.names
            if at_first == at_second:
                return first_named, False, False, False, False, first_named and second_named
            return first_named, True, first_named, not here.follows, second_named, False
    return None


def _until(pair: Pair, shown: str) -> list[Diagnosis]:
    """Return the diagnoses up to the step at which the second mistake is seen."""
    last, _ = pair.places[1]
    given = diagnoses(pair.problem, pair.claims, shown)
    return list(takewhile(lambda diagnosis: diagnosis.finding.step <= last, given))


def drawn_pairs(
    seed: int, number: int, dtype: str, shown: str, among: Collection[str] = MISTAKES
) -> Iterator[Pair]:
    """Give pairs of mistakes on a network, in lines of their own: each is seen alone, and with the other."""
    problem = drawn(seed, number, dtype)
    known, stream = possible(problem, among), Stream(seed, "pairs", shown, number)
    alone: dict[str, Alone | None] = {}
    for _ in range(MAX_TRIED if len(known) > 1 else 0):
        names = sorted({stream.choice(known), stream.choice(known)})
        alone |= {name: _alone(problem, name, shown) for name in names if name not in alone}
        seen = [(name, each) for name in names if (each := alone[name])]
        claims = _with_both(problem, *names) if len(seen) > 1 else ()
        if claims and not any(_alike(claims, each.claims, shown, problem) for _, each in seen):
            first, second = sorted(seen, key=lambda each: _order(problem, each[1].place, each[0]))
            places = first[1].place, second[1].place
            if _is_other(claims, first[1].claims, places[1]):
                yield Pair(problem, (first[0], second[0]), places, claims)


def _is_other(some: Sequence[Claim], others: Sequence[Claim], place: Place) -> bool:
    """Whether two runs show other numbers at a place: there the second mistake is seen beside the first."""
    step, quantity = place
    one, other = (claims[step - 1][quantity] for claims in (some, others))
    return not np.array_equal(one, other, equal_nan=True)


def _alone(problem: Problem, mistake: str, shown: str) -> Alone | None:
    """Make a mistake by itself; None where it is not seen."""
    lines = MISTAKES[mistake].tape(problem)
    if isinstance(lines, Inexpressible):
        return None
    claims = claims_of(problem, lines)
    wrong = (failure for step in judged(problem, claims, shown) for failure in step.failures)
    places = ((failure.step, failure.quantity) for failure in wrong if failure.verdict in CAUGHT)
    return next((Alone(place, claims) for place in places), None)


def _alike(some: Sequence[Claim], others: Sequence[Claim], shown: str, problem: Problem) -> bool:
    """Whether two runs show the same numbers: then one of two mistakes hides the other."""
    those = quantities(problem, shown)
    pairs = ((only(claim, those), only(other, those)) for claim, other in zip(some, others, strict=True))
    return all(
        np.array_equal(array, other[name], equal_nan=True)
        for claim, other in pairs
        for name, array in claim.items()
    )


def place_of(diagnosis: Diagnosis) -> Place:
    return diagnosis.finding.step, diagnosis.finding.quantity


def _order(problem: Problem, place: Place, mistake: str) -> tuple[int, int, int]:
    """Return what sorts mistakes by where they are seen, and by their own lines where that is the same."""
    order, lines = [line.name for line in tape(problem)], MISTAKES[mistake].lines(problem)
    own = 0 if isinstance(lines, Inexpressible) else order.index(lines[0].name)
    step, quantity = place
    return step, order.index(quantity), own


def _with_both(problem: Problem, some: str, other: str) -> tuple[Claim, ...]:
    """Train with two mistakes; nothing where they change a line in common, or need each other's result."""
    base = MISTAKES[some].tape(problem)
    if some == other or isinstance(base, Inexpressible):
        return ()
    both = MISTAKES[other].tape(problem, base=base)
    return () if isinstance(both, Inexpressible) else tuple(claims_of(problem, both))


# Right programs, and right numbers


def measure_right(dtype: str, shown: str, numbers: range, *, seed: int) -> RightRuns:
    """Diagnose right programs on the networks of these numbers, and some of them spoiled at random."""
    said, spoiled, names = 0, 0, list[str]()
    for number in numbers:
        problem = drawn(seed, number, dtype)
        claims = claims_of(problem)
        said += sum(1 for _ in diagnoses(problem, claims, shown))
        if number % SPOILED == 0:
            given = list(diagnoses(problem, spoil(problem, claims, seed, number, shown), shown))
            spoiled += bool(given)
            names += [name for diagnosis in given for name in diagnosis.names if name != RIGHT_ITSELF]
    return RightRuns(dtype, shown, len(numbers), said, spoiled, tuple(names))


def spoil(problem: Problem, claims: Sequence[Claim], seed: int, number: int, shown: str) -> list[Claim]:
    """Add noise to one of the quantities that are shown of the first step, as large as 1 or a part of it."""
    stream = Stream(seed, "spoil", shown, number)
    quantity = stream.choice(sorted(quantities(problem, shown) & claims[0].keys()))
    size = 10.0 ** -stream.below(4)
    right = np.asarray(claims[0][quantity], np.float64)
    noise = CaseStream(seed, ("noise", shown, number), range(1)).approx_normal(*right.shape)[0]
    wrong = np.asarray(right + size * (1 + np.abs(right)) * noise, problem.dtype)
    return [{**claims[0], quantity: wrong}, *claims[1:]]
