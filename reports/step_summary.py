"""A GitHub workflow's own page: the summary is appended to the file that $GITHUB_STEP_SUMMARY names."""

import os
import sys
from pathlib import Path
from typing import Final

from reports.markdown import LIMIT, summary
from reports.report import Report

VARIABLE: Final = "GITHUB_STEP_SUMMARY"

# Bytes: with less room than this nothing is appended.
LEAST: Final = 100_000


def append(report: Report) -> None:
    """Append the summary, if the environment says where; what prevents it is told, and fails nothing.

    The limit holds for all that a step appends, and more than that GitHub does not show at all. So the
    summary has the room that is left.
    """
    if not os.environ.get(VARIABLE):
        return
    path = Path(os.environ[VARIABLE])
    try:
        room = LIMIT - (path.stat().st_size if path.exists() else 0)
        if room < LEAST:
            _tell(path, "it has too little room left")
            return
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(summary(report, room - 1) + "\n")
    except OSError as error:
        _tell(path, error.strerror or str(error))


def _tell(path: Path, reason: str) -> None:
    print(f"the summary is not appended to {path} (${VARIABLE}): {reason}", file=sys.stderr)
