"""Making a report from what was asked for: load, run, judge, write, print."""

import gc
import math
import os
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from rich.console import Console

from adapters import Choice, UnknownAdapterError
from cases import CaseErrors
from cases.errors import printable
from cases.load import asked_for, leaves_out_shipped
from cases.selection import UnknownCaseError, selected
from reference import parts
from reference.parts import FailedPart
from reports import environment, regression, report, results_file, supervision
from reports.detection import Power
from reports.detection.measurement import measure
from reports.detection.naming_run import Extent, measure_naming
from reports.environment import Selection
from reports.options import flags_of, limits_of
from reports.report import Report
from reports.runs import parallel, pool_server
from reports.runs.parallel import apart, begins_again, with_ended
from reports.runs.rows import Results
from reports.supervision import Activity, EarlyEnd
from reports.user_programs.own_process import judge_files
from reports.user_programs.program_files import ProgramFile, programs_asked_for
from reports.user_programs.program_results import ProgramResult
from reports.writers import annotations, report_files, summary_md, terminal

NOTHING_ELSE = "--from makes the report of a kept run again, so nothing else chooses what is in it"
NO_CASES = (
    "--programs alone runs no case, so only PATH chooses what is judged: add --cases shipped to run cases too"
)


class UsageError(Exception):
    """What was asked for cannot be done; the message says why."""


def make(options: Namespace, ended: Sequence[EarlyEnd], command: str) -> int:
    """Make the report that the options of `reports.build` ask for, and return the exit code.

    What has `ended` this build before is isolated; the report has `command` in it.
    """
    choice = Choice(tuple(options.adapter), options.engines, options.device, limits_of(options))
    chooses = any((options.cases, options.dtype, options.select, options.power))
    chooses = chooses or choice != Choice(limits=choice.limits) or options.isolate
    if ended:
        print(begins_again(ended[-1], "The build"), file=sys.stderr)
        choice = replace(choice, apart=apart(ended, choice.names))
    options.workers = options.workers or os.cpu_count() or 1
    alone = options.programs and not options.cases
    if (options.kept and (chooses or choice.limits or options.programs)) or (alone and chooses):
        print(NOTHING_ELSE if options.kept else NO_CASES, file=sys.stderr)
        return 2
    try:
        return _make(options, choice, ended, command)
    except CaseErrors as error:
        annotations.annotate_defects(error.defects)
        print("\n".join(map(printable, str(error).split("\n"))), file=sys.stderr)
    except (
        UsageError,
        UnknownCaseError,
        UnknownAdapterError,
        results_file.UnreadableError,
    ) as error:
        print("\n".join(map(printable, str(error).split("\n"))), file=sys.stderr)
    except OSError as error:
        message = f"the report cannot be written to {options.out}: {error.strerror or error}"
        print(printable(message), file=sys.stderr)
    return 2


def _make(options: Namespace, choice: Choice, ended: Sequence[EarlyEnd], command: str) -> int:
    parallel.collect_seldom()
    # Read first: this report may replace it.
    baseline = results_file.read(options.baseline) if options.baseline else None
    out = terminal.console()
    if options.kept:
        kept = results_file.read(options.kept)
        made = report.put_together(kept.results, kept.selection, kept.environment, kept.asked, kept.power)
    else:
        made = _of_new_run(options, choice, ended, command, out)
    with parts.collected():
        if baseline is not None:
            title = "what has changed since the last run"
            changed = parts.tried(title, lambda: regression.compare(baseline, made.run))
            made = made if isinstance(changed, FailedPart) else replace(made, changes=changed)
        _write(made, options, out)
        passed = made.conclusion.passed and not made.failed
    gc.freeze()  # or Python looks through a million objects as it ends, which takes a second
    return 0 if passed and not (made.changes and made.changes.regressed) else 1


def _write(made: Report, options: Namespace, out: Console) -> None:
    """Write the files and print the verdicts, which are printed too where the files cannot be written."""
    style = terminal.Style(verbose=options.verbose)
    is_large = made.power is None and parallel.is_worth_it(made.selection, options.workers)
    try:
        report_files.write(made, options.out, options.format, forks=is_large and pool_server.can_fork)
    except Exception:
        terminal.show(made, None, out, style)
        raise
    parts.tried("the summary of the workflow's step", summary_md.append, made)
    parts.tried("the annotations of the pull request", annotations.annotate, made)
    style = replace(style, seconds=time.monotonic() - options.began)
    terminal.show(made, options.out, out, style)


def _of_new_run(
    options: Namespace, choice: Choice, ended: Sequence[EarlyEnd], command: str, out: Console
) -> Report:
    files = programs_asked_for(options.programs)
    alone = files and not options.cases
    selection = Selection((), ()) if alone else _selected(options, choice)
    options.out.mkdir(parents=True, exist_ok=True)  # before the work, so that it is not done for nothing
    programs = _judged(files, options, out)
    with terminal.progress(selection, out) as watch:
        results = Results() if alone else parallel.run_all(selection, choice, options.workers, watch)
    results = replace(results, programs=programs)
    with parts.collected() as failed:
        flags = flags_of(choice.limits)
        here = parts.tried("how this was made", environment.describe, command, selection.adapters, flags)
        power = parts.tried("the suite's power", _measure, selection, options, out) if options.power else None
    results = with_ended(replace(results, failed=(*results.failed, *failed)), selection, ended)
    power = None if isinstance(power, FailedPart) else power
    here = environment.undescribed(command) if isinstance(here, FailedPart) else here
    return report.put_together(results, selection, here, choice.required, power)


def _judged(files: Sequence[ProgramFile], options: Namespace, out: Console) -> tuple[ProgramResult, ...]:
    if not files:
        return ()
    with terminal.bar(out) as watch:
        return judge_files(files, options.workers, watch, options.time_limit or math.inf)


def _measure(selection: Selection, options: Namespace, out: Console) -> Power:
    cases, dtypes = selection.cases, selection.dtypes
    with terminal.bar(out) as watch:
        power = measure(cases, dtypes, watch)
    workers = options.workers if parallel.is_worth_it(selection, options.workers) else 1
    is_part = bool(options.select) or leaves_out_shipped(options.cases)
    extent = Extent.of(cases, dtypes, is_part=is_part)
    with terminal.bar(out) as watch:
        return replace(power, naming=measure_naming(extent, watch, workers=workers))


def _selected(options: Namespace, choice: Choice) -> Selection:
    """Load what was asked for, or raise why nothing is left to run."""
    chosen = selected(asked_for(options.cases), options.select)
    selection = Selection(chosen, (), tuple(options.dtype))
    if not selection.runs:
        raise UsageError(f"none of the selected cases runs in {' or '.join(options.dtype)}")
    if parallel.is_worth_it(selection, options.workers):
        pool_server.begin(parallel.modules_of(choice))
        with suppress(ImportError):  # it is said where they are drawn
            from reports import plots  # noqa: F401, PLC0415 - in the second that the server still takes
        adapters = parallel.described(choice)
    else:
        adapters = choice.load(lambda name: supervision.note(Activity(name)))
    supervision.note(None)
    return replace(selection, adapters=adapters)
