"""The changes between two runs as tables, by pandas: what the terminal, the files and the page show."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from reference import Subject
from reports.accuracy import kind
from reports.changes.compare import Changes
from reports.changes.moved import Motion, Moved
from reports.changes.setting import Differs

# Ulps from which on they are told by their power of ten.
MANY = 10**6


@dataclass(frozen=True)
class Section:
    """One kind of change: its heading, what it means, and the table."""

    name: str
    title: str
    about: str
    table: pd.DataFrame


def sections(changes: Changes) -> tuple[Section, ...]:
    """Return what there is to tell, the worst first."""
    told = (
        Section("failures", "New failures", FAILURES, failures(changes)),
        Section("uncompared", "Compared before, and not now", UNCOMPARED, uncompared(changes)),
        Section("fixed", "Fixed", FIXED, fixed(changes)),
        Section("versions", "Versions and platform", "", differing(changes.versions)),
        Section("selected", "Cases, adapters and number formats", SELECTED, differing(changes.selected)),
        Section("edited", "Cases that were edited", EDITED, pd.DataFrame({"case": changes.edited})),
        Section("kinds", "Moved bits, by kind of quantity", KINDS, kinds(changes.motion)),
        Section("moved", "Moved bits, each quantity", MOVED, moved(changes.motion)),
        Section("ended", "Trainings that end elsewhere", ENDED, ended(changes.motion)),
        Section("headroom", "Headroom lost", HEADROOM, headroom(changes)),
    )
    return tuple(one for one in told if len(one.table))


FAILURES = (
    "What fails now, and did not fail before: the first line of each implementation, and how many more."
)
UNCOMPARED = "A comparison that is no longer made can no longer fail."
FIXED = "What failed before, and does not fail now."
SELECTED = "Only one of the two runs has these."
EDITED = "Their files are others, so their numbers are, and are not compared with those of before."
KINDS = (
    "How many quantities are no longer the same to the last bit, in any element at any step. “begin here” "
    "counts those above which nothing has moved: there something computes otherwise, and what comes below "
    "follows. Ulps are the largest distance in the values that are kept, at most 1,024 of one array, at the "
    "first step at which the quantity moved; “later” is the largest at any later step, after training with "
    "the moved numbers."
)
MOVED = (
    "The largest distance first. “elements” is how many of those that are kept have moved, of how many; "
    "“earlier” means that only steps have moved of which no values are kept."
)
ENDED = "A training ends with the first loss that is small enough, and roundings decide which step that is."
HEADROOM = (
    "These agree as before, and use more of their tolerance; 1 would be all of it. The largest loss first."
)


def failures(changes: Changes) -> pd.DataFrame:
    """Return a line for each implementation of each case that fails at something new."""
    lines = [(*_who(one.who), one.first, one.others, one.told) for one in changes.failures]
    return pd.DataFrame(lines, columns=[*WHO, "now", "more quantities", "told"])


def fixed(changes: Changes) -> pd.DataFrame:
    """Return the same of what failed before."""
    lines = [(*_who(one.who), one.first, one.others) for one in changes.fixed]
    return pd.DataFrame(lines, columns=[*WHO, "before", "more quantities"])


def uncompared(changes: Changes) -> pd.DataFrame:
    """Return a line for each implementation of each case of which less is compared."""
    lines = [(*_who(one.who), len(one.quantities), one.quantities[0], one.why) for one in changes.uncompared]
    return pd.DataFrame(lines, columns=[*WHO, "quantities", "the first", "why"])


def differing(found: Sequence[Differs]) -> pd.DataFrame:
    """Return what is not the same, before and now."""
    return pd.DataFrame([tuple(vars(one).values()) for one in found], columns=["what", "before", "now"])


def kinds(motion: Motion) -> pd.DataFrame:
    """Return a line for each number format, program and kind of quantity of which something has moved."""
    counted: dict[tuple[str, ...], int] = {}
    for who, quantity in motion.compared:
        key = who.dtype, who.implementation, kind(quantity)
        counted[key] = counted.get(key, 0) + 1
    together: dict[tuple[str, ...], list[Moved]] = {}
    for one in motion.moved:
        together.setdefault((one.who.dtype, one.who.implementation, kind(one.quantity)), []).append(one)
    order = sorted(together, key=lambda key: -_badness(max(together[key], key=_badness)))
    columns = [*KIND, "quantities", "moved", "begin here", "ulps", "in", "later"]
    return pd.DataFrame([(*key, counted[key], *_kind(together[key])) for key in order], columns=columns)


def _kind(found: Sequence[Moved]) -> tuple[object, ...]:
    worst = max(found, key=_badness)
    later = max((one.later for one in found if not math.isnan(one.later)), default=math.nan)
    begin = sum(one.is_first for one in found)
    return (
        len(found),
        begin,
        _ulps(worst.ulps),
        worst.who.case,
        _ulps(later) if not math.isnan(later) else "–",
    )


def moved(motion: Motion) -> pd.DataFrame:
    """Return a line for each quantity that has moved, the largest distance first."""
    lines = [_moved(one) for one in sorted(motion.moved, key=_badness, reverse=True)]
    columns = [*WHO, "quantity", "from step", "elements", "ulps", "later", "begins here"]
    return pd.DataFrame(lines, columns=columns)


def _moved(one: Moved) -> tuple[object, ...]:
    elements = f"{one.elements:,} of {one.of:,}"
    later = "–" if math.isnan(one.later) else _ulps(one.later)
    begins = "yes" if one.is_first else ""
    return *_who(one.who), one.quantity, one.step, elements, _ulps(one.ulps), later, begins


def ended(motion: Motion) -> pd.DataFrame:
    """Return the trainings that have got longer or shorter."""
    return pd.DataFrame(
        [(*_who(who), *steps) for who, *steps in motion.ended], columns=[*WHO, "before", "now"]
    )


def headroom(changes: Changes) -> pd.DataFrame:
    """Return what uses more of its tolerance, the largest loss first."""
    lines = [
        (*_who(one.who), one.quantity, f"{one.before:.3g}", f"{one.now:.3g}", f"{one.lost:+.2g}")
        for one in changes.headroom
    ]
    return pd.DataFrame(lines, columns=[*WHO, "quantity", "used before", "used now", "change"])


WHO = ("case", "dtype", "implementation")
KIND = ("dtype", "implementation", "kind")


def _who(who: Subject) -> tuple[str, str, str]:
    return who.case, who.dtype, who.implementation


def _badness(one: Moved) -> float:
    return -1.0 if math.isnan(one.ulps) else one.ulps


def _ulps(ulps: float) -> str:
    if math.isnan(ulps):
        return "earlier"
    return f"{ulps:,.0f}" if ulps < MANY else f"{ulps:.1e}"
