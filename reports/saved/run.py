"""A run as it is kept: what was asked, where, and everything that was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters import Adapter, Unavailable
from cases import SHIPPED, Case, case_of
from reference import Verdict
from reports.environment import (
    Environment,
    Selection,
)
from reports.power.results import Power
from reports.runs.rows import Results
from reports.verdicts import Conclusion


@dataclass(frozen=True)
class SavedCase:
    """A case: its name, and the text of its file.

    Attributes
    ----------
    path
        Where the file was; of a case that comes with the suite, below its folder of cases.
    is_shipped
        Whether it comes with the suite.
    """

    name: str
    path: str
    is_shipped: bool
    text: str

    @classmethod
    def of(cls, case: Case) -> SavedCase:
        """Return a case as it is kept."""
        is_shipped = case.path.is_relative_to(SHIPPED)
        path = case.path.relative_to(SHIPPED) if is_shipped else case.path
        return cls(case.name, path.as_posix(), is_shipped, case.text)

    @property
    def case(self) -> Case:
        """The case itself.

        Raises
        ------
        CaseErrors
            If this version of the suite does not take its file.
        """
        return case_of(self.name, SHIPPED / self.path if self.is_shipped else Path(self.path), self.text)


@dataclass(frozen=True)
class SavedAdapter:
    """An adapter: its version, or why it did not run.

    Attributes
    ----------
    name, title, version, framework
        As `adapters.Adapter` has them.
    verdict, reason
        As `adapters.Unavailable` has them; None and "" of one that ran.
    """

    name: str
    title: str = ""
    version: str = ""
    framework: str = ""
    verdict: Verdict | None = None
    reason: str = ""

    @classmethod
    def of(cls, adapter: Adapter | Unavailable) -> SavedAdapter:
        """Return an adapter as it is kept."""
        if isinstance(adapter, Unavailable):
            return cls(adapter.name, verdict=adapter.verdict, reason=adapter.reason)
        return cls(adapter.name, adapter.title, adapter.version, adapter.framework)

    @property
    def adapter(self) -> Adapter | Unavailable:
        """The adapter, without its programs."""
        if self.verdict is not None:
            return Unavailable(self.name, self.verdict, self.reason)
        return Adapter(self.name, self.title, self.version, (), self.framework)


@dataclass(frozen=True)
class SavedRun:
    """Everything that a report tells, and all that is needed to make it again or to compare it with another.

    Attributes
    ----------
    conclusion
        What it came to.
    environment
        The versions and the platform that it holds for.
    cases, adapters, dtypes
        What was run; no dtypes are those of each case.
    asked
        The adapters whose absence is a failure.
    results
        What was found.
    power
        What the suite would catch, where that was measured.
    """

    conclusion: Conclusion
    environment: Environment
    cases: tuple[SavedCase, ...]
    adapters: tuple[SavedAdapter, ...]
    dtypes: tuple[str, ...]
    asked: tuple[str, ...]
    results: Results
    power: Power | None = None

    @property
    def selection(self) -> Selection:
        """What was run: the cases as they were, the adapters without their programs.

        Raises
        ------
        CaseErrors
            If this version of the suite does not take the file of a case.
        """
        cases = tuple(one.case for one in self.cases)
        return Selection(cases, tuple(one.adapter for one in self.adapters), self.dtypes)


def saved_run(
    results: Results,
    selection: Selection,
    environment: Environment,
    asked: Sequence[str],
    conclusion: Conclusion,
    power: Power | None,
) -> SavedRun:
    """Return a run as it is kept."""
    cases = tuple(map(SavedCase.of, selection.cases))
    adapters = tuple(map(SavedAdapter.of, selection.adapters))
    return SavedRun(conclusion, environment, cases, adapters, selection.dtypes, tuple(asked), results, power)
