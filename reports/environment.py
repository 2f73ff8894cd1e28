"""Where a report was made: versions, platform, command."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from uuid import uuid4

PACKAGES = ("numpy", "torch", "jax", "jaxlib", "optax", "pandas")

SEED = "Nothing is drawn but from the seeds that stand in the cases' files, one for each array."


@dataclass(frozen=True)
class Environment:
    """What a reader needs to repeat a report.

    Attributes
    ----------
    run
        Names the run, as every file of its report that has room for it does.
    command, made
        What was typed, and when, in UTC.
    python, versions, platform, cpu
        The interpreter, the packages by name, the system, the processor.
    seed
        What was drawn from which seeds.
    """

    run: str
    command: str
    made: str
    python: str
    versions: dict[str, str]
    platform: str
    cpu: str
    seed: str = SEED


def describe(command: str) -> Environment:
    """Describe this machine, now."""
    return Environment(
        run=uuid4().hex[:12],
        command=command,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        python=platform.python_version(),
        versions={package: _version(package) for package in PACKAGES},
        platform=platform.platform(),
        cpu=_cpu(),
    )


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
