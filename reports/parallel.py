"""Running a selection in several processes at once, a case each time; the results are put in their order."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Final

from adapters import find_adapters
from reports.run import Selection, joined, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters import Choice
    from adapters.isolation import Limits
    from cases import Case
    from reports.rows import Results

    Watch = Callable[[Case, str, int], None]

ENOUGH: Final = 48
"""Cases in number formats from which on it is worth to load the frameworks in other processes."""


def run_all(selection: Selection, choice: Choice, workers: int, watch: Watch) -> Results:
    """Run and judge everything, in so many processes if there is enough to do.

    The longest cases go first, so that no process is left with one at the end. What a process that dies was
    doing, and what was still to be done, is done in this one.
    """
    if workers == 1 or len(selection.runs) < ENOUGH:
        return run(selection, watch)
    found: dict[str, Results] = {}
    longest = sorted(selection.cases, key=lambda case: -case.steps)
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
    try:
        given = {
            pool.submit(_run, case, selection.dtypes, choice.names, choice.limits): case for case in longest
        }
        for future in as_completed(given):
            case = given[future]
            found[case.name] = future.result()
            for dtype in (dtype for one, dtype in selection.runs if one is case):
                watch(case, dtype, 0)
                watch(case, dtype, case.steps)
    except BrokenProcessPool:
        left = tuple(case for case in selection.cases if case.name not in found)
        for case in left:
            found[case.name] = run(Selection((case,), selection.adapters, selection.dtypes), watch)
    except BaseException:
        for process in multiprocessing.active_children():
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    return joined([found[case.name] for case in selection.cases])


def _run(case: Case, dtypes: tuple[str, ...], names: tuple[str, ...], limits: Limits | None) -> Results:
    return run(Selection((case,), find_adapters(names, limits), dtypes))
