"""The parity tests' own part: what they are asked to run, how a failure reads, and pytest's JUnit file."""

import math
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Final

import pytest

from adapters import Adapter, Unavailable, UnknownAdapterError, find_adapters
from adapters.isolation import Limits
from adapters.registry import check, default_names
from cases import Case, CaseErrors, load
from cases.errors import printable
from cases.selection import UnknownCaseError, selected
from reference import Verdict, parts
from reference.parts import FailedPart
from reports.causes import PROPOSAL, Causes, alike, causes_of, may_not_be_meant, title_of
from reports.options import flags_of
from reports.outcome import Cell, agrees, at_step, badness, group_by, plural, verdict, where
from reports.runs.expectations import expects, judge_case
from reports.runs.rows import Row, first_failure, order
from reports.runs.runner import explained, lockstep, rows_of, run_case

FIRST_STEPS = 100  # more of a case are judged only with `--slow`; a build always judges them all
MAX_TABLE_LINES = 12

# The properties of a failed test for each mistake that explains it: whose it is, its name, and what it is.
CAUSE: Final = ("by", "mistake", "explained by")


class Unusable(Exception):  # noqa: N818 - it is what the options are, not a fault of the program
    """What was asked for cannot be run; the message says why."""


@dataclass(frozen=True)
class Asked:
    """What to run: each case in each number format by each adapter, and the cases with printed numbers."""

    runs: tuple[tuple[Case, str, str], ...]
    published: tuple[Case, ...]


@cache
def asked_for(
    given: tuple[str, ...] = (),
    adapters: tuple[str, ...] = (),
    dtypes: tuple[str, ...] = (),
    select: tuple[str, ...] = (),
) -> Asked:
    """Load the cases that are `given` as `--cases` and selected; no `adapters`, no `dtypes`: the usual ones.

    No adapter is loaded here, only its name is checked. Raises `Unusable` with a line for each defect of each
    case, for an unknown adapter or case, or if nothing is left to run.
    """
    try:
        cases = selected(load.asked_for(given), select)
        check(adapters)
    except (CaseErrors, UnknownAdapterError, UnknownCaseError) as error:
        raise Unusable(str(error)) from error
    runs = tuple(
        (case, name, dtype)
        for case in cases
        for name in dict.fromkeys(adapters or default_names())
        for dtype in case.dtypes
        if dtype in (dtypes or case.dtypes)
    )
    if not runs:
        raise Unusable(f"nothing to test: none of {len(cases)} cases runs in {' or '.join(dtypes)}")
    return Asked(runs, tuple(case for case in cases if case.published))


@dataclass(frozen=True)
class Failure:
    """Why a case is no success, in words; that is a fault unless the framework lacks something."""

    text: str
    not_run: bool = False  # it is absent
    no_equivalent: bool = False  # it has no form that equals what the case states


def id_of(case: Case, name: str, dtype: str, *, slow: bool = False) -> str:
    """Name a test as a person types it; one that is cut to its first steps says so."""
    is_cut = case.steps > FIRST_STEPS and not slow
    return f"{case.name}-{name}-{dtype}" + f"-first-{FIRST_STEPS}-steps" * is_cut


def failure_of(  # noqa: PLR0913 - what is judged, by what, how far, and in which process
    case: Case,
    name: str,
    dtype: str,
    *,
    slow: bool = False,
    limits: Limits | None = None,
    apart: Collection[str] = (),
    watch: Callable[[Sequence[Row]], None] = lambda _: None,
) -> Failure | None:
    """Judge one case in one number format by all programs of one adapter; return what is wrong, if anything.

    Judging stops at the first step with a failure: what comes after it follows from it. Only where the case
    expects one, all steps are judged, because the expectation is of the whole run. It stops after
    `FIRST_STEPS` steps, too, unless `slow`. The adapter runs in a process of its own where there are
    `limits`, or where it is one of `apart`. What is judged is given to `watch`, a step's rows at a time.
    """
    with parts.collected() as failed:
        (adapter,) = find_adapters([name], limits, apart)
        if isinstance(adapter, Unavailable):
            reason = f"{adapter.verdict}: {printable(adapter.reason)}"
            failure: Failure | None = Failure(reason, not_run=adapter.verdict is Verdict.NOT_RUN)
        else:
            steps: Iterable[Sequence[Row]] = _steps(case, adapter, dtype, slow=slow)
            if expects(case, dtype, adapter):
                steps = [run_case(case, dtype, [adapter])[0]]
            failure = _first_failure(steps, watch)
    return with_failed(failure, failed)


def with_failed(failure: Failure | None, failed: Sequence[FailedPart]) -> Failure | None:
    """Return a failure with the parts that failed; they are one themselves."""
    if not failed:
        return failure
    before = "" if failure is None else f"{failure.text}\n\n"
    return Failure(f"{before}{printable(parts.counted(failed))}")


def _first_failure(judged: Iterable[Sequence[Row]], watch: Callable[[Sequence[Row]], None]) -> Failure | None:
    """Return the first failure, else the first row that has no equivalent though its case expects one."""
    declined: Failure | None = None
    for rows in judged:
        watch(rows)
        if any(row.fails for row in rows):
            return Failure(in_words(rows))
        for row in rows:
            if row.finding.verdict is Verdict.NO_EQUIVALENT and not row.expected and declined is None:
                text = f"{verdict(row)}: {printable(row.finding.reason)}"
                declined = Failure(text, no_equivalent=True)
    return declined


