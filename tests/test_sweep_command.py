"""Sweeps from the command line: resumed they are the same, and so they are with every engine."""

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pandas as pd
import pytest

from adapters import Adapter, Program, Unavailable
from reference import Verdict, training_steps
from reports.sweep import __main__ as sweep
from reports.sweep import engine
from reports.sweep.engine import dask_workers, local_workers, run_tasks
from reports.sweep.plan import Plan, tasks
from reports.sweep.store import SUMS, Store, Summary, SweepError

COUNT = 56
ROOT = Path(__file__).parent.parent
PLAN = Plan(0, COUNT, adapters=("numpy",))
slow = pytest.mark.skipif("not config.getoption('--slow')", reason="it starts many processes: --slow")


def arguments(folder, *words, count=COUNT, adapter="numpy"):
    return ["--count", str(count), "--adapter", adapter, "--out", str(folder), "--workers", "1", *words]


def started(*given, **options):
    command = [sys.executable, "-m", "reports.sweep", *arguments(*given, **options)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, text=True, start_new_session=True, **pipes)


def succeeds(process, code=0):
    out, errors = process.communicate()
    assert process.returncode == code, errors
    return out


@contextmanager
def threads(workers=1):
    with ThreadPoolExecutor(workers) as executor:
        yield executor, workers


def here(folder, *words, isolation=("--no-isolate",), **options):
    """Sweep in this process, in a thread; return the exit code and what is printed."""
    text = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(text), redirect_stderr(text):
        patch.setattr("reports.sweep.command.local_workers", threads)
        try:
            code = sweep.main(arguments(folder, *isolation, *words, **options))
        except SystemExit as left:
            code = left.code
    return code, text.getvalue()


