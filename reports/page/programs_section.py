"""Programs as the page shows them: the verdict, and the tape by the user's own lines, each tinted."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from reference import Finding, Subject, Verdict
from reports.outcome import NOTHING, LineCell, plural
from reports.page.rendering import anchor
from reports.report import claimed_and_derived
from reports.runs.rows import Row
from reports.user_programs.program_results import ProgramResult, TapeLine, most_telling
from reports.user_programs.program_tables import UNDECIDED, digits_of

GRADIENT: Final = "derivative of "  # how the name of an operation begins that is a part of the gradient
MAX_TAPE: Final = 600  # lines of a tape that are shown
MAX_LINES: Final = 3_000  # of all tapes: more would outweigh the page
MAX_TEXT: Final = 6  # lines of a verdict that are not folded
AGREES: Final = str(Verdict.AGREES)
CLASSES: Final[Mapping[Verdict, str]] = {Verdict.AGREES: AGREES, Verdict.UNDECIDED: UNDECIDED}  # else news


@dataclass(frozen=True)
class ProgramLine:
    """One line of a tape; `used` is tinted by its class, and `about` has the numbers behind it."""

    number: str
    operation: str
    formula: str
    shape: str
    used: str
    digits: str
    css_class: str = ""
    about: str = ""


@dataclass(frozen=True)
class PlaceLines:
    """The lines of a tape that one line of the user's program asks for, forward or `is_gradient`."""

    place: str
    source: str
    is_gradient: bool
    lines: tuple[ProgramLine, ...]


@dataclass(frozen=True)
class ProgramSection:
    """One verdict with its text in lines, and the tape; the part of it that is not shown is `left_out`.

    Of the `kinks` and of what is `unknown` it has those that the text does not name.
    """

    result: ProgramResult
    text: tuple[str, ...]
    more: tuple[str, ...]  # of the text
    kinks: tuple[str, ...]
    unknown: tuple[str, ...]
    summary: str
    places: tuple[PlaceLines, ...]
    left_out: int

    @property
    def css_class(self) -> str:
        return CLASSES.get(self.result.verdict, "news")

    @property
    def anchor(self) -> str:
        return anchor("program", self.result.file, self.result.program)


def program_sections(results: Sequence[ProgramResult]) -> tuple[ProgramSection, ...]:
    """Return a section for each verdict, those first that do not agree."""
    room = min(MAX_TAPE, MAX_LINES // max(1, sum(bool(result.tape) for result in results)))
    return tuple(_section(result, room) for result in sorted(results, key=lambda result: not result.fails))


def _section(result: ProgramResult, room: int) -> ProgramSection:
    shown, text = most_telling(result.tape, room), result.text.split("\n")
    kinks, unknown = (
        tuple(name for name in names if name not in result.text) for names in (result.kinks, result.unknown)
    )
    left_out = result.lines - len(shown)
    return ProgramSection(
        result, tuple(text[:MAX_TEXT]), tuple(text[MAX_TEXT:]), kinks, unknown, _summary(result),
        tuple(_places(result, shown)), left_out,
    )  # fmt: skip


def _summary(result: ProgramResult) -> str:
    """Say what is in the tape: "The tape: 115 lines, 8 of them shown by the framework: all agree"."""
    findings = [line.finding for line in result.tape if line.finding]
    counted = Counter(str(finding.verdict) for finding in findings)
    said = ", ".join(f"{count} {_verb(verdict, count)}" for verdict, count in counted.items())
    if counted[AGREES] == len(findings):
        said = "all agree"
    what = f"{plural(result.lines, 'line')}, {len(findings)} of them with a value that the framework gave"
    return f"The tape: {what}: {said}" if findings else f"The tape: {what}"


def _verb(verdict: str, count: int) -> str:
    return verdict.removesuffix("s") if count > 1 and verdict.endswith("s") else verdict


def _places(result: ProgramResult, lines: Sequence[TapeLine]) -> Iterator[PlaceLines]:
    def key(line: TapeLine) -> tuple[str, str, bool]:
        return line.place, line.source, line.operation.startswith(GRADIENT)

    for (place, source, is_gradient), own in groupby(lines, key):
        yield PlaceLines(place, source, is_gradient, tuple(_line(result, line) for line in own))


def _line(result: ProgramResult, line: TapeLine) -> ProgramLine:
    shape = " × ".join(map(str, line.shape)) or "number"
    names = str(line.number), line.operation, line.formula, shape
    if line.reason:
        return ProgramLine(*names, "not judged", NOTHING, UNDECIDED, line.reason)
    if line.finding is None:
        return ProgramLine(*names, NOTHING, NOTHING)
    subject = Subject(result.file, result.framework, result.program, result.dtype)
    number, operation, formula, _ = names
    formula = f"{line.finding.quantity} = {formula}"
    return ProgramLine(number, operation, formula, shape, *_judged(Row(subject, line.finding)))


def _judged(row: Row) -> tuple[str, str, str, str]:
    """Return what is used, the digits, the class, and in words what was compared."""
    cell, finding = LineCell.of([row]), row.finding
    css_class = UNDECIDED if finding.verdict is Verdict.UNDECIDED else cell.css_class
    digits = digits_of(finding.digits) if row.compared else NOTHING
    return str(cell), digits, css_class, _about(row, finding)


def _about(row: Row, finding: Finding) -> str:
    if not row.compared:
        return finding.reason
    stated, derived = claimed_and_derived(row)
    return f"{finding.element}: {stated}, exactly {derived}"
