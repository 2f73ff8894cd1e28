"""The conclusion of a run in one line, and a sentence for each failure, absence and expected difference."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from adapters import Adapter, Unavailable
from cases.errors import printable
from reference import Verdict
from reports.environment import Selection
from reports.outcome import expected_differences, failures, grouped, verdict, without_equivalent
from reports.runs.rows import PUBLISHED, Printed, Results, Row


@dataclass(frozen=True)
class Conclusion:
    """How a run comes out as a whole.

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
        """All sentences, the headline first."""
        return (self.headline, *self.failures, *self.not_run, *self.known, *self.no_equivalent)


def conclude(results: Results, selection: Selection, asked: Sequence[str] = ()) -> Conclusion:
    """Draw the conclusion; `asked` names the adapters whose absence is a failure.

    An implementation may be alone only where it was asked for.
    """
    first, expected = failures(results.rows), expected_differences(results.rows)
    declined = without_equivalent(results.rows)
    missing = [
        adapter
        for adapter in selection.adapters
        if isinstance(adapter, Unavailable) and adapter.verdict is Verdict.NOT_RUN
    ]
    missed = [adapter.name for adapter in missing if adapter.name in asked]
    compared = sum(row.steps for row in results.rows if row.compared and row.subject.adapter != PUBLISHED)
    alone = "" if asked else _alone(results, selection)
    if not compared:
        headline = "Nothing was compared, so nothing is known to agree."
    elif first:
        of = len(grouped(results.rows)) - len(missing) * len(selection.runs)
        headline = f"{alone}Not all agree: {_count(first, of)}."
    else:
        headline = f"Asked for, but not run: {', '.join(missed)}. " if missed else alone
        headline += "What was compared agrees" if missed or alone else "All agree"
        headline += f"{_but(expected)}: {_what(results, selection, compared)}{_declined(declined)}"
    return Conclusion(
        passed=compared > 0 and not first and not missed and not alone,
        headline=printable(headline),
        failures=tuple(printable(row.sentence) for row in first),
        not_run=tuple(
            printable(f"Not run: {adapter.name}, because {adapter.reason}.") for adapter in missing
        ),
        known=tuple(printable(row.sentence) for row in expected),
        no_equivalent=tuple(printable(_why_none(row)) for row in declined),
    )


def one_implementation(adapters: Iterable[Adapter | Unavailable], compared: Collection[str]) -> str:
    """Say that fewer than two implementations were compared, if so; an engine is that of its framework.

    Parameters
    ----------
    compared
        The names of the adapters of which numbers were compared.
    """
    present = [adapter for adapter in adapters if isinstance(adapter, Adapter) and adapter.name in compared]
    names = list(dict.fromkeys(adapter.framework or adapter.name for adapter in present))
    return f"Only {names[0]} ran, compared with no other implementation." if len(names) == 1 else ""


def _alone(results: Results, selection: Selection) -> str:
    compared = {row.subject.adapter for row in results.rows if row.compared}
    alone = one_implementation(selection.adapters, compared)
    return f"{alone} " if alone else ""


def _why_none(row: Row) -> str:
    subject, reason = row.subject, row.finding.reason.rstrip(".")
    return f"No equivalent: {subject.implementation} on {subject.case} in {subject.dtype}, because {reason}."


def _but(expected: Sequence[Row]) -> str:
    said = "its case says" if len(expected) == 1 else "their cases say"
    return f", but for {plural(len(expected), 'expected difference')} as {said}" if expected else ""


def _declined(declined: Sequence[Row]) -> str:
    have = "has" if len(declined) == 1 else "have"
    return f" {plural(len(declined), 'comparison')} {have} no equivalent." if declined else ""


def _count(first: Sequence[Row], of: int) -> str:
    counts = Counter(map(verdict, first))
    verdicts = ", ".join(f"{count} × {words}" for words, count in counts.items())
    return f"{verdicts}, of {plural(of, 'comparison')}, each of one case in one number format by one adapter"


def _what(results: Results, selection: Selection, compared: int) -> str:
    """Say what was compared: how many cases, in which formats, by which versions, how many quantities."""
    cases = plural(len({case.name for case, _ in selection.runs}), "case")
    formats = " and ".join(dict.fromkeys(dtype for _, dtype in selection.runs))
    versions = ", ".join(
        _versioned(adapter) for adapter in selection.adapters if isinstance(adapter, Adapter)
    )
    what = f"{cases}, {formats}, {versions}; {plural(compared, 'quantity')} compared"
    return what + _certified(results, compared) + _published(results)


def _versioned(adapter: Adapter) -> str:
    """Name an adapter with its framework's version, once."""
    named = adapter.name.endswith(f"@{adapter.version}")
    return adapter.name if named else f"{adapter.name} {adapter.version}".strip()


def _certified(results: Results, compared: int) -> str:
    """Say how many were compared with certified truth; large cases and long runs have float64 values."""
    rows = (row for row in results.rows if row.subject.adapter != PUBLISHED)
    certified = sum(row.steps for row in rows if row.finding.truth == "certified")
    if certified == compared:
        return " with certified truth."
    return f", {certified:,} with certified truth and the others with float64 values and their own bound."


def _published(results: Results) -> str:
    printed = len(set(map(_quantity, results.printed)))
    listed = len({_quantity(printed) for printed in results.printed if printed.row.expected})
    if not printed:
        return ""
    right = printed - listed
    agree = f" {plural(right, 'printed quantity')} {'agrees' if right == 1 else 'agree'}"
    wrong = "is wrong as its case says" if listed == 1 else "are wrong as their cases say"
    return f"{agree}, {listed} {wrong}." if listed else f"{agree}."


def _quantity(printed: Printed) -> tuple[str, int, str]:
    finding = printed.row.finding
    return printed.row.subject.case, finding.step, finding.quantity


def plural(count: int, word: str) -> str:
    """Return "1 case", "1,234 cases", "2 quantities"."""
    several = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{count:,} {word if count == 1 else several}"
