"""A child process that is spawned when it is first wanted, and again after each failure that ended it."""

import atexit
from collections.abc import Iterator
from contextlib import contextmanager

from adapters.isolation.child import Child, Limits
from adapters.isolation.messages import Corrupted
from cases.protocol import Fault

STARTUP_FACTOR = 5  # how much more time and memory than anything else loading a framework may take


class Supervised:
    """What supervises a child, within its limits; `_child` is None where none is running."""

    corrupted = "sent a reply that is none: it"  # how the sentence of what is Corrupted begins

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._child: Child | None = None
        atexit.register(self.end)

    def end(self) -> None:
        """End the child and all that it has started, at once."""
        child, self._child = self._child, None
        if child is not None:
            child.end()

    @contextmanager
    def _ended_by_any_failure(self, seconds: float) -> Iterator[None]:
        """End the child when an exchange fails, even by Ctrl-C: half of one leaves no sense in the next."""
        try:
            yield
        except Corrupted as error:
            self.end()
            raise Fault(f"{self.corrupted} {error}") from None
        except TimeoutError:
            self.end()
            raise Fault(f"gave no reply within {seconds:g} s and was ended") from None
        except (EOFError, BrokenPipeError):
            child, self._child = self._child, None
            reason = child.exit_reason(self._limits.shown_memory) if child else "its process has ended"
            raise Fault(reason) from None
        except BaseException:
            self.end()
            raise
