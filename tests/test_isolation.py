"""Programs in processes of their own: the same numbers, and each fault its own verdict, with the reason."""

import contextlib
import dataclasses
import io
import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from networks import network
from rules import OPTIMIZERS, rule

from adapters import Adapter, find_adapters
from adapters.isolation import Limits, isolated, process
from adapters.isolation.messages import Corrupted, Message, encode, receive
from adapters.isolation.problems import problem_of, told
from cases import load_case
from cases.stacks import stacked
from cases.verdict import Fault
from reference import Verdict, judge
from reports.build import main
from reports.runs.runner import run_case

ROOT = Path(__file__).parent.parent
SHORT = Limits(seconds=60, gib=0.25)

FAULTY = '''
"""Implementations that do what a program may do; each is honest until its second step."""

import ctypes
import io
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import zipfile

import numpy as np

from adapters import Adapter, Program
from cases.protocol import Stacked
from adapters.isolation.messages import encode
from reference import names, training_steps

REPLIES = getattr(sys.modules["__main__"], "REPLIES", -1)


def junk():
    for fd in range(3, 64):
        try:
            os.write(fd, b"junk" * 100)
        except OSError:
            pass


def deep(n=0):
    return deep(n + 1)


def fill_memory():
    kept = []
    while True:
        kept.append(np.ones(2**24))


def fill_memory_from_below():
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    while True:
        ctypes.memset(libc.malloc(2**26), 1, 2**26)


def trickle():
    for byte in b"BPP1" + struct.pack("<IQ", 1000, 0) + b" " * 1000:
        os.write(REPLIES, bytes([byte]))
        time.sleep(0.1)


def number():
    """Return the number of the request that is being answered."""
    frame = sys._getframe()
    while "request" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["request"].header["number"]


def forge(header, body=b"", announced=None):
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    start = b"BPP1" + struct.pack("<IQ", len(head), len(body) if announced is None else announced)
    os.write(REPLIES, start + head + body)


def forge_arrays(**how):
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", how.get("compression", zipfile.ZIP_STORED)) as archive:
        data = io.BytesIO()
        np.lib.format.write_array(data, how.get("array", np.zeros(2**20, np.uint8)))
        archive.writestr("bits.npy", data.getvalue())
    told = {"claim loss": {"dtype": "|u1", "shape": [2**20]}}
    forge({"claim": ["loss"], "strange": {}, "arrays": told, "number": number()}, body.getvalue())


def states(told, **arrays):
    os.write(REPLIES, encode({"number": number(), **told}, arrays))


def crash_with_a_child_that_lives():
    if os.fork() == 0:
        time.sleep(3600)
    ctypes.string_at(0)


def leave_a_daemon():
    code = "import os, time; os.setsid(); os.fork() and os._exit(0); time.sleep(3600)"
    subprocess.run([sys.executable, "-c", code, "a daemon of faulty"], check=True)
    os._exit(5)


def crash_a_little_later():
    threading.Timer(0.1, ctypes.string_at, [0]).start()


DO = {
    "honest": lambda: None,
    "exits": lambda: os._exit(3),
    "aborts": os.abort,
    "crashes": lambda: ctypes.string_at(0),
    "kills itself": lambda: os.kill(os.getpid(), signal.SIGRTMIN),
    "hangs": lambda: time.sleep(3600),
    "spins": lambda: [None for _ in iter(int, 1)],
    "stops": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "trickles": trickle,
    "prints": lambda: print("hello"),
    "writes": lambda: os.write(1, b"from below"),
    "prints without end": lambda: [print("hello" * 2**20) for _ in iter(int, 1)],
    "closes its output": lambda: sys.stdout.close(),
    "closes its input": lambda: (sys.stdin.close(), os.close(0)),
    "reads": input,
    "reads as another": lambda: subprocess.run(["cat"], check=True),
    "corrupts": junk,
    "recurses": deep,
    "fills memory": fill_memory,
    "fills memory from below": fill_memory_from_below,
    "leaves": lambda: sys.exit(0),
    "is interrupted": lambda: signal.raise_signal(signal.SIGINT),
    "closes everything": lambda: os.closerange(0, 64),
    "forks": os.fork,
    "crashes with a child that lives": crash_with_a_child_that_lives,
    "leaves a daemon": leave_a_daemon,
    "crashes a little later": crash_a_little_later,
    "announces much": lambda: forge({}, announced=2**40),
    "nests deep": lambda: forge(b"[" * 100_000),
    "replies with a list": lambda: forge([]),
    "replies to another request": lambda: forge({"claim": [], "strange": {}, "arrays": {}, "number": -1}),
    "compresses": lambda: forge_arrays(compression=zipfile.ZIP_DEFLATED),
    "pickles": lambda: forge_arrays(array=np.array([print], object)),
    "names what is not there": lambda: states({"claim": ["loss"], "strange": {}}),
    "names nothing": lambda: states({}),
    "invents an input": lambda: states({"claim": [], "strange": {}}, **{"input q": np.zeros(3)}),
    "reshapes an input": lambda: states({"claim": [], "strange": {}}, **{"input x": np.zeros(3)}),
}


def any(problem):
    """Train, and in step 2 do what the case is called."""
    for number, step in enumerate(training_steps(problem), start=1):
        if number == 2:
            DO[problem.case]()
        yield step


def states_much(problem):
    for step in training_steps(problem):
        yield {**step, "loss": np.zeros(2**22)}


def tells_and_hangs(problem):
    with open(os.environ["TELLS"], "w") as pipe:
        pipe.write("now")
    time.sleep(3600)
    yield


def keeps_less_than_it_promises(problem):
    for step in training_steps(problem):
        yield {name: array for name, array in step.items() if name != "z1"}


promising = Adapter(
    "promising",
    "Promises",
    "",
    (
        Program("less", keeps_less_than_it_promises, names.observable),
        Program("crashing", any, lambda depth: ctypes.string_at(0)),
        Program("honest", training_steps, names.observable),
    ),
)


stacking = Adapter("stacking", "Stacks", "", (Program("", any, stacked=Stacked("so", any)),))


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


def yields_pairs(problem):
    yield [("loss", np.zeros(()))]
'''


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "faulty.py").write_text(FAULTY, encoding="utf-8")
    sys.path.insert(0, str(folder))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    yield
    signal.signal(signal.SIGINT, before)
    sys.path.remove(str(folder))


