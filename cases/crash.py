"""How a program's end is told in one line: an exception, with its place, or that of its whole process."""

import signal
import traceback
from pathlib import Path

from cases.defects import well_formed
from cases.verdict import Fault

ENDED = "ended the process"


def exit_reason(status: int) -> str:
    """Say how a process ended; `status` is its exit code, or a signal's number, negative."""
    return f"{ENDED} by {_signal(-status)}" if status < 0 else f"{ENDED} with exit code {status}"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # one of the real-time signals
        return f"signal {number}"


def describe_exception(error: BaseException) -> str:
    """Name an exception and where it was raised, shortened; a `Fault` has told it all already."""
    if isinstance(error, Fault):
        return well_formed(str(error))
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"raised {type_and_message(error)}{where}"


def type_and_message(error: BaseException) -> str:
    """Name an exception's type and message."""
    message = well_formed(" ".join(str(error).split()))
    return f"{type(error).__name__}{': ' * bool(message)}{message}"
