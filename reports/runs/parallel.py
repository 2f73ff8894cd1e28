"""A selection run in several processes at once, a case each time, and what becomes of one that ends early.

A program that ended a process is isolated, named, and fails.
"""

import gc
import math
import multiprocessing
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeAlias

from adapters import Adapter, Choice, Unavailable
from adapters.registry import BUILT_IN, check, third_party
from cases import case_of, errors
from cases.errors import printable
from cases.protocol import Verdict
from reference import Finding, Subject, parts
from reference.parts import FailedPart
from reports import supervision
from reports.environment import Selection
from reports.runs import pool_server
from reports.runs.activation_errors import measure_selected
from reports.runs.rows import Results, Row
from reports.runs.runner import Watch, joined, run
from reports.supervision import Activity, EarlyEnd, Note

ENOUGH: Final = 48  # runs from which on it is worth to load the frameworks in other processes
ACTIVATIONS: Final = ""  # names the task that measures their errors; the other names are those of cases

# So many parameters take as long to certify as a step of a small network takes.
PARAMETERS_OF_A_STEP: Final = 200

# New objects after which the garbage collector looks: a run makes millions, and hardly any in cycles.
OBJECTS_BETWEEN_COLLECTIONS: Final = 50_000

# Seconds to wait for a text that another process makes; a file of the whole corpus takes 2.
TEXT_TIMEOUT_S: Final = 60

can_fork = pool_server.can_fork
_context = multiprocessing.get_context("forkserver" if can_fork else "spawn")


def is_worth_it(selection: Selection, workers: int) -> bool:
    """Whether there is enough to do for several processes."""
    return workers > 1 and len(selection.runs) >= ENOUGH


def modules_of(choice: Choice) -> list[str]:
    """Return the modules that the server of a pool loads: ours, and those of the built-in adapters that run.

    An adapter that is isolated is loaded in its own process, and a third party's, which may end the process
    that loads it, in those of the pool.
    """
    own = () if choice.limits else set(choice.names).difference(choice.apart)
    modules = [row.location.partition(":")[0] for name, row in BUILT_IN.items() if name in own]
    # PyTorch loads this with its first optimizer, which takes a second.
    modules += ["torch._dynamo"] if "adapters.torch_autograd" in modules else []
    return list(dict.fromkeys([__name__, *modules]))


def described(choice: Choice) -> tuple[Adapter | Unavailable, ...]:
    """Load the adapters in a process of a pool, if it is forked; return them without their programs.

    So this one need not load the frameworks, which takes seconds, and at the end again. What an adapter ends
    while it is loaded is this process, as where there is no pool.
    """
    check(choice.names)
    if can_fork:
        with suppress(BrokenProcessPool), ProcessPoolExecutor(1, _context) as pool:
            return pool.submit(_described, choice).result()
    return choice.load(lambda adapter: supervision.note(Activity(adapter)))


def _described(choice: Choice) -> tuple[Adapter | Unavailable, ...]:
    return tuple(
        replace(adapter, programs=()) if isinstance(adapter, Adapter) else adapter
        for adapter in choice.load()
    )


def run_all(selection: Selection, choice: Choice, workers: int, watch: Watch) -> Results:
    """Run and judge everything, and measure the activations, in several processes if there is enough to do.

    Where a program ends one of them, what is left begins again, with that program in a process of its own.
    Where something else ends one, what is left is done in this one.
    """
    if not is_worth_it(selection, workers):
        return joined([run(selection, watch), measured(selection)])
    done: dict[str, Results] = {}
    seen: list[EarlyEnd] = []

    def take(name: str, results: Results) -> None:
        done[name] = results
        for case, dtype in selection.runs:
            if case.name == name:
                watch(case, dtype, 0)
                watch(case, dtype, case.steps)

    each = {case.name: replace(selection, cases=(case,)) for case in selection.cases}
    every = {ACTIVATIONS: selection, **each}
    while left := {name: task for name, task in every.items() if name not in done}:
        try:
            _run_in_pool(left, choice, workers, take)
        except _BrokenError as broken:
            (ended,) = broken.args
            seen += ended
            before, choice = choice.apart, replace(choice, apart=apart(seen, choice.names))
            for early_end in ended:
                print(begins_again(early_end, "What is left"), file=sys.stderr)
            if choice.apart == before:  # nothing more can be isolated
                adapters = choice.load()
                for name in left.keys() - done.keys():
                    done[name] = _task(name, replace(left[name], adapters=adapters), watch)
    return with_ended(joined([done[name] for name in every]), selection, seen)


def measured(selection: Selection) -> Results:
    """Return the activations' errors, as all that is in some results."""
    with parts.collected() as failed:
        errors = parts.tried("the activations' errors", measure_selected, selection)
    return Results(activations=() if isinstance(errors, FailedPart) else errors, failed=tuple(failed))


