"""How comparisons come out: `Outcome` of a row, `Cell` of a table's rows, `Conclusion` of a whole run."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Self, TypeVar

from adapters import Adapter, Unavailable
from cases.errors import printable
from reference import Verdict
from reports.causes import MIN_ALIKE, named_cases, summaries
from reports.environment import Selection
from reports.runs.rows import PUBLISHED, Results, Row, first_failure, order

# What the marks of a narrow table mean.
MARKS: Final = (
    "✓ 14.9: agrees, and at least 14.9 decimal digits are certified. ✗ and ?: differs, or is undecided, "
    "first at this line. ≠: differs as its case says. –: no equivalent."
)
NOTHING: Final = "–"  # stands in a table where there is nothing to say
TINTS: Final = 4  # from 0 to 1, the whole tolerance

Group = tuple[str, str, str]  # a case, a number format, an adapter
Item = TypeVar("Item")
Key = TypeVar("Key")


class Outcome(Enum):
    """How one comparison, or several together, come out: in words, with a rank and the class of a cell.

    An expected difference is worded by what it would be otherwise. The rank 2 counts against the run, 1 is
    known not to agree, 0 is neither. A cell that agrees is tinted by the part of the tolerance that is used.
    A narrow table has the sign in place of the words.
    """

    AGREES = "agrees", 0, "", "✓"
    EXPECTED = "as expected", 1, "known", "≠"
    NO_EQUIVALENT = "no equivalent", 1, "", "–"
    NOT_RUN = "not run", 0, "news", "not run"
    UNDECIDED = "undecided", 2, "news", "?"
    DIFFERS = "differs", 2, "news", "✗"
    OUTSIDE = (
        "outside its case's tolerance",
        2,
        "news",
        "✗ tolerance",
    )  # its own rtol and atol; the bound is kept
    ERROR = "error", 2, "news", "✗ error"
    UNEXPECTED = "not as its case expects", 2, "news", "✗ expected"

    def __init__(self, text: str, rank: int, css_class: str, sign: str) -> None:
        self.text, self.rank, self.css_class, self.sign = text, rank, css_class, sign


_OF_VERDICT: Final = {verdict: Outcome[verdict.name] for verdict in Verdict}


def outcome(row: Row) -> Outcome:
    """Return how one row comes out, by its verdict and by what its case expects."""
    if row.unexpected:
        return Outcome.UNEXPECTED
    judged = _judged(row)
    return Outcome.EXPECTED if row.expected and judged is not Outcome.NO_EQUIVALENT else judged


def _judged(row: Row) -> Outcome:
    outside = row.finding.verdict is Verdict.AGREES and row.conventional == "outside"
    return Outcome.OUTSIDE if outside else _OF_VERDICT[row.finding.verdict]


def agrees(row: Row) -> bool:
    """Whether a row is plain agreement, and not expected to be anything else."""
    return row.passes and not row.expected


def verdict(row: Row) -> str:
    """Word the verdict on one row: "differs", "differs as expected", "not as its case expects"."""
    if row.unexpected:
        return Outcome.UNEXPECTED.text
    text = _judged(row).text
    return f"{text} {Outcome.EXPECTED.text}" if row.expected and row.finding.quantity else text


def where(row: Row) -> str:
    """Name the line of a row and its step: " at dL/dW1, step 2"; nothing of a whole claim's first step."""
    at = f" at {printable(row.finding.quantity)}" if row.finding.quantity else ""
    return at + at_step(row)


def at_step(row: Row) -> str:
    """Name the step of a row, unless it is the first."""
    return f", step {row.finding.step}" if row.finding.step > 1 else ""


@dataclass(frozen=True)
class Cell:
    """How the rows of one cell come out together; its text is what every table shows.

    `row` decides: the first failure, else the first that is no plain agreement, else the one that uses most
    of its tolerance. `used` and `digits` are that row's or, of agreement, the largest and the fewest of all.
    """

    outcome: Outcome
    used: float  # the part of a tolerance
    digits: float  # decimal ones that a comparison certifies
    row: Row

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Self:
        """Return how rows come out together.

        A failure outweighs what is expected or not compared, and that outweighs agreement.
        """
        not_agreeing = (row for row in rows if not agrees(row))
        wrong = first_failure(rows) or min(not_agreeing, key=order, default=None)
        if wrong is not None:
            return cls(outcome(wrong), wrong.finding.used, wrong.finding.digits, wrong)
        compared = [row for row in rows if row.compared]
        worst = max(compared, key=lambda row: row.finding.used)
        digits = min(row.finding.digits for row in compared)
        return cls(Outcome.AGREES, worst.finding.used, digits, worst)

    def __str__(self) -> str:
        """Return "✓ 14.9", "differs at dL/dW1", "not run"."""
        return self.mark if self.outcome is Outcome.AGREES else self.state + where(self.row)

    @property
    def state(self) -> str:
        """The same without the line, and with what is used: "agrees 0.42 (14.9)", "differs"."""
        if self.outcome is not Outcome.AGREES:
            return verdict(self.row)
        return f"agrees {self.used:.2f} ({self.digits:.1f})" if self.digits < math.inf else "agrees exactly"

    @property
    def mark(self) -> str:
        """The same for a narrow table, without what is used: "✓ 14.9", "✗ dL/dW1", "≠ a1"."""
        sign = self.outcome.sign
        if self.outcome is Outcome.AGREES:
            return f"{sign} {self.digits:.1f}" if self.digits < math.inf else f"{sign} exact"
        is_plain = self.outcome in (Outcome.NO_EQUIVALENT, Outcome.NOT_RUN)
        return sign if is_plain else sign + where(self.row).replace(" at ", " ")

    @property
    def css_class(self) -> str:
        """Its class on the page: t0 to t3 by the part of the tolerance that is used, news, known, or ""."""
        if self.outcome is not Outcome.AGREES:
            return self.outcome.css_class
        return f"t{int(max(self.used, 0.0) * TINTS) if self.used < 1 else TINTS - 1}"


