"""A report: everything that its files show, put together once and then written in each format.

A new table is added to `tables`, in whose order all writers show them. What compares holds a `Cell`; its text
is what a writer shows.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Final

import numpy as np
import pandas as pd

from cases import Case
from reference import parts
from reports import outcome
from reports.detection import Power
from reports.environment import Environment, Selection
from reports.outcome import NOTHING, Cell, Conclusion, Group, Outcome, PrintedCell, at_step, conclude
from reports.regression import Changes
from reports.results_file import SavedRun, saved_run
from reports.runs.accuracy import LostDigits
from reports.runs.comparison import Pair
from reports.runs.parameter_drift import Drift, by_pair
from reports.runs.rows import PUBLISHED, Printed, Results, Row
from reports.user_programs import program_tables

# What the numbers of each table mean.
LEGEND: Final = (
    "“✓ 14.9” means: no error is larger than what rounding alone may cause, and the comparison certifies at "
    "least 14.9 decimal digits. How much of its bound each quantity uses is in results.csv."
)
PRINTED: Final = (
    "Each number is held against the exact one, which follows from the inputs alone, and against what the "
    "printed numbers above it give."
)
EXPECTED: Final = (
    "Each of these cases says that a framework does not agree, where that first shows, and why; and so it is "
    "found. Were the framework to agree now, or to fail at another line first, that would be a failure."
)
NO_EQUIVALENT: Final = (
    "These frameworks have no function that equals what the case states, so nothing was compared: neither "
    "agreement nor failure."
)
DIRECTLY: Final = (
    "Against each other, without a reference, over all cases and steps. “edge cases” are those of the "
    "folders edges and divergences: made to overflow, to saturate, or to show a known difference. An ulp is "
    "the distance from one number of the format to the next. Near 0 these are so close together that a "
    "difference of no consequence is very many ulps; the largest difference, next to it, says how little."
)
LOST: Final = (
    "No program is at fault here. A unit is saturated where its output is almost 0, 1 or −1, so that its "
    "derivative is almost 0. These agree, because the usual formulas, a(1 − a) and 1 − a², round that away, "
    "and no more is asked of them than the formula can give. Frameworks set against each other cannot show "
    "this, least of all where both lose the same; certified truth does."
)
EDGES: Final = ("edges/", "divergences/")  # folders of cases that are made to go wrong
DRIFT: Final = (
    "No verdict rests on this. All start at the same parameters and run free, each with its own roundings; "
    "what is shown is the largest difference between any two parameters after a step, in units in the last "
    "place (ulps) of the largest parameter. “certified” is the training without any rounding, in balls, from "
    "the inputs alone. Where each step spreads differences apart, as at a rate that is too large, correct "
    "trainings part for good."
)

LARGE_DISTANCE: Final = 10**6  # a distance in ulps from which on it is written with a power of ten
PAPER: Final = frozenset({"latex"})


@dataclass(frozen=True)
class Table:
    """One table of a report; its frame is made where it is first asked for, so that it may fail alone.

    `name` is its link on the page and its label in LaTeX, and `about` what its numbers mean. Of tables with
    one title each is about a `case`. Markdown and the page show all tables, and the writers `also_in`
    ("latex"). If `worst_first`, lines with a failing cell go first where there is room for a part
    only. The page shows on demand only a table that has words for its `folded` state, and what `on_page`
    returns in place of the whole frame. `made_from` is as in `reports.page.index_page.Part`.
    """

    name: str
    title: str
    about: str
    make: Callable[[], pd.DataFrame]
    case: Case | None = None
    worst_first: bool = False
    also_in: frozenset[str] = frozenset()
    on_page: Callable[[], pd.DataFrame] | None = None
    folded: str = ""
    made_from: tuple[str, ...] = ()

    @cached_property
    def frame(self) -> pd.DataFrame:
        return self.make()

    @property
    def heading(self) -> str:
        return f"{self.title}: {self.case.name}" if self.case else self.title


@dataclass(frozen=True)
class Report:
    """What a report shows: of what was run (`selection`), and of the adapters that had to run (`asked`)."""

    conclusion: Conclusion
    environment: Environment
    results: Results
    selection: Selection
    asked: tuple[str, ...]
    power: Power | None = None
    changes: Changes | None = None

    @property
    def failed(self) -> tuple[parts.FailedPart, ...]:
        """The parts that have failed so far, of the run and of this report, each once."""
        return tuple(dict.fromkeys((*self.results.failed, *parts.so_far())))

    @cached_property
    def cells(self) -> dict[Group, Cell]:
        """How each case comes out in each number format by each adapter, printed numbers left out."""
        judged = (row for row in self.results.rows if row.subject.adapter != PUBLISHED)
        return {group: Cell.of(rows) for group, rows in outcome.grouped(judged).items()}

    @cached_property
    def failures(self) -> list[Row]:
        """For each case, number format and adapter that fails its first failing line."""
        return outcome.failures(self.results.rows)

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        return tables(self)

    @property
    def run(self) -> SavedRun:
        given = self.results, self.selection, self.environment, self.asked
        return saved_run(*given, self.conclusion, self.power)


def put_together(
    results: Results,
    selection: Selection,
    environment: Environment,
    asked: Sequence[str] = (),
    power: Power | None = None,
) -> Report:
    """Draw the conclusion; `asked` names the adapters that were asked for."""
    conclusion = conclude(results, selection, asked)
    has_cases = bool(selection.cases)
    conclusion = program_tables.with_programs(conclusion, results.programs, has_cases=has_cases)
    return Report(conclusion, environment, results, selection, tuple(asked), power)


def tables(report: Report) -> tuple[Table, ...]:
    """Return every table in its order, those included that have no line."""
    results, rows = report.results, report.results.rows
    cases = {case.name: case for case in report.selection.cases}
    return (
        Table(
            "matrix", "Each case by each adapter", LEGEND, lambda: matrix(report.cells),
            worst_first=True, also_in=PAPER,
        ),
        *_printed_tables(results.printed, cases.values()),
        Table(
            "programs", "Programs", program_tables.ABOUT, lambda: program_tables.programs(results.programs),
            worst_first=True, also_in=PAPER,
        ),
        Table(
            "known", "Expected differences", EXPECTED, lambda: expected(rows, cases),
            also_in=PAPER,
        ),
        Table("no-equivalent", "No equivalent", NO_EQUIVALENT, lambda: no_equivalent(rows)),
        Table(
            "direct", _directly(results.pairs), " ".join((DIRECTLY, *shares(results.pairs))),
            lambda: direct(results.pairs), also_in=PAPER, folded="By kind of quantity",
            made_from=("the direct comparison of ",),
        ),
        Table(
            "lost", "Numbers that rounding leaves without a digit", LOST,
            lambda: lost(results.lost_digits), folded="Each such number", made_from=("the lost digits of ",),
        ),
        Table(
            "drift", "For information: how far the trainings have come apart", DRIFT,
            lambda: drift(results.drifts), folded="In each case the pair that came apart the furthest",
            on_page=lambda: drift(furthest(results.drifts)), made_from=("the drift of ",),
        ),
    )  # fmt: skip


def matrix(cells: Mapping[Group, Cell]) -> pd.DataFrame:
    """Return the case × adapter table: a line for each case and number format, a column for each adapter."""
    adapters = dict.fromkeys(adapter for _, _, adapter in cells)
    lines = dict.fromkeys((case, dtype) for case, dtype, _ in cells)
    table = [(*line, *(cells.get((*line, adapter), NOTHING) for adapter in adapters)) for line in lines]
    return pd.DataFrame(table, columns=["case", "dtype", *adapters])


# The columns of `counts`, each with what it counts; the last one counts everything else.
COUNTED: Final = {
    Outcome.AGREES: "agree", Outcome.EXPECTED: "differ as their cases say",
    Outcome.NO_EQUIVALENT: "no equivalent", Outcome.NOT_RUN: "not run",
}  # fmt: skip
FAIL: Final = "fail"


def counts(matrix: pd.DataFrame) -> pd.DataFrame:
    """Count for each adapter of the matrix how its cases, each in each number format, come out."""
    kinds, lines = (*COUNTED.values(), FAIL), []
    for adapter in matrix.columns[2:]:
        cells = (value for value in matrix[adapter] if isinstance(value, Cell))
        counted = Counter(COUNTED.get(cell.outcome, FAIL) for cell in cells)
        lines.append((adapter, *(str(counted[kind] or NOTHING) for kind in kinds)))
    frame = pd.DataFrame(lines, columns=["adapter", *kinds])
    return frame.drop(columns=[name for name in kinds[1:-1] if set(frame[name]) == {NOTHING}])


def _printed_tables(lines: Iterable[Printed], cases: Iterable[Case]) -> Iterator[Table]:
    """Give a table for each case with printed numbers, in the order of the cases."""
    by_case = outcome.group_by(lines, lambda line: line.row.subject.case)
    for case in cases:
        if case.published and case.name in by_case:
            about = f"Source: {case.published.source}. {PRINTED}"
            make = partial(printed, by_case[case.name])
            yield Table(
                f"printed:{case.name}",
                "Printed numbers",
                about,
                make,
                case,
                also_in=PAPER,
                folded="Each printed number",
            )


def printed(numbers: Iterable[Printed]) -> pd.DataFrame:
    """Return the printed numbers of one case in the order of computation, each with what it should be."""
    lines = []
    for line in numbers:
        finding = line.row.finding
        element = finding.element + (f" (worst of {line.numbers})" if line.numbers > 1 else "")
        follows = f"{finding.derived:.10g} ± {finding.tolerance:.2g}", f"{line.exact:.15g}"
        reason = "; ".join(filter(None, (finding.reason, finding.note)))
        verdict = PrintedCell.of([line.row]), reason, line.row.explanation
        lines.append((finding.step, element, line.text, *follows, *verdict))
    columns = ["step", "quantity", "printed", "what follows", "exact", "verdict", "reason", "explanation"]
    return pd.DataFrame(lines, columns=columns)


def expected(rows: Iterable[Row], cases: Mapping[str, Case]) -> pd.DataFrame:
    """Return the expected differences: where each first shows, how large it is, its cause and the thread."""
    lines = []
    for row in outcome.expected_differences(rows):
        finding, numbers = row.finding, (row.finding.reason, NOTHING, NOTHING)
        if row.compared:
            numbers = (*claimed_and_derived(row), f"{finding.error:.2g}")
        stated = cases[row.subject.case].expectation(row.subject.adapter, row.subject.dtype)
        why = (stated.cause, stated.see) if stated else ("", "")
        lines.append((*_group(row), finding.element + at_step(row), *numbers, *why))
    columns = ["case", "dtype", "adapter", "first at", "claimed", "should be", "off by", "cause", "see"]
    return pd.DataFrame(lines, columns=columns)


def claimed_and_derived(row: Row) -> tuple[str, str]:
    """Write what is claimed, and what it should be: "0.25", "0.5 ± 1e-16"."""
    claimed, derived = row.finding.digits_told(row.subject.dtype)
    return claimed, f"{derived} ± {row.finding.tolerance:.2g}"


def no_equivalent(rows: Iterable[Row]) -> pd.DataFrame:
    """Return which adapter declines which case, why, and whether the case says so too."""
    declined = outcome.without_equivalent(rows)
    table = [(*_group(row), row.finding.reason, "yes" if row.expected else "no") for row in declined]
    return pd.DataFrame(table, columns=["case", "dtype", "adapter", "reason", "said by the case"])


def _group(row: Row) -> Group:
    return row.subject.case, row.subject.dtype, row.subject.adapter


def _directly(pairs: Iterable[Pair]) -> str:
    names = {name.split()[0] for pair in pairs for name in (pair.left, pair.right)}
    return f"{'PyTorch × JAX' if names <= {'torch', 'jax'} else 'The adapters'} directly"


def direct(pairs: Iterable[Pair]) -> pd.DataFrame:
    """Return implementations directly against each other, over all cases: by format and kind of quantity."""
    table = pd.DataFrame([vars(pair) for pair in pairs])
    if table.empty:
        return table
    table["implementations"] = table["left"] + " × " + table["right"]
    is_edge = [case.startswith(EDGES) for case in table["case"]]
    table["cases"] = ["edge cases" if edge else "usual" for edge in is_edge]
    table = table.loc[np.argsort(is_edge, kind="stable")]
    table["quantity"] = [re.sub(r"\d+", "", name) for name in table["quantity"]]
    by = table.groupby(["cases", "implementations", "dtype", "quantity"], sort=False)
    sums = by.agg({"elements": "sum", "equal": "sum", "ulps": "max", "max_abs_diff": "max"}).reset_index()
    sums["bitwise equal"] = [_share(*counts) for counts in zip(sums["equal"], sums["elements"], strict=True)]
    sums["largest distance in ulps"] = [_distance(ulps) for ulps in sums["ulps"]]
    sums["largest difference"] = [f"{difference:.2g}" for difference in sums["max_abs_diff"]]
    sums["numbers"] = [f"{elements:,}" for elements in sums["elements"]]
    return sums.drop(columns=["equal", "elements", "ulps", "max_abs_diff"])


def shares(pairs: Iterable[Pair]) -> Iterator[str]:
    """Say for each number format, edge cases left out, how many numbers are the same bit for bit."""
    usual = (pair for pair in pairs if not pair.case.startswith(EDGES))
    for dtype, own in outcome.group_by(usual, lambda pair: pair.dtype).items():
        elements = sum(pair.elements for pair in own)
        share = _share(sum(pair.equal for pair in own), elements)
        yield f"In {dtype} {share} of {elements:,} numbers are the same bit for bit, edge cases left out."


def _share(equal: int, of: int) -> str:
    return "100%" if equal == of else f"{min(equal / of, 0.999):.1%}"  # 100 only if all are equal


def _distance(ulps: float) -> str:
    return f"{ulps:.0f}" if ulps < LARGE_DISTANCE else f"{ulps:.1e}"


def lost(lost_digits: Iterable[LostDigits]) -> pd.DataFrame:
    """Return the numbers that agree within their bound and have not one right digit: two may share them."""

    def key_of(number: LostDigits) -> tuple[str, ...]:
        return number.subject.case, number.subject.dtype, number.element, f"{number.exact:.3g}"

    lines = []
    for key, several in outcome.group_by(lost_digits, key_of).items():
        claims = dict.fromkeys(f"{number.subject.implementation}: {number.claimed:.3g}" for number in several)
        lines.append((*key, ", ".join(claims), _distance(max(number.ulps for number in several))))
    return pd.DataFrame(lines, columns=["case", "dtype", "element", "true value", "claimed", "off by ulps"])


def furthest(drifts: Sequence[Drift]) -> list[Drift]:
    """Keep for each case the course of the one pair that was at any step the furthest apart, in ulps."""

    def distance(course: Sequence[Drift]) -> float:
        return max((one.ulps for one in course if not one.not_known), default=0.0)

    courses = outcome.group_by(by_pair(drifts), lambda course: course[0].case)
    return [one for own in courses.values() for one in max(own, key=distance)]


def drift(drifts: Sequence[Drift]) -> pd.DataFrame:
    """Return one line for each pair: the course of its drift in ulps, and the difference at the end."""
    lines = []
    for course in by_pair(drifts):
        last = course[-1]
        steps = " · ".join(f"{drift.step}: {drift.ulps:.3g}" for drift in course if not drift.not_known)
        end = f"not known: {last.not_known}" if last.not_known else f"{last.difference:.2g}"
        lines.append((last.case, last.dtype, last.implementation, last.against, steps, end))
    columns = ["case", "dtype", "implementation", "against", "ulps after step", "difference at the end"]
    return pd.DataFrame(lines, columns=columns)
