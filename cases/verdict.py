"""The words for what is known of a claim, and the exceptions by which an implementation settles it.

Nothing is imported here: adapters share this with the checker, also under another interpreter.
"""

from enum import StrEnum


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


class Fault(Exception):  # noqa: N818 - it is the implementation's, and becomes the reason of its verdict
    """The adapter process crashed, hung or sent a corrupt reply.

    The message is the reason in words, whole: "took more than 60 s and was ended".
    """
