"""Adapters that do what a program may do; `as_named` is honest until its second step."""

import ctypes
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from contextlib import suppress

import numpy as np

from adapters import Adapter, Program
from adapters.isolation.messages import encode
from cases import names
from cases.protocol import Stacked
from reference import training_steps

Q = np.zeros(3)
REPLIES = getattr(sys.modules["__main__"], "REPLIES", -1)


def junk():
    for fd in range(3, 64):
        with suppress(OSError):
            os.write(fd, b"junk" * 100)


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


def crash_with_a_child_that_lives():
    if os.fork() == 0:
        time.sleep(3600)
    ctypes.string_at(0)


def leave_a_daemon():
    code = "import os, time; os.setsid(); os.fork() and os._exit(0); time.sleep(3600)"
    subprocess.run([sys.executable, "-c", code, "a daemon of faulty"], check=True)
    os._exit(5)


def request_number():
    """Return the number of the request that is being answered."""
    frame = sys._getframe()  # noqa: SLF001 - a hostile program may look
    while "request" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["request"].header["number"]


def forge(header, body=b"", announced=None):
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    start = b"BPP1" + struct.pack("<IQ", len(head), len(body) if announced is None else announced)
    os.write(REPLIES, start + head + body)


def forge_arrays(**header):
    """Reply with 8 bytes of arrays."""
    rest = {"types": {}, "number": request_number(), "checksum": zlib.crc32(bytes(8))}
    forge(rest | header, bytes(8))


def forge_loss(dtype, shape, **header):
    forge_arrays(arrays={"claim loss": [dtype, shape]}, **header)


def reply(header, **arrays):
    os.write(REPLIES, encode({"number": request_number(), **header}, arrays))


# By its name what a program does in a step, and how the reason of the verdict begins.
GIB = " (it may take 0.25 GiB of memory)"
WROTE = "wrote to standard output, where a program like this has nothing to say: "
ENDED = "ended the process"
FAULTS = {
    "exits": (lambda: os._exit(3), f"{ENDED} with exit code 3"),
    "aborts": (os.abort, f"{ENDED} by SIGABRT{GIB}"),
    "crashes": (lambda: ctypes.string_at(0), f"{ENDED} by SIGSEGV{GIB}"),
    "kills itself": (lambda: os.kill(os.getpid(), signal.SIGRTMIN), f"{ENDED} by SIGRTMIN{GIB}"),
    "fills memory from below": (fill_memory_from_below, f"{ENDED} by SIGSEGV{GIB}"),
    "leaves a daemon": (leave_a_daemon, f"{ENDED} with exit code 5"),
    "crashes with a child that lives": (crash_with_a_child_that_lives, f"{ENDED} by SIGSEGV{GIB}"),
    "closes everything": (lambda: os.closerange(0, 64), f"{ENDED} with exit code 1"),
    "prints": (lambda: print("hello"), f"{WROTE}'hello"),
    "writes": (lambda: os.write(1, b"from below"), f"{WROTE}'from below'"),
    "prints without end": (
        lambda: [print("hello" * 2**20) for _ in iter(int, 1)],
        "raised OSError: [Errno 27]",
    ),
    "reads": (input, "raised EOFError: EOF when reading a line"),
    "recurses": (deep, "raised RecursionError"),
    "fills memory": (fill_memory, "raised MemoryError: Unable to allocate 128. MiB for an array"),
    "leaves": (lambda: sys.exit(0), "raised SystemExit: 0"),
    "is interrupted": (lambda: signal.raise_signal(signal.SIGINT), "raised KeyboardInterrupt"),
}

# The same of replies that are none.
UNREADABLE = "has arrays that cannot be read: "
FORGED = {
    "corrupts": (junk, "begins with b'junkjunkjunkjunk' and not with b'BPP1'"),
    "announces much": (
        lambda: forge({}, announced=2**40),
        "announces 2 and 1,099,511,627,776 bytes, which is",
    ),
    "nests deep": (lambda: forge(b"[" * 10**5), "has a header that is not JSON: maximum recursion depth"),
    "is a list": (lambda: forge([]), "has a header that is a list, expected names and values"),
    "answers another request": (lambda: forge_loss("<f8", [], number=-1), "answers the request -1, and "),
    "has no arrays": (forge_arrays, f"{UNREADABLE}'arrays'"),
    "has a wrong checksum": (lambda: forge_loss("<f8", [], checksum=1), f"{UNREADABLE}the checksum is wrong"),
    "has objects": (lambda: forge_loss("|O", []), f"{UNREADABLE}dtype '|O' is none of numbers"),
    "has structures": (lambda: forge_loss("f4,f4", []), f"{UNREADABLE}dtype 'f4,f4' is none of numbers"),
    "has a huge shape": (lambda: forge_loss("<f8", [2**40, 2**40]), UNREADABLE),
    "has a negative shape": (lambda: forge_loss("<f8", [-1]), f"{UNREADABLE}the shape [-1]"),
    "has less than announced": (lambda: forge_loss("<f4", []), f"{UNREADABLE}8 bytes, expected 4 by their"),
    "names nothing": (lambda: reply({}), "states no claim"),
    "invents an input": (lambda: reply({"types": {}}, **{"input q": Q}), "holds the input 'q', which the"),
    "reshapes an input": (lambda: reply({"types": {}}, **{"input x": Q}), "holds the input 'x', which the"),
}
FAULTS |= {name: (do, f"sent a reply that is none: it {why}") for name, (do, why) in FORGED.items()}

HANGS = {
    "hangs": lambda: time.sleep(3600),
    "spins": lambda: [None for _ in iter(int, 1)],
    "stops": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "trickles": trickle,
}
HARMLESS = {
    "honest": lambda: None,
    "reads as another": lambda: subprocess.run(["cat"], check=True),
    "forks": os.fork,
    "closes its output": sys.stdout.close,
    "closes its input": lambda: (sys.stdin.close(), os.close(0)),
}
LATER = {"crashes a little later": lambda: threading.Timer(0.1, ctypes.string_at, [0]).start()}

ACTIONS = {name: do for name, (do, _) in FAULTS.items()} | HANGS | HARMLESS | LATER


def as_named(problem):
    """Train, and in step 2 do what the case is called."""
    for number, step in enumerate(training_steps(problem), start=1):
        if number == 2:
            ACTIONS[problem.case]()
        yield step


def changing(change):
    """Return a program that states of each step what `change` makes of the right claim."""
    return lambda problem: map(change, training_steps(problem))


states_much = changing(lambda step: {**step, "loss": np.zeros(2**22)})
states_other_types = changing(lambda step: {**step, "loss": None, "dL/db1": np.array(["a"]), 5: step["loss"]})
big_endian = changing(lambda step: {**step, "loss": step["loss"].astype(">f8")})
keeps_less = changing(lambda step: {name: array for name, array in step.items() if name != "z1"})
yields_a_number = changing(lambda step: 5)


def starts_and_hangs(problem):
    with open(os.environ["STARTED"], "w"):  # noqa: PTH123 - whoever waits looks whether it exists
        time.sleep(3600)
    yield


def changes_its_inputs(problem):
    steps = list(training_steps(problem.copy()))
    problem.x[0, 0] = 7
    yield from steps


PROMISING = (
    Program("less", keeps_less, names.observable),
    Program("crashing", as_named, lambda depth: ctypes.string_at(0)),
    Program("honest", training_steps, names.observable),
)
promising = Adapter("promising", "Promises", "", PROMISING)
stacking = Adapter("stacking", "Stacks", "", (Program("", as_named, stacked=Stacked("so", as_named)),))
