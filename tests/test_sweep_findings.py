"""What a sweep finds is minimized to a case that fails alike, and written as a case file."""

import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from networks import network

from adapters import Adapter, Program, find_adapters
from cases import load_cases, names
from cases.protocol import Stacked
from reference import training_steps
from reference.mistakes import MISTAKES, Inexpressible
from reports.parity import failure_of
from reports.sweep import case_text
from reports.sweep.case_text import document
from reports.sweep.distinct import Minimized, Symptom, command, failure, groups, write_minimized
from reports.sweep.engine import run_task
from reports.sweep.implementations import Implementation
from reports.sweep.minimize import input_size, minimize
from reports.sweep.plan import Plan, blocks, tasks
from reports.sweep.store import FINDING, summarize

ROOT = Path(__file__).parent.parent
PLAN = Plan(0, 1000)

CONTRASTING = {
    "weights-not-transposed", "mean-over-examples", "derivative-of-the-wrong-layer",
    "rate-inside-the-momentum", "decay-of-a-fixed-parameter", "float32-forward", "tf32-products",
}  # fmt: skip
every_mistake = pytest.mark.skipif("not config.getoption('--slow')", reason="every mistake: --slow")

# It takes a square W2 that is larger than 1 by 1: 1 number in x, 4 in W1 and b1, 6 in W2 and b2, 2 in y.
LARGER = {"weights-transposed-backward": 13}


def planted(mistake):
    (adapter,) = find_adapters([f"planted:{mistake}"])
    return Implementation(adapter, adapter.programs[0])


def first_failing(mistake):
    """The first case of the sweep on which an implementation with this mistake fails; None if there is none.

    Where the mistake cannot be made the implementation is the reference, on which nothing is found.
    """
    for block in blocks(0, PLAN.count):
        cases = range(block.start, min(block.end, PLAN.count))
        if not isinstance(MISTAKES[mistake].lines(PLAN.problem(cases[0])), Inexpressible):
            for case in cases:
                if failure(planted(mistake), PLAN.problem(case)):
                    return case
    return None


def fails_alike(implementation, problem):
    """Whether it fails on another problem as on this one, and the symptom."""
    first = failure(implementation, problem)

    def fails(other):
        now = failure(implementation, other)
        return now is not None and now.is_as_clear_as(first)

    return fails, first


@pytest.mark.parametrize(
    "mistake", [pytest.param(name, marks=() if name in CONTRASTING else every_mistake) for name in MISTAKES]
)
def test_a_mistake_is_found_within_1000_cases_and_minimized_to_two_layers_and_ten_numbers(mistake):
    problem = PLAN.problem(first_failing(mistake))
    fails, first = fails_alike(planted(mistake), problem)
    minimal = minimize(problem, fails)
    assert fails(minimal)
    assert mistake in first.explanations or first.explanations == {"has shape (, ), expected (,)"}
    assert minimal.depth <= 2
    assert input_size(minimal) <= LARGER.get(mistake, 10)


# from findings to files


def swept(adapters, count):
    """The plan and the findings of a small sweep, in this process."""
    plan = Plan(0, count, adapters=tuple(adapter.name for adapter in adapters))
    return plan, summarize(run_task(task, adapters) for task in tasks(plan)).findings


def written(adapters, count, folder, **given):
    plan, found = swept(adapters, count)
    return list(write_minimized(plan, found, adapters, folder, **given))


def test_a_file_fails_as_the_sweep_did(tmp_path):
    adapters = find_adapters(["planted:mean-for-sum", "planted:weights-not-transposed"])
    found = written(adapters, 16, tmp_path / "found")
    cases = {case.path: case for case in load_cases(tmp_path / "found")}
    assert len(found) == len(cases) == 2
    for one in found:
        case = cases[one.path]
        (dtype,) = case.dtypes
        mistake = re.fullmatch(r"planted-(.*)-(loss|z)-0-\d+", case.name)[1]
        sentence, _, numbers = one.text.partition(" From ")
        assert re.fullmatch(r"\d+ numbers to ([4-9]|10)\.", numbers)
        assert sentence.endswith(f"{dtype}, {case.name}). Explained by: {MISTAKES[mistake].sentence}.")
        assert f"It is there to show that {sentence} Found by a sweep (seed 0, case " in case.about
        assert failure_of(case, f"planted:{mistake}", dtype).text.startswith(sentence)
        assert failure_of(case, "numpy", dtype) is None
        assert document(case.problem(dtype), case.about) == case.path.read_text(encoding="utf-8")


