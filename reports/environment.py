"""Where a report was made: versions, platform, command."""

import platform
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from uuid import uuid4

from adapters import Adapter, Unavailable
from cases import Case
from cases.errors import well_formed

PACKAGES = ("numpy", "torch", "jax", "jaxlib", "optax", "pandas")
NOT_KNOWN = "not known"
SEED = "Nothing is drawn but from the seeds that stand in the cases' files, one for each array."


@dataclass(frozen=True)
class Selection:
    """What to run; `dtypes` narrows each case's own, and empty means all of them."""

    cases: tuple[Case, ...]
    adapters: tuple[Adapter | Unavailable, ...]
    dtypes: tuple[str, ...] = ()

    @property
    def runs(self) -> tuple[tuple[Case, str], ...]:
        each = ((case, dtype) for case in self.cases for dtype in case.dtypes)
        return tuple((case, dtype) for case, dtype in each if dtype in (self.dtypes or case.dtypes))


@dataclass(frozen=True)
class Other:
    """An adapter under another interpreter: what a person types for it, that Python and its versions."""

    asked: str
    runs_on: str


@dataclass(frozen=True)
class Environment:
    """What a reader needs to repeat a report."""

    run: str  # names the run, as every file of its report that has room for it does
    command: str  # what was typed
    made: str  # when, in UTC
    python: str
    versions: dict[str, str]
    platform: str
    cpu: str
    seed: str = ""
    others: dict[str, Other] = field(default_factory=dict)  # the adapters under another interpreter, by name
    flags: tuple[str, ...] = ()  # what a person types for the limits of adapters in processes of their own


def describe(
    command: str, adapters: Iterable[Adapter | Unavailable] = (), flags: tuple[str, ...] = ()
) -> Environment:
    """Describe this machine, now, and the other interpreters that adapters run under."""
    present = [adapter for adapter in adapters if isinstance(adapter, Adapter)]
    return Environment(
        run=uuid4().hex[:12],
        command=well_formed(command),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        python=platform.python_version(),
        versions={package: _version(package) for package in PACKAGES},
        platform=platform.platform(),
        cpu=_cpu(),
        seed=SEED,
        others={one.name: Other(one.asked or one.name, one.runs_on) for one in present if one.runs_on},
        flags=flags,
    )


def undescribed(command: str) -> Environment:
    """Return what is known of a report whose machine cannot be described."""
    return Environment(uuid4().hex[:12], command, NOT_KNOWN, NOT_KNOWN, {}, NOT_KNOWN, NOT_KNOWN, SEED)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cpu() -> str:
    """Return the processor's name: its instructions decide how a framework orders its sums."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
