"""A report: everything that its files tell, put together once and then written in each format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports import drift_table, known, tables
from reports.quantities import quantities
from reports.rows import PUBLISHED
from reports.saved import saved_run
from reports.verdicts import Conclusion, conclude

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from cases import Case
    from reports.changes import Changes
    from reports.environment import Environment
    from reports.power import Power
    from reports.rows import Results, Row
    from reports.run import Selection
    from reports.saved import SavedRun

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
    """A case with numbers that somebody printed, and the table of them."""

    case: Case
    source: str
    table: pd.DataFrame


@dataclass(frozen=True)
class Report:
    """What a report tells; the tables are pandas frames.

    Attributes
    ----------
    selection, asked
        What was run; the adapters whose absence is a failure.
    matrix
        Each case by each adapter.
    known, no_equivalent
        Who differs as its case expects; who has no equivalent.
    direct
        Claimants directly against each other.
    lost
        Numbers within their bound without one right digit.
    examples
        The cases with printed numbers.
    quantities
        For each case the tables of its quantities by claimant, by number format.
    drift
        How far trainings of several steps have come apart: information, and no part of the conclusion.
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
    matrix: pd.DataFrame
    known: pd.DataFrame
    no_equivalent: pd.DataFrame
    direct: pd.DataFrame
    lost: pd.DataFrame
    examples: tuple[Example, ...]
    quantities: tuple[tuple[Case, dict[str, pd.DataFrame]], ...]
    drift: pd.DataFrame
    power: Power | None = None
    changes: Changes | None = None

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
    """Draw the conclusion and make the tables; `asked` names the adapters that were asked for."""
    cases = {case.name: case for case in selection.cases}
    examples = [
        Example(case, case.published.source, tables.printed(lines))
        for case in selection.cases
        if case.published and (lines := [one for one in results.printed if one.row.subject.case == case.name])
    ]
    by_case: dict[str, list[Row]] = {}
    for row in results.rows:
        if row.subject.adapter != PUBLISHED:
            by_case.setdefault(row.subject.case, []).append(row)
    return Report(
        conclude(results, selection, asked),
        environment,
        results,
        selection,
        tuple(asked),
        tables.matrix(results.rows),
        known.differences(results.rows, cases),
        known.no_equivalent(results.rows),
        tables.direct(results.pairs),
        tables.lost(results.rows),
        tuple(examples),
        tuple((cases[name], quantities(cases[name], rows)) for name, rows in by_case.items()),
        drift_table.table(results.drifts),
        power,
    )
