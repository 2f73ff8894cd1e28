"""Making vectors.json from what was asked for: load, compute, write."""

import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

from cases import SHIPPED, CaseErrors, load_cases
from reports.vectors.document import document
from reports.writers import terminal
from reports.writers.csv_json import to_json


def make(
    folders: tuple[Path, ...], select: str, dtypes: tuple[str, ...], limits: tuple[int, int], out: Path
) -> int:
    """Write the file, and return the exit code."""
    try:
        cases = [case for case in load_cases(SHIPPED, *folders) if select in case.name]
    except CaseErrors as error:
        print(error, file=sys.stderr)
        return 2
    console = terminal.console()
    with terminal.bar(console) as watch:
        told = document(cases, dtypes, limits, watch)
    if not told["vectors"]:
        print(
            f"nothing to write: no case that has {select!r} in its name is within the limits", file=sys.stderr
        )
        return 2
    try:
        _write(told, out)
    except OSError as error:
        print(f"{out} cannot be written: {error.strerror or error}", file=sys.stderr)
        return 2
    console.print(f"{_counted(told)}: {terminal.shown(out)}", soft_wrap=True)
    return 0


def _counted(told: dict[str, Any]) -> str:
    cases, vectors = len({one["case"] for one in told["vectors"]}), len(told["vectors"])
    left_out = len({one["case"] for one in told["left_out"] if one["what"] == "all"})
    without = f" ({left_out} left out)" if left_out else ""
    return f"Cases: {cases}{without}, in all their number formats: {vectors}, values: {_values(told):,}"


def _values(told: dict[str, Any]) -> int:
    steps = (step for one in told["vectors"] for step in one["steps"])
    return sum(len(quantity["decimal"]) for step in steps for quantity in step.values())


def _write(told: dict[str, Any], out: Path) -> None:
    """Write the whole file beside its place, and move it there."""
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_name(f".{out.name}-{uuid4().hex[:12]}")
    try:
        text = to_json(told)
        unfinished.write_text(f"{text}\n", encoding="utf-8", newline="\n")
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
