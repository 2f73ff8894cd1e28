"""Two mistakes at once, and none at all: what the diagnosis says of them, on the same random networks."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import takewhile
from operator import add
from typing import Final, TypeAlias

import numpy as np

from cases import Problem
from reference import Claim
from reference.diagnosis import Diagnosis
from reference.diagnosis.candidates import mistaken_tapes
from reference.mistakes import MISTAKES, Inexpressible
from reference.training import tape, training_steps
from reports.detection import Pairs, RightRuns
from reports.detection.drawn_networks import drawn
from reports.detection.naming import claims_of, diagnoses, judged, possible
from reports.detection.shown import CAUGHT, only, quantities
from reports.sweep.structure import CaseStream, Stream

PAIRS: Final = 120  # in each number format, with each selection of quantities shown
PROGRAMS: Final = 400  # the same of right programs
SPOILED: Final = 20  # of so many right programs one is spoiled
MAX_TRIED: Final = 100  # pairs that are tried on one network

NONE_COUNTED: Final[tuple[int, ...]] = (0,) * 7  # what is counted of a pair, in the order of `Pairs`

# A right number that follows a wrong one may be called this, which is what it is.
RIGHT_ITSELF: Final = "right-itself"

Place: TypeAlias = tuple[int, str]  # a step and a quantity


# Two mistakes


@dataclass(frozen=True)
class Alone:
    """A mistake by itself: its run, and where it is seen."""

    places: Sequence[Place]
    claims: Sequence[Claim]


@dataclass(frozen=True)
class Pair:
    """Two mistakes on one network: the one that is seen first and the other; and where each is seen."""

    problem: Problem
    mistakes: tuple[str, str]
    places: tuple[Place, Place]
    claims: tuple[Claim, ...]  # with both


def measure_pairs(
    dtype: str, shown: str, numbers: range, *, seed: int, among: Collection[str] = MISTAKES
) -> Pairs:
    """Count what is said of a random pair of mistakes, both seen, on each network of these numbers.

    A pair counts only where no single known mistake gives its numbers: nobody could see that they are two.
    """
    answers = (_answer(seed, number, dtype, shown, among) for number in numbers)
    return reduce(add, answers, Pairs(dtype, shown, *NONE_COUNTED))


def _answer(seed: int, number: int, dtype: str, shown: str, among: Collection[str]) -> Pairs:
    """Count the first pair on a network of which both are seen, and how many before it are set aside."""
    counts, set_aside = NONE_COUNTED, 0
    for pair in drawn_pairs(seed, number, dtype, shown, among):
        if is_one(pair, shown):
            set_aside += 1
            continue
        said = _until(pair, shown)
        at_first, at_second = pair.places
        here = next((diagnosis for diagnosis in said if place_of(diagnosis) == at_second), None)
        if here:
            first, second = pair.mistakes[0] in said[0].names, pair.mistakes[1] in here.names
            apart = at_first != at_second
            at_two_lines = (apart and each for each in (first, not here.follows, second))
            counts = 1, first, apart, *at_two_lines, not apart and first and second
            break
    return replace(Pairs(dtype, shown, *counts), set_aside=set_aside)


def is_one(pair: Pair, shown: str) -> bool:
    """Whether one known mistake, wherever it can be made, gives all that is shown of both, bit for bit.

    So it is, too, where both are one format of less precision, in two lines.
    """
    lower = [name.split("-")[0] for name in pair.mistakes if MISTAKES[name].numpy_only]
    if len(lower) > 1 and len(set(lower)) == 1:
        return True
    runs = (training_steps(pair.problem.copy(), lines) for *_, lines in mistaken_tapes(pair.problem))
    with np.errstate(all="ignore"):
        return any(_alike(pair.claims, run, shown, pair.problem) for run in runs)


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
    alone: dict[str, Alone] = {}
    for _ in range(MAX_TRIED if len(known) > 1 else 0):
        names = sorted({stream.choice(known), stream.choice(known)})
        alone |= {name: _alone(problem, name, shown) for name in names if name not in alone}
        seen = all(alone[name].places for name in names)
        claims = _with_both(problem, *names) if seen and len(names) > 1 else ()
        wrong = _caught(problem, claims, shown) if claims else []
        beside = {
            name: place
            for name, other in zip(names, reversed(names), strict=True)
            if (place := _seen_beside(alone[name], alone[other], wrong, claims))
        }
        if len(beside) > 1:
            first, second = sorted(names, key=lambda name: _order(problem, beside[name], name))
            yield Pair(problem, (first, second), (beside[first], beside[second]), claims)


def _seen_beside(own: Alone, other: Alone, wrong: Iterable[Place], both: Sequence[Claim]) -> Place | None:
    """Return where a mistake is seen beside another: the first of the places that are `wrong` with both.

    The other alone is not wrong there, or this one is, too; and it shows other numbers.
    """
    for step, quantity in wrong:
        is_own = (step, quantity) in own.places or (step, quantity) not in other.places
        pair, without = (claims[step - 1][quantity] for claims in (both, other.claims))
        if is_own and not np.array_equal(pair, without, equal_nan=True):
            return step, quantity
    return None


def _alone(problem: Problem, mistake: str, shown: str) -> Alone:
    lines = MISTAKES[mistake].tape(problem)
    claims = () if isinstance(lines, Inexpressible) else claims_of(problem, lines)
    return Alone(_caught(problem, claims, shown), claims)


def _caught(problem: Problem, claims: Sequence[Claim], shown: str) -> list[Place]:
    """Return where the suite objects to what is shown of a run."""
    wrong = (failure for step in judged(problem, claims, shown) for failure in step.failures)
    return [(failure.step, failure.quantity) for failure in wrong if failure.verdict in CAUGHT]


def _alike(some: Iterable[Claim], others: Iterable[Claim], shown: str, problem: Problem) -> bool:
    """Whether two runs show the same numbers, as far as both go."""
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
