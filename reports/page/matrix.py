"""The matrix as the page shows it: a table for each folder of cases, a line for each case of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reports.outcome import NOTHING, Cell, Group, Outcome, group_by, plural, where
from reports.page.rendering import failure_anchor

FEW: Final = 20  # cases up to which no folder is folded
FAILS, KNOWN, AGREES = "some-fail", "some-known", "all-agree"  # the class of a line and of a folder


@dataclass(frozen=True)
class Piece:
    """What one adapter makes of a case in some of its formats; `link` is "" where there is nothing more."""

    text: str
    css_class: str = ""
    link: str = ""


@dataclass(frozen=True)
class MatrixCell:
    """One case by one adapter; `about` has for each format that agrees how much of the bound is used."""

    pieces: tuple[Piece, ...]
    about: str = ""


@dataclass(frozen=True)
class MatrixLine:
    case: str
    formats: str
    cells: tuple[MatrixCell, ...]
    state: str


@dataclass(frozen=True)
class Folder:
    name: str
    lines: tuple[MatrixLine, ...]
    summary: str
    is_open: bool

    @property
    def state(self) -> str:
        return _worst([line.state for line in self.lines])


def folders(cells: Mapping[Group, Cell]) -> tuple[Folder, ...]:
    """Return the cells by the folder of their case; open are those with a failure, or all of a small run."""
    adapters = tuple(dict.fromkeys(adapter for *_, adapter in cells))
    by_case = group_by(cells, lambda group: group[0])
    lines = [_line(case, own, adapters, cells) for case, own in by_case.items()]
    return tuple(
        _folder(name, own, is_small=len(lines) <= FEW)
        for name, own in group_by(lines, lambda line: line.case.rpartition("/")[0]).items()
    )


def _folder(name: str, lines: Sequence[MatrixLine], *, is_small: bool) -> Folder:
    counted = Counter(line.state for line in lines)
    words = {FAILS: "not in agreement", KNOWN: "known not to agree everywhere", AGREES: "agree"}
    parts = [f"{counted[state]} {text}" for state, text in words.items() if counted[state]]
    said = "all agree" if counted[AGREES] == len(lines) else ", ".join(parts)
    summary = f"{plural(len(lines), 'case')}: {said}"
    return Folder(name, tuple(lines), summary, is_small or FAILS in counted)


def _line(
    case: str, groups: Sequence[Group], adapters: Sequence[str], cells: Mapping[Group, Cell]
) -> MatrixLine:
    formats = tuple(dict.fromkeys(dtype for _, dtype, _ in groups))
    by_adapter = [
        {dtype: cells[case, dtype, adapter] for dtype in formats if (case, dtype, adapter) in cells}
        for adapter in adapters
    ]
    state = _worst([_state(cell) for own in by_adapter for cell in own.values()])
    return MatrixLine(case, " · ".join(formats), tuple(map(_cell, by_adapter)), state)


def _cell(by_format: Mapping[str, Cell]) -> MatrixCell:
    if not by_format:
        return MatrixCell((Piece(NOTHING),))
    agreeing = {dtype: cell for dtype, cell in by_format.items() if _state(cell) == AGREES}
    used = ", ".join(f"{dtype} {cell.used:.2f}" for dtype, cell in agreeing.items())
    alike = group_by(by_format.items(), lambda each: _words(each[1]))
    pieces = [_piece(text, own, is_whole=len(alike) == 1) for text, own in alike.items()]
    return MatrixCell(tuple(pieces), used)


def _piece(text: str, alike: Sequence[tuple[str, Cell]], *, is_whole: bool) -> Piece:
    dtype, cell = alike[0]
    formats = "" if is_whole else f" ({', '.join(name for name, _ in alike)})"
    if cell.outcome is Outcome.AGREES:
        digits = " · ".join(each.mark.removeprefix(f"{cell.outcome.sign} ") for _, each in alike)
        return Piece(f"{text} {digits}{formats}")
    subject, known = cell.row.subject, "known" if cell.outcome is Outcome.EXPECTED else ""
    link = failure_anchor(subject.case, dtype, subject.adapter) if cell.outcome.rank > 1 else known
    return Piece(text + formats, cell.css_class, link)


def _words(cell: Cell) -> str:
    """Return by what cells of one adapter and case are put together: agreement whatever its digits."""
    return cell.outcome.sign if cell.outcome is Outcome.AGREES else _said(cell)


def _said(cell: Cell) -> str:
    return cell.state + ("" if cell.outcome is Outcome.AGREES else where(cell.row))


def _state(cell: Cell) -> str:
    if cell.outcome is Outcome.AGREES:
        return AGREES
    return FAILS if cell.outcome.css_class == "news" else KNOWN


def _worst(states: Sequence[str]) -> str:
    return next(state for state in (FAILS, KNOWN, AGREES) if state in states)
