"""How often the diagnosis is right, as tables and in sentences, each made from the measurement's numbers."""

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

import pandas as pd

from reference.mistakes import MISTAKES
from reports.detection import Named, Naming, Pairs, RightRuns
from reports.detection.counts import part_of
from reports.outcome import NOTHING

MISTAKES_LEGEND: Final = (
    "Each mistake is made on random networks until it was seen on enough of them: a number differs, and the "
    "bounds of what it is with the mistake and of the right value do not meet. A cell says on how many of "
    "these it is among the names that the run's first diagnosis gives. “Equal”: together "
    "with others, which give the same numbers there. “No name”: no known mistake explains it. “Another "
    "alone”: one other name is given, and is wrong. “Blind where”: why it cannot be made on other networks."
)

PAIRS_LEGEND: Final = (
    "Two random mistakes in different lines, each of which is seen by itself; the first is the one that is "
    "seen first. The line at which the second is seen is wrong in its own right where its diagnosis does not "
    "follow from the first's. Where both are seen at one line, its diagnosis should name both. “Set aside”: "
    "other pairs, whose numbers are those of one known mistake, so that nobody could see that they are two."
)

RIGHT_LEGEND: Final = (
    "A right program should have no diagnosis. Some are spoiled: one quantity of the first step is stated "
    "with noise, and then no name should be given, but that a number is right itself."
)

# The title, the legend and the table of each part.
SECTIONS: Final = (
    ("How often each mistake is named", MISTAKES_LEGEND, "naming"),
    ("Two mistakes at once", PAIRS_LEGEND, "pairs"),
    ("Right programs, and right numbers that follow a wrong one", RIGHT_LEGEND, "right"),
)

WANTED: Final = 0.95  # of the runs, in which a mistake should be named
MAX_LETTERS: Final = 160  # of the reasons why a mistake cannot be made
MAX_MISTAKES: Final = 12  # more than this are left to the table
ALL: Final = "all"


def to_frames(naming: Naming) -> dict[str, pd.DataFrame]:
    return {
        "naming": pd.DataFrame(list(_by_mistake(naming.mistakes))),
        "pairs": pd.DataFrame(map(_pairs_line, naming.pairs)),
        "right": pd.DataFrame(map(_right_line, naming.right)),
    }


def _by_mistake(results: Sequence[Named]) -> Iterator[dict[str, str]]:
    """Give a line for each mistake, and the totals."""
    columns = list(dict.fromkeys((result.shown, result.dtype) for result in results))
    for name, group in groupby(results, attrgetter("mistake")):
        those, mistake = list(group), MISTAKES.get(name)  # a kept run may have one that is no longer known
        reasons = dict.fromkeys(reason for result in those for reason in result.blind)
        yield {
            "mistake": name,
            "what happened": mistake.sentence if mistake else NOTHING,
            **{column: _without_percentage(cell) for column, cell in _cells(those, columns).items()},
            "blind where": textwrap.shorten("; ".join(reasons), MAX_LETTERS, placeholder=" …") or NOTHING,
            "source": (mistake.source if mistake else "") or NOTHING,
        }
    blank = dict.fromkeys(("blind where", "source"), NOTHING)
    yield {"mistake": ALL, "what happened": NOTHING, **_cells(results, columns), **blank}


def _cells(results: Sequence[Named], columns: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what was said of these: by what was shown and the number format, and of all together."""
    by_column: dict[str, list[Named]] = {", ".join(column): [] for column in columns}
    for result in results:
        by_column[f"{result.shown}, {result.dtype}"].append(result)
    instead = Counter(", ".join(names) for result in results for names in result.instead)
    return {
        **{column: _share(those, "rightly", "seen") for column, those in by_column.items()},
        "equal": f"{_sum(results, 'equal'):,}",
        "no name": f"{_sum(results, 'unnamed'):,}",
        "another alone": f"{_sum(results, 'another_alone'):,}",
        "named instead": _counted(instead),
    }


def _without_percentage(cell: str) -> str:
    """Return "19 of 20" of "19 of 20 (95.0%)", and "–" where a mistake was not seen."""
    return re.sub(r"^(\d+ of \d+) \(.*%\)$", r"\1", cell) if cell != part_of(0, 0) else NOTHING


def _counted(texts: Counter[str]) -> str:
    return "; ".join(f"{text} ({count})" for text, count in texts.most_common()) or NOTHING


def _pairs_line(pairs: Pairs) -> dict[str, object]:
    return {
        "shown": pairs.shown,
        "dtype": pairs.dtype,
        "pairs": pairs.pairs,
        "the first named": part_of(pairs.first_named, pairs.pairs),
        "the same, at two lines": part_of(pairs.first_named_apart, pairs.apart),
        "the second wrong in its own right": part_of(pairs.second_in_its_own_right, pairs.apart),
        "the second named there": part_of(pairs.second_named, pairs.apart),
        "both named at one line": part_of(pairs.both_named, pairs.pairs - pairs.apart),
        "set aside": str(pairs.set_aside),
    }


def _right_line(right: RightRuns) -> dict[str, object]:
    return {
        "shown": right.shown,
        "dtype": right.dtype,
        "right programs": f"{right.programs:,}",
        "diagnoses of them": f"{right.diagnoses:,}",
        "spoiled programs": f"{right.spoiled:,}",
        "names given": _counted(Counter(right.names)),
    }


# Sentences


def sentences(naming: Naming) -> Iterator[str]:
    """Say how often a mistake is named, which seldom are, and what is said of two and of none."""
    results = naming.mistakes
    yield (
        f"Of runs with a mistake, on random networks on which it is seen, the first diagnosis names it in "
        f"{_share(results, 'rightly', 'seen')}; it names another alone in "
        f"{_sum(results, 'another_alone'):,}, and none in {_sum(results, 'unnamed'):,}."
    )
    seldom = [_about(named) for named in results if named.rightly < WANTED * named.seen]
    if seldom:
        yield f"Named in less than {WANTED:.0%} of them: {_listed(seldom)}."
    rare = [_about(named) for named in results if 0 < named.seen < naming.networks]
    if rare:
        yield f"Seen on fewer than {naming.networks} networks: {_listed(rare)}."
    if pairs := naming.pairs:
        yield (
            f"Of two mistakes at once the first is named in {_share(pairs, 'first_named', 'pairs')}. Where "
            f"the second is seen at another line, the first is in "
            f"{_share(pairs, 'first_named_apart', 'apart')}, and the second's line is wrong in its own right "
            f"in {_share(pairs, 'second_in_its_own_right', 'apart')}."
        )
    if right := naming.right:
        names = sum(len(runs.names) for runs in right)
        yield (
            f"Diagnoses of {_sum(right, 'programs'):,} right programs: {_sum(right, 'diagnoses'):,}; "
            f"names that are given to {_sum(right, 'spoiled'):,} spoiled ones: {names:,}."
        )
    if naming.failed:
        yield f"Parts of the diagnosis that failed: {_listed(naming.failed)}."


def _sum(results: Iterable[object], count: str) -> int:
    return sum(getattr(result, count) for result in results)


def _share(results: Sequence[object], part: str, whole: str) -> str:
    return part_of(_sum(results, part), _sum(results, whole))


def _about(named: Named) -> str:
    counts = f"{named.rightly} of {named.seen}, {named.drawn:,} drawn"
    return f"{named.mistake} ({named.shown}, {named.dtype}: {counts})"


def _listed(texts: Sequence[str]) -> str:
    more = len(texts) - MAX_MISTAKES
    return "; ".join(texts[:MAX_MISTAKES]) + (f"; and {more} more" if more > 0 else "")
