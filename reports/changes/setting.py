"""What two runs were asked, and where they were made: what is not the same."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from reports.environment import Environment
from reports.results_file import SavedRun

NOTHING: Final = "–"


@dataclass(frozen=True)
class Differs:
    """One thing that is not the same: a version, the platform, a case, an adapter."""

    what: str
    before: str
    now: str


def versions(old: SavedRun, new: SavedRun) -> tuple[Differs, ...]:
    """Return the versions and parts of the platform that are others."""
    before, now = _versions(old), _versions(new)
    return _differing((name, before.get(name, NOTHING), now.get(name, NOTHING)) for name in before | now)


def _versions(run: SavedRun) -> dict[str, str]:
    made = run.environment
    return {**_packages(made), **_adapters(run), "platform": made.platform, "processor": made.cpu}


def _packages(made: Environment) -> dict[str, str]:
    return {"Python": made.python, **made.versions}


def _adapters(run: SavedRun) -> dict[str, str]:
    """Return the versions that adapters state, but for those of a package: others are another Python's."""
    known = set(run.environment.versions.values())
    stated = {f"adapter {one.name}": one.version for one in run.adapters}
    return {name: version for name, version in stated.items() if version and version not in known}


def selected(old: SavedRun, new: SavedRun) -> tuple[Differs, ...]:
    """Return the cases, adapters and number formats that only one of the runs has."""
    before, now = _selected(old), _selected(new)
    return _differing((name, before.get(name, NOTHING), now.get(name, NOTHING)) for name in before | now)


def _selected(run: SavedRun) -> dict[str, str]:
    names = [f"case {one.name}" for one in run.cases] + [f"adapter {one.name}" for one in run.adapters]
    names += [f"number format {one}" for one in dict.fromkeys(row.subject.dtype for row in run.results.rows)]
    return dict.fromkeys(names, "there")


def edited(old: SavedRun, new: SavedRun) -> tuple[str, ...]:
    """Return the names of the cases whose files are others."""
    before = {one.name: one.text for one in old.cases}
    return tuple(one.name for one in new.cases if before.get(one.name, one.text) != one.text)


def _differing(told: Iterable[tuple[str, str, str]]) -> tuple[Differs, ...]:
    return tuple(Differs(what, before, now) for what, before, now in told if before != now)
