"""Programs in any language: their numbers are read exactly, each fault is their own verdict in one line."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from networks import network

from adapters import Adapter, find_adapters
from adapters.exec_program import load_program
from adapters.isolation import Limits
from adapters.isolation.line_protocol import claim_of, problem_line, read_object
from cases import SHIPPED, load_case, load_cases
from reference import Verdict, judge, training_steps
from reports.build import main

EXAMPLES = Path(__file__).parent.parent / "adapters" / "examples"
BITS = {"float64": "u8", "float32": "u4", "bfloat16": "u2", "float16": "u2"}


@pytest.mark.parametrize("dtype", BITS)
@given(st.data())
def test_a_json_parser_reads_every_number_of_a_problem_back(dtype, data):
    drawn = data.draw(arrays(BITS[dtype], (2, 2))).view(dtype)
    with np.errstate(invalid="ignore"):  # a signalling NaN warns
        x = np.where(np.isfinite(drawn), drawn, np.zeros((), dtype))
    read = json.loads(problem_line(replace(network((2, 1)), x=x, dtype=dtype)))
    assert np.array(read["x"]).tobytes() == x.astype("float64").tobytes()


FORMS = {
    "17 digits": lambda number: f"{float(number):.17g}",
    "exactly": lambda number: f"{float(number):.800g}",
    "shortest": str,
    "shortest in float64": lambda number: repr(float(number)),
    "in hexadecimal": lambda number: float(number).hex(),
    "in capitals": lambda number: float(number).hex().upper().replace("NAN", "-nan"),
}


def as_json(texts):
    """Write what JSON has as its numbers, and the rest as texts."""
    return re.sub(r'"(-?[0-9.]+(?:e[-+]?[0-9]+)?)"', r"\1", json.dumps(texts))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", BITS)
@settings(max_examples=30)
@given(st.data())
def test_every_number_that_a_program_prints_is_read_back(dtype, form, data):
    stated = data.draw(arrays(BITS[dtype], (2, 2))).view(dtype)
    line = f'{{"z1": {as_json([[FORMS[form](number) for number in row] for row in stated])}}}'
    read = claim_of(read_object(line.encode()), dtype)["z1"]
    assert (read.dtype, read.shape) == (stated.dtype, stated.shape)
    same = read.view(BITS[dtype]) == stated.view(BITS[dtype])
    with np.errstate(invalid="ignore"):  # as a signalling NaN of bfloat16 is
        assert (same | (np.isnan(read) & np.isnan(stated))).all()


@pytest.mark.parametrize("text", ["93137999e-40", "411906365e-36"])
def test_a_number_is_rounded_once(text):
    """Its float64 lies halfway between two numbers of float32, and it does not."""
    read = claim_of({"loss": text}, "float32")["loss"]
    twice = np.float32(float(text))
    assert abs(Fraction(float(read)) - Fraction(text)) < abs(Fraction(float(twice)) - Fraction(text))


# Programs that do wrong

HELLO = '{"name": "a program", "version": "3"}'
PROBLEM = network((2, 2, 1), 2, activations="tanh", steps=2, dtype="float32")
GIB = r" \(it may take 0\.25 GiB of memory\)"


def program(does, limits=None):
    """Return a program of the shell, and what it is refused for."""
    return load_program(f"exec:sh -c {shlex.quote(does)}", limits or Limits(seconds=60, gib=0.25))


def reasons(does, limits=None):
    """Return why each step fails of a program that answers each problem so; it is right behind `$CLAIMS`."""
    loaded = program(f"while echo {shlex.quote(HELLO)}; read -r line; do {does}; done", limits)
    assert (loaded.name, loaded.version) == ("a program", "3")
    steps = judge(PROBLEM, loaded.programs[0].run, frozenset(), certify=False)
    return [finding.reason for step in steps for finding in step.failures]


@pytest.fixture(autouse=True)
def claims(tmp_path, monkeypatch):
    """Give a file with right claims, one a line."""
    path = tmp_path / "claims"
    each = [
        {name: np.asarray(array, float).tolist() for name, array in step.items()}
        for step in training_steps(PROBLEM)
    ]
    path.write_text("".join(f"{json.dumps(one)}\n" for one in each), encoding="utf-8")
    monkeypatch.setenv("CLAIMS", str(path))


def stated(line):
    return f"echo {shlex.quote(line)}"


ANSWERS = {
    "cat $CLAIMS": None,
    "cat $CLAIMS; exit 0": None,
    "echo hello": r"printed a line that is not JSON \(Expecting value\): 'hello'",
    "echo 3": "printed a line that is no JSON object: '3'",
    "echo": r"printed a line that is not JSON \(Expecting value\): ''",
    stated('{"loss": 1, "loss": 2}'): "printed a line that states 'loss' twice",
    stated(
        '{"loss": null}'
    ): r"printed a line that has null \(JavaScript .*\) at loss, where a number was .*",
    stated('{"z1": [[1, 2], [3, true]]}'): r"printed a line that has true at z1\[1, 1\], where a number .*",
    stated('{"loss": "1_0"}'): "printed a line that has the text '1_0' at loss, where a number was expected",
    stated('{"z1": [[1], [1, 2]]}'): "printed a line that has rows of different lengths in z1",
    stated('{"z1": ' + "[" * 20 + "]" * 20 + "}"): "printed a line that has more than 8 axes in z1",
    stated('{"z1": ' + "[" * 20_000): r"printed a line that is not JSON \(RecursionError\): '.*…'",
    stated(
        '{"loss": 0.123456789012}'
    ): "printed a line that has 0.123456789012 at loss, which is no float32 .*",
    stated('{"loss": 1e39}'): "printed a line that has 1e39 at loss, which is no float32 number: inf is .*",
    stated(
        '{"no_equivalent": null}'
    ): "printed a line that has no_equivalent without a reason, which is a text",
    stated('{"W1_old": 3}'): "is not a quantity of this training step",
    stated('{"loss": [1, 2]}'): r"has shape \(2,\), expected \(\)",
    "head -c 3000000 /dev/zero": "printed a line that is longer than the 1,[0-9,]{7} bytes that are read",
    "printf '{\"loss\"'; exit 0": "printed half a claim of step 1, '{\"loss\"', and .* with exit code 0",
    "echo broken >&2; exit 3": "printed no claim of step 1 and ended .* exit code 3; its last words: broken",
    "echo odd >&2; echo hello": "printed a line that is not JSON .*: 'hello'; its last words: odd",
    "kill -SEGV $$": f"printed no claim of step 1 and ended the process by SIGSEGV{GIB}",
    "kill -ABRT $$": f"printed no claim of step 1 and ended the process by SIGABRT{GIB}",
    "exec 1>&-; sleep 60": "printed no claim of step 1 and closed its pipes and was ended",
    f"exec {sys.executable} -c 'bytearray(2**30)'": ".* exit code 1; its last words: MemoryError",
    "head -n 1 $CLAIMS": "stopped after 1 of 2 steps",
    "cat $CLAIMS $CLAIMS": "printed a line that is no hello line .*: it has 'z1', .* more keys",
    "cat $CLAIMS; exit 3": "printed no hello line after its last step and ended the process with exit code 3",
}


@pytest.mark.parametrize("does", ANSWERS)
def test_each_fault_of_a_program_is_its_verdict_in_one_line(does):
    observed = reasons(does)
    assert bool(observed) == bool(ANSWERS[does])
    assert all(re.fullmatch(ANSWERS[does], reason) for reason in observed[:1])


HELLOS = {
    "exit 3": "printed no hello line and ended the process with exit code 3",
    "echo lost >&2; exit 1": "printed no hello line and ended .* exit code 1; its last words: lost",
    "yes": "printed a line that is not JSON .*: 'y'",
    "cat /dev/zero": "printed a line that is longer than the 65,536 bytes that are read",
    "printf x": "printed half a hello line, 'x', and ended the process with exit code 0",
    stated('{"version": "1"}'): "printed a line that is no hello line .*: it has 'version'",
    stated(
        '{"name": "a", "structures": {}}'
    ): "printed a line that is no hello line: it has 'structures' besides .*",
    stated(
        '{"name": " "}'
    ): "printed a line that has a name or a version that is empty, or of more than 60 .*",
    stated(
        '{"name": "a", "structure": {"activation": []}}'
    ): ".* structure has 'activation', .*; did you mean 'activations'.*",
    stated(
        '{"name": "a", "structure": {"dtypes": 3}}'
    ): ".* structure's dtypes is 3, expected a set of names",
}


@pytest.mark.parametrize("does", HELLOS)
def test_a_program_that_says_no_hello_is_an_error(does):
    loaded = program(does)
    assert loaded.verdict is Verdict.ERROR
    assert re.fullmatch(HELLOS[does], loaded.reason)


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        ([1, 3], "it does 1, 3 layers, and the case asks for 2"),
        (2, "(read no problem|printed no claim of) .*"),
    ],
)
def test_a_program_is_not_asked_for_what_it_says_it_does_not_do(depth, expected):
    """This one ends behind its hello line; PROBLEM has two layers."""
    hello = json.dumps({"name": "a", "structure": {"depth": depth, "losses": ["half_squared_error"]}})
    (step,) = judge(PROBLEM, program(stated(hello)).programs[0].run, frozenset())
    assert re.fullmatch(expected, step.failures[0].reason)


def test_a_program_that_prints_nothing_is_ended():
    late = "within {} s (is its output flushed?) and was ended"
    assert program("sleep 60", Limits(seconds=0.5)).reason == f"printed no hello line {late.format(0.5)}"
    assert reasons("sleep 60", Limits(seconds=3)) == [f"printed no claim of step 1 {late.format(3)}"]


def test_a_program_serves_many_problems_and_starts_again_where_it_is_not_asked_to_the_end(tmp_path):
    starts, asked = tmp_path / "starts", PROBLEM
    loaded = program(f"echo >> {starts}; while echo {shlex.quote(HELLO)}; read -r line; do cat $CLAIMS; done")
    for steps in (2, 2, 1, 2):
        run = loaded.programs[0].run(asked)
        assert len([next(run) for _ in range(steps)]) == steps
        run.close()
    assert starts.read_text(encoding="utf-8").count("\n") == 2


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("", "'exec:' names no command, expected one behind the colon: exec:./program"),
        (
            "no-such-program -x",
            "exec:no-such-program -x: there is no program 'no-such-program', expected a file",
        ),
        (
            "'a",
            '"exec:\'a" cannot be taken apart: No closing quotation, expected a command as a shell has it',
        ),
    ],
)
def test_a_command_that_is_none_is_bad_usage(command, wrong, tmp_path, capsys):
    assert main(["--adapter", f"exec:{command}", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(wrong)


# The examples


def example(name, folder, changed=("", "")):
    """Return an example as an adapter, built from its text with one place changed; or skip."""
    source, _, kind = name.partition(" ")
    text = (EXAMPLES / source).read_text(encoding="utf-8")
    assert text.count("\n") <= 70
    for old, new in (changed, ("double real", "float real" if kind else "double real")):
        assert source.endswith(".js") or not old or text.count(old) == 1
        text = text.replace(old, new)
    (folder / source).write_text(text, encoding="utf-8")
    tool = "cc" if source.endswith(".c") else "node"
    if shutil.which(tool) is None:
        pytest.skip(f"not run: {tool} is not installed")
    command = f"node {folder / source}"
    if tool == "cc":
        command = str(folder / "backprop")
        build = ["cc", "-O2", "-Wall", "-Werror", "-o", command, str(folder / source), "-lm"]
        subprocess.run(build, check=True, capture_output=True)
    (adapter,) = find_adapters([f"exec:{command}"])
    assert isinstance(adapter, Adapter), adapter
    return adapter


SLOW = pytest.mark.skipif("not config.getoption('--slow')", reason="as in float64, but for a word: --slow")


@pytest.mark.parametrize(
    "name", ["backprop.c", pytest.param("backprop.c float32", marks=SLOW), "backprop.js"]
)
def test_an_example_is_right_wherever_it_can_train(name, tmp_path, request):
    adapter = example(name, tmp_path)
    (run,) = (one.run for one in adapter.programs)
    verdicts = []
    slow = request.config.getoption("--slow")
    for case in (one for one in load_cases(SHIPPED) if slow or one.name != "nets/digits"):
        for dtype in case.dtypes:
            problem = case.problem(dtype)
            short = replace(problem, steps=min(problem.steps, 2))
            steps = list(judge(short, run, frozenset(), certify=False))
            (declined, *_) = *steps[0].failures, None
            if declined is None or declined.verdict is not Verdict.NO_EQUIVALENT:
                verdicts += [(case.name, dtype, finding) for step in steps for finding in step.failures] or [
                    None
                ]
    assert [one for one in verdicts if one] == []
    assert len(verdicts) >= 30


WRONG = {
    "backprop.c": [
        ("a * (1 - a)", "a * (1 + a)", "dL/dz2"),
        ("-= rate * l->dW", "+= rate * l->dW", "W2_new"),
    ],
    "backprop.js": [
        ("(a) => a * (1 - a)", "(a) => a * (1 + a)", "dL/dz2"),
        ("v * slope", "v / slope", "dL/dz2"),
    ],
}


@pytest.mark.parametrize(("name", "change"), [(name, change) for name in WRONG for change in WRONG[name]])
def test_a_wrong_example_is_located_at_its_line(name, change, tmp_path):
    *changed, line = change
    adapter = example(name, tmp_path, changed)
    assert (adapter.name, adapter.version) == (name, "1.0")
    problem = network((3, 4, 2), 5, activations="sigmoid", steps=2)
    (first, *_) = judge(problem, adapter.programs[0].run, adapter.programs[0].promises(2))
    assert first.failures[0].quantity == line


def test_the_transcript_in_the_document_is_what_the_example_prints(tmp_path):
    command = example("backprop.c", tmp_path).asked.removeprefix("exec:")
    document = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    said = re.findall(r"^    < (.*)$", document, re.MULTILINE)
    (given_line,) = re.findall(r"^    > (.*)$", document, re.MULTILINE)
    assert given_line == problem_line(load_case("worked/document").problem("float64")).decode().rstrip()
    done = subprocess.run([command], input=f"{given_line}\n", capture_output=True, text=True, check=True)
    hello, claim = done.stdout.splitlines()
    assert (said[0], len(said)) == (hello, 2)
    shown, printed = (claim_of(read_object(line.encode()), "float64") for line in (said[1], claim))
    assert shown.keys() == printed.keys()
    assert all(printed[name] == pytest.approx(shown[name], rel=1e-14) for name in shown)
