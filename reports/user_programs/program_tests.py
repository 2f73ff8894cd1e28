"""Programs as pytest collects them: a test for each, and one for each pair, named by file and function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from cases.errors import printable
from reports.parity import record
from reports.user_programs.own_process import judge_apart
from reports.user_programs.program_files import ProgramFile
from reports.user_programs.program_results import ProgramResult
from reports.user_programs.program_tables import row_of


class ProgramTests(pytest.File):
    """The tests of one file of programs; it is run once, in a process of its own, by the first of them."""

    def __init__(self, file: ProgramFile, seconds: float, **given: Any) -> None:  # noqa: ANN401 - pytest's own
        super().__init__(**given)
        self.file, self._seconds = file, seconds

    def collect(self) -> Iterator[ProgramTest]:
        for name in self.file.judged:
            yield ProgramTest.from_parent(self, name=name)

    @cached_property
    def results(self) -> Mapping[str, ProgramResult]:
        return {result.program: result for result in judge_apart(self.file, self._seconds)}


class ProgramTest(pytest.Item):
    """It fails with the text of the verdict, unless that is agreement."""

    parent: ProgramTests

    def runtest(self) -> None:
        result = self.parent.results[self.name]
        record(self, [row_of(result)])
        if result.fails:
            text = "\n".join(map(printable, result.text.split("\n")))
            pytest.fail(f"{printable(result.title)}: {text}", pytrace=False)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return the function's file, its line, counted from 0, and its name."""
        line = self.parent.file.functions.get(self.name, 1) - 1
        return self.path, line, f"{self.parent.file.name}: {self.name}"


class NoModule(pytest.File):
    """Stands in the place of the module that pytest would run in its own process."""

    def collect(self) -> Iterator[pytest.Item]:
        return iter(())
