"""Programs in processes of their own: the same numbers, and each fault its own verdict, with the reason."""

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import faulty
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from networks import network
from rules import OPTIMIZERS, rule

from adapters import Adapter, find_adapters
from adapters.isolation import Limits, isolated, remote
from adapters.isolation.messages import Corrupted, Message, encode, problem_header, problem_of, receive
from cases import load_case
from cases.problem import stacked
from cases.protocol import Fault
from reference import Verdict, judge
from reports.build import main
from reports.runs.runner import run_case

ROOT = Path(__file__).parent.parent
RATE_RIGHT = load_case("training/rate-right")


@pytest.fixture(autouse=True, scope="module")
def interruptible():
    """Receive Ctrl-C, which the background job of a shell ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def isolate(name, limits=None):
    adapter = isolated(f"faulty:{name}", f"faulty:{name}", limits or Limits(seconds=60, gib=0.25))
    assert isinstance(adapter, Adapter), adapter
    return adapter


@pytest.fixture(scope="module")
def as_named():
    """Give one adapter that does whatever its case is called: it is started again after each fault."""
    return isolate("as_named")


@pytest.fixture(scope="module")
def impatient():
    """Give the same with little patience, but for its start: the machine may be busy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remote, "STARTUP_FACTOR", 60)
        yield isolate("as_named", Limits(seconds=1.5))


def reasons(adapter, what):
    """Return why each of the first three steps fails of a program that does so in its second, or ""."""
    problem = replace(RATE_RIGHT.problem("float64"), case=what, steps=3)
    steps = judge(problem, adapter.programs[0].run, frozenset(), certify=False)
    return ["; ".join(finding.reason for finding in step.failures) for step in steps]


def rows_of(adapter, case="nets/mixed-activations", dtype="float64"):
    return run_case(load_case(case), dtype, [adapter])[0]


def failures(rows):
    return [row.finding.reason or row.finding.quantity for row in rows if row.fails]


# messages


def received(data):
    stream = io.BytesIO(data)

    def read(count):
        if len(taken := stream.read(count)) < count:
            raise EOFError
        return taken

    return receive(read, 2**20)


SHAPES = st.lists(st.integers(0, 3), max_size=3).map(tuple)
NUMBERS = st.sampled_from(["f8", "f4", "f2", ">f8", "i4", "u1", "?", "c16"]).flatmap(
    partial(arrays, shape=SHAPES)
)
BFLOAT16 = arrays("u2", SHAPES).map(lambda bits: bits.view("bfloat16"))


@given(st.dictionaries(st.text(max_size=5), NUMBERS | BFLOAT16, max_size=4))
def test_arrays_arrive_as_they_were_sent(sent):
    message = received(encode({"ask": "ü"}, sent))
    assert message.header == {"ask": "ü"}
    assert bits(message.arrays) == bits(sent)


def bits(named):
    return {name: (array.dtype, array.shape, array.tobytes()) for name, array in named.items()}


@given(st.data())
def test_a_damaged_message_is_corrupted_and_nothing_worse(data):
    damaged = bytearray(encode({"ask": "next"}, {"z1": np.arange(6.0).reshape(2, 3)}))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Corrupted, EOFError):
        assert isinstance(received(damaged), Message)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_problem_arrives_as_it_was_sent(optimizer):
    made = rule("float32", **OPTIMIZERS[optimizer])
    problem = network(optimizer=made, steps=3, dtype="float32", until=0.25)
    arrived = problem_of(*received(encode(problem_header(problem), problem.inputs)))
    assert problem_header(arrived) == problem_header(problem)
    assert bits(arrived.inputs) == bits(problem.inputs)


# the same numbers


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_isolated_adapters_state_the_same_numbers(name, dtype):
    (plain,), (alone,) = find_adapters([name]), find_adapters([name], Limits())
    assert (plain.name, plain.version) == (alone.name, alone.version)
    problem = load_case("formats/small" if "16" in dtype else "nets/mixed-activations").problem(dtype)
    stack = stacked([network((2, 3, 2), 3, seed=seed, dtype=dtype) for seed in range(5)])
    for one, other in zip(plain.programs, alone.programs, strict=True):
        assert (one.name, one.accumulators) == (other.name, other.accumulators)
        assert one.stacked.how == other.stacked.how
        runs = [(one.run, other.run, problem), (one.stacked.run, other.stacked.run, stack)]
        for here, there, alike in runs:
            for left, right in zip(here(alike.copy()), there(alike.copy()), strict=True):
                assert bits(left) == bits(right)


