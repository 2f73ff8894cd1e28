"""Headroom: how much of its tolerance a quantity uses now, beside what it used before."""

from collections.abc import Collection
from dataclasses import dataclass

from reference import Subject
from reports.results_file import SavedRun


@dataclass(frozen=True)
class Lost:
    """A quantity that agrees in both runs, and uses more of its tolerance now.

    Attributes
    ----------
    before, now
        The largest part of its tolerance that was used at any step; 1 would be all of it.
    """

    who: Subject
    quantity: str
    before: float
    now: float

    @property
    def lost(self) -> float:
        """By how much it has grown."""
        return self.now - self.before


def headroom_lost(old: SavedRun, new: SavedRun, edited: Collection[str] = ()) -> tuple[Lost, ...]:
    """Return what has lost headroom, the largest loss first; edited cases are left out."""
    before, now = _used(old), _used(new)
    shared = (key for key in now if key in before and key[0].case not in edited)
    grown = (Lost(*key, before[key], now[key]) for key in shared if now[key] > before[key])
    return tuple(sorted(grown, key=lambda one: one.lost, reverse=True))


def _used(run: SavedRun) -> dict[tuple[Subject, str], float]:
    """Return the largest part used by each quantity that agrees throughout."""
    used: dict[tuple[Subject, str], float] = {}
    broken = set()
    for row in run.results.rows:
        key = row.subject, row.finding.quantity
        if not row.compared or not row.finding.passes:
            broken.add(key)
        else:
            used[key] = max(used.get(key, 0.0), float(row.finding.used))
    return {key: value for key, value in used.items() if key not in broken}
