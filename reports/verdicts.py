"""From rows to words: one cell for each case, number format and adapter, and the conclusion in one line."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from adapters import Adapter, Unavailable
from cases.defects import printable
from reference import Verdict
from reports.environment import Selection
from reports.runs.rows import PUBLISHED, Printed, Results, Row, first_failure, order

# A case, a number format, an adapter.
Group = tuple[str, str, str]


def known_differences(rows: Iterable[Row]) -> list[Row]:
    """Return for each case, number format and adapter the first line that differs as its case expects."""
    expected = [row for row in rows if row.expected and row.subject.adapter != PUBLISHED]
    groups = grouped(row for row in expected if row.finding.verdict is not Verdict.NO_EQUIVALENT).values()
    return [min(group, key=order) for group in groups]


def without_equivalent(rows: Iterable[Row]) -> list[Row]:
    """Return for each case, number format and adapter that declines the line that says so."""
    groups = grouped(row for row in rows if row.finding.verdict is Verdict.NO_EQUIVALENT).values()
    return [group[0] for group in groups]


def grouped(rows: Iterable[Row]) -> dict[Group, list[Row]]:
    """Collect the rows of each case, number format and adapter, over all programs and steps."""
    groups: dict[Group, list[Row]] = {}
    for row in rows:
        groups.setdefault((row.subject.case, row.subject.dtype, row.subject.adapter), []).append(row)
    return groups


def cell(rows: Sequence[Row]) -> str:
    """Say in a few words how one adapter fares: "agrees 0.42 (14.9)", "differs at dL/dW1", "not run".

    A failure is told before what is expected or not compared, and that before agreement. Where it agrees,
    the numbers are the largest part that is used of any tolerance, and the fewest decimal digits that any
    comparison certifies.
    """
    told = first_failure(rows) or min((row for row in rows if not agrees(row)), key=order, default=None)
    return state(rows) if told is None else verdict(told) + where(told)


def agrees(row: Row) -> bool:
    """Whether a row is plain agreement, and not expected to be anything else."""
    return row.passes and not row.expected


def state(rows: Sequence[Row]) -> str:
    """Say the verdict on rows that share one: "agrees 0.42 (14.9)", "differs"."""
    if not agrees(rows[0]):
        return verdict(rows[0])
    compared = [row for row in rows if row.compared]
    used = max(row.finding.used for row in compared)
    digits = min(row.finding.digits for row in compared)
    return f"agrees {used:.2f} ({digits:.1f})" if digits < math.inf else "agrees exactly"


def verdict(row: Row) -> str:
    """Name the verdict on one row, beside what its case says: its own rtol and atol, or what it expects."""
    if row.unexpected:
        return "not as its case expects"
    outside = row.finding.verdict is Verdict.AGREES and row.conventional == "outside"
    told = "outside its case's tolerance" if outside else str(row.finding.verdict)
    return f"{told} as expected" if row.expected and row.finding.quantity else told


def where(row: Row) -> str:
    """Name the line of a row and its step: " at dL/dW1, step 2"; nothing of a whole claim's first step."""
    at = f" at {printable(row.finding.quantity)}" if row.finding.quantity else ""
    return at + at_step(row)


def at_step(row: Row) -> str:
    """Name the step of a row, unless it is the first."""
    return f", step {row.finding.step}" if row.finding.step > 1 else ""


@dataclass(frozen=True)
class Conclusion:
    """What it all comes to.

    Attributes
    ----------
    passed
        Whether everything that was compared agrees, something was, and every adapter asked for ran; where
        none was asked for, also whether at least two implementations were compared.
    headline
        One line.
    failures
        For each case, number format and adapter that fails, the sentence of its first failing line.
    not_run
        For each adapter that did not run, its name and the reason.
    known
        For each case, number format and adapter that differs as its case expects, the sentence of that line.
    no_equivalent
        For each that has no equivalent, the reason.
    """

    passed: bool
    headline: str
    failures: tuple[str, ...]
    not_run: tuple[str, ...]
    known: tuple[str, ...] = ()
    no_equivalent: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """Everything to tell, the headline first."""
        return (self.headline, *self.failures, *self.not_run, *self.known, *self.no_equivalent)