def implementation(name, limits=SHORT):
    found = isolated(f"faulty:{name}", f"faulty:{name}", limits)
    assert isinstance(found, Adapter), found
    return found


@pytest.fixture(scope="module")
def anyone(faulty):
    """Give one adapter that does whatever its case is called: it is started again after each fault."""
    return implementation("any")


def does(adapter, what):
    """Return why each of the first three steps fails of one that does so in its second, "" if it does not."""
    problem = replace(load_case("training/rate-right").problem("float64"), case=what, steps=3)
    run = adapter.programs[0].run
    steps = judge(problem, run, frozenset(), certify=False)
    return ["; ".join(finding.reason for finding in step.failures) for step in steps]


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


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_isolated_adapters_state_the_same_numbers_of_a_stack(name):
    (plain,), (alone,) = find_adapters([name]), find_adapters([name], Limits())
    stack = stacked([network((2, 3, 2), 3, seed=seed) for seed in range(5)])
    assert any(one.stacked for one in alone.programs)
    for one, other in zip(plain.programs, alone.programs, strict=True):
        assert (one.stacked is None) == (other.stacked is None)
        if one.stacked and other.stacked:
            assert one.stacked.how == other.stacked.how
            pairs = zip(one.stacked.run(stack.copy()), other.stacked.run(stack.copy()), strict=True)
            for left, right in pairs:
                assert left.keys() == right.keys()
                for quantity, array in left.items():
                    assert (array.dtype, array.shape) == (right[quantity].dtype, right[quantity].shape)
                    assert array.tobytes() == right[quantity].tobytes()


@pytest.mark.usefixtures("faulty")
def test_a_crash_in_a_stack_is_a_fault_and_the_next_stack_is_trained():
    (program,) = implementation("stacking").programs
    stack = replace(stacked([network((2, 3, 2), 3, seed=seed, steps=3) for seed in range(5)]), case="aborts")
    with pytest.raises(Fault, match="ended the process by SIGABRT"):
        list(program.stacked.run(stack.copy()))
    assert len(list(program.stacked.run(replace(stack, case="honest")))) == 3


