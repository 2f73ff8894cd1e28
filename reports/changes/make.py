"""Making a comparison from what was asked for: read, compare, tell, write."""

import sys
from pathlib import Path

from reports import saved
from reports.changes import compare, markdown, show
from reports.page import diff
from reports.writers import terminal
from reports.writers.publish import publish


def make(old: Path, new: Path, out: Path | None) -> int:
    """Compare two runs and return the exit code."""
    try:
        changes = compare(saved.read(old), saved.read(new))
    except saved.UnreadableError as error:
        print(error, file=sys.stderr)
        return 2
    console = terminal.console()
    show(changes, console)
    if out is not None:
        try:
            publish({"diff.md": markdown(changes), "diff.html": diff(changes)}, out, "diff")
        except OSError as error:
            print(f"the comparison cannot be written to {out}: {error.strerror or error}", file=sys.stderr)
            return 2
        console.print(f"Written: {terminal.shown(out / 'diff.html')}", soft_wrap=True)
    return int(changes.regressed)
