"""Claimants in processes of their own: the same numbers, and each fault its own verdict, with the reason."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from networks import network
from rules import OPTIMIZERS, rule

from adapters import Adapter, Unavailable, find_adapters
from adapters.isolation import Limits, isolated
from adapters.isolation.messages import Corrupted, Message, encode, receive
from adapters.isolation.problems import problem_of, told
from cases import load_case
from reference import Verdict
from reports.build import main
from reports.run import run_case

ROOT = Path(__file__).parent.parent
SHORT = Limits(seconds=20, gib=1)

FAULTY = '''
"""Claimants that do what a program may do; each is honest until its second step."""

import ctypes
import os
import sys
import time

import numpy as np

from reference import training_steps


def spoilt(spoil):
    def train(problem):
        for number, step in enumerate(training_steps(problem), start=1):
            if number == 2:
                spoil()
            yield step

    return train


def junk():
    for fd in range(3, 64):
        try:
            os.write(fd, b"junk" * 100)
        except OSError:
            pass


def deep(n=0):
    return deep(n + 1)


def exhaust():
    kept = []
    while True:
        kept.append(np.ones(2**26))


honest = spoilt(lambda: None)
exits = spoilt(lambda: os._exit(3))
aborts = spoilt(os.abort)
crashes = spoilt(lambda: ctypes.string_at(0))
hangs = spoilt(lambda: time.sleep(3600))
spins = spoilt(lambda: [None for _ in iter(int, 1)])
prints = spoilt(lambda: print("hello"))
writes = spoilt(lambda: os.write(1, b"from below"))
corrupts = spoilt(junk)
recurses = spoilt(deep)
exhausts = spoilt(exhaust)
leaves = spoilt(lambda: sys.exit(0))
closes = spoilt(lambda: os.closerange(0, 64))


def changes_its_inputs(problem):
    steps = list(training_steps(problem.copy()))
    problem.x[0, 0] = 7
    yield from steps


def states_strange_things(problem):
    for step in training_steps(problem):
        yield {**step, "loss": 3.0, "dL/db1": np.array(["a"]), 5: step["loss"]}


def big_endian(problem):
    for step in training_steps(problem):
        yield {**step, "loss": step["loss"].astype(">f8")}


def yields_a_number(problem):
    yield 5
'''


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "faulty.py").write_text(FAULTY, encoding="utf-8")
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


def claimant(name, limits=SHORT):
    found = isolated(f"faulty:{name}", f"faulty:{name}", limits)
    assert isinstance(found, Adapter), found
    return found


def judged(adapter, case="nets/mixed-activations", dtype="float64"):
    rows, _ = run_case(load_case(case), dtype, [adapter])
    return rows


def failures(rows):
    return [row.finding.reason or row.finding.quantity for row in rows if row.fails]


# messages


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.sampled_from(["f8", "f4", "f2", "i4", "u1", "?", "c16"]).flatmap(
            lambda dtype: arrays(dtype, st.lists(st.integers(0, 3), max_size=3).map(tuple))
        ),
        max_size=4,
    )
)
def test_arrays_arrive_as_they_were_sent(sent):
    message = receive(io.BytesIO(encode({"ask": "ü"}, sent)).read)
    assert message.header == {"ask": "ü"}
    assert message.arrays.keys() == sent.keys()
    for name, array in sent.items():
        arrived = message.arrays[name]
        assert (arrived.dtype, arrived.shape) == (array.dtype, array.shape)
        assert arrived.tobytes() == np.ascontiguousarray(array).tobytes()


@given(st.data())
def test_a_damaged_message_is_corrupted_and_nothing_worse(data):
    whole = encode({"ask": "next"}, {"z1": np.arange(6.0).reshape(2, 3)})
    place = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:place] + bytes([data.draw(st.integers(0, 255))]) + whole[place + 1 :]
    stream = io.BytesIO(damaged)

    def read(count):
        taken = stream.read(count)
        if len(taken) < count:
            raise EOFError
        return taken

    with contextlib.suppress(Corrupted, EOFError):
        assert isinstance(receive(read), Message)


def test_pickles_are_not_read():
    data = encode({}, {"z1": np.zeros(2)})
    evil = data.replace(b"|u1", b"|O ")
    assert evil != data
    with pytest.raises(Corrupted):
        receive(io.BytesIO(evil).read)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_problem_arrives_as_it_was_sent(optimizer):
    problem = network(
        optimizer=rule("float32", **OPTIMIZERS[optimizer]), steps=3, dtype="float32", until=0.25
    )
    arrived = problem_of(told(problem), dict(problem.inputs))
    assert arrived.constants == problem.constants
    for name in ("activations", "loss", "reduction", "optimizer", "steps", "until", "not_trained", "dtype"):
        assert getattr(arrived, name) == getattr(problem, name)


# the same numbers


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_isolated_adapters_state_the_same_numbers(name, dtype):
    (plain,), (alone,) = find_adapters([name]), find_adapters([name], Limits())
    assert (plain.name, plain.version) == (alone.name, alone.version)
    problem = load_case("formats/small" if dtype == "bfloat16" else "nets/mixed-activations").problem(dtype)
    for one, other in zip(plain.programs, alone.programs, strict=True):
        assert (one.name, one.accumulators) == (other.name, other.accumulators)
        for left, right in zip(one.run(problem.copy()), other.run(problem.copy()), strict=False):
            assert left.keys() == right.keys()
            for quantity, array in left.items():
                assert array.dtype == right[quantity].dtype
                assert array.tobytes() == right[quantity].tobytes()


def test_one_that_has_no_equivalent_says_so():
    (alone,) = find_adapters(["jax"], Limits())
    rows = judged(alone, "optimizers/sgd-dampening")
    assert {row.finding.verdict for row in rows} == {Verdict.NO_EQUIVALENT}


# faults


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("exits", "its process ended with exit code 3"),
        ("aborts", "its process ended by SIGABRT"),
        ("crashes", "its process ended by SIGSEGV"),
        ("prints", "wrote to standard output, where a program like this has nothing to say: 'hello"),
        ("writes", "wrote to standard output, where a program like this has nothing to say: 'from below'"),
        ("corrupts", "sent a reply that is none"),
        ("recurses", "raised RecursionError"),
        ("exhausts", "MemoryError"),
        ("leaves", "raised SystemExit: 0"),
        ("closes", "its process ended"),
    ],
)
@pytest.mark.usefixtures("faulty")
def test_each_fault_is_the_claimants_own_verdict_and_the_rest_goes_on(name, reason):
    adapter = claimant(name)
    for _ in range(2):  # it is started again for the next case
        rows = judged(adapter)
        first, *others = failures(rows)
        assert reason in first
        assert not others
        assert any(row.compared and row.passes for row in rows), "the first step was honest"


@pytest.mark.parametrize("name", ["hangs", "spins"])
@pytest.mark.usefixtures("faulty")
def test_a_hang_is_ended(name):
    adapter = claimant(name, Limits(seconds=2))
    assert failures(judged(adapter, "training/rate-right")) == ["gave no reply within 2 s and was ended"]


@pytest.mark.usefixtures("faulty")
def test_inputs_that_are_written_to_are_seen():
    rows = judged(claimant("changes_its_inputs"))
    assert "was given as an input and was changed in place" in failures(rows)


@pytest.mark.usefixtures("faulty")
def test_what_is_no_array_is_told_as_such():
    told = failures(judged(claimant("states_strange_things")))
    assert "is a float, expected a NumPy array" in told
    assert "is a ndarray of <U1, expected a NumPy array" in told
    assert "is not a quantity of this training step" in told
    assert any("expected float64" in one for one in failures(judged(claimant("big_endian"))))
    assert any("raised TypeError" in one for one in failures(judged(claimant("yields_a_number"))))


@pytest.mark.usefixtures("faulty")
def test_ended_processes_leave_nothing_behind():
    adapter = claimant("hangs", Limits(seconds=1))
    judged(adapter, "training/rate-right")
    left = subprocess.run(["pgrep", "-f", "faulty:hangs"], capture_output=True, text=True, check=False)
    assert left.stdout == ""


def test_a_claimant_ends_when_its_parent_is_killed(tmp_path):
    code = (
        "import os, sys, time\n"
        "from adapters.isolation import Limits\n"
        "from adapters.registry import load_isolated\n"
        "load_isolated('numpy', 'adapters.numpy_reference:adapter', Limits(gib=3.25))\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"ready\n"
        find = ["pgrep", "-f", f'"memory": {int(3.25 * 2**30)}']
        assert subprocess.run(find, capture_output=True, check=False).stdout
        parent.send_signal(signal.SIGKILL)
    for _ in range(100):
        if not subprocess.run(find, capture_output=True, check=False).stdout:
            return
        os.sched_yield()
    assert not subprocess.run(find, capture_output=True, check=False).stdout


# other interpreters


def test_an_interpreter_that_is_none_is_told(tmp_path):
    (found,) = find_adapters([f"numpy@{tmp_path}/no-python"])
    assert isinstance(found, Unavailable)
    assert "cannot be started: No such file or directory" in found.reason


def test_an_interpreter_without_the_framework_is_told(tmp_path):
    venv.create(tmp_path, with_pip=False)
    (found,) = find_adapters([f"torch@{tmp_path}/bin/python"])
    assert isinstance(found, Unavailable)
    assert "numpy" in found.reason


def test_unknown_adapters_are_told_before_a_process_is_started():
    with pytest.raises(LookupError, match="unknown adapter 'tensorflow'"):
        find_adapters(["tensorflow@python"])


def test_the_build_takes_isolated_adapters(tmp_path, capsys):
    arguments = ["--isolate", "--select", "worked/document", "--dtype", "float64", "--out", str(tmp_path)]
    assert main(arguments) == 0
    assert "All agree" in capsys.readouterr().out


THEIRS = '''
"""A program that knows NumPy alone."""

import sys

import numpy as np


def run(problem):
    assert "pandas" not in sys.modules and "flint" not in sys.modules
    p = {name: array.copy() for name, array in problem.parameters.items()}
    for _ in range(problem.steps):
        a1 = 1 / (1 + np.exp(-(problem.x @ p["W1"].T + p["b1"])))
        a2 = 1 / (1 + np.exp(-(a1 @ p["W2"].T + p["b2"])))
        dz2 = (a2 - problem.y) * a2 * (1 - a2)
        dz1 = dz2 @ p["W2"] * a1 * (1 - a1)
        g = {"W1": dz1.T @ problem.x, "b1": dz1.sum(0), "W2": dz2.T @ a1, "b2": dz2.sum(0)}
        p = {name: p[name] - problem.learning_rate * g[name] for name in p}
        new = {f"{name}_new": array for name, array in p.items()}
        yield {"loss": np.square(a2 - problem.y).sum() / 2, **{f"dL/d{name}": g[name] for name in g}, **new}
'''


def test_another_interpreter_needs_nothing_but_numpy(tmp_path, monkeypatch):
    venv.create(tmp_path / "other", with_pip=False)
    (site,) = (tmp_path / "other").glob("lib/python*/site-packages")
    for part in Path(np.__file__).parent.parent.glob("numpy*"):
        (site / part.name).symlink_to(part)
    (tmp_path / "theirs.py").write_text(THEIRS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (found,) = find_adapters([f"theirs:run@{tmp_path}/other/bin/python"])
    assert isinstance(found, Adapter), found
    rows = judged(found, "worked/document")
    assert len(rows) == 9
    assert not failures(rows)


def test_two_under_one_name_are_told_apart():
    again = str(Path(sys.executable).parent / ".." / "bin" / Path(sys.executable).name)
    asked = [f"numpy@{sys.executable}", f"numpy@{again}"]
    assert [adapter.name for adapter in find_adapters(asked)] == asked
    assert [adapter.name for adapter in find_adapters(asked[:1])] == [f"numpy@{np.__version__}"]