@pytest.mark.needs("jax")
def test_one_that_has_no_equivalent_says_so():
    (alone,) = find_adapters(["jax"], Limits())
    rows = judged(alone, "optimizers/sgd-dampening")
    assert {row.finding.verdict for row in rows} == {Verdict.NO_EQUIVALENT}


# faults

GIB = " (it may take 0.25 GiB of memory)"
ENDS = {
    "exits": "ended the process with exit code 3",
    "aborts": f"ended the process by SIGABRT{GIB}",
    "crashes": f"ended the process by SIGSEGV{GIB}",
    "kills itself": f"ended the process by SIGRTMIN{GIB}",
    "fills memory from below": f"ended the process by SIGSEGV{GIB}",
    "leaves a daemon": "ended the process with exit code 5",
    "crashes with a child that lives": f"ended the process by SIGSEGV{GIB}",
    "closes everything": "ended the process with exit code 1",
}
NO_REPLY = {
    "corrupts": "begins with b'junkjunkjunkjunk' and not with b'BPP1'",
    "announces much": "announces 2 and 1,099,511,627,776 bytes, which is too much",
    "nests deep": "has a header that is not JSON: maximum recursion depth exceeded",
    "replies with a list": "has a header that is a list, expected names and values",
    "replies to another request": "answers the request -1, and ",
    "compresses": "has arrays that cannot be read: an archive that is compressed",
    "pickles": "has arrays that cannot be read: Object arrays cannot be loaded when allow_pickle=False",
    "names what is not there": "names other quantities than it holds",
    "names nothing": "states no claim",
    "invents an input": "holds the input 'q', which the problem has not",
    "reshapes an input": "holds the input 'x', which the problem has not",
}
ENDS |= {name: f"sent a reply that is none: it {why}" for name, why in NO_REPLY.items()}
RAISES = {
    "prints": "wrote to standard output, where a program like this has nothing to say: 'hello",
    "writes": "wrote to standard output, where a program like this has nothing to say: 'from below'",
    "prints without end": "raised OSError: [Errno 27] File too large",
    "reads": "raised EOFError: EOF when reading a line",
    "recurses": "raised RecursionError",
    "fills memory": "raised MemoryError: Unable to allocate 128. MiB for an array",
    "leaves": "raised SystemExit: 0",
    "is interrupted": "raised KeyboardInterrupt",
}
HARMLESS = ("honest", "reads as another", "forks", "closes its output", "closes its input")


@pytest.mark.parametrize("what", [*ENDS, *RAISES])
def test_each_fault_is_the_implementations_own_verdict(what, anyone):
    first, second, *later = does(anyone, what)
    assert first == "", "it was honest, and its process has been started again"
    assert second.startswith({**ENDS, **RAISES}[what])
    assert not later
    assert second.endswith(GIB) or what != "fills memory"


@pytest.mark.parametrize("what", HARMLESS)
def test_what_harms_nobody_is_not_told(what, anyone):
    assert does(anyone, what) == ["", "", ""]


def test_one_that_ends_between_two_requests_says_how(anyone):
    problem = load_case("training/rate-right").problem("float64")
    problem = replace(problem, case="crashes a little later", steps=1_000_000, until=None)
    run = anyone.programs[0].run(problem)
    next(run), next(run)
    with pytest.raises(Fault, match="ended the process by SIGSEGV"):
        list(run)


@pytest.mark.parametrize("what", ["hangs", "spins", "stops", "trickles"])
def test_one_that_gives_no_reply_is_ended(what, slow_to_start):
    first, second = does(slow_to_start, what)
    assert first == ""
    assert second == "gave no reply within 2 s and was ended"


@pytest.fixture(scope="module")
def slow_to_start(faulty):
    """Give one with little patience, but for its start: the machine may be busy."""
    before, process.STARTING = process.STARTING, 60
    yield implementation("any", Limits(seconds=2))
    process.STARTING = before


@pytest.mark.usefixtures("faulty")
def test_the_rest_goes_on():
    case = load_case("training/rate-right")
    adapters = [implementation("any"), *find_adapters(["numpy"])]
    case = dataclasses.replace(case, name="crashes")
    rows, _ = run_case(case, "float64", adapters)
    of = {name: [row for row in rows if row.subject.adapter == name] for name in ("faulty:any", "numpy")}
    assert failures(of["faulty:any"])[0].startswith("ended the process by SIGSEGV")
    assert not failures(of["numpy"])
    assert max(row.finding.step for row in of["numpy"]) > 100


