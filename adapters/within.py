"""Running a training inside a setting, such as a matmul precision, that nobody else is to compute in."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from cases.protocol import Claim


def each_step_within(
    setting: Callable[[], AbstractContextManager[object]], run: Iterator[Claim]
) -> Iterator[Claim]:
    """Advance a run, each step inside a setting that is entered for it and left before its claim is given."""
    while True:
        with setting():
            claim = next(run, None)
        if claim is None:
            return
        yield claim
