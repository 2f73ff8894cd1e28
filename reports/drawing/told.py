"""What each box of a drawing tells: the worst that was found of its line, and the first line that differs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from reference import Verdict
from reports.runs.rows import PUBLISHED, Row, order
from reports.verdicts import agrees, at_step, verdict

# How many tints there are from 0 to 1, the whole tolerance.
LEVELS: Final = 4

NOTHING: Final = "–"


@dataclass(frozen=True)
class Told:
    """What a box says below its name.

    Attributes
    ----------
    word
        "0.42", the largest part that is used of any tolerance; or "differs", "undecided", "error".
    tint
        The name of its class: t0 to t3 for the quarters of the tolerance, "news", "known" for what is as its
        case expects, or "" where nobody showed the quantity.
    who
        Who is worst there: "torch, float32", with the step if that is not the first.
    """

    word: str = NOTHING
    tint: str = ""
    who: str = ""


def told(rows: Iterable[Row]) -> Told:
    """Tell of one box's rows, over all implementations, steps and number formats."""
    judged = [row for row in rows if _is_told(row)]
    wrong = _first_wrong(judged)
    if wrong is not None:
        return Told(_word(wrong), "news" if wrong.fails else "known", _who(wrong))
    compared = [row for row in judged if row.compared]
    if not compared:
        return Told()
    worst = max(compared, key=lambda row: row.finding.used)
    return Told(f"{worst.finding.used:.2f}", f"t{level(worst.finding.used)}", _who(worst))


def by_quantity(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return the rows of each quantity."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.finding.quantity, []).append(row)
    return found


def first_wrong(rows: Iterable[Row]) -> Row | None:
    """Return the row where the first line that does not agree was found, failures before what is expected."""
    return _first_wrong([row for row in rows if _is_told(row)])


def all_who(rows: Sequence[Row], first: Row) -> str:
    """Name those who do not agree at the first wrong line, in that step: "jax, torch"."""
    same = (first.finding.quantity, first.finding.step, first.fails)
    found = [
        row.subject.adapter
        for row in rows
        if _is_told(row) and not agrees(row) and (row.finding.quantity, row.finding.step, row.fails) == same
    ]
    return ", ".join(dict.fromkeys(found))


def sentence(rows: Sequence[Row]) -> str:
    """Say of the whole drawing in one sentence what is first wrong in it, or that nothing is."""
    first = first_wrong(rows)
    if first is not None:
        found = f"{first.finding.quantity or 'the whole claim'}{at_step(first)}"
        return f"The first line that does not agree: {found}, {verdict(first)} ({all_who(rows, first)})."
    if not any(row.compared for row in rows if _is_told(row)):
        return "Nothing was compared."
    return "Every line that was compared agrees."


def _is_told(row: Row) -> bool:
    silent = (Verdict.NOT_RUN, Verdict.NO_EQUIVALENT)
    return row.subject.adapter != PUBLISHED and row.finding.verdict not in silent


def _first_wrong(rows: Sequence[Row]) -> Row | None:
    wrong = [row for row in rows if not agrees(row)]
    return min(wrong, key=lambda row: (not row.fails, order(row)), default=None)


def _word(row: Row) -> str:
    if row.finding.verdict is not Verdict.AGREES:
        return str(row.finding.verdict)
    return "outside" if row.conventional == "outside" else "unexpected"


def _who(row: Row) -> str:
    return f"{row.subject.implementation}, {row.subject.dtype}{at_step(row)}"


def level(used: float) -> int:
    """Return which of the tints stands for a part of the tolerance; NaN has the last."""
    return int(max(used, 0.0) * LEVELS) if used < 1 else LEVELS - 1