@pytest.mark.usefixtures("faulty")
def test_inputs_that_are_written_to_are_seen():
    rows = judged(implementation("changes_its_inputs"))
    assert "was given as an input and was changed in place" in failures(rows)


@pytest.mark.usefixtures("faulty")
def test_what_is_no_array_is_told_as_such():
    told = failures(judged(implementation("states_strange_things")))
    assert "is a float, expected a NumPy array" in told
    assert "is a ndarray of <U1, expected a NumPy array" in told
    assert "is not a quantity of this training step" in told
    assert any("expected float64" in one for one in failures(judged(implementation("big_endian"))))
    assert any("raised TypeError" in one for one in failures(judged(implementation("yields_a_number"))))


@pytest.mark.usefixtures("faulty")
def test_more_than_a_step_can_hold_is_not_sent():
    (told,) = failures(judged(implementation("states_much")))
    assert re.fullmatch(
        "stated 33,55[0-9],[0-9]{3} bytes of arrays in one step, expected at most 1,[0-9,]{7}", told
    )


def test_ended_processes_leave_nothing_behind(anyone):
    does(anyone, "exits")
    before = len([*Path("/proc/self/fd").iterdir()])
    for what in ("crashes with a child that lives", "leaves a daemon"):
        does(anyone, what)
    assert len([*Path("/proc/self/fd").iterdir()]) == before
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
    assert not any(
        "Z" in Path(f"/proc/{child}/stat").read_text().rsplit(")")[1].split()[0] for child in children
    )
    left = subprocess.run(["pgrep", "-f", "a daemon of faulty"], capture_output=True, text=True, check=False)
    assert left.stdout == ""


@pytest.mark.usefixtures("faulty")
def test_promises_hold_and_each_program_has_a_process_of_its_own():
    rows = judged(implementation("promising"))
    told = {row.subject.program: row.finding.reason for row in rows if row.fails}
    assert told["less"] == "was promised, but is not claimed"
    assert told["crashing"].startswith("ended the process by SIGSEGV")
    assert "honest" not in told


def test_a_process_outlives_the_thread_that_started_it():
    found = []
    thread = threading.Thread(
        target=lambda: found.append(isolated("numpy", "adapters.numpy_reference:adapter", Limits(gib=3)))
    )
    thread.start()
    thread.join()
    assert not failures(judged(found[0], "worked/document"))
    process_of = found[0].programs[0].run.__self__._process  # noqa: SLF001 - the test looks behind
    assert process_of.generation == 1


@pytest.mark.usefixtures("faulty")
def test_ctrl_c_ends_a_build_and_its_implementations_at_once(tmp_path):
    pipe = tmp_path / "tells"
    os.mkfifo(pipe)
    arguments = ["--adapter=faulty:tells_and_hangs", "--select=worked/document", "--memory-limit=3.125"]
    build = [sys.executable, "-m", "reports.build", *arguments, f"--out={tmp_path}"]
    environment = os.environ | {"TELLS": str(pipe), "PYTHONPATH": sys.path[0]}
    with subprocess.Popen(build, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as running:
        assert pipe.read_text() == "now"
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=100)  # a step may take 120 s
    assert (running.returncode, told) == (130, "Interrupted; the last report is as it was.\n")
    assert not living(3.125)


def living(gib):
    """Return the implementations that live with this limit, which tells them from others."""
    find = ["pgrep", "-f", f'"memory": {int(gib * 2**30)}']
    return subprocess.run(find, capture_output=True, text=True, check=False).stdout.split()


def test_a_implementation_ends_when_its_parent_is_killed(tmp_path):
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
        assert living(3.25)
        parent.send_signal(signal.SIGKILL)
    for _ in range(100):
        if not living(3.25):
            break
    assert not living(3.25)


@pytest.mark.needs("torch", "jax")
@pytest.mark.usefixtures("without_pictures")
def test_the_build_takes_isolated_adapters(tmp_path, capsys):
    arguments = ["--isolate", "--select", "worked/document", "--dtype", "float64", "--out", str(tmp_path)]
    assert main(arguments) == 0
    assert "All agree" in capsys.readouterr().out