def test_a_crash_in_a_stack_is_a_fault_and_the_next_stack_is_trained():
    (program,) = isolate("stacking").programs
    stack = replace(stacked([network((2, 3, 2), 3, seed=seed, steps=3) for seed in range(5)]), case="aborts")
    with pytest.raises(Fault, match="ended the process by SIGABRT"):
        list(program.stacked.run(stack.copy()))
    assert len(list(program.stacked.run(replace(stack, case="honest")))) == 3


@pytest.mark.needs("jax")
def test_an_isolated_adapter_may_have_no_equivalent():
    (alone,) = find_adapters(["jax"], Limits())
    rows = rows_of(alone, "optimizers/sgd-dampening")
    assert {row.finding.verdict for row in rows} == {Verdict.NO_EQUIVALENT}


# faults


# Each is read, or ended, as one that stays.
ALIKE = {
    "aborts", "kills itself", "writes", "is a list", "has structures", "has a huge shape",
    "has less than announced", "reshapes an input",
}  # fmt: skip
SLOW = pytest.mark.skipif("not config.getoption('--slow')", reason="one like it shows it: --slow")


@pytest.mark.parametrize(
    "what", [pytest.param(what, marks=SLOW if what in ALIKE else ()) for what in faulty.FAULTS]
)
def test_each_fault_is_that_programs_verdict(what, as_named):
    first, second, *later = reasons(as_named, what)
    assert first == "", "it was honest, and its process has been started again"
    assert second.startswith(faulty.FAULTS[what][1])
    assert not later
    assert second.endswith(faulty.GIB) or what != "fills memory"


@pytest.mark.parametrize("what", faulty.HARMLESS)
def test_what_does_no_harm_is_no_fault(what, as_named):
    assert reasons(as_named, what) == ["", "", ""]


@pytest.mark.parametrize("what", faulty.HANGS)
def test_a_program_that_gives_no_reply_is_ended(what, impatient):
    assert reasons(impatient, what) == ["", "gave no reply within 1.5 s and was ended"]


def test_a_process_that_ends_between_two_requests_says_how(as_named):
    problem = RATE_RIGHT.problem("float64")
    problem = replace(problem, case="crashes a little later", steps=1_000_000, until=None)
    run = as_named.programs[0].run(problem)
    next(run), next(run)
    with pytest.raises(Fault, match="ended the process by SIGSEGV"):
        list(run)


def test_a_training_whose_process_another_has_ended_says_so(as_named):
    problem, run = RATE_RIGHT.problem("float64"), as_named.programs[0].run
    training = run(replace(problem, case="honest", steps=9, until=None))
    next(training)
    assert reasons(as_named, "exits")[1] == "ended the process with exit code 3"
    assert reasons(as_named, "honest") == ["", "", ""]
    with pytest.raises(Fault, match="its process was ended because of what another training did in it"):
        next(training)


def child_of(program):
    return program.run.__self__._process._child._process  # noqa: SLF001 - the test looks behind


def test_a_request_that_is_not_read_in_time_ends_the_process(impatient):
    """A stopped process reads nothing; the problem is larger than a pipe holds."""
    (program,) = impatient.programs
    next(program.run(network()))
    os.kill(child_of(program).pid, signal.SIGSTOP)
    with pytest.raises(Fault, match=r"gave no reply within 1\.5 s and was ended"):
        next(program.run(network((300, 300, 1))))


def test_the_other_adapters_go_on_after_a_crash(as_named):
    adapters = [as_named, *find_adapters(["numpy"])]
    rows, _ = run_case(replace(RATE_RIGHT, name="crashes"), "float64", adapters)
    crashed, numpy = ([row for row in rows if row.subject.adapter == one.name] for one in adapters)
    assert failures(crashed)[0].startswith("ended the process by SIGSEGV")
    assert not failures(numpy)
    assert max(row.finding.step for row in numpy) > 100


