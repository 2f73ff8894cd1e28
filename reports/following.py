"""What is told beside the verdicts, step by step: each of it may fail alone."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from reference import parts
from reference.parts import FailedPart

Given = TypeVar("Given", contravariant=True)  # noqa: PLC0105 - two letters more say no more
Kept = TypeVar("Kept", covariant=True)  # noqa: PLC0105 - the same


class Keeper(Protocol[Given, Kept]):
    """Keeps something of the steps of a case."""

    def add(self, given: Given, /) -> None:
        """Take one step."""

    def finished(self) -> Sequence[Kept]:
        """Return what is kept, after the last step."""


class Following(Generic[Given, Kept]):
    """A keeper that may fail: from then on it is given no more, and nothing of it is kept.

    Parameters
    ----------
    part
        What it is for a reader: "the drift of nets/deep in float32".
    make
        Makes the keeper, which may fail too.
    """

    def __init__(self, part: str, make: Callable[[], Keeper[Given, Kept]]) -> None:
        self._part, self._keeper = part, parts.tried(part, make)

    def add(self, given: Given) -> None:
        """Give it one step."""
        if not isinstance(self._keeper, FailedPart):
            done = parts.tried(self._part, self._keeper.add, given)
            self._keeper = done if isinstance(done, FailedPart) else self._keeper

    def finished(self) -> Sequence[Kept]:
        """Return what is kept, after the last step."""
        if isinstance(self._keeper, FailedPart):
            return ()
        found = parts.tried(self._part, self._keeper.finished)
        return () if isinstance(found, FailedPart) else found
