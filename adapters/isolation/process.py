"""An implementation's process as a partner: started, asked with a time limit, ended, started again."""

import atexit
import json
import math
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.isolation.limits import Limits
from adapters.isolation.messages import Corrupted, Message, encode, receive
from adapters.isolation.pipes import read_exactly, write_all
from adapters.isolation.spawned import Spawned
from cases.verdict import Fault

WORKER = Path(__file__).with_name("worker.py")
# Loading a framework may take so many times as long and as much memory as anything else.
STARTING = 5


@dataclass(frozen=True)
class Claimed:
    """Whom a process runs: an adapter's name, where it is loaded from, and under which interpreter."""

    name: str
    location: str
    python: str


class AdapterProcess:
    """One adapter in a process of its own, spawned when it is first wanted, and again after each fault.

    `generation` counts the processes: what was under way in one is gone with it.
    """

    def __init__(self, claimed: Claimed, limits: Limits) -> None:
        self.claimed, self.limits, self.generation = claimed, limits, 0
        self.description: dict[str, Any] = {}
        self._spawned: Spawned | None = None
        self._asked = 0
        atexit.register(self.end)

    def start(self) -> dict[str, Any]:
        """Spawn the process if there is none, and return what it tells of its adapter.

        Raises
        ------
        Fault
            If it cannot be started, or does not answer; it is ended then.
        """
        if self._spawned is None or not self._spawned.is_alive():
            self.end()
            process, seconds = self._spawn(), STARTING * self.limits.seconds
            with self._ended_by_any_failure(seconds):
                reply = self._reply(process, time.monotonic() + seconds, self.limits.memory)
                self.description = reply.header
        return self.description

    def ask(
        self,
        header: Mapping[str, Any],
        arrays: Mapping[str, Any] | None = None,
        *,
        largest: int | None = None,
    ) -> Message:
        """Ask, and return the reply, whose arrays may take `largest` bytes, or what the process may take.

        Raises
        ------
        Fault
            If the process has ended, crashes, hangs, or replies with what is no reply; it is ended then.
            Also if its reply tells of a fault of the implementation's; it lives on then.
        """
        most = self.limits.memory if largest is None else largest
        with self._ended_by_any_failure(self.limits.seconds):
            process = self._spawned
            if process is None or not process.is_alive():
                raise EOFError
            self._asked += 1
            deadline = time.monotonic() + self.limits.seconds
            sent = encode({**header, "number": self._asked}, arrays)
            write_all(process.requests, sent, deadline, process.is_alive)
            reply = self._reply(process, deadline, most)
        if "fault" in reply.header:
            raise Fault(str(reply.header["fault"]) + self._its_memory * bool(reply.header.get("memory")))
        return reply

    def refuse(self, why: Corrupted) -> Fault:
        """End the process because of a reply that is none, and return what is told of it."""
        self.end()
        return Fault(f"sent a reply that is none: it {why}")

    def end(self) -> None:
        """End the process and all that it has started, at once."""
        process, self._spawned = self._spawned, None
        if process is not None:
            process.end()

    def _spawn(self) -> Spawned:
        here = os.getcwd()  # noqa: PTH109 - as Python itself has it
        own = self.claimed.python == sys.executable
        told = vars(self.claimed) | {
            "path": [entry or here for entry in sys.path] if own else [here],
            "memory": self.limits.memory,
            "memory while starting": STARTING * self.limits.memory,
            "may print": self.limits.may_print,
            "dies with its thread": threading.current_thread() is threading.main_thread(),
        }
        try:
            self._spawned = Spawned([self.claimed.python, str(WORKER), json.dumps(told)])
        except OSError as error:
            raise Fault(f"{self.claimed.python} cannot be started: {error.strerror}") from None
        self.generation, self._asked = self.generation + 1, 0
        return self._spawned

    @contextmanager
    def _ended_by_any_failure(self, seconds: float) -> Iterator[None]:
        """End the process when an exchange fails, even by Ctrl-C: half of one leaves no sense in the next."""
        try:
            yield
        except Corrupted as error:
            raise self.refuse(error) from None
        except TimeoutError:
            self.end()
            raise Fault(f"gave no reply within {seconds:g} s and was ended") from None
        except (EOFError, BrokenPipeError):
            process, self._spawned = self._spawned, None
            raise Fault(
                process.how_it_ended(self._its_memory) if process else "its process has ended"
            ) from None
        except BaseException:
            self.end()
            raise

    def _reply(self, process: Spawned, deadline: float, most: int) -> Message:
        reply = receive(lambda count: read_exactly(process.replies, count, deadline, process.is_alive), most)
        if (told := reply.header.pop("number", None)) != self._asked:
            raise Corrupted(f"answers the request {told!r:.20}, and {self._asked} was asked")
        print(reply.header.pop("printed", ""), end="")
        return reply

    @property
    def _its_memory(self) -> str:
        return f" (it may take {self.limits.gib:g} GiB of memory)" if self.limits.gib < math.inf else ""
