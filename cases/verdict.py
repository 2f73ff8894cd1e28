"""The words for what is known of a claim; the exceptions by which an implementation settles it; exit reasons.

Nothing but Python is needed here: adapters share this with the checker, also under another interpreter.
"""

import signal
import traceback
from enum import StrEnum
from pathlib import Path

from cases.errors import well_formed

ENDED = "ended the process"


class Verdict(StrEnum):
    """What is known of one quantity, or of a whole claim."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNDECIDED = "undecided"  # the bound certifies less than one digit: never counted as agreement
    ERROR = "error"  # the implementation crashed, or stated a wrong name, shape or dtype
    NOT_RUN = "not run"  # the framework is absent
    NO_EQUIVALENT = "no equivalent"  # the framework has no form that equals what the case states

    @property
    def passes(self) -> bool:
        """Whether this is agreement; nothing else is."""
        return self is Verdict.AGREES


class NoEquivalent(Exception):  # noqa: N818 - it is no error of the program: the implementation declines
    """Raised by an adapter whose framework has no form equal to what a case states; the message says why."""


class Fault(Exception):  # noqa: N818 - it is the implementation's, and told as the reason of its verdict
    """What befell an implementation in a process of its own: a crash, a hang, a corrupted reply.

    The message is the reason in words, whole: "took more than 60 s and was ended".
    """


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
