"""A judged program's tape for people: each line with its formula, the user's own line, and its finding."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cases.captured import CapturedProgram, Operation
from cases.errors import well_formed
from reports.certify import GradientVerdict
from reports.user_programs.program_files import ProgramFile
from reports.user_programs.program_results import TapeLine, most_telling

MAX_LINES: Final = 1_000  # of a tape that are kept
LIBRARIES: Final = frozenset({"site-packages", "dist-packages"})  # folders of what is installed
MAX_SOURCE: Final = 160  # characters of a user's line

Sources = Callable[[str], str]  # the text at "model.py:12"


def sources_of(file: ProgramFile) -> Sources:
    """Return what gives the text of a user's line: of the file itself, or of a module that it has loaded.

    A place has the name of its file and not the folder: where two have one name there is no text.
    """
    named: dict[str, set[Path]] = {}
    loaded = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    for path in (file.path.resolve(), *(Path(each).resolve() for each in loaded if isinstance(each, str))):
        if not LIBRARIES & {*path.parts}:
            named.setdefault(path.name, set()).add(path)

    def source(place: str) -> str:
        name, _, line = place.rpartition(":")
        paths = named.get(name, set())
        if len(paths) != 1 or not line.isdecimal():
            return ""
        return linecache.getline(str(*paths), int(line)).strip()[:MAX_SOURCE]

    return source


def tape_of(verdict: GradientVerdict, source: Sources) -> tuple[TapeLine, ...]:
    """Return the lines of a program and of its gradient; of very many the most telling ones."""
    program, findings = verdict.judged.program, verdict.judged.by_line
    lines = (
        TapeLine(
            operation.number, operation.name, well_formed(_formula(operation, program)), operation.shape,
            well_formed(operation.place), source(operation.place), findings.get(operation.number),
            well_formed(program.unknown.get(operation.number, "")),
        )
        for operation in program.operations
    )  # fmt: skip
    return most_telling(lines, MAX_LINES)


def _formula(operation: Operation, program: CapturedProgram) -> str:
    """Write a line as "multiply(x, %12)": inputs by name, lines by number, numbers of the program's own."""
    names = {number: name for name, number in program.inputs.items()}

    def operand(number: int) -> str:
        if number in program.constants:
            array = program.constants[number]
            is_number = array.size == 1 and array.dtype.kind == "f"
            return (
                f"{array.item():.9g}" if is_number else f"constant {'×'.join(map(str, array.shape))}".strip()
            )
        return names.get(number, f"%{number}")

    return f"{operation.kind}({', '.join(map(operand, operation.inputs))})"
