"""What ends a build before its time is seen, named and isolated; the other verdicts are there."""

import csv
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from adapters import Adapter, Program
from cases import load_case
from reference import Finding, Subject, Verdict, training_steps
from reports.environment import Selection
from reports.runs.parallel import apart, begins_again, describe, with_ended
from reports.runs.rows import Results, Row
from reports.runs.runner import run_case
from reports.supervision import NOTE_SIZE, Activity, EarlyEnd, Note, keep_note_in

ROOT = Path(__file__).parent.parent
CASE = "mine/two-layers"


def test_programs_that_end_the_process_cost_their_own_rows(
    implementations: Path, folder: Path, tmp_path: Path
) -> None:
    """One does while it trains, and one while it is loaded."""
    (implementations / "ends_at_once.py").write_text("import os\nos._exit(0)\n", encoding="utf-8")
    adapters = ["programs:ends_the_process", "programs:honest", "ends_at_once:train"]
    words = ["--cases", str(folder), "--select", CASE, "--format", "csv", "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "reports.build", *words, *(f"--adapter={name}" for name in adapters)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(implementations)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    first = "ends_at_once:train ended the process with exit code 0 while it was loaded."
    assert done.stderr == f"{first} The build begins again, with it in a process of its own.\n"
    assert "Not all agree: 4 × error, of 6 comparisons" in done.stdout
    ended = "programs:ends_the_process ended the process with exit code 3"
    for dtype in ("float64", "float32"):
        assert f"{ended} (programs:ends_the_process, {dtype}, {CASE})" in done.stdout
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as file:
        verdicts = {(row["adapter"], row["verdict"]) for row in csv.DictReader(file)}
    assert verdicts == {
        ("programs:honest", "agrees"),
        ("programs:ends_the_process", "error"),
        ("ends_at_once:train", "error"),
    }


# the process that waits, with builds that are nothing but their end


def supervised(build: str, *, before: str = "") -> subprocess.CompletedProcess[str]:
    """Supervise a `build(ended, parent)`, in a Python that has loaded nothing else."""
    code = f"""
import atexit, os, signal, sys
from reports.supervision import Doing, now
from reports.supervision import supervised
{textwrap.dedent(before)}
def build(ended, parent):
{textwrap.indent(textwrap.dedent(build), "    ")}
def done(ended):
    return [one.doing for one in ended]
def give_up(ended):
    print("gave up:", ended.status, ended.doing)
    return 7
heavy = {{"numpy", "pandas", "cases", "adapters", "reference"}} & {{*sys.modules}}
print("heavy:", sorted(heavy), flush=True)
sys.exit(supervised(build, give_up))
"""
    run = [sys.executable, "-c", code]
    return subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)


ENDS = {
    "a build that is done": ("return 0", 0, ""),
    "a build that fails": ("return 2", 2, ""),
    "an exception": ("raise ValueError('no such luck')", 1, ""),
    "an end that is hidden behind the verdicts": ("atexit.register(os._exit, 0)\nreturn 1", 1, ""),
    "a crash behind the verdicts": ("atexit.register(os.abort)\nreturn 0", 0, ""),
    "an end once": ("now(Doing('a'))\nif not ended: os._exit(0)\nreturn 0", 1, ""),
    "an end while nothing runs": ("os._exit(0)", 7, "gave up: 0 None"),
    "a signal that nobody sent from outside": ("os.abort()", 7, "gave up: -6 None"),
    "an end by one after another": (
        "for one in map(Doing, 'abc'):\n    now(one)\n    if one not in done(ended): os._exit(0)\nreturn 0",
        1,
        "",
    ),
    "an end although it is isolated": (
        "now(Doing('a', 'plain', 'nets/tanh', 'float32'))\nos._exit(9)",
        7,
        "gave up: 9 Doing(adapter='a', program='plain', case='nets/tanh', dtype='float32')",
    ),
    "a half that was forked and comes back": (
        "if os.fork() == 0: return 0\nos.wait()\nos._exit(0)",
        7,
        "gave up: 0 None",
    ),
    "a debugger": ("return 0 if parent is None else 1", 0, ""),
}


