"""A report: everything that its files show, put together once and then written in each format."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from reference import parts
from reference.parts import FailedPart
from reports import report_tables
from reports.detection import Power
from reports.environment import Environment, Selection
from reports.outcome import Conclusion, conclude
from reports.regression import Changes
from reports.report_tables import Table
from reports.results_file import SavedRun, saved_run
from reports.runs.rows import Results


@dataclass(frozen=True)
class Report:
    """What a report shows: the conclusion, and tables.

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
    def tables(self) -> tuple[Table, ...]:
        """All tables in their order; each frame is made where it is first asked for."""
        return report_tables.tables(self.results, self.selection)

    @property
    def matrix(self) -> pd.DataFrame:
        """The first table: each case by each adapter."""
        return self.tables[0].frame

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
    return Report(conclusion, environment, results, selection, tuple(asked), power)
