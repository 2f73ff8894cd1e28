"""What is said of a user's program: the verdict, and its captured tape line by line. It is saved as it is."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from cases.protocol import Verdict
from reference import Finding

ORIGINAL = "original"  # the function that every file has
PAIR = "="  # joins the names of two functions that may be one: "original=port"


@dataclass(frozen=True)
class TapeLine:
    """One line of a captured program: `number` = `formula`, which the framework calls `operation`.

    `place` is the user's file and line, "model.py:12", and `source` the text there; both may be empty. There
    is a `finding` where the framework's own value of the line was judged, and a `reason` where the line
    could not be read.
    """

    number: int
    operation: str
    formula: str
    shape: tuple[int, ...]
    place: str = ""
    source: str = ""
    finding: Finding | None = None
    reason: str = ""

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing to say of it but agreement, if that."""
        return not self.reason and (self.finding is None or self.finding.passes)


def most_telling(lines: Iterable[TapeLine], room: int) -> tuple[TapeLine, ...]:
    """Return so many lines in their order: what does not agree, then what was judged, then the others."""
    ordered = sorted(lines, key=lambda line: (line.is_silent, line.finding is None))
    return tuple(sorted(ordered[:room], key=lambda line: line.number))


@dataclass(frozen=True)
class ProgramResult:
    """The verdict on a `program`, a function of a `file`, or on whether two of them are one function.

    `text` has the verdict in lines. `used` is the largest part of a bound, and `digits` the fewest decimal
    digits that are certified; NaN where nothing was compared. `judged` of all `lines` of the tape were known.
    """

    file: str
    program: str
    verdict: Verdict
    text: str
    framework: str = ""
    dtype: str = ""
    used: float = math.nan
    digits: float = math.nan
    judged: int = 0
    lines: int = 0
    kinks: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    tape: tuple[TapeLine, ...] = ()

    @property
    def is_pair(self) -> bool:
        return PAIR in self.program

    @property
    def fails(self) -> bool:
        return self.verdict is not Verdict.AGREES

    @property
    def compared(self) -> bool:
        return not math.isnan(self.used)

    @property
    def title(self) -> str:
        return f"{self.file}: {' and '.join(self.program.split(PAIR))}"