class LineCell(Cell):
    """The same in a table that names the line of the tape: "0.42", "differs, step 2"."""

    def __str__(self) -> str:
        return f"{self.used:.2f}" if self.outcome is Outcome.AGREES else verdict(self.row) + at_step(self.row)


class PrintedCell(Cell):
    """The verdict on printed numbers: "agrees", "differs, as its case says"."""

    def __str__(self) -> str:
        said = ", as its case says" if self.row.expected else ""
        return f"{self.row.finding.verdict}{said}"

    @property
    def css_class(self) -> str:
        return self.outcome.css_class


def badness(row: Row) -> tuple[bool, bool, float]:
    """Return how bad a row is, to sort by: a failure, then what is no plain agreement, then what is used."""
    used = row.finding.used
    return row.fails, not agrees(row), math.inf if math.isnan(used) else used


def group_by(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """Collect items that have the same key, in the order of each key's first item."""
    groups: dict[Key, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def grouped(rows: Iterable[Row]) -> dict[Group, list[Row]]:
    return group_by(rows, lambda row: (row.subject.case, row.subject.dtype, row.subject.adapter))


def by_case(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Collect the rows of each case, those of printed numbers left out."""
    judged = (row for row in rows if row.subject.adapter != PUBLISHED)
    return group_by(judged, lambda row: row.subject.case)


def failures(rows: Iterable[Row]) -> list[Row]:
    """Return for each case, number format and adapter that fails its first failing line."""
    return [row for row in map(first_failure, grouped(rows).values()) if row is not None]


def expected_differences(rows: Iterable[Row]) -> list[Row]:
    """Return for each case, number format and adapter the first line that differs as its case expects."""
    expected = [row for row in rows if row.expected and row.subject.adapter != PUBLISHED]
    groups = grouped(row for row in expected if row.finding.verdict is not Verdict.NO_EQUIVALENT).values()
    return [min(group, key=order) for group in groups]


def without_equivalent(rows: Iterable[Row]) -> list[Row]:
    """Return for each case, number format and adapter that declines the line that says so."""
    groups = grouped(row for row in rows if row.finding.verdict is Verdict.NO_EQUIVALENT).values()
    return [group[0] for group in groups]


@dataclass(frozen=True)
class Conclusion:
    """How a run comes out as a whole.

    It has `passed` if everything that was compared agrees, something was, and every adapter asked for ran;
    where none was asked for, at least two implementations must have been compared, too.
    """

    passed: bool
    headline: str
    failures: tuple[str, ...]  # of each case, format and adapter the first failing line; alike ones once
    not_run: tuple[str, ...]  # for each adapter that did not run, its name and the reason
    known: tuple[str, ...] = ()  # a sentence for each that differs as its case expects
    no_equivalent: tuple[str, ...] = ()  # and for each that has no equivalent
    scope: str = ""  # what was compared, where it agrees

    @property
    def lines(self) -> tuple[str, ...]:
        return (
            *filter(None, (self.headline, self.scope)),
            *self.failures,
            *self.not_run,
            *self.known,
            *self.no_equivalent,
        )


def conclude(results: Results, selection: Selection, asked: Sequence[str] = ()) -> Conclusion:
    """Draw the conclusion; `asked` names the adapters whose absence is a failure.

    An implementation may be alone only where it was asked for.
    """
    first, expected = failures(results.rows), expected_differences(results.rows)
    declined = without_equivalent(results.rows)
    absent = [adapter for adapter in selection.adapters if isinstance(adapter, Unavailable)]
    missing = {adapter.name: adapter.reason for adapter in absent if adapter.verdict is Verdict.NOT_RUN}
    missed = [name for name in missing if name in asked]
    compared = [row for row in results.rows if row.compared and row.subject.adapter != PUBLISHED]
    names = {row.subject.adapter for row in compared}
    alone = "" if asked else one_implementation(selection.adapters, names)
    scope = ""
    if not compared:
        headline = "Nothing was compared, so nothing is known to agree."
    elif first:
        of = len(grouped(results.rows)) - len(missing) * len(selection.runs)
        headline = f"{alone} Not all agree: {_count(first, of)}."
    else:
        headline = f"Asked for, but not run: {', '.join(missed)}." if missed else alone
        headline += " What was compared agrees" if headline else "All agree"
        headline += f"{_but(expected)}."
        scope = f"{_what(results, selection, compared)}{_declined(declined)}"
    missing_lines = [f"Not run: {name}, because {reason}." for name, reason in missing.items()]
    declined_lines = _without_any(declined, compared)
    passed = bool(compared) and not first and not missed and not alone
    return Conclusion(
        passed,
        printable(headline.strip()),
        tuple(map(printable, summaries(first))),
        tuple(map(printable, missing_lines)),
        tuple(printable(row.sentence) for row in expected),
        tuple(map(printable, declined_lines)),
        printable(scope),
    )


def one_implementation(adapters: Iterable[Adapter | Unavailable], compared: Collection[str]) -> str:
    """Say that fewer than two implementations were compared, if so; an engine is that of its framework.

    `compared` are the names of the adapters of which numbers were compared.
    """
    present = [adapter for adapter in adapters if isinstance(adapter, Adapter) and adapter.name in compared]
    names = list(dict.fromkeys(adapter.framework or adapter.name for adapter in present))
    return f"Only {names[0]} ran, compared with no other implementation." if len(names) == 1 else ""


def _without_any(declined: Sequence[Row], compared: Sequence[Row]) -> list[str]:
    """Return a sentence for each case that is declined; of many by one adapter, once how many and which.

    Those that it ran in another format are counted by themselves.
    """
    ran = {(row.subject.adapter, row.subject.case) for row in compared}

    def kind(row: Row) -> tuple[str, bool, bool]:
        adapter, case = row.subject.adapter, row.subject.case
        return adapter, row.expected, (adapter, case) in ran

    lines: list[str] = []
    for (who, is_expected, is_partly), group in group_by(declined, kind).items():
        if is_expected or len({row.subject.case for row in group}) < MIN_ALIKE:
            lines += map(_why_none, group)
            continue
        what = f"{named_cases(group)} ask for what {who} does not do"
        first = f"The first, in {group[0].subject.dtype}: {group[0].finding.reason.rstrip('.')}."
        lines.append(f"Passed over{' in some formats' * is_partly}: {what}. {first}")
    return lines


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
    verdicts = ", ".join(f"{count} × {text}" for text, count in Counter(map(verdict, first)).items())
    return f"{verdicts}, of {plural(of, 'comparison')}, each of one case in one number format by one adapter"


def _what(results: Results, selection: Selection, compared: Sequence[Row]) -> str:
    """Say what was compared: how many cases, in which formats, by which versions, how many quantities."""
    present = (adapter for adapter in selection.adapters if isinstance(adapter, Adapter))
    runs = {(row.subject.case, row.subject.dtype) for row in compared}
    cases = plural(len({case for case, _ in runs}), "case")
    formats = ", ".join(dict.fromkeys(dtype for case, dtype in selection.runs if (case.name, dtype) in runs))
    by = ", ".join(map(_versioned, present))
    quantities = sum(row.steps for row in compared)
    certified = sum(row.steps for row in compared if row.finding.truth == "certified")
    rest = " with certified truth."
    if certified < quantities:  # large cases and long runs have float64 values
        rest = f", {certified:,} with certified truth and the others with float64 values and their own bound."
    compared_all = f"{plural(quantities, 'quantity')} compared{rest}"
    return f"{cases} in {formats} by {by}: {compared_all}{_published(results)}"


def _versioned(adapter: Adapter) -> str:
    named = adapter.name.endswith(f"@{adapter.version}")
    return adapter.name if named else f"{adapter.name} {adapter.version}".strip()


def _published(results: Results) -> str:
    each = (printed.row for printed in results.printed)
    quantities = group_by(each, lambda row: (row.subject.case, row.finding.step, row.finding.quantity))
    listed = sum(any(row.expected for row in rows) for rows in quantities.values())
    right = len(quantities) - listed
    agree = f" {plural(right, 'printed quantity')} {'agrees' if right == 1 else 'agree'}"
    wrong = "is wrong as its case says" if listed == 1 else "are wrong as their cases say"
    return (f"{agree}, {listed} {wrong}." if listed else f"{agree}.") if quantities else ""


def plural(count: int, word: str) -> str:
    """Return "1 case", "1,234 cases", "2 quantities"."""
    several = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{count:,} {word if count == 1 else several}"