def rows(folder):
    """Every row, in order, as text: a float's text reads back exactly."""
    frame = pd.concat(list(Store(Path(folder)).tables()), ignore_index=True)
    return frame.astype(str).sort_values(["case", "adapter", "program", "how"], ignore_index=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a sweep that nothing has interrupted, and what it printed."""
    folder = tmp_path_factory.mktemp("whole") / "sweep"
    code, text = here(folder)
    assert code == 0, text
    return folder, text


def opened(folder, plan=PLAN):
    store = Store(folder)
    store.open(plan, {}, resume=False)
    return store


# What is shown, and the exit code


def test_a_sweep_says_what_it_did(whole):
    folder, text = whole
    assert f"{COUNT} cases, " in text
    assert "no findings" in text
    frame = rows(folder)
    assert sorted(set(frame["case"].astype(int))) == list(range(COUNT))
    features = pd.read_csv(folder / "features.csv")
    expected = {"dtype", "depth", "batch", "steps", "loss", "update", "regime", "activation"}
    assert set(features["feature"]) == expected
    by_dtype = features[features["feature"] == "dtype"]
    assert by_dtype["cases"].sum() == len(frame)
    assert by_dtype["quantities"].sum() == frame["compared"].astype(int).sum()
    assert features["worst"].max() <= 1


def test_a_finding_is_shown_and_fails_and_so_does_a_sweep_in_which_nothing_was_compared(
    implementations, tmp_path
):
    code, text = here(tmp_path / "nan", count=12, adapter="programs:nan")
    assert code == 1
    for shown in ("loss is nan, but follows from its inputs as", "12 cases, 12 trials", "12 findings"):
        assert shown in text
    findings = pd.read_csv(tmp_path / "nan" / "findings.csv")
    assert findings["case"].tolist() == list(range(12))
    assert set(findings["first"]) == {"loss"}
    code, text = here(tmp_path / "none", count=8, adapter="programs:declines")
    assert code == 1
    assert NOTHING in text
    assert "no findings" in text


def compared(**quantities):
    """A summary in which each adapter compared so many quantities, of which so many are undecided."""
    lines = [
        dict.fromkeys(SUMS, 0) | {"adapter": name, "quantities": all_of_them, "undecided": undecided}
        for name, (all_of_them, undecided) in quantities.items()
    ]
    nothing = pd.DataFrame()
    return Summary(8, pd.DataFrame(lines), nothing, nothing, nothing)


NUMPY, JAX, ENGINE = (
    Adapter(name, "", "", (Program("", training_steps),), framework=framework)
    for name, framework in (("numpy", ""), ("jax", ""), ("jax_eager", "jax"))
)
ABSENT = Unavailable("torch", Verdict.NOT_RUN, "torch is not installed")
ALONE = "ran, compared with no other implementation."
NOTHING = "Nothing was compared, so nothing is known to agree."
UNDECIDED = "Every quantity is undecided, so nothing is known to agree."
NOT_RUN = "Asked for, but not run: torch, because torch is not installed."


@pytest.mark.parametrize(
    ("summary", "adapters", "asked", "reason"),
    [
        (compared(numpy=(9, 1), jax=(9, 9)), (NUMPY, JAX), False, ()),
        (compared(numpy=(9, 1)), (NUMPY,), True, ()),
        (compared(numpy=(9, 1)), (NUMPY, ABSENT), False, (f"Only numpy {ALONE}",)),
        (compared(jax=(9, 1), jax_eager=(9, 1)), (JAX, ENGINE), False, (f"Only jax {ALONE}",)),
        (compared(numpy=(0, 0), jax=(9, 0)), (NUMPY, JAX), False, (f"Only jax {ALONE}",)),
        (compared(numpy=(9, 1)), (NUMPY, ABSENT), True, (NOT_RUN,)),
        (compared(numpy=(0, 0)), (NUMPY,), True, (NOTHING,)),
        (compared(numpy=(9, 9)), (NUMPY,), True, (UNDECIDED,)),
    ],
)
def test_a_sweep_that_shows_no_agreement_says_why(summary, adapters, asked, reason):
    assert summary.shortfalls(adapters, is_asked_for=asked) == reason


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--count", "0"], "'0' is not a positive number"),
        (["--widths", "3"], "3 has no layer"),
        (["--time-limit", "5"], "--no-isolate leaves nothing to limit"),
        (["--memory-limit", "0"], "'0' is not a finite number above 0"),
        (["--adapter", "nobody"], "unknown adapter 'nobody'"),
    ],
)
def test_bad_usage_is_reported(words, message, tmp_path):
    code, text = here(tmp_path, *words)
    assert code == 2
    assert message in text


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    code, text = here(tmp_path, adapter="no_such_module:train")
    assert code == 2
    assert "none of no_such_module:train can run here, so nothing would be judged" in text
    monkeypatch.setattr("reports.sweep.command.find_spec", lambda _: None)
    code, text = here(tmp_path)
    assert code == 2
    assert "pyarrow, which is not installed: pip install '.[sweep]'" in text


# Resuming


def test_a_folder_holds_one_sweep(whole, tmp_path):
    (tmp_path / "sweep.json").write_text(json.dumps([1]))
    for folder, words, message in (
        (whole[0], [], "holds a sweep already; --resume goes on with it"),
        (whole[0], ["--resume", "--seed", "8"], "its seed is 0, asked for is 8"),
        (tmp_path, ["--resume"], "sweep.json is not of a sweep"),
    ):
        code, text = here(folder, *words)
        assert code == 2
        assert message in text


def test_after_its_minutes_no_task_is_begun_and_the_rest_is_resumed(whole, tmp_path):
    code, text = here(tmp_path, "--minutes", "0")
    assert code == 1
    assert "Nothing has been judged yet, so nothing is known to agree" in text
    assert here(tmp_path, "--resume")[0] == 0
    pd.testing.assert_frame_equal(rows(tmp_path), rows(whole[0]))


@pytest.mark.parametrize("kills", [0, pytest.param(10, marks=slow)])
def test_killed_and_resumed_it_is_the_same(kills, whole, tmp_path):
    """Each adapter runs in a process of its own; all are killed, at last when a task has been written."""
    moments = random.Random(kills)  # noqa: S311 - moments, no secrets
    for kill in range(kills + 1):
        running = started(tmp_path, "--resume")
        if kill < kills:
            time.sleep(moments.uniform(0.5, 3))
        while kill == kills and running.poll() is None and not Store(tmp_path).done:
            time.sleep(0.01)
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
    assert here(tmp_path, "--resume")[0] == 0
    pd.testing.assert_frame_equal(rows(tmp_path), rows(whole[0]))


# Engines


def test_tasks_are_taken_as_workers_become_free(tmp_path):
    plan, taken = Plan(0, 8 * 6, adapters=("numpy",)), []
    given = (taken.append(task) or task for task in tasks(plan))
    finished = run_tasks(given, threads, opened(tmp_path, plan))
    next(finished)
    assert len(taken) <= 1 + engine.TASKS_PER_WORKER
    assert len(list(finished)) + 1 == len(taken) == 6


class Breaking(ThreadPoolExecutor):
    """Breaks as a pool of processes does at its second task, when it is given it or while it runs."""

    def __init__(self, at):
        super().__init__(1)
        self.at, self.given = at, 0

    def submit(self, *given):
        self.given += 1
        if self.given < 2:
            return super().submit(*given)
        if self.at == "submitting":
            raise BrokenProcessPool
        return super().submit(self.breaks)

    def breaks(self):
        raise BrokenProcessPool


def pools(*executors):
    left = iter(executors)

    @contextmanager
    def next_pool():
        with next(left) as pool:
            yield pool, 1

    return next_pool


@pytest.mark.parametrize("at", ["submitting", "running"])
def test_tasks_of_a_broken_pool_are_done_again(at, whole, tmp_path):
    engines = pools(Breaking(at), Breaking(at), ThreadPoolExecutor(1))
    finished = list(run_tasks(tasks(PLAN), engines, opened(tmp_path)))
    assert sum(task.count for task, _ in finished) == COUNT
    pd.testing.assert_frame_equal(rows(tmp_path), rows(whole[0]))


def test_a_task_that_always_ends_its_worker_is_given_up(tmp_path):
    several, engines = Plan(0, 8 * 6, adapters=("numpy",)), pools(*(Breaking("running") for _ in range(3)))
    with pytest.raises(SweepError, match=r"3 tasks have ended their workers 3 times: 0{9}\d\d\d, …"):
        list(run_tasks(tasks(several), engines, opened(tmp_path, several)))


ABORTING = """
import os
import numpy as np
from cases import names
from cases.protocol import Adapter, Program, Stacked
from reference import training_steps

ONE = np.array({one})

def run(problem):
    if (np.asarray(problem.x, float) == ONE).all(axis=(-2, -1)).any():
        os.abort()
    yield from training_steps(problem)

adapter = Adapter("aborting", "", "", (Program("", run, names.observable, stacked=Stacked("so", run)),))
"""


@pytest.mark.parametrize(
    "engine_name", ["here", pytest.param("local", marks=slow), pytest.param("dask", marks=slow)]
)
def test_an_abort_on_one_case_is_the_error_of_that_case(engine_name, tmp_path, monkeypatch):
    one = Plan(0, 8).problem(5).x.astype(float).tolist()
    (tmp_path / "aborting.py").write_text(ABORTING.format(one=one), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{tmp_path}")
    monkeypatch.syspath_prepend(tmp_path)
    given = {"count": 8, "adapter": "aborting:adapter"}
    if engine_name == "here":
        code, text = here(tmp_path / "sweep", isolation=(), **given)
        assert code == 1, text
    else:
        text = succeeds(started(tmp_path / "sweep", "--engine", engine_name, **given), code=1)
    assert "ended the process by SIGABRT" in text
    assert ": 2 findings; " in text  # in the stack, and alone, as some of this block are run too
    frame = rows(tmp_path / "sweep")
    verdicts = frame[frame["how"] == "so"].set_index("case")["verdict"].to_dict()
    assert verdicts.pop("5") == "error"
    assert len(verdicts) == 7
    assert set(verdicts.values()) <= {"agrees", "undecided"}


@slow
def test_a_scheduler_that_does_not_answer_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "SCHEDULER_TIMEOUT_S", 0.5)
    code, text = here(tmp_path, "--engine", "dask", "--scheduler", "tcp://127.0.0.1:9", count=8)
    assert code == 2
    assert "no scheduler answers at tcp://127.0.0.1:9" in text


@slow
@pytest.mark.parametrize("workers", [local_workers, dask_workers])
def test_what_a_worker_was_doing_when_it_died_is_done_by_another(workers, whole, tmp_path):
    pids = []

    @contextmanager
    def two_workers():
        with workers(2) as (executor, count):
            pids.extend(executor.submit(os.getpid).result() for _ in range(count))
            yield executor, count

    run = run_tasks(tasks(PLAN), two_workers, opened(tmp_path))
    finished = [next(run)]
    os.kill(pids[0], signal.SIGKILL)
    finished += run
    assert sum(task.count for task, _ in finished) == COUNT
    pd.testing.assert_frame_equal(rows(tmp_path), rows(whole[0]))
