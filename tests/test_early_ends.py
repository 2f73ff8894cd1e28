"""What ends a build or one of its processes early is seen, named and isolated; the other verdicts stand."""

import csv
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from adapters import Adapter, Choice, Program, UnknownAdapterError
from adapters.registry import load_adapter
from cases import load_case
from reference import Finding, Subject, Verdict, training_steps
from reports.environment import Selection
from reports.runs import parallel, pool_server
from reports.runs.parallel import apart, begins_again, describe, with_ended
from reports.runs.rows import Results, Row
from reports.runs.runner import run, run_case
from reports.supervision import NOTE_SIZE, Activity, EarlyEnd, Note, keep_note_in

ROOT = Path(__file__).parent.parent
CASE = "mine/two-layers"


def python(*arguments, **environment):
    run, env = [sys.executable, *arguments], os.environ | environment
    return subprocess.run(run, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_programs_that_end_the_process_cost_their_own_rows(implementations, folder, tmp_path):
    (implementations / "ends_at_once.py").write_text("import os\nos._exit(0)\n", encoding="utf-8")
    adapters = ["programs:ends_the_process", "programs:honest", "ends_at_once:train"]
    words = ["--cases", str(folder), "--select", CASE, "--format", "csv", "--out", str(tmp_path)]
    words += [f"--adapter={name}" for name in adapters]
    path = os.pathsep.join([str(ROOT), str(implementations)])
    done = python("-m", "reports.build", *words, PYTHONPATH=path)
    assert done.returncode == 1
    first = "ends_at_once:train ended the process with exit code 0 while it was loaded."
    assert done.stderr == f"{first} The build begins again, with it in a process of its own.\n"
    assert "Not all agree: 4 × error, of 6 comparisons" in done.stdout
    ended = "programs:ends_the_process ended the process with exit code 3"
    for dtype in ("float64", "float32"):
        assert f"{ended} (programs:ends_the_process, {dtype}, {CASE})" in done.stdout
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as file:
        verdicts = {(row["adapter"], row["verdict"]) for row in csv.DictReader(file)}
    assert verdicts == set(zip(adapters, ("error", "agrees", "error"), strict=True))


# the process that waits, with builds that are nothing but their end


def supervised(build):
    """Supervise a `build(ended, parent)`, in a Python that has loaded nothing else."""
    return python(
        "-c",
        f"""
import atexit, os, signal, sys
from reports.supervision import Activity, note, supervised
def build(ended, parent):
{textwrap.indent(build, "    ")}
def done(ended):
    return [one.activity for one in ended]
def give_up(ended):
    print("gave up:", ended.status, ended.activity)
    return 7
print("heavy:", {{"numpy", "pandas", "cases", "adapters", "reference"}} & {{*sys.modules}}, flush=True)
{"sys.settrace(lambda *_: None)" if "parent" in build else ""}
sys.exit(supervised(build, give_up))
""",
    )


ENDS = {
    "a build that is done": ("return 0", 0, ""),
    "a build that fails": ("return 2", 2, ""),
    "an exception": ("raise ValueError('no such luck')", 1, ""),
    "an end that is hidden behind the verdicts": ("atexit.register(os._exit, 0)\nreturn 1", 1, ""),
    "a crash behind the verdicts": ("atexit.register(os.abort)\nreturn 0", 0, ""),
    "an end once": ("note(Activity('a'))\nif not ended: os._exit(0)\nreturn 0", 1, ""),
    "an end while nothing runs": ("os._exit(0)", 7, "gave up: 0 None"),
    "a signal that nobody sent from outside": ("os.abort()", 7, "gave up: -6 None"),
    "an end by one after another": (
        "for it in map(Activity, 'abc'):\n    note(it)\n    if it not in done(ended): os._exit(0)\nreturn 0",
        1,
        "",
    ),
    "an end although it is isolated": (
        "note(Activity('a', 'plain', 'nets/tanh', 'float32'))\nos._exit(9)",
        7,
        "gave up: 9 Activity(adapter='a', program='plain', case='nets/tanh', dtype='float32')",
    ),
    "a half that was forked and comes back": (
        "if os.fork() == 0: return 0\nos.wait()\nos._exit(0)",
        7,
        "gave up: 0 None",
    ),
    "a debugger": ("return 0 if parent is None else 1", 0, ""),
}


@pytest.mark.parametrize("name", ENDS)
def test_whatever_ends_a_build_is_seen(name):
    build, code, printed = ENDS[name]
    done = supervised(build)
    assert done.returncode == code, done.stderr
    assert done.stdout.splitlines() == ["heavy: set()", *filter(None, [printed])]
    assert ("Traceback" in done.stderr) is (name == "an exception")


WAITS = """
import os, signal, sys, time
from reports.supervision import supervised

signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and what nohup starts this one

def build(ended, parent):
    try:
        print("begins", os.getpid(), flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        time.sleep(0.2)  # what is cleared away; a second Ctrl-C would end it here
        print("interrupted", flush=True)
        return 130
    return 0

sys.exit(supervised(build, lambda ended: 7))
"""


CTRL_C = """
import os, pty, sys
process, terminal = pty.fork()
if process == 0:
    os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
said = b""
while b"begins" not in said:
    said += os.read(terminal, 1024)
os.write(terminal, bytes([3]))
_, status = os.waitpid(process, 0)
said += os.read(terminal, 1024)
print(os.waitstatus_to_exitcode(status), said.count(b"interrupted"))
"""


def test_ctrl_c_on_a_terminal_interrupts_once_and_returns_130():
    """It is typed by a process that has no threads, and so may fork."""
    assert python("-c", CTRL_C, WAITS).stdout == "130 1\n"


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)],
)
def test_a_signal_to_the_waiting_process_ends_the_build(number, code):
    run = [sys.executable, "-c", WAITS]
    with subprocess.Popen(run, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        child = int(process.stdout.readline().split()[1])
        process.send_signal(number)
        assert process.wait() == code
    deadline = time.monotonic() + 5
    while state(child) not in ("gone", "Z") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert state(child) in ("gone", "Z")  # its parent may not have waited for it


def state(process):
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "gone"


# notes


def test_a_note_is_read_as_it_was_written_last(tmp_path):
    note, other = Note.of_process(tmp_path, 1), Note.of_process(tmp_path, 1)
    assert other.read() is None
    for activity in (Activity("jax", "plain", "worked/document", "float32"), Activity("ünï:cödé")):
        note.write(activity)
        assert other.read() == activity
    note.write(Activity("a" * 2 * NOTE_SIZE))
    assert other.read() == Activity("a" * (NOTE_SIZE - 4))
    note.write(None)
    assert other.read() is None
    assert other.code is None
    note.finish(0)
    assert other.code == 0


def test_what_runs_is_noted_while_it_runs_and_no_longer(tmp_path, monkeypatch):
    monkeypatch.setattr("reports.supervision._notes", [])
    keep_note_in(tmp_path)
    note, seen = Note.of_process(tmp_path, os.getpid()), []

    def train(problem):
        for step in training_steps(problem):
            seen.append(note.read())
            yield step

    run_case(load_case("nets/tanh"), "float32", [Adapter("mine", "", "", (Program("second", train),))])
    assert set(seen) == {Activity("mine", "second", "nets/tanh", "float32")}
    assert note.read() is None


# in words and rows

ON = Activity("jax", "plain", "nets/tanh", "float32")


DESCRIBED = [
    (EarlyEnd(0, ON), "jax plain ended the process with exit code 0 on nets/tanh in float32."),
    (EarlyEnd(-11, Activity("mine:f")), "mine:f ended the process by SIGSEGV while it was loaded."),
    (EarlyEnd(-9, None), "Something ended the process by SIGKILL while no program ran."),
]


def test_an_early_end_is_described_in_one_line():
    for ended, words in DESCRIBED:
        assert describe(ended) == words
        isolated = ", with it in a process of its own" if ended.activity else ""
        assert begins_again(ended, "The build") == f"{words} The build begins again{isolated}."


def test_what_was_at_work_is_isolated_and_all_that_is_not_built_in():
    names = ("numpy", "torch", "mine:f", "theirs")
    assert apart([], names) == ()
    assert apart([EarlyEnd(0, None)], names) == ("mine:f", "theirs")
    assert apart([EarlyEnd(0, ON), EarlyEnd(0, Activity("theirs"))], names) == ("jax", "theirs", "mine:f")


def error(adapter, reason):
    return Row(Subject("nets/tanh", adapter, "", "float32"), Finding(1, "", Verdict.ERROR, reason))


LOADING = EarlyEnd(0, Activity("mine:f"))
ADDED = [
    ([], EarlyEnd(0, None), []),
    ([error("mine:f", "ended the process with exit code 0")], LOADING, []),
    ([error("mine:f", "raised ValueError")], LOADING, [("mine:f", "", "float64")]),
    ([], EarlyEnd(-11, ON), [("jax", "plain", "float32")]),
    # a thread of mine:f's has ended it while jax was at work
    ([error("mine:f", "ended the process by SIGKILL")], EarlyEnd(-9, ON), []),
]


@pytest.mark.parametrize(("rows", "ended", "added"), ADDED)
def test_what_ended_the_process_once_is_an_error_unless_it_is_one_already(rows, ended, added):
    selection = Selection((load_case("nets/tanh"),), ())
    after = with_ended(Results(tuple(rows)), selection, [ended]).rows
    assert after[: len(rows)] == tuple(rows)
    new = after[len(rows) :]
    assert [(row.subject.adapter, row.subject.program, row.subject.dtype) for row in new] == added
    assert all(row.fails and row.finding.reason.startswith("ended the process") for row in new)


# cases in several processes at once

CASES = ("nets/one-one-one", "worked/document", "nets/one-layer", "nets/square")
ENDING = """
import os
from pathlib import Path
from reference import training_steps

def train(problem):
    here = Path(__file__).parent
    with open(here / "pids", "a") as file:
        file.write(f"{os.getpid()}\\n")
    if problem.case == "worked/document" and not (here / "ended").exists():
        (here / "ended").touch()
        os._exit(7)
    yield from training_steps(problem)
"""


@pytest.fixture
def ending(tmp_path, monkeypatch):
    """Give the folder of an adapter that ends its process on one case, once, and records where it ran."""
    (tmp_path / "ending.py").write_text(ENDING, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delitem(sys.modules, "ending", raising=False)
    monkeypatch.setattr("adapters.registry.load_adapter", load_adapter.__wrapped__)  # each test has its own
    return tmp_path


def selected(choice):
    return Selection(tuple(load_case(name) for name in CASES), choice.load(), ("float64", "float32"))


def run_all(choice, workers, watch=lambda *_: None):
    return parallel.run_all(selected(choice), choice, workers, watch)


@pytest.fixture
def enough(monkeypatch):
    """Let the few cases here be enough for two processes, which have loaded what is ours."""
    monkeypatch.setattr(parallel, "ENOUGH", 1)
    pool_server.begin(parallel.modules_of(Choice(("numpy",))))


def test_two_processes_give_what_one_gives_in_the_same_order(enough, monkeypatch):
    """And so does this process, where nothing ran in the one that ended."""
    choice, watched = Choice(("numpy",)), []
    in_one, results = run_all(choice, 1), run_all(choice, 2, lambda *what: watched.append(what))
    assert repr(results) == repr(in_one)  # which NaN is equal in
    assert repr(replace(results, activations=())) == repr(run(selected(choice)))
    assert len(results.rows) > 100
    assert results.activations
    steps = [(case.name, dtype, case.steps) for case, dtype in selected(choice).runs]
    assert sorted((case.name, dtype, step) for case, dtype, step in watched if step) == sorted(steps)

    def broken(*_):
        raise parallel._BrokenError([])  # noqa: SLF001 - as where the system has ended it

    monkeypatch.setattr(parallel, "_run_in_pool", broken)
    assert repr(run_all(choice, 2)) == repr(in_one)


def test_what_ends_a_process_is_named_and_fails_and_all_else_is_done(ending, enough, capsys):
    results = run_all(Choice(("numpy", "ending:train")), 2)
    pids = set((ending / "pids").read_text().split())
    assert (ending / "ended").exists()
    assert str(os.getpid()) not in pids, "it would have ended this process too"
    words = "ending:train ended the process with exit code 7 on worked/document in float64."
    assert capsys.readouterr().err == f"{words} What is left begins again, with it in a process of its own.\n"
    (row,) = [row for row in results.rows if row.fails]
    subject = (row.subject.case, row.subject.adapter, row.subject.dtype)
    assert subject == ("worked/document", "ending:train", "float64")
    reason = "ended the process with exit code 7, though not again in a process of its own"
    assert row.finding.reason == reason
    compared = {(row.subject.case, row.subject.adapter) for row in results.rows if row.compared}
    assert compared >= {(case, adapter) for case in CASES for adapter in ("numpy", "ending:train")}


@pytest.mark.parametrize("can_fork", [True, False])
def test_adapters_are_described_without_their_programs_and_what_is_unknown_is_refused(can_fork, monkeypatch):
    monkeypatch.setattr(parallel, "can_fork", can_fork and parallel.can_fork)
    choice = Choice(("numpy", "no_such:module"))
    numpy, absent = parallel.described(choice)
    assert (replace(numpy, programs=()), absent) == (replace(choice.load()[0], programs=()), choice.load()[1])
    assert numpy.programs == () or not parallel.can_fork
    with pytest.raises(UnknownAdapterError, match="unknown adapter 'nope'"):
        parallel.described(Choice(("nope",)))


def test_an_exception_ends_it_and_leaves_no_process(enough):
    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all(Choice(("numpy",)), 2, interrupted)
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(("workers", "enough"), [(1, 1), (2, 1000)])
def test_where_there_is_little_to_do_no_process_is_begun(workers, enough, ending, monkeypatch):
    (ending / "ended").touch()
    monkeypatch.setattr(parallel, "ENOUGH", enough)
    run_all(Choice(("ending:train",)), workers)
    assert set((ending / "pids").read_text().split()) == {str(os.getpid())}
