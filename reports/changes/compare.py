"""Two runs against each other: everything that is not the same, and whether anything is worse."""

from dataclasses import dataclass

from reports.changes import setting
from reports.changes.failures import Failure, Uncompared, fixed, new_failures, uncompared
from reports.changes.headroom import Lost, headroom_lost
from reports.changes.moved import Motion, motion
from reports.changes.setting import Differs
from reports.environment import Environment
from reports.results_file import SavedRun


@dataclass(frozen=True)
class Changes:
    """What has changed from one run to another.

    Attributes
    ----------
    old, new
        When and where each was made.
    versions, selected, edited
        Versions and platform that are others; cases, adapters and number formats that only one of them has;
        cases whose files are others.
    failures, fixed
        What fails now and did not, and the other way round.
    uncompared
        What was compared before and is not now.
    motion
        Whose bits have moved.
    headroom
        What uses more of its tolerance than before.
    """

    old: Environment
    new: Environment
    versions: tuple[Differs, ...]
    selected: tuple[Differs, ...]
    edited: tuple[str, ...]
    failures: tuple[Failure, ...]
    fixed: tuple[Failure, ...]
    uncompared: tuple[Uncompared, ...]
    motion: Motion
    headroom: tuple[Lost, ...]

    @property
    def regressed(self) -> bool:
        """Whether anything is worse: something fails that did not, or is compared no longer."""
        return bool(self.failures or self.uncompared)


def compare(old: SavedRun, new: SavedRun) -> Changes:
    """Compare two runs."""
    edited = setting.edited(old, new)
    return Changes(
        old.environment,
        new.environment,
        setting.versions(old, new),
        setting.selected(old, new),
        edited,
        new_failures(old, new),
        fixed(old, new),
        uncompared(old, new),
        motion(old, new, edited),
        headroom_lost(old, new, edited),
    )
