"""A program in any language, named by its command: `exec:./backprop --fast`.

It is started within the limits of every isolated adapter and speaks in lines of JSON, on its standard input
and output (`adapters.isolation.line_process`). It has no access to anything of this suite.
"""

import shlex
import shutil
from collections.abc import Iterator, Sequence
from typing import Final

from adapters.isolation.child import Limits
from adapters.isolation.line_process import LineProcess
from adapters.isolation.line_protocol import Hello
from cases.problem import Problem
from cases.program_structure import limited
from cases.protocol import Adapter, Claim, Fault, Program, Unavailable, Verdict

PREFIX: Final = "exec:"


def command_of(asked: str) -> list[str]:
    """Return the words of the command behind `exec:`, or raise ValueError, which says what is wrong."""
    text = asked.removeprefix(PREFIX)
    try:
        words = shlex.split(text)
    except ValueError as error:  # "No closing quotation"
        raise ValueError(
            f"{asked!r} cannot be taken apart: {error}, expected a command as a shell has it"
        ) from None
    if not words:
        raise ValueError(f"{asked!r} names no command, expected one behind the colon: {PREFIX}./program")
    if shutil.which(words[0]) is None:
        expected = "a file that can be run, or a name on the path"
        raise ValueError(f"{asked}: there is no program {words[0]!r}, expected {expected}")
    return words


def load_program(asked: str, limits: Limits) -> Adapter | Unavailable:
    """Start the program, read what it says of itself, and return it as an adapter."""
    processes = _Processes(command_of(asked), limits)
    try:
        hello = processes.hello()
    except Fault as fault:
        return Unavailable(asked, Verdict.ERROR, str(fault))
    program = limited(Program("", processes.run), hello.structure)
    return Adapter(hello.name, hello.name, hello.version, (program,), structure=hello.structure)


class _Processes:
    """The processes of one program: as many as there are trainings at once, of which one waits for more."""

    def __init__(self, command: Sequence[str], limits: Limits) -> None:
        self._command, self._limits = command, limits
        self._ready: LineProcess | None = None
        self._hello: Hello | None = None

    def hello(self) -> Hello:
        """Return what the program says of itself, or raise Fault."""
        if self._hello is None:
            self._ready = LineProcess(self._command, self._limits)
            self._hello = self._ready.start()
        return self._hello

    def run(self, problem: Problem) -> Iterator[Claim]:
        """Train; a program that is not asked to the end, as with `until`, is ended and started again."""
        process, self._ready = self._ready or LineProcess(self._command, self._limits), None
        try:
            yield from process.train(problem)
        finally:
            if process.is_ready and self._ready is None:
                self._ready = process
            else:
                process.end()
