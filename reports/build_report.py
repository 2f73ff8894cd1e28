"""Making a report from what was asked for: load, run, judge, write, print."""

import argparse
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from rich.console import Console

from adapters import Choice, UnknownAdapterError
from cases import SHIPPED, CaseErrors, load_cases
from cases.errors import printable
from reference import parts
from reference.parts import FailedPart
from reports import environment, regression, report, results_file, supervision
from reports.detection import Power, measure
from reports.environment import Selection
from reports.options import flags_of, limits_of, out_folder
from reports.report import Report
from reports.runs import parallel
from reports.runs.parallel import apart, begins_again, with_ended
from reports.supervision import Activity, EarlyEnd
from reports.writers import report_files, summary_md, terminal


class UsageError(Exception):
    """What was asked for cannot be done; the message says why."""


@dataclass(frozen=True)
class Wanted:
    """What was asked for, and what has ended this build before; an empty tuple or text narrows nothing.

    Attributes
    ----------
    folders
        Folders of cases, besides those that come with the suite.
    select
        A part of the cases' names.
    formats
        Of which of `reports.writers.FORMATS` the files are; none means the usual ones.
    baseline, kept
        The saved run to compare with; the one whose report is made again, where nothing is run.
    workers
        Processes that run cases at once, where there are many.
    """

    folders: tuple[Path, ...]
    adapters: Choice
    dtypes: tuple[str, ...]
    select: str
    out: Path
    power: bool
    formats: tuple[str, ...]
    baseline: Path | None
    kept: Path | None
    workers: int
    ended: tuple[EarlyEnd, ...]

    @classmethod
    def of(cls, options: argparse.Namespace, ended: tuple[EarlyEnd, ...]) -> Self:
        """Return what the options of `reports.build` ask for; what has ended it before is isolated."""
        choice = Choice(tuple(options.adapter), options.engines, options.device, limits_of(options))
        if ended:
            print(begins_again(ended[-1], "The build"), file=sys.stderr)
            choice = replace(choice, apart=apart(ended, choice.names))
        narrows = options.select or options.adapter or options.dtype or options.device != "cpu"
        return cls(
            folders=tuple(options.cases),
            adapters=choice,
            dtypes=tuple(options.dtype),
            select=options.select,
            out=options.out or out_folder(narrows=narrows, again=options.kept),
            power=options.power,
            formats=tuple(options.format),
            baseline=options.baseline,
            kept=options.kept,
            workers=options.workers or os.cpu_count() or 1,
            ended=ended,
        )

    @property
    def chooses(self) -> bool:
        """Whether it says what to run."""
        chosen = self.folders, self.dtypes, self.select, self.power
        return any(chosen) or self.adapters != Choice()


def make(wanted: Wanted, command: str) -> int:
    """Make the report, which has `command` in it, and return the exit code."""
    try:
        return _make(wanted, command)
    except (UsageError, CaseErrors, UnknownAdapterError, results_file.UnreadableError) as error:
        print("\n".join(map(printable, str(error).split("\n"))), file=sys.stderr)
    except OSError as error:
        message = f"the report cannot be written to {wanted.out}: {error.strerror or error}"
        print(printable(message), file=sys.stderr)
    return 2


def _make(wanted: Wanted, command: str) -> int:
    parallel.collect_seldom()
    # Read first: this report may replace it.
    baseline = results_file.read(wanted.baseline) if wanted.baseline else None
    out = terminal.console()
    made = _of_kept_run(wanted) if wanted.kept else _of_new_run(wanted, command, out)
    with parts.collected():
        if baseline is not None:
            title = "what has changed since the last run"
            changed = parts.tried(title, lambda: regression.compare(baseline, made.run))
            made = made if isinstance(changed, FailedPart) else replace(made, changes=changed)
        _write(made, wanted, out)
        passed = made.conclusion.passed and not made.failed
    return 0 if passed and not (made.changes and made.changes.regressed) else 1


def _write(made: Report, wanted: Wanted, out: Console) -> None:
    """Write the files and print the verdicts, which are printed too where the files cannot be written.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    is_large = made.power is None and parallel.is_worth_it(made.selection, wanted.workers)
    try:
        report_files.write(made, wanted.out, wanted.formats, forks=is_large and parallel.can_fork)
    except Exception:
        terminal.show(made, None, out)
        raise
    parts.tried("the summary of the workflow's step", summary_md.append, made)
    terminal.show(made, wanted.out, out)


def _of_new_run(wanted: Wanted, command: str, out: Console) -> Report:
    """Run what is wanted, and return the report of it."""
    selection = _selected(wanted)
    wanted.out.mkdir(parents=True, exist_ok=True)  # before the work, so that it is not done for nothing
    with terminal.progress(selection, out) as watch:
        results = parallel.run_all(selection, wanted.adapters, wanted.workers, watch)
    with parts.collected() as failed:
        flags = flags_of(wanted.adapters.limits)
        here = parts.tried("how this was made", environment.describe, command, selection.adapters, flags)
        power = parts.tried("the suite's power", _measure, selection, out) if wanted.power else None
    results = with_ended(replace(results, failed=(*results.failed, *failed)), selection, wanted.ended)
    power = None if isinstance(power, FailedPart) else power
    here = environment.undescribed(command) if isinstance(here, FailedPart) else here
    return report.put_together(results, selection, here, wanted.adapters.required, power)


def _of_kept_run(wanted: Wanted) -> Report:
    """Return the report of a run that was kept."""
    if wanted.kept is None or wanted.chooses:
        raise UsageError("--from makes the report of a kept run again, so nothing else chooses what is in it")
    kept = results_file.read(wanted.kept)
    return report.put_together(kept.results, kept.selection, kept.environment, kept.asked, kept.power)


def _measure(selection: Selection, out: Console) -> Power:
    with terminal.bar(out) as watch:
        return measure(selection.cases, selection.dtypes, watch)


def _selected(wanted: Wanted) -> Selection:
    """Load what was asked for.

    Raises
    ------
    CaseErrors, UnknownAdapterError
        As their modules say.
    UsageError
        If nothing is left to run.
    """
    cases = load_cases(SHIPPED, *wanted.folders)
    chosen = tuple(case for case in cases if wanted.select in case.name)
    if not chosen:
        known = ", ".join(case.name for case in cases[:5])
        raise UsageError(f"no case has {wanted.select!r} in its name; there are {len(cases)}: {known}, …")
    selection = Selection(chosen, (), wanted.dtypes)
    if not selection.runs:
        raise UsageError(f"none of the selected cases runs in {' or '.join(wanted.dtypes)}")
    if parallel.is_worth_it(selection, wanted.workers):
        parallel.load_ahead(wanted.adapters)
    adapters = wanted.adapters.load(lambda name: supervision.note(Activity(name)))
    supervision.note(None)
    return replace(selection, adapters=adapters)
