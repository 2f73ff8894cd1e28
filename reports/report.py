"""A report: everything that its files tell, put together once and then written in each format."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from cases import Case
from reference import parts
from reference.parts import FailedPart
from reports import drift_table, known, tables
from reports.changes import Changes
from reports.environment import Environment, Selection
from reports.power import Power
from reports.quantities import quantities
from reports.runs.rows import PUBLISHED, Printed, Results, Row
from reports.saved import SavedRun, saved_run
from reports.verdicts import Conclusion, conclude

LEGEND = (
    "“agrees 0.42 (14.9)” means: no error is larger than 0.42 of what rounding alone may cause, and the "
    "comparison certifies at least 14.9 decimal digits."
)

DIRECTLY = (
    "Against each other, without a reference, over all cases and steps. A number near 0 may be very many "
    "ulps from another, where one of them was rounded to 0; the difference beside it says how little that is."
)


LOST = (
    "These agree, because the usual formulas, a(1 − a) and 1 − a², round a saturated unit's derivative away, "
    "and no more is asked of them than the formula can give. Frameworks set against each other cannot show "
    "this, least of all where both lose the same; certified truth does."
)


KNOWN = (
    "Each of these cases says that a framework does not agree, where that first shows, and why; and so it is "
    "found. Were the framework to agree now, or to fail at another line first, that would be a failure."
)

NO_EQUIVALENT = (
    "These frameworks have no function that equals what the case states, so nothing was compared: neither "
    "agreement nor failure."
)


@dataclass(frozen=True)
class Example:
    """A case with numbers that somebody printed."""

    case: Case
    source: str
    printed: tuple[Printed, ...]

    @cached_property
    def table(self) -> pd.DataFrame:
        """The numbers, each beside what it should be."""
        return tables.printed(self.printed)


@dataclass(frozen=True)
class Report:
    """What a report tells: the conclusion, and tables as pandas frames.

    A table is made where it is first asked for, so that one that cannot be made costs its own place alone.

    Attributes
    ----------
    selection, asked
        What was run; the adapters whose absence is a failure.
    power
        What the suite would catch, where that was measured.
    changes
        What has changed since the baseline, where there is one.
    """

    conclusion: Conclusion
    environment: Environment
    results: Results
    selection: Selection
    asked: tuple[str, ...]
    power: Power | None = None
    changes: Changes | None = None

    @property
    def failed(self) -> tuple[FailedPart, ...]:
        """The parts that have failed so far, of the run and of this report, each once."""
        return tuple(dict.fromkeys((*self.results.failed, *parts.so_far())))

    @cached_property
    def matrix(self) -> pd.DataFrame:
        """Each case by each adapter."""
        return tables.matrix(self.results.rows)

    @cached_property
    def known(self) -> pd.DataFrame:
        """Who differs as its case expects."""
        cases = {case.name: case for case in self.selection.cases}
        return known.differences(self.results.rows, cases)

    @cached_property
    def no_equivalent(self) -> pd.DataFrame:
        """Who has no equivalent."""
        return known.no_equivalent(self.results.rows)

    @cached_property
    def direct(self) -> pd.DataFrame:
        """Implementations directly against each other."""
        return tables.direct(self.results.pairs)

    @cached_property
    def lost(self) -> pd.DataFrame:
        """Numbers within their bound without one right digit."""
        return tables.lost(self.results.lost_digits)

    @cached_property
    def drift(self) -> pd.DataFrame:
        """How far trainings of several steps have come apart: information, and no part of the conclusion."""
        return drift_table.table(self.results.drifts)

    @cached_property
    def examples(self) -> tuple[Example, ...]:
        """The cases with printed numbers."""
        return tuple(
            Example(case, case.published.source, lines)
            for case in self.selection.cases
            if case.published and (lines := self._printed_of(case))
        )

    def _printed_of(self, case: Case) -> tuple[Printed, ...]:
        return tuple(one for one in self.results.printed if one.row.subject.case == case.name)

    @cached_property
    def quantities(self) -> tuple[tuple[Case, dict[str, pd.DataFrame] | FailedPart], ...]:
        """For each case the tables of its quantities by implementation, by number format."""
        cases = {case.name: case for case in self.selection.cases}
        by_case: dict[str, list[Row]] = {}
        for row in self.results.rows:
            if row.subject.adapter != PUBLISHED:
                by_case.setdefault(row.subject.case, []).append(row)
        return tuple(
            (cases[name], parts.tried(f"the tables of {name}", quantities, cases[name], rows))
            for name, rows in by_case.items()
        )

    @property
    def run(self) -> SavedRun:
        """All that it is made of, as it is kept."""
        given = self.results, self.selection, self.environment, self.asked
        return saved_run(*given, self.conclusion, self.power)

    @property
    def direct_title(self) -> str:
        """Name those who are set against each other."""
        names = {name.split()[0] for pair in self.results.pairs for name in (pair.left, pair.right)}
        return f"{'PyTorch × JAX' if names <= {'torch', 'jax'} else 'The adapters'} directly"


def put_together(
    results: Results,
    selection: Selection,
    environment: Environment,
    asked: Sequence[str] = (),
    power: Power | None = None,
) -> Report:
    """Draw the conclusion; `asked` names the adapters that were asked for."""
    conclusion = conclude(results, selection, asked)
    return Report(conclusion, environment, results, selection, tuple(asked), power)
