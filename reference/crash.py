"""How an exception of a claimant is told: in one line, with the place where it was raised."""

from __future__ import annotations

import traceback
from pathlib import Path

from reference.verdicts import Fault


def told(error: BaseException) -> str:
    """Name an exception and where it was raised; a `Fault` has told it all already."""
    if isinstance(error, Fault):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    message = " ".join(str(error).split())
    return f"raised {type(error).__name__}{': ' * bool(message)}{message}{where}"