def test_from_the_command_line_to_a_failing_test(tmp_path):
    paths = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"
    environment = {"PYTHONPATH": paths, "PATH": "", "HOME": str(tmp_path)}

    def run(*words):
        words = [sys.executable, "-m", *words]
        return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    adapter, folder = ["--adapter", "planted:sign-of-the-error"], tmp_path / "found"
    sweep = ["reports.sweep", "--count", "8", "--workers", "1", "--out", str(tmp_path / "sweep")]
    done = run(*sweep, *adapter, "--found", str(folder))
    assert done.returncode == 1, done.stderr
    (path,) = folder.iterdir()
    assert f"{path}: dL/da" in done.stdout
    (again,) = re.findall(r"^1 case written; to see it again: python (.*)$", done.stdout, re.MULTILINE)
    again = shlex.split(again)
    assert again[-1] == "--isolate"  # as it was swept
    repeated = run(*again[1:], "--out", str(tmp_path / "again"), "--format", "csv")
    assert repeated.returncode == 1, repeated.stderr
    assert "dL/da1[0, 0] is " in repeated.stdout
    assert "of 1 comparison," in repeated.stdout  # this finding by this adapter, and nothing else
    tested = run("pytest", "-p", "no:cacheprovider", "tests/test_parity.py", f"--cases={folder}", *adapter,
                 "-k", path.stem)  # fmt: skip
    assert tested.returncode == 1, tested.stdout
    assert "1 failed" in tested.stdout
    assert "Explained by: the error was taken with the wrong sign" in tested.stdout


def test_the_command_that_repeats_findings_names_their_adapters_and_what_their_names_share():
    found = [Minimized(Path(f"found/mine-f-{name}.yaml"), "", "mine:f") for name in ("loss-0-5", "a-0-7")]
    start = "python -m reports.build --cases 'my found' --adapter mine:f"
    assert command(found[:1], Path("my found"), ()) == f"{start} --select mine-f-loss-0-5"
    assert command(found, Path("my found"), ("--isolate",)) == f"{start} --select mine-f- --isolate"
    other = Minimized(Path("found/jax-a-0-7.yaml"), "", "jax")
    assert command([*found, other], Path("my found"), ()) == f"{start} --adapter jax"


def test_without_findings_nothing_is_written(tmp_path):
    assert written(find_adapters(["numpy"]), 8, tmp_path / "found") == []
    assert not (tmp_path / "found").exists()


def wrong(quantity, by=2, name="mine", where=lambda problem: True, **given):
    """An adapter that states a multiple of the right numbers of one quantity, whatever the layer."""

    def train(problem):
        for claim in training_steps(problem):
            hit = [one for one in claim if re.sub(r"\d", "", one) == quantity and where(problem)]
            with np.errstate(over="ignore"):
                yield claim | {one: (by * claim[one]).astype(claim[one].dtype) for one in hit}

    return adapter_of(train, name=name, **given)


def adapter_of(train, name="mine", **given):
    return Adapter(name, name.title(), "1.2", (Program("", train, **given),))


def test_one_mistake_in_many_layers_is_one_finding(tmp_path):
    adapters = [wrong("dL/dW", by=3)]
    plan, found = swept(adapters, 24)
    assert len(found) > 12
    assert set(found["first"].str.replace(r"\d", "", regex=True)) == {"dL/dW"}
    (one,) = write_minimized(plan, found, adapters, tmp_path)
    assert one.text.startswith("dL/dW1[0, 0] is ")
    assert "seen with Mine 1.2, NumPy" in " ".join(one.path.read_text(encoding="utf-8").split())


def test_two_mistakes_are_two_findings_and_each_keeps_its_line(tmp_path):
    deep, shallow = (wrong(*one).programs[0].run for one in (("a", 1.5), ("dL/db", 1.7)))
    both = adapter_of(lambda problem: (deep if problem.depth > 2 else shallow)(problem))
    rows = findings((48, "a2", ""), (49, "a1", ""), (89, "dL/db1", ""))
    found = list(write_minimized(PLAN, rows, [both], tmp_path))
    assert sorted(one.text.partition(" is ")[0] for one in found) == ["a1[0, 0]", "dL/db1[0]"]
    depths = {case.name: len(case.file.layers) for case in load_cases(tmp_path)}
    assert depths == {"mine-a-0-48": 3, "mine-dl-db-0-89": 1}


