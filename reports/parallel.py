"""Running a selection in several processes at once, a case each time; the results are put in their order."""

import multiprocessing
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from adapters import Choice
from cases import Case
from reports import ended, running
from reports.environment import Selection
from reports.rows import Results
from reports.run import joined, run
from reports.running import Doing, Ended, Note

Watch = Callable[[Case, str, int], None]

# Cases in number formats from which on it is worth to load the frameworks in other processes.
ENOUGH: Final = 48


def run_all(selection: Selection, choice: Choice, workers: int, watch: Watch) -> Results:
    """Run and judge everything, in so many processes if there is enough to do.

    Where a program ends one of them, what is left begins again, with that program in a process of its own.
    Where another thing ends one, what is left is done in this one.
    """
    if workers == 1 or len(selection.runs) < ENOUGH:
        return run(selection, watch)
    found: dict[str, Results] = {}
    seen: list[Ended] = []

    def take(case: Case, results: Results) -> None:
        found[case.name] = results
        for dtype in (dtype for one, dtype in selection.runs if one is case):
            watch(case, dtype, 0)
            watch(case, dtype, case.steps)

    while left := [case for case in selection.cases if case.name not in found]:
        try:
            _run_in_pool(left, selection.dtypes, choice, workers, take)
        except _BrokenError as broken:
            seen += broken.ended
            before, choice = choice.apart, replace(choice, apart=ended.apart(seen, choice.names))
            _tell(broken.ended)
            if choice.apart == before:  # nothing more can be isolated
                left = [case for case in left if case.name not in found]
                found |= _run_here(left, replace(selection, adapters=choice.load()), watch)
    return ended.with_ended(joined([found[case.name] for case in selection.cases]), selection, seen)


class _BrokenError(Exception):
    """Processes have ended too early: those that were ended by none of us."""

    def __init__(self, ended: Sequence[Ended]) -> None:
        super().__init__()
        self.ended = tuple(ended)


def _tell(broken: Sequence[Ended]) -> None:
    for one in broken:
        print(ended.again(one, "What is left"), file=sys.stderr)


def _run_here(cases: Sequence[Case], selection: Selection, watch: Watch) -> dict[str, Results]:
    """Run cases in this process."""
    return {case.name: run(replace(selection, cases=(case,)), watch) for case in cases}


def _run_in_pool(
    cases: Sequence[Case],
    dtypes: tuple[str, ...],
    choice: Choice,
    workers: int,
    take: Callable[[Case, Results], None],
) -> None:
    """Give the results of each case to `take` as soon as they are there.

    The longest cases go first, so that no process is left with one at the end.

    Raises
    ------
    _BrokenError
        If a process ends too early.
    """
    longest = sorted(cases, key=lambda case: -case.steps)
    processes: list[BaseProcess] = []
    with TemporaryDirectory(ignore_cleanup_errors=True) as notes:
        given = multiprocessing.get_context("spawn"), running.keep_in, (Path(notes),)
        pool = ProcessPoolExecutor(workers, *given)
        try:
            futures = {pool.submit(_run, case, dtypes, choice): case for case in longest}
            processes = multiprocessing.active_children()
            for future in as_completed(futures):
                take(futures[future], future.result())
        except BrokenProcessPool:
            pool.shutdown(cancel_futures=True)
            raise _BrokenError(_ended(processes, Path(notes))) from None
        except BaseException:
            for process in multiprocessing.active_children():
                process.kill()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _ended(processes: Sequence[BaseProcess], folder: Path) -> list[Ended]:
    """Return who has ended too early; the others the pool has terminated."""
    codes = {process.pid or 0: process.exitcode for process in processes}
    own = {pid: code for pid, code in codes.items() if code not in (None, -signal.SIGTERM)} or codes
    ended = [Ended(code or 0, Note.of_process(folder, pid).read()) for pid, code in own.items()]
    return [one for one in ended if one.doing]


def _run(case: Case, dtypes: tuple[str, ...], choice: Choice) -> Results:
    adapters = choice.load(lambda name: running.now(Doing(name)))
    return run(Selection((case,), adapters, dtypes))
