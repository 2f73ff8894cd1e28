"""Sweeps from the command line: resumed they are the same, and on every engine; what they find is told."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from adapters import Adapter, Program, Unavailable
from adapters.isolation import Limits
from reference import Verdict, training_steps
from reports.sweep import __main__ as command
from reports.sweep import engine
from reports.sweep.engine import DaskEngine, LocalEngine, Order
from reports.sweep.minimize.case_text import Minimized
from reports.sweep.minimize.case_text import command as again
from reports.sweep.minimize.dedup import problem_of
from reports.sweep.plan import Plan, tasks
from reports.sweep.store import Store
from reports.sweep.summary import SUMS, Summary, shortfalls

COUNT = 150
ROOT = Path(__file__).parent.parent
SWEEP = [sys.executable, "-m", "reports.sweep"]
slow = pytest.mark.skipif("not config.getoption('--slow')", reason="it starts many processes: --slow")


def asked(folder, *words, count=COUNT, adapter="numpy"):
    return ["--count", str(count), "--adapter", adapter, "--out", str(folder), "--workers", "1", *words]


def swept(*given, **options):
    return subprocess.run(
        [*SWEEP, *asked(*given, **options)], cwd=ROOT, capture_output=True, text=True, check=False
    )


def here(folder, *words, count=COUNT, adapter="numpy"):
    """Sweep in this process, as far as the command itself goes, and return its exit code."""
    return command.main(asked(folder, *words, count=count, adapter=adapter))


def rows(folder):
    """Every row, in order, as text: a float's text reads back exactly."""
    frame = pd.concat(list(Store(Path(folder)).tables()), ignore_index=True)
    return frame.astype(str).sort_values(["case", "adapter", "program", "how"], ignore_index=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "sweep"
    done = swept(folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_a_sweep_tells_what_it_found(whole):
    folder, told = whole
    assert f"{COUNT} cases, " in told
    assert "no findings" in told
    frame = rows(folder)
    assert sorted(set(frame["case"].astype(int))) == list(range(COUNT))
    features = pd.read_csv(folder / "features.csv")
    assert set(features["feature"]) == {
        "dtype",
        "depth",
        "batch",
        "steps",
        "loss",
        "update",
        "regime",
        "activation",
    }
    by_dtype = features[features["feature"] == "dtype"]
    assert by_dtype["cases"].sum() == len(frame)
    assert by_dtype["quantities"].sum() == frame["compared"].astype(int).sum()
    assert features["worst"].max() <= 1


def test_a_finding_is_told_and_fails(tmp_path, implementations, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", str(implementations))
    assert here(tmp_path / "sweep", count=12, adapter="programs:nan") == 1
    told = capsys.readouterr().out
    assert "loss is nan, but follows from its inputs as" in told
    assert "12 cases, 12 trials" in told
    assert "12 findings" in told
    found = pd.read_csv(tmp_path / "sweep" / "findings.csv")
    assert found["case"].tolist() == list(range(12))
    assert set(found["first"]) == {"loss"}


def test_a_folder_holds_one_sweep(whole, capsys):
    folder, _ = whole
    assert here(folder, "--no-isolate") == 2
    assert "holds a sweep already; --resume goes on with it" in capsys.readouterr().err
    assert here(folder, "--no-isolate", "--resume", "--seed", "8") == 2
    assert "its seed is 0, asked for is 8" in capsys.readouterr().err


def test_after_its_minutes_no_task_is_begun_and_the_rest_is_resumed_isolated_or_not(whole, tmp_path, capsys):
    folder = tmp_path / "sweep"
    assert here(folder, "--no-isolate", "--minutes", "0") == 1
    assert "Nothing has been judged yet, so nothing is known to agree" in capsys.readouterr().out
    assert here(folder, "--no-isolate", "--resume") == 0
    pd.testing.assert_frame_equal(rows(folder), rows(whole[0]))


def claimed(**quantities):
    """A summary in which each adapter compared so many quantities, of which so many are undecided."""
    rows = [
        dict.fromkeys(SUMS, 0) | {"adapter": name, "quantities": compared, "undecided": undecided}
        for name, (compared, undecided) in quantities.items()
    ]
    nothing = pd.DataFrame()
    return Summary(8, pd.DataFrame(rows), nothing, nothing, nothing)


NUMPY, JAX, ENGINE = (
    Adapter(name, "", "", (Program("", training_steps),), framework=framework)
    for name, framework in (("numpy", ""), ("jax", ""), ("jax_eager", "jax"))
)
ABSENT = Unavailable("torch", Verdict.NOT_RUN, "torch is not installed")
ALONE = "ran, compared with no other implementation."


@pytest.mark.parametrize(
    ("summary", "adapters", "asked", "told"),
    [
        (claimed(numpy=(9, 1), jax=(9, 9)), (NUMPY, JAX), False, ()),
        (claimed(numpy=(9, 1)), (NUMPY,), True, ()),
        (claimed(numpy=(9, 1)), (NUMPY, ABSENT), False, (f"Only numpy {ALONE}",)),
        (claimed(jax=(9, 1), jax_eager=(9, 1)), (JAX, ENGINE), False, (f"Only jax {ALONE}",)),
        (claimed(numpy=(0, 0), jax=(9, 0)), (NUMPY, JAX), False, (f"Only jax {ALONE}",)),
        (
            claimed(numpy=(9, 1)),
            (NUMPY, ABSENT),
            True,
            ("Asked for, but not run: torch, because torch is not installed.",),
        ),
        (claimed(numpy=(0, 0)), (NUMPY,), True, ("Nothing was compared, so nothing is known to agree.",)),
        (
            claimed(numpy=(9, 9)),
            (NUMPY,),
            True,
            ("Every quantity is undecided, so nothing is known to agree.",),
        ),
    ],
)
def test_a_sweep_that_shows_no_agreement_says_why(summary, adapters, asked, told):
    assert shortfalls(summary, adapters, is_asked_for=asked) == told


def test_a_sweep_in_which_nothing_was_compared_fails(tmp_path, implementations, capsys):
    assert here(tmp_path / "sweep", "--no-isolate", count=8, adapter="programs:declines") == 1
    told = capsys.readouterr().out
    assert "Nothing was compared, so nothing is known to agree." in told
    assert "no findings" in told


def test_the_command_that_repeats_findings_names_their_adapters_and_what_their_names_share():
    found = [Minimized(Path(f"found/mine-f-{name}.yaml"), "", "mine:f") for name in ("loss-0-5", "a-0-7")]
    start = "python -m reports.build --cases 'my found' --adapter mine:f"
    assert again(found[:1], Path("my found"), ()) == f"{start} --select mine-f-loss-0-5"
    assert again(found, Path("my found"), ("--isolate",)) == f"{start} --select mine-f- --isolate"
    other = Minimized(Path("found/jax-a-0-7.yaml"), "", "jax")
    assert again([*found, other], Path("my found"), ()) == f"{start} --adapter jax"


ABORTING = """
import os
import numpy as np
from cases.protocol import Adapter, Program, Stacked
from reference import names, training_steps

ONE = np.array({one})

def run(problem):
    if (np.asarray(problem.x, float) == ONE).all(axis=(-2, -1)).any():
        os.abort()
    yield from training_steps(problem)

adapter = Adapter("aborting", "", "", (Program("", run, names.observable, stacked=Stacked("so", run)),))
"""


@pytest.mark.parametrize("engine", ["local", pytest.param("dask", marks=slow)])
def test_an_abort_on_one_case_is_that_cases_error(engine, tmp_path, monkeypatch):
    one = problem_of(Plan(0, 8), 5).x.astype(float).tolist()
    (tmp_path / "aborting.py").write_text(ABORTING.format(one=one), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = swept(tmp_path / "sweep", "--engine", engine, count=8, adapter="aborting:adapter")
    assert done.returncode == 1, done.stderr
    assert "ended the process by SIGABRT" in done.stdout
    assert ": 2 findings; " in done.stdout  # in the stack, and alone, as some of this block are run too
    found = rows(tmp_path / "sweep")
    verdicts = found[found["how"] == "so"].set_index("case")["verdict"].to_dict()
    assert verdicts.pop("5") == "error"
    assert len(verdicts) == 7
    assert set(verdicts.values()) <= {"agrees", "undecided"}


def killed_and_resumed(folder, times, seed):
    """Start a sweep and kill it and all its processes at random moments, then let it end."""
    moments = random.Random(seed)  # noqa: S311 - moments, no secrets
    for _ in range(times):
        told = asked(folder, "--resume")
        sweep = subprocess.Popen([*SWEEP, *told], cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL)
        time.sleep(moments.uniform(0.5, 3))
        os.killpg(sweep.pid, signal.SIGKILL)
        sweep.wait()
    return swept(folder, "--resume")


def test_killed_and_resumed_it_is_the_same(whole, tmp_path):
    done = killed_and_resumed(tmp_path / "sweep", 1, 0)
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(rows(tmp_path / "sweep"), rows(whole[0]))


@slow
def test_killed_ten_times_and_resumed_it_is_the_same(whole, tmp_path):
    done = killed_and_resumed(tmp_path / "sweep", 10, 1)
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(rows(tmp_path / "sweep"), rows(whole[0]))


def test_a_dask_cluster_gives_the_same_rows(whole, tmp_path):
    folder = tmp_path / "sweep"
    done = swept(folder, "--engine", "dask")
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(rows(folder), rows(whole[0]))


def test_a_scheduler_that_does_not_answer_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(engine, "PATIENCE", 0.5)
    words = "--engine", "dask", "--scheduler", "tcp://127.0.0.1:9"
    assert here(tmp_path / "sweep", *words, count=8) == 2
    assert "no scheduler answers at tcp://127.0.0.1:9" in capsys.readouterr().err


@slow
def test_what_a_dask_worker_was_doing_when_it_died_is_done_by_another(whole, tmp_path):
    from distributed import Client, LocalCluster

    plan, store = Plan(0, COUNT, adapters=("numpy",)), Store(tmp_path / "sweep")
    store.open(plan, {}, resume=False)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as local,
        Client(local) as client,
    ):
        engine = DaskEngine(2, local.scheduler_address)
        run = engine.run(tasks(plan), Order(str(store.folder), None))
        done = [next(run)]
        pids = client.run(os.getpid)
        os.kill(next(iter(pids.values())), signal.SIGKILL)
        done += run
    assert sum(one.cases for one in done) == COUNT
    pd.testing.assert_frame_equal(rows(store.folder), rows(whole[0]))


def test_what_ends_a_worker_is_done_again_by_another(tmp_path, monkeypatch):
    """The adapter ends its whole process, once."""
    (tmp_path / "ending.py").write_text(
        "import os\n"
        "from pathlib import Path\n"
        "from reference import training_steps\n"
        f"MARK = Path({str(tmp_path / 'mark')!r})\n"
        "def train(problem):\n"
        "    if not MARK.exists():\n"
        "        MARK.touch()\n"
        "        os._exit(7)\n"
        "    yield from training_steps(problem)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    plan, store = Plan(0, 20, adapters=("ending:train",)), Store(tmp_path / "sweep")
    store.open(plan, {}, resume=False)
    done = list(LocalEngine(1).run(tasks(plan), Order(str(store.folder), None)))
    assert sorted(one.name for one in done) == sorted(store.done)
    assert sum(one.cases for one in done) == 20
    assert set(rows(store.folder)["verdict"]) <= {"agrees", "undecided"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--count", "0"], "0 is not a positive number"),
        (["--widths", "3"], "3 has no layer"),
        (["--no-isolate", "--time-limit", "5"], "--no-isolate leaves nothing to limit"),
        (["--memory-limit", "0"], "'0' is not a finite number above 0"),
        (["--adapter", "nobody"], "unknown adapter 'nobody'"),
    ],
)
def test_bad_usage_is_told(words, told, capsys, tmp_path):
    try:
        code = command.main([*words, "--out", str(tmp_path / "sweep")])
    except SystemExit as left:
        code = left.code
    assert code == 2
    assert told in capsys.readouterr().err


def test_without_pyarrow_it_says_what_to_install(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("reports.sweep.command.find_spec", lambda _: None)
    assert command.main(["--out", str(tmp_path / "sweep")]) == 2
    assert "pyarrow, which is not installed: pip install '.[sweep]'" in capsys.readouterr().err


def test_without_an_adapter_that_runs_nothing_is_judged(capsys, tmp_path):
    code = command.main(["--adapter", "no_such_module:train", "--out", str(tmp_path / "sweep")])
    assert code == 2
    assert "none of no_such_module:train can run here, so nothing would be judged" in capsys.readouterr().err


def test_help_is_at_once():
    told = "import sys, runpy; sys.argv = ['sweep', '--help']\n"
    told += "try: runpy.run_module('reports.sweep', run_name='__main__')\n"
    told += "except SystemExit: print('numpy' in sys.modules, 'torch' in sys.modules)\n"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False False\n")


def test_a_folder_that_is_no_sweep_is_told(tmp_path, capsys):
    (tmp_path / "sweep.json").write_text(json.dumps([1]))
    assert here(tmp_path, "--no-isolate", "--resume", count=8) == 2
    assert "sweep.json is not of a sweep" in capsys.readouterr().err


def test_limits_are_told_to_workers_as_they_are():
    order = Order("there", Limits(1.0, 2.0))
    assert order.limits is not None
    assert order.limits.seconds == 1.0
