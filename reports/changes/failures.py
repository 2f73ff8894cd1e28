"""What fails now and did not before, what fails no longer, and what is no longer compared."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from cases.defects import printable
from reference import Subject
from reports.runs.rows import Row, order
from reports.saved import SavedRun
from reports.verdicts import verdict, where

Failing: TypeAlias = dict[Subject, dict[str, Row]]


@dataclass(frozen=True)
class Failure:
    """What one implementation fails at in one run only: in the new one, or in the old one.

    Attributes
    ----------
    who
        The implementation, the case, the number format.
    first
        In a few words, the first line: "differs at dL/dW1, step 2".
    others
        How many further quantities fail likewise.
    told
        The sentence of that line.
    """

    who: Subject
    first: str
    others: int
    told: str


@dataclass(frozen=True)
class Uncompared:
    """What one implementation was compared on before, and is not now.

    Attributes
    ----------
    quantities
        Which, in the order of computation.
    why
        The reason in words.
    """

    who: Subject
    quantities: tuple[str, ...]
    why: str


def new_failures(old: SavedRun, new: SavedRun) -> tuple[Failure, ...]:
    """Return what fails now and did not."""
    before, now = _failing(old), _failing(new)
    return _failures({who: _without(rows, before.get(who, {})) for who, rows in now.items()})


def fixed(old: SavedRun, new: SavedRun) -> tuple[Failure, ...]:
    """Return what failed and passes now; what is no longer compared does not."""
    before, now, passing = _failing(old), _failing(new), _passing(new)
    repaired = {who: _without(rows, now.get(who, {})) for who, rows in before.items()}
    return _failures(
        {
            who: [row for row in rows if row.finding.quantity in passing.get(who, ())]
            for who, rows in repaired.items()
        }
    )


def _without(rows: Mapping[str, Row], others: Mapping[str, Row]) -> list[Row]:
    return [row for name, row in rows.items() if name not in others]


def _failures(found: Mapping[Subject, list[Row]]) -> tuple[Failure, ...]:
    return tuple(_failure(who, rows) for who, rows in found.items() if rows)


def _passing(run: SavedRun) -> dict[Subject, set[str]]:
    """Return what passes somewhere, by program; the claim as a whole does where anything is compared."""
    found: dict[Subject, set[str]] = {}
    for row in run.results.rows:
        if row.compared and row.passes:
            found.setdefault(row.subject, {""}).add(row.finding.quantity)
    return found


def _failing(run: SavedRun) -> Failing:
    """Return the first failing row of each quantity, by implementation."""
    found: Failing = {}
    for row in sorted((row for row in run.results.rows if row.fails), key=order):
        found.setdefault(row.subject, {}).setdefault(row.finding.quantity, row)
    return found


def _failure(who: Subject, rows: list[Row]) -> Failure:
    first = rows[0]
    return Failure(who, printable(verdict(first) + where(first)), len(rows) - 1, printable(first.sentence))


def uncompared(old: SavedRun, new: SavedRun) -> tuple[Uncompared, ...]:
    """Return what was compared in the old run and is not in the new one."""
    before, now = _compared(old), _compared(new)
    gone = {who: [name for name in names if name not in now.get(who, ())] for who, names in before.items()}
    reasons = _reasons(new)
    return tuple(
        Uncompared(who, tuple(names), printable(reasons.get(who) or _why(who, new)))
        for who, names in gone.items()
        if names
    )


def _compared(run: SavedRun) -> Mapping[Subject, dict[str, None]]:
    found: dict[Subject, dict[str, None]] = {}
    for row in run.results.rows:
        if row.compared:
            found.setdefault(row.subject, {})[row.finding.quantity] = None
    return found


def _reasons(run: SavedRun) -> dict[Subject, str]:
    """Return for each implementation why it was not compared, where its rows say so."""
    return dict(_told(row for row in run.results.rows if not row.compared))


def _told(rows: Iterable[Row]) -> Iterator[tuple[Subject, str]]:
    """Give reasons; an adapter that did not run tells its own for each of its programs."""
    for row in rows:
        yield row.subject, f"{row.finding.verdict}: {row.finding.reason}"


def _why(who: Subject, new: SavedRun) -> str:
    if who.case not in {case.name for case in new.cases}:
        return "the case is not in this run"
    if who.adapter not in {row.subject.adapter for row in new.results.rows}:
        return "the adapter is not in this run"
    absent = {one.name: f"{one.verdict}: {one.reason}" for one in new.adapters if one.verdict is not None}
    if who.adapter in absent:
        return absent[who.adapter]
    about = {(row.subject.case, row.subject.dtype) for row in new.results.rows}
    if (who.case, who.dtype) not in about:
        return f"the case did not run in {who.dtype}"
    return "it is not stated any more"
