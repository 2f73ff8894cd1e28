"""From rows to words: one cell for each case, number format and adapter, and the conclusion in one line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters import Adapter, Unavailable
from cases.defects import printable
from reference import Verdict
from reports.rows import PUBLISHED, Row, first_failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reports.rows import Results
    from reports.run import Selection

Group = tuple[str, str, str]
"""A case, a number format, an adapter."""


def grouped(rows: Iterable[Row]) -> dict[Group, list[Row]]:
    """Collect the rows of each case, number format and adapter, over all programs and steps."""
    groups: dict[Group, list[Row]] = {}
    for row in rows:
        groups.setdefault((row.subject.case, row.subject.dtype, row.subject.adapter), []).append(row)
    return groups


def cell(rows: Sequence[Row]) -> str:
    """Say in a few words how one adapter fares: "agrees 0.42 (14.9)", "differs at dL/dW1", "not run".

    Where it agrees, the numbers are the largest part that is used of any tolerance, and the fewest decimal
    digits that any comparison certifies.
    """
    failing = first_failure(rows)
    if failing is not None:
        at = f" at {printable(failing.finding.quantity)}" if failing.finding.quantity else ""
        return state([failing]) + at + at_step(failing)
    return state(rows)


def state(rows: Sequence[Row]) -> str:
    """Say the verdict on rows that share one: "agrees 0.42 (14.9)", "differs"."""
    if not rows[0].passes:
        return verdict(rows[0])
    compared = [row for row in rows if row.compared]
    used = max(row.finding.used for row in compared)
    digits = min(row.finding.digits for row in compared)
    return f"agrees {used:.2f} ({digits:.1f})" if digits < math.inf else "agrees exactly"


def verdict(row: Row) -> str:
    """Name the verdict on one row; where only the case's own rtol and atol fail, that."""
    outside = row.finding.verdict is Verdict.AGREES and row.conventional == "outside"
    return "outside its case's tolerance" if outside else str(row.finding.verdict)


def at_step(row: Row) -> str:
    """Name the step of a row, unless it is the first."""
    return f", step {row.finding.step}" if row.finding.step > 1 else ""


@dataclass(frozen=True)
class Conclusion:
    """What it all comes to.

    Attributes
    ----------
    passed
        Whether everything that was compared agrees, something was, and every adapter asked for ran.
    headline
        One line.
    failures
        For each case, number format and adapter that fails, the sentence of its first failing line.
    not_run
        For each adapter that did not run, its name and the reason.
    """

    passed: bool
    headline: str
    failures: tuple[str, ...]
    not_run: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """Everything to tell, the headline first."""
        return (self.headline, *self.failures, *self.not_run)


def conclude(results: Results, selection: Selection, asked: Sequence[str] = ()) -> Conclusion:
    """Draw the conclusion; `asked` names the adapters whose absence is a failure."""
    groups = grouped(results.rows)
    first = [row for row in map(first_failure, groups.values()) if row is not None]
    absent = [adapter for adapter in selection.adapters if isinstance(adapter, Unavailable)]
    missing = [adapter for adapter in absent if adapter.verdict is Verdict.NOT_RUN]
    missed = [adapter.name for adapter in missing if adapter.name in asked]
    compared = sum(row.steps for row in results.rows if row.compared and row.subject.adapter != PUBLISHED)
    if not compared:
        headline = "Nothing was compared, so nothing is known to agree."
    elif first:
        headline = f"Not all agree: {_count(first, len(groups) - len(missing) * len(selection.runs))}."
    elif missed:
        headline = f"Asked for, but not run: {', '.join(missed)}. What was compared agrees: "
        headline += _what(results, selection, compared)
    else:
        headline = f"All agree: {_what(results, selection, compared)}"
    return Conclusion(
        passed=compared > 0 and not first and not missed,
        headline=printable(headline),
        failures=tuple(printable(row.sentence) for row in first),
        not_run=tuple(printable(f"Not run: {one.name}, because {one.reason}.") for one in missing),
    )


def _count(first: Sequence[Row], of: int) -> str:
    verdicts = [verdict(row) for row in first]
    told = ", ".join(f"{verdicts.count(one)} × {one}" for one in dict.fromkeys(verdicts))
    return f"{told}, of {_plural(of, 'comparison')}, each of one case in one number format by one adapter"


def _what(results: Results, selection: Selection, compared: int) -> str:
    """Say what was compared: how many cases, in which formats, by which versions, how many quantities."""
    formats = " and ".join(dict.fromkeys(dtype for _, dtype in selection.runs))
    present = [adapter for adapter in selection.adapters if isinstance(adapter, Adapter)]
    versions = ", ".join(f"{adapter.name} {adapter.version}".strip() for adapter in present)
    cases = len({case.name for case, _ in selection.runs})
    told = f"{_plural(cases, 'case')}, {formats}, {versions}; {_plural(compared, 'quantity')} compared"
    return told + _certified(results, compared) + _published(results)


def _certified(results: Results, compared: int) -> str:
    """Say how many were compared with certified truth; large cases and long runs have float64 values."""
    certified = sum(row.steps for row in results.rows if row.finding.truth == "certified")
    if certified == compared:
        return " with certified truth."
    return f", {certified:,} with certified truth and the others with float64 values and their own bound."


def _published(results: Results) -> str:
    printed = len(results.printed)
    listed = sum(one.row.expected for one in results.printed)
    if not printed:
        return ""
    agree = f" {_plural(printed - listed, 'printed quantity')} agree"
    return f"{agree}, {listed} are wrong as their cases say." if listed else f"{agree}."


def _plural(count: int, word: str) -> str:
    several = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{count:,} {word if count == 1 else several}"