def test_a_finding_of_the_stack_alone_has_no_file(tmp_path):
    (alone,) = wrong("dL/dW", where=lambda p: p.x.ndim > 2).programs
    program = replace(alone, stacked=Stacked("all at once", alone.run))
    (one,) = written([Adapter("mine", "Mine", "", (program,))], 8, tmp_path)
    assert one.path is None
    assert one.text.startswith("mine fails at dL/dW only as swept, all at once (seed 0, cases 0, 1, 2")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_that_does_not_come_again_is_reported(tmp_path):
    calls = Counter()

    def sometimes(problem):
        calls["all"] += 1
        damage = calls["all"] <= 9  # the sweep's 8 cases, and the first look at one of them
        for claim in training_steps(problem):
            yield claim | ({"loss": claim["loss"] * 0 - 1} if damage else {})

    (one,) = written([adapter_of(sometimes)], 8, tmp_path, seconds=0)
    assert "When it was run again, it did not fail." in one.text


def test_a_case_too_large_for_a_file_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(distinct, "document", lambda *_: " " * 2**25)
    (one,) = written([wrong("dL/db", by=3)], 8, tmp_path)
    assert one.path is None
    assert "In 60 s it was not reduced to what a case file can hold." in one.text


# which findings are the same


def findings(*rows):
    mean = "a mean over the 3 examples stands where their sum belongs"
    told = {
        "": "",
        "A": f"z1 is 1 (mine, float64, sweep of seed 0, case 7). Explained by: {mean}.",
        "AB": f"z2 is 1 (mine, float64, sweep of seed 0, case 8, step 2). Explained by: {mean}; or: another.",
        "error": "z1 has shape (2, 3), expected (3, 2) (mine, float64, sweep of seed 0, case 9).",
    }
    table = [(case, "mine", "", "alone", "differs", 1, first, 2.0, told[key]) for case, first, key in rows]
    return pd.DataFrame(table, columns=FINDING)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(1, "z1", "A"), (2, "z2", "A"), (3, "z1", "A")], [("z", (1, 2, 3))]),
        ([(1, "z1", "AB"), (2, "z2", "A")], [("z", (2,)), ("z", (1,))]),
        ([(1, "z1", ""), (2, "z2", "A")], [("z", (2,))]),
        ([(1, "z1", ""), (2, "a2", "A")], [("z", (1,)), ("a", (2,))]),
        ([(4, "z1", "error"), (5, "z2", "error")], [("z", (4, 5))]),
    ],
)
def test_findings_are_grouped_by_their_sentences(rows, expected):
    grouped = groups(findings(*rows), [wrong("z")])
    assert [(group.kind, group.cases) for group in grouped] == expected
    assert groups(findings(*rows), [wrong("z", name="other")]) == []


def symptom(kind="z", explanations=("one",), *, is_first=True):
    return Failure(kind, frozenset(explanations), is_first)


def test_a_symptom_with_fewer_explanations_stands_for_one_with_more():
    sharp, blurred, unexplained = symptom(), symptom(explanations=("one", "two")), symptom(explanations=())
    assert blurred.shows(sharp)
    assert not sharp.shows(blurred)
    assert not unexplained.shows(sharp)
    assert not sharp.shows(unexplained)
    assert unexplained.shows(unexplained)
    assert not symptom("a").shows(sharp)
    assert sharp.is_as_clear_as(symptom(is_first=False))
    assert not symptom(is_first=False).is_as_clear_as(sharp)


def l1_at_zero(shift=0):
    """A program of the name of jax whose derivative of |d| is 1 at 0; and elsewhere off by a shift."""

    def train(problem):
        for claim in training_steps(problem):
            name = f"dL/da{problem.depth}"
            slope = np.where(claim[f"a{problem.depth}"] == problem.y, 1.0, claim[name] + shift)
            yield claim | {name: slope}

    adapter = adapter_of(train, "jax", promises=names.observable)
    return Implementation(adapter, adapter.programs[0])


@pytest.mark.parametrize("steps", [1, 3])
def test_an_expected_difference_is_no_failure(steps):
    at_zero = network((1, 1), 1, loss=("l1", "sum"), activations="identity", steps=steps)
    at_zero = replace(at_zero, y=next(training_steps(at_zero))["a1"])
    assert failure(l1_at_zero(), at_zero) is None
    assert failure(l1_at_zero(), replace(at_zero, loss="half_squared_error")) is not None


def test_a_finding_is_not_minimized_to_an_expected_difference():
    problem = network((2, 2), 3, loss=("l1", "sum"))
    fails, _ = fails_alike(l1_at_zero(shift=3), problem)
    minimal = minimize(problem, lambda one: fails(one) and one.loss == "l1")
    assert next(training_steps(minimal))["a1"] != minimal.y
