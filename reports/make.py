"""Making a report from what was asked for: load, run, judge, write, tell."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from adapters import Choice, UnknownAdapterError
from cases import SHIPPED, CaseErrors, load_cases
from cases.errors import printable
from reference import parts
from reference.parts import FailedPart
from reports import activations, environment, parallel, regression, report, results_file, running
from reports.detection import Power, measure
from reports.ended import with_ended
from reports.environment import Selection
from reports.limits import flags_of
from reports.regression import Changes
from reports.report import Report
from reports.results_file import SavedRun
from reports.running import Doing, Ended
from reports.writers import report_files, summary_md, terminal


class UsageError(Exception):
    """What was asked for cannot be done; the message says why."""


@dataclass(frozen=True)
class Wanted:
    """What was asked for; an empty tuple or text narrows nothing.

    Attributes
    ----------
    folders
        Folders of cases, besides those that come with the suite.
    adapters
        Which of them, and where.
    dtypes
        Names.
    select
        A part of the cases' names.
    out
        The report's folder.
    power
        Whether to measure what the suite would catch.
    formats
        Of which of `reports.writers.FORMATS` its files are; none means the usual ones.
    baseline
        The saved run to compare with.
    kept
        The saved run whose report is made again; nothing is run then.
    workers
        Processes that run cases at once, where there are many.
    ended
        What has ended this build before.
    """

    folders: tuple[Path, ...]
    adapters: Choice
    dtypes: tuple[str, ...]
    select: str
    out: Path
    power: bool = False
    formats: tuple[str, ...] = ()
    baseline: Path | None = None
    kept: Path | None = None
    workers: int = 1
    ended: tuple[Ended, ...] = ()

    @property
    def chooses(self) -> bool:
        """Whether it says what to run."""
        chosen = self.folders, self.dtypes, self.select, self.power
        return any(chosen) or self.adapters != Choice()


def make(wanted: Wanted, command: str) -> int:
    """Make the report, and return the exit code; `command` is told in it."""
    try:
        return _make(wanted, command)
    except (UsageError, CaseErrors, UnknownAdapterError, results_file.UnreadableError) as error:
        print("\n".join(map(printable, str(error).split("\n"))), file=sys.stderr)
        return 2
    except OSError as error:
        told = f"the report cannot be written to {wanted.out}: {error.strerror or error}"
        print(printable(told), file=sys.stderr)
        return 2


def _make(wanted: Wanted, command: str) -> int:
    baseline = (
        results_file.read(wanted.baseline) if wanted.baseline else None
    )  # which this report may replace
    out = terminal.console()
    told = _again(wanted) if wanted.kept else _anew(wanted, command, out)
    with parts.collected():
        if baseline is not None:
            changed = parts.tried("what has changed since the last run", _compared, baseline, told)
            told = told if isinstance(changed, FailedPart) else replace(told, changes=changed)
        _write(told, wanted, out)
        passed = told.conclusion.passed and not told.failed
    return 0 if passed and not (told.changes and told.changes.regressed) else 1


def _compared(baseline: SavedRun, told: Report) -> Changes:
    return regression.compare(baseline, told.run)


def _write(told: Report, wanted: Wanted, out: Console) -> None:
    """Write the files and print the verdicts, which are printed too where the files cannot be written.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    try:
        report_files.write(told, wanted.out, wanted.formats)
    except Exception:
        terminal.show(told, None, out)
        raise
    parts.tried("the summary of the workflow's step", summary_md.append, told)
    terminal.show(told, wanted.out, out)


def _anew(wanted: Wanted, command: str, out: Console) -> Report:
    """Run what is wanted, and return the report of it."""
    selection = select(wanted)
    wanted.out.mkdir(parents=True, exist_ok=True)  # before the work, so that it is not done for nothing
    with terminal.progress(selection, out) as watch:
        results = parallel.run_all(selection, wanted.adapters, wanted.workers, watch)
    with parts.collected() as failed:
        flags = flags_of(wanted.adapters.limits)
        made = parts.tried("how this was made", environment.describe, command, selection.adapters, flags)
        measured = parts.tried("the activations' errors", activations.measure_selected, selection)
        power = parts.tried("the suite's power", _measure, selection, out) if wanted.power else None
    results = replace(
        results,
        activations=() if isinstance(measured, FailedPart) else measured,
        failed=(*results.failed, *failed),
    )
    results = with_ended(results, selection, wanted.ended)
    power = None if isinstance(power, FailedPart) else power
    made = environment.undescribed(command) if isinstance(made, FailedPart) else made
    return report.put_together(results, selection, made, wanted.adapters.required, power)


def _again(wanted: Wanted) -> Report:
    """Return the report of a run that was kept."""
    if wanted.kept is None or wanted.chooses:
        raise UsageError("--from makes the report of a kept run again, so nothing else chooses what is in it")
    kept = results_file.read(wanted.kept)
    return report.put_together(kept.results, kept.selection, kept.environment, kept.asked, kept.power)


def _measure(selection: Selection, out: Console) -> Power:
    with terminal.bar(out) as watch:
        return measure(selection.cases, selection.dtypes, watch)


def select(wanted: Wanted) -> Selection:
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
    adapters = wanted.adapters.load(lambda name: running.now(Doing(name)))
    running.now(None)
    selection = Selection(chosen, adapters, wanted.dtypes)
    if not selection.runs:
        raise UsageError(f"none of the selected cases runs in {' or '.join(wanted.dtypes)}")
    return selection