def _steps(case: Case, adapter: Adapter, dtype: str, *, slow: bool) -> Iterator[list[Row]]:
    problem = case.problem(dtype)
    for judged in islice(lockstep(problem, (adapter,)), None if slow else FIRST_STEPS):
        yield [
            row
            for subject, step in judged.items()
            for row in explained(problem, step, rows_of(problem, subject, step))
        ]


def published_failure_of(case: Case, watch: Callable[[Sequence[Row]], None]) -> Failure | None:
    """Judge the numbers published for a case; return what is wrong; `watch` is given the rows."""
    rows = [printed.row for printed in judge_case(case)]
    watch(rows)
    return Failure(in_words(rows)) if not rows or any(row.fails for row in rows) else None


def in_words(rows: Sequence[Row]) -> str:
    """Return the sentence of the first line that fails, then a table with the failing lines first."""
    first = first_failure(rows)
    if first is None:
        return "Nothing was compared."
    ordered = sorted(rows, key=lambda row: (not row.fails, row.finding.step, row.place))
    table = [_HEAD, *map(_line, ordered[:MAX_TABLE_LINES])]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in table]
    more = [f"… and {len(rows) - MAX_TABLE_LINES} more lines"] if len(rows) > MAX_TABLE_LINES else []
    return "\n".join([printable(first.sentence), "", *lines, *more])


_HEAD = ("quantity", "by", "step", "verdict", "used", "error", "tolerance", "claimed", "derived")


def _line(row: Row) -> tuple[str, ...]:
    finding = row.finding
    element = finding.element or "(the whole claim)"
    texts = map(printable, (element, row.subject.implementation, str(finding.step), verdict(row)))
    if not row.compared:
        return (*texts, *"–––––")
    small = (f"{number:.2g}" for number in (finding.used, finding.error, finding.tolerance))
    return (*texts, *small, f"{finding.claimed:.17g}", f"{finding.derived:.17g}")


def command(
    node: str,
    given: Sequence[str] = (),
    adapter: str = "",
    *,
    slow: bool = False,
    limits: Limits | None = None,
    isolates: bool = True,
) -> str:
    """Return the command that repeats one test, quoted for a shell."""
    words = ["python", "-m", "pytest", node, *(f"--cases={one}" for one in given)]
    words += [*(["--adapter", adapter] if adapter else []), *(["--slow"] if slow else [])]
    words += [] if isolates else ["--no-isolate"]
    return shlex.join([*words, *flags_of(limits)])


def record(item: pytest.Item, rows: Sequence[Row]) -> None:
    """Add the numbers of a test's verdict to its `user_properties`, which pytest-xdist carries on.

    The strict schema (xunit2) has no place for them in a test case: it holds none.
    """
    config = item.config
    if not config.getoption("xmlpath", None) or config.getini("junit_family") != "xunit2":
        made = parts.tried("the verdict in numbers", properties, rows)
        item.user_properties += [("failed", str(made))] if isinstance(made, FailedPart) else made


def properties(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Return names and values: the verdict, what it rests on, and each quantity in the order of computation.

    The rows are of one case, in one number format, by all programs of one adapter, in any order.
    """
    compared = [row.finding for row in rows if row.compared]
    if not compared:
        return [("verdict", verdict(rows[0]) if rows else "nothing compared")]
    first = max(rows, key=lambda row: (row.fails, not agrees(row), *(-place for place in order(row))))
    made = [("verdict", verdict(first))]
    if not agrees(first):
        made += [("first difference", where(first).removeprefix(" at "))]
    for cause, clause in causes_of(first_failure(rows) or first).items():
        made += zip(CAUSE, (*cause, clause), strict=True)
    used = max(math.inf if math.isnan(finding.used) else finding.used for finding in compared)
    made += [
        ("used", f"{used:.4g}"),
        ("digits", f"{min(finding.digits for finding in compared):.4g}"),
        ("compared", str(sum(row.steps for row in rows if row.compared))),
    ]
    by_quantity = group_by(sorted(rows, key=lambda row: row.place), lambda row: row.finding.quantity)
    worst = [max(those, key=badness) for quantity, those in by_quantity.items() if quantity]
    made += [(row.finding.quantity, Cell.of([row]).state + at_step(row)) for row in worst]
    return [(printable(name), printable(value)) for name, value in made]


def explained_together(tests: Iterable[pytest.TestReport]) -> list[str]:
    """Return a sentence for each mistake that explains many failed tests: whose it is, and of how many."""
    failed = [_causes_of_test(test) for test in tests]
    groups = [group for group in alike(failed, lambda causes: causes) if len(group) > 1]
    return [
        f"{title_of(group)}, in {plural(len(group), 'test')}.{f' {PROPOSAL}' * may_not_be_meant(group)}"
        for group in groups
    ]


def _causes_of_test(test: pytest.TestReport) -> Causes:
    given = [[value for name, value in test.user_properties if name == wanted] for wanted in CAUSE]
    return {(by, mistake): str(clause) for by, mistake, clause in zip(*given, strict=True)}
