"""What many failures have in common, said once: the mistake that explains them, or why a program ended."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Final, TypeVar

from adapters.registry import BUILT_IN
from cases.errors import counted
from reference import Verdict
from reports.runs.rows import Row

MIN_ALIKE: Final = 4  # failures of one cause that are put together; fewer are listed
MAX_PLACES: Final = 3  # cases that are named, of those where they are
MAX_FORMS: Final = 2  # wordings of one cause that are shown
ASKED_FOR: Final = "is asked for"  # in the words of a mistake that does something else than the case
PROPOSAL: Final = (
    "If it is not meant to do what these cases ask for, let it say what it does, by `structure` or by "
    "raising NoEquivalent: they are then passed over."
)

# What explains a failure, as a clause, by an implementation and a mistake of it.
Causes = Mapping[tuple[str, str], str]
Item = TypeVar("Item")


def alike(items: Iterable[Item], causes_of: Callable[[Item], Causes]) -> list[list[Item]]:
    """Group what failed by what explains it, the largest group first.

    A cause is taken for as many as it explains, so that where several fit one, the one that fits the others
    as well is meant. Fewer than `MIN_ALIKE` stay by themselves, in their order, as does what has no cause.
    """
    left, groups = list(items), list[list[Item]]()
    while True:
        counted = Counter(cause for item in left for cause in causes_of(item))
        cause, count = max(counted.items(), key=itemgetter(1), default=(None, 0))
        if count < MIN_ALIKE:
            return [*groups, *([item] for item in left)]
        groups.append([item for item in left if cause in causes_of(item)])
        left = [item for item in left if cause not in causes_of(item)]


def title_of(causes: Sequence[Causes]) -> str:
    """Name whose failures a group's are, and what explains them all: "mine: the bias was not added".

    A mistake may be worded by the numbers of a case: a few such forms are given, without those that only add
    to another in how many elements it was made.
    """
    common = [cause for cause in causes[0] if all(cause in others for others in causes)]
    clauses = []
    for cause in common:
        every = dict.fromkeys(others[cause] for others in causes)
        forms = [
            form
            for form in every
            if not any(form != shorter and form.startswith(shorter) for shorter in every)
        ]
        clauses.append(" / ".join(forms[:MAX_FORMS]) + " / …" * (len(forms) > MAX_FORMS))
    return f"{common[0][0]}: {'; or: '.join(clauses)}"


def causes_of(row: Row) -> Causes:
    """Return what explains a failing line: mistakes, or the reason for which the program ended."""
    by, reason = row.subject.implementation, row.finding.reason
    if row.finding.verdict is Verdict.ERROR and not row.causes:
        return {(by, reason): reason}
    return {(by, cause.mistake): cause.sentence for cause in row.causes}


def summaries(failing: Iterable[Row]) -> list[str]:
    """Return the sentence of each failing line; of many that the same explains, once what it is and where.

    Where a program does something else in many cases, or ends, it is said once that it may say what it does.
    """
    said, lines = set[str](), list[str]()
    for group in alike(failing, causes_of):
        by = group[0].subject.adapter
        ends = all(row.finding.verdict is Verdict.ERROR for row in group)
        proposes = len(group) > 1 and by not in said and may_not_be_meant([*map(causes_of, group)], ends=ends)
        said |= {by} if proposes else set()
        lines.append(_summary(group, f" {PROPOSAL}" * proposes))
    return lines


def _summary(group: Sequence[Row], proposal: str) -> str:
    first = group[0]
    if len(group) == 1:
        return first.sentence
    where = f"in {counted(len(group), 'comparison')} of {named_cases(group)}"
    return f"{title_of([*map(causes_of, group)])}, {where}.{proposal} The first: {first.sentence}"


def named_cases(rows: Sequence[Row]) -> str:
    """Return how many cases rows are of, and the first of their names."""
    cases = list(dict.fromkeys(row.subject.case for row in rows))
    named = ", ".join(cases[:MAX_PLACES]) + ", …" * (len(cases) > MAX_PLACES)
    return f"{counted(len(cases), 'case')} ({named})"


def may_not_be_meant(group: Sequence[Causes], *, ends: bool = False) -> bool:
    """Whether a program of one's own may not be meant to do what it fails at: it `ends`, or does another."""
    common = [cause for cause in group[0] if all(cause in others for others in group)]
    is_own = not any(by.split()[0] in BUILT_IN for by, _ in common)
    return is_own and (ends or any(ASKED_FOR in group[0][cause] for cause in common))