STATED = {
    "changes_its_inputs": ["was given as an input and was changed in place"],
    "states_other_types": [
        "is a NoneType, expected a NumPy array",
        "is a ndarray of <U1, expected a NumPy array",
        "is not a quantity of this training step",
    ],
    "big_endian": ["expected float64"],
    "yields_a_number": ["raised TypeError"],
    "states_much": ["33,55[0-9],[0-9]{3} bytes of arrays in one step, expected at most 1,[0-9,]{7}$"],
}


@pytest.mark.parametrize("name", STATED)
def test_wrong_claims_arrive_as_they_were_stated(name):
    observed = failures(rows_of(isolate(name)))
    for expected in STATED[name]:
        assert any(re.search(expected, reason) for reason in observed)


def zombies():
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
    return {one for one in children if Path(f"/proc/{one}/stat").read_text().rsplit(")")[1].split()[0] == "Z"}


def test_ended_processes_leave_nothing_behind(as_named):
    reasons(as_named, "exits")
    before, others = len([*Path("/proc/self/fd").iterdir()]), zombies()  # what other tests left is theirs
    for what in ("crashes with a child that lives", "leaves a daemon"):
        reasons(as_named, what)
    assert len([*Path("/proc/self/fd").iterdir()]) == before
    assert zombies() <= others
    assert not processes("a daemon of faulty")


def test_promises_hold_and_each_program_has_a_process_of_its_own():
    rows = rows_of(isolate("promising"))
    reason = {row.subject.program: row.finding.reason for row in rows if row.fails}
    assert reason["less"] == "was promised, but is not claimed"
    assert reason["crashing"].startswith("ended the process by SIGSEGV")
    assert "honest" not in reason


# processes and their parents


def processes(text):
    """Return the numbers of the processes that have a text in their command."""
    return subprocess.run(["pgrep", "-f", text], capture_output=True, text=True, check=False).stdout.split()


def with_limit(gib):
    """Return the adapter processes with this limit, which tells them from others."""
    return processes(f'"memory": {int(gib * 2**30)}')


def holds(condition, seconds=100):
    """Whether a condition comes to hold within that time."""
    end = time.monotonic() + seconds
    while not (held := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return held


def test_a_process_outlives_the_thread_that_started_it():
    started = []
    given = ("numpy", "adapters.numpy_reference:adapter", Limits(gib=3))
    thread = threading.Thread(target=lambda: started.append(isolated(*given)))
    thread.start()
    thread.join()
    (program,) = started[0].programs
    child = child_of(program)
    assert not failures(rows_of(started[0], "worked/document"))
    assert child_of(program) is child


def test_ctrl_c_ends_a_build_and_its_adapter_processes_at_once(tmp_path):
    arguments = ["--adapter=faulty:starts_and_hangs", "--select=worked/document", "--memory-limit=3.125"]
    build = [sys.executable, "-m", "reports.build", *arguments, f"--out={tmp_path}"]
    folder = str(Path(faulty.__file__).parent)
    environment = os.environ | {"STARTED": str(tmp_path / "started"), "PYTHONPATH": folder}
    with subprocess.Popen(build, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as running:
        assert holds((tmp_path / "started").exists)
        running.send_signal(signal.SIGINT)
        _, printed = running.communicate(timeout=100)  # a step may take 120 s
    assert (running.returncode, printed) == (130, "Interrupted; the last report is as it was.\n")
    assert not with_limit(3.125)


def test_an_adapter_process_ends_when_its_parent_is_killed():
    code = """if True:
        import time
        from adapters.isolation import Limits, isolated
        isolated('numpy', 'adapters.numpy_reference:adapter', Limits(gib=3.25))
        print('ready', flush=True)
        time.sleep(600)
    """
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"ready\n"
        assert with_limit(3.25)
        parent.send_signal(signal.SIGKILL)
    assert holds(lambda: not with_limit(3.25))


@pytest.mark.needs("torch", "jax")
@pytest.mark.usefixtures("without_pictures")
def test_the_build_takes_isolated_adapters(tmp_path, capsys):
    arguments = ["--isolate", "--select", "worked/document", "--dtype", "float64", "--out", str(tmp_path)]
    assert main(arguments) == 0
    assert "All agree" in capsys.readouterr().out