@pytest.mark.parametrize("name", ENDS)
def test_whatever_ends_a_build_is_seen(name: str) -> None:
    build, code, printed = ENDS[name]
    before = "sys.settrace(lambda *_: None)" if name == "a debugger" else ""
    done = supervised(build, before=before)
    assert done.returncode == code, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "heavy: []"
    assert lines[1:] == ([printed] if printed else [])
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


def test_ctrl_c_on_a_terminal_interrupts_once_and_returns_130() -> None:
    """It is typed by a process that has no threads, and so may fork."""
    run = [sys.executable, "-c", CTRL_C, WAITS]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "130 1\n"


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)],
)
def test_who_asks_the_waiting_process_to_end_ends_the_build(number: signal.Signals, code: int) -> None:
    run = [sys.executable, "-c", WAITS]
    with subprocess.Popen(run, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        child = int(process.stdout.readline().split()[1])
        process.send_signal(number)
        assert process.wait() == code
    assert is_gone(child)


def is_gone(process: int) -> bool:
    """Whether a process ends within some seconds; nobody may have waited for it."""
    for _ in range(100):
        try:
            if Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


# notes


def test_a_note_is_read_as_it_was_written_last(tmp_path: Path) -> None:
    note, other = Note.of_process(tmp_path, 1), Note.of_process(tmp_path, 1)
    assert other.read() is None
    for doing in (
        Activity("jax", "plain", "worked/document", "float32"),
        Activity("ünï:cödé"),
        Activity("a"),
    ):
        note.write(doing)
        assert other.read() == doing
    note.write(Activity("a" * 2 * NOTE_SIZE))
    assert other.read() == Activity("a" * (NOTE_SIZE - 4))
    note.write(None)
    assert other.read() is None
    assert other.code is None
    note.finish(0)
    assert other.code == 0


def test_what_runs_is_noted_while_it_runs_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


# what is told

ON = Activity("jax", "plain", "nets/tanh", "float32")


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (EarlyEnd(0, ON), "jax plain ended the process with exit code 0 on nets/tanh in float32."),
        (EarlyEnd(-11, Activity("mine:f")), "mine:f ended the process by SIGSEGV while it was loaded."),
        (EarlyEnd(-9, None), "Something ended the process by SIGKILL while no program ran."),
    ],
)
def test_it_is_told_who_ended_what_and_how(ended: EarlyEnd, words: str) -> None:
    assert describe(ended) == words
    isolated = ", with it in a process of its own" if ended.doing else ""
    assert begins_again(ended, "The build") == f"{words} The build begins again{isolated}."


def test_who_was_at_work_is_isolated_and_all_that_are_not_built_in() -> None:
    names = ("numpy", "torch", "mine:f", "theirs")
    assert apart([], names) == ()
    assert apart([EarlyEnd(0, None)], names) == ("mine:f", "theirs")
    assert apart([EarlyEnd(0, ON), EarlyEnd(0, Activity("theirs"))], names) == ("jax", "theirs", "mine:f")


def error(adapter: str, reason: str) -> Row:
    return Row(Subject("nets/tanh", adapter, "", "float32"), Finding(1, "", Verdict.ERROR, reason))


@pytest.mark.parametrize(
    ("rows", "ended", "added"),
    [
        ([], [], []),
        ([], [EarlyEnd(0, None)], []),
        ([error("mine:f", "ended the process with exit code 0")], [EarlyEnd(0, Activity("mine:f"))], []),
        (
            [error("mine:f", "raised ValueError")],
            [EarlyEnd(0, Activity("mine:f"))],
            [("mine:f", "", "float64")],
        ),
        ([], [EarlyEnd(-11, ON)], [("jax", "plain", "float32")]),
        # a thread of mine:f's has ended it while jax was at work
        ([error("mine:f", "ended the process by SIGKILL")], [EarlyEnd(-9, ON)], []),
    ],
)
def test_what_ended_the_process_once_is_an_error_unless_it_is_one_already(
    rows: list[Row], ended: list[EarlyEnd], added: list[tuple[str, str, str]]
) -> None:
    selection = Selection((load_case("nets/tanh"),), ())
    after = with_ended(Results(tuple(rows)), selection, ended).rows
    assert after[: len(rows)] == tuple(rows)
    new = after[len(rows) :]
    assert [(row.subject.adapter, row.subject.program, row.subject.dtype) for row in new] == added
    assert all(row.fails and row.finding.reason.startswith("ended the process") for row in new)