def conclude(results: Results, selection: Selection, asked: Sequence[str] = ()) -> Conclusion:
    """Draw the conclusion; `asked` names the adapters whose absence is a failure.

    An implementation may stand alone only where it was asked for.
    """
    groups = grouped(results.rows)
    first = [row for row in map(first_failure, groups.values()) if row is not None]
    absent = [adapter for adapter in selection.adapters if isinstance(adapter, Unavailable)]
    missing = [adapter for adapter in absent if adapter.verdict is Verdict.NOT_RUN]
    known, declined = known_differences(results.rows), without_equivalent(results.rows)
    missed = [adapter.name for adapter in missing if adapter.name in asked]
    compared = sum(row.steps for row in results.rows if row.compared and row.subject.adapter != PUBLISHED)
    alone = "" if asked else _alone(results, selection)
    if not compared:
        headline = "Nothing was compared, so nothing is known to agree."
    elif first:
        headline = f"{alone}Not all agree: {_count(first, len(groups) - len(missing) * len(selection.runs))}."
    elif missed:
        headline = f"Asked for, but not run: {', '.join(missed)}. What was compared agrees"
        headline += f"{_but(known)}: {_what(results, selection, compared)}{_declined(declined)}"
    else:
        headline = f"{alone}What was compared agrees" if alone else "All agree"
        headline += f"{_but(known)}: {_what(results, selection, compared)}{_declined(declined)}"
    return Conclusion(
        passed=compared > 0 and not first and not missed and not alone,
        headline=printable(headline),
        failures=tuple(printable(row.sentence) for row in first),
        not_run=tuple(printable(f"Not run: {one.name}, because {one.reason}.") for one in missing),
        known=tuple(printable(row.sentence) for row in known),
        no_equivalent=tuple(printable(_why_none(row)) for row in declined),
    )


def _alone(results: Results, selection: Selection) -> str:
    compared = {row.subject.adapter for row in results.rows if row.compared}
    alone = one_implementation(selection.adapters, compared)
    return f"{alone} " if alone else ""


def one_implementation(adapters: Iterable[Adapter | Unavailable], compared: Collection[str]) -> str:
    """Say that fewer than two implementations were compared, if so; an engine is that of its framework.

    Parameters
    ----------
    compared
        The names of the adapters of which numbers were compared.
    """
    present = [one for one in adapters if isinstance(one, Adapter) and one.name in compared]
    names = list(dict.fromkeys(adapter.framework or adapter.name for adapter in present))
    return f"Only {names[0]} ran, compared with no other implementation." if len(names) == 1 else ""


def _why_none(row: Row) -> str:
    who, reason = row.subject, row.finding.reason.rstrip(".")
    return f"No equivalent: {who.implementation} on {who.case} in {who.dtype}, because {reason}."


def _but(known: Sequence[Row]) -> str:
    """Count the expected differences beside what agrees."""
    told = "its case says" if len(known) == 1 else "their cases say"
    return f", but for {_plural(len(known), 'expected difference')} as {told}" if known else ""


def _declined(declined: Sequence[Row]) -> str:
    have = "has" if len(declined) == 1 else "have"
    return f" {_plural(len(declined), 'comparison')} {have} no equivalent." if declined else ""


def _count(first: Sequence[Row], of: int) -> str:
    verdicts = [verdict(row) for row in first]
    told = ", ".join(f"{verdicts.count(one)} × {one}" for one in dict.fromkeys(verdicts))
    return f"{told}, of {_plural(of, 'comparison')}, each of one case in one number format by one adapter"


def _what(results: Results, selection: Selection, compared: int) -> str:
    """Say what was compared: how many cases, in which formats, by which versions, how many quantities."""
    formats = " and ".join(dict.fromkeys(dtype for _, dtype in selection.runs))
    present = [adapter for adapter in selection.adapters if isinstance(adapter, Adapter)]
    versions = ", ".join(map(_versioned, present))
    cases = len({case.name for case, _ in selection.runs})
    told = f"{_plural(cases, 'case')}, {formats}, {versions}; {_plural(compared, 'quantity')} compared"
    return told + _certified(results, compared) + _published(results)


def _versioned(adapter: Adapter) -> str:
    """Name an adapter with its framework's version, once."""
    told = adapter.name.endswith(f"@{adapter.version}")
    return adapter.name if told else f"{adapter.name} {adapter.version}".strip()


def _certified(results: Results, compared: int) -> str:
    """Say how many were compared with certified truth; large cases and long runs have float64 values."""
    rows = (row for row in results.rows if row.subject.adapter != PUBLISHED)
    certified = sum(row.steps for row in rows if row.finding.truth == "certified")
    if certified == compared:
        return " with certified truth."
    return f", {certified:,} with certified truth and the others with float64 values and their own bound."


def _published(results: Results) -> str:
    printed = len({_quantity(one) for one in results.printed})
    listed = len({_quantity(one) for one in results.printed if one.row.expected})
    if not printed:
        return ""
    right = printed - listed
    agree = f" {_plural(right, 'printed quantity')} {'agrees' if right == 1 else 'agree'}"
    wrong = "is wrong as its case says" if listed == 1 else "are wrong as their cases say"
    return f"{agree}, {listed} {wrong}." if listed else f"{agree}."


def _quantity(printed: Printed) -> tuple[str, int, str]:
    finding = printed.row.finding
    return printed.row.subject.case, finding.step, finding.quantity


def _plural(count: int, word: str) -> str:
    several = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{count:,} {word if count == 1 else several}"
