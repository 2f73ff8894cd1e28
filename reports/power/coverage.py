"""Which case catches what no other does, and a small set of cases that together catch everything."""

from collections.abc import Iterable

from reports.power.results import Coverage, Meeting
from reports.power.words import SHOWN

Catches = dict[str, set[tuple[str, str]]]


def cover(meetings: Iterable[Meeting]) -> tuple[Coverage, ...]:
    """Weigh each case against all others, by the mistakes it catches in each number format."""
    catches: Catches = {}
    for met in meetings:
        caught = catches.setdefault(met.case, set())
        if met.caught_by(SHOWN):
            caught.add((met.mistake, met.dtype))
    needed = small_set(catches)
    return tuple(
        Coverage(case, len(caught), _named(caught - _by_others(catches, case)), case in needed)
        for case, caught in catches.items()
    )


def small_set(catches: Catches) -> list[str]:
    """Choose greedily: always the case that catches most of what is still uncaught, the earlier of equals.

    A case that the later choices have made superfluous is dropped again, so none can be left out.
    """
    uncaught = set().union(*catches.values())
    chosen: list[str] = []
    while uncaught:
        best = max(catches, key=lambda case: len(catches[case] & uncaught))
        chosen.append(best)
        uncaught -= catches[best]
    for case in tuple(chosen):
        rest = [other for other in chosen if other != case]
        if catches[case] <= set().union(*(catches[other] for other in rest)):
            chosen = rest
    return chosen


def _by_others(catches: Catches, case: str) -> set[tuple[str, str]]:
    return set().union(*(caught for other, caught in catches.items() if other != case))


def _named(caught: set[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(f"{mistake} ({dtype})" for mistake, dtype in sorted(caught))