def begun(make: Callable[[], str]) -> Callable[[], str]:
    """Begin to make a text in a process that is forked from this one; return what waits for it.

    Where a part of it fails there, or the process ends or hangs, it is made again here. It may hang where a
    framework has computed in this process, because a fork does not have the threads that hold locks.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_send, args=(make, sender), daemon=True)
    child.start()
    sender.close()

    def finish() -> str:
        with receiver, suppress(EOFError):
            if receiver.poll(TEXT_TIMEOUT_S):
                return receiver.recv_bytes().decode()
        child.kill()
        return make()

    return finish


def _send(make: Callable[[], str], sender: Connection) -> None:
    with (
        suppress(BaseException),
        parts.collected() as failed,
    ):  # what fails is made again, and reported, there
        text = make()
        if not failed:
            sender.send_bytes(text.encode())


class _BrokenError(Exception):
    """Its one argument lists the processes that have ended too early, and were ended by none of us."""


def _run_in_pool(
    tasks: Mapping[str, Selection], choice: Choice, workers: int, take: Callable[[str, Results], None]
) -> None:
    """Give the results of each task to `take` as soon as they are there, the longest tasks first.

    Raises `_BrokenError` if a process ends too early.
    """
    longest = sorted(tasks, key=lambda name: _work(name, tasks[name]), reverse=True)
    processes: list[BaseProcess] = []
    with TemporaryDirectory(ignore_cleanup_errors=True) as notes:
        pool = ProcessPoolExecutor(workers, _context, _begin, (Path(notes),))
        try:
            futures = {pool.submit(_run, name, *_sent(tasks[name]), choice): name for name in longest}
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


def _begin(notes: Path) -> None:
    supervision.keep_note_in(notes)
    collect_seldom()


def collect_seldom() -> None:
    """Have the garbage collector leave alone what is loaded, and look seldom at what is new."""
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)


def _work(name: str, task: Selection) -> int:
    """Return about how much there is to do, in steps of a small network; the activations' errors come first.

    A case takes steps, its printed ones among them; of a large network the parameters take longer.
    """
    if name == ACTIVATIONS:
        return sys.maxsize
    (case,) = task.cases
    printed = case.published.steps[-1].step if case.published else 0
    parameters = sum(math.prod(shape) for array, shape in case.shapes.items() if array not in {"x", "y"})
    return max(case.steps, printed) + parameters // PARAMETERS_OF_A_STEP


def _ended(processes: Sequence[BaseProcess], folder: Path) -> list[EarlyEnd]:
    """Return what has ended too early; the others the pool has terminated."""
    codes = {process.pid or 0: process.exitcode for process in processes}
    own = {pid: code for pid, code in codes.items() if code not in (None, -signal.SIGTERM)} or codes
    ended = [EarlyEnd(code or 0, Note.of_process(folder, pid).read()) for pid, code in own.items()]
    return [early_end for early_end in ended if early_end.activity]


Texts: TypeAlias = tuple[tuple[str, Path, str], ...]  # each case's name, path and text


def _sent(task: Selection) -> tuple[Texts, tuple[str, ...]]:
    return tuple((case.name, case.path, case.text) for case in task.cases), task.dtypes


def _run(name: str, texts: Texts, dtypes: tuple[str, ...], choice: Choice) -> Results:
    adapters = choice.load(lambda adapter: supervision.note(Activity(adapter)))
    return _task(name, Selection(tuple(case_of(*text) for text in texts), adapters, dtypes))


def _task(name: str, selection: Selection, watch: Watch = lambda *_: None) -> Results:
    return measured(selection) if name == ACTIVATIONS else run(selection, watch)


def apart(ended: Sequence[EarlyEnd], names: Sequence[str]) -> tuple[str, ...]:
    """Return which adapters run in a process of their own, after what has ended so far.

    They are those that were at work, and all that are not built in: one of these may have begun what ended
    the process while another was at work, as by a thread.
    """
    suspects = [early_end.activity.adapter for early_end in ended if early_end.activity]
    return tuple(dict.fromkeys((*suspects, *third_party(names)))) if ended else ()


def describe(ended: EarlyEnd) -> str:
    """Say in one line which program ended the process, how, and on what."""
    activity = ended.activity
    if activity is None:
        return printable(f"Something {errors.exit_reason(ended.status)} while no program ran.")
    program = f"{activity.adapter} {activity.program}".strip()
    where = f"on {activity.case} in {activity.dtype}" if activity.case else "while it was loaded"
    return printable(f"{program} {errors.exit_reason(ended.status)} {where}.")


def begins_again(ended: EarlyEnd, what: str) -> str:
    """Say what has ended, and that the build or what is left of it begins again."""
    isolated = ", with it in a process of its own" if ended.activity else ""
    return f"{describe(ended)} {what} begins again{isolated}."


def with_ended(results: Results, selection: Selection, ended: Sequence[EarlyEnd]) -> Results:
    """Return results with an error for each adapter that ended the process; on its own it may not have."""
    in_error = [row for row in results.rows if row.finding.verdict is Verdict.ERROR]
    reported = {row.subject.adapter for row in in_error if row.finding.reason.startswith(errors.ENDED)}
    left = [one for one in ended if one.activity and one.activity.adapter not in reported]
    if reported:  # by one of these the process was ended while a built-in one was at work
        left = [one for one in left if one.activity and third_party([one.activity.adapter])]
    return replace(results, rows=(*results.rows, *(_row(early_end, selection) for early_end in left)))


def _row(ended: EarlyEnd, selection: Selection) -> Row:
    """Return the error; of what is done on no case, such as loading, it stands with the first."""
    activity, runs = ended.activity or Activity(""), [(case.name, dtype) for case, dtype in selection.runs]
    at = runs.index((activity.case, activity.dtype)) if (activity.case, activity.dtype) in runs else 0
    program = activity.program if activity.case == runs[at][0] else ""
    subject = Subject(runs[at][0], activity.adapter, program, runs[at][1])
    reason = f"{errors.exit_reason(ended.status)}, though not again in a process of its own"
    return Row(subject, Finding(0, "", Verdict.ERROR, reason))
