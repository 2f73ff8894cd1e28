"""How an exception is told: in one line, a claimant's with the place where it was raised."""

from __future__ import annotations

import traceback
from pathlib import Path

from cases.defects import well_formed
from reference.verdicts import Fault


def told(error: BaseException) -> str:
    """Name an exception and where it was raised, shortened; a `Fault` has told it all already."""
    if isinstance(error, Fault):
        return well_formed(str(error))
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"raised {named(error)}{where}"


def named(error: BaseException) -> str:
    """Name an exception's type and message."""
    message = well_formed(" ".join(str(error).split()))
    return f"{type(error).__name__}{': ' * bool(message)}{message}"
