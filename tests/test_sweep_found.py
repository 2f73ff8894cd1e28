"""What a sweep finds is reduced to a smallest case that fails alike, and written as a case file."""

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
from reports.build import main as build
from reports.parity import failure_of
from reports.sweep.blocks import blocks
from reports.sweep.implementations import Implementation
from reports.sweep.plan import Plan, tasks
from reports.sweep.shrinking import found
from reports.sweep.shrinking.distinct import groups, problem_of
from reports.sweep.shrinking.document import document
from reports.sweep.shrinking.found import write_found
from reports.sweep.shrinking.shrink import numbers_of, shrink
from reports.sweep.shrinking.symptom import Symptom, failure
from reports.sweep.summary import summarize
from reports.sweep.work import run_task

ROOT = Path(__file__).parent.parent
PLAN = Plan(0, 1000)

CONTRASTING = {
    "weights-not-transposed", "mean-over-examples", "derivative-of-the-wrong-layer",
    "rate-inside-the-momentum", "decay-of-a-fixed-parameter", "float32-forward", "tf32-products",
}  # fmt: skip

LARGER = {"weights-transposed-backward": 13}
"""It takes a square W2 that is larger than 1 by 1: 1 number in x, 4 in W1 and b1, 6 in W2 and b2, 2 in y."""


def planted(mistake):
    (adapter,) = find_adapters([f"planted:{mistake}"])
    return Implementation(adapter, adapter.programs[0])


def found_by_the_sweep(mistake):
    """The first case of the sweep on which an implementation with this mistake fails; None if there is none.

    Where the mistake cannot be made the implementation is the reference, on which nothing is found.
    """
    who = planted(mistake)
    for block in blocks(0, PLAN.count):
        cases = range(block.start, min(block.end, PLAN.count))
        if not isinstance(MISTAKES[mistake].lines(problem_of(PLAN, cases[0])), Inexpressible):
            for case in cases:
                if failure(who, problem_of(PLAN, case)):
                    return case
    return None


@pytest.mark.parametrize(
    "mistake",
    [
        pytest.param(
            name,
            marks=() if name in CONTRASTING else pytest.mark.skipif(
                "not config.getoption('--slow')", reason="every mistake: --slow"
            ),
        )
        for name in MISTAKES
    ],
)  # fmt: skip
def test_a_mistake_is_found_within_1000_cases_and_reduced_to_two_layers_and_ten_numbers(mistake):
    case, who = found_by_the_sweep(mistake), planted(mistake)
    assert case is not None
    first = failure(who, problem_of(PLAN, case)).symptom

    def fails(problem):
        now = failure(who, problem)
        return now is not None and now.symptom.is_as_clear_as(first)

    shrunk = shrink(problem_of(PLAN, case), fails)
    assert fails(shrunk)
    assert mistake in first.explanations or first.explanations == {"has shape (, ), expected (,)"}
    assert shrunk.depth <= 2
    assert numbers_of(shrunk) <= LARGER.get(mistake, 10)


# from findings to files


def swept(adapters, count):
    """The plan and the findings of a small sweep, in this process."""
    plan = Plan(0, count, adapters=tuple(adapter.name for adapter in adapters))
    return plan, summarize(run_task(task, adapters) for task in tasks(plan)).findings


def written(adapters, count, folder, **given):
    plan, findings = swept(adapters, count)
    return list(write_found(plan, findings, adapters, folder, **given))


def test_a_file_fails_as_the_sweep_did(tmp_path):
    adapters = find_adapters(["planted:mean-for-sum", "planted:weights-not-transposed"])
    told = written(adapters, 16, tmp_path / "found")
    cases = {case.path: case for case in load_cases(tmp_path / "found")}
    assert len(told) == len(cases) == 2
    for one in told:
        case = cases[one.path]
        (dtype,) = case.dtypes
        mistake = re.fullmatch(r"planted-(.*)-(loss|z)-0-\d+", case.name)[1]
        sentence, _, numbers = one.told.partition(" From ")
        assert re.fullmatch(r"\d+ numbers to ([4-9]|10)\.", numbers)
        assert sentence.endswith(f"{dtype}, {case.name}). Explained by: {MISTAKES[mistake].sentence}.")
        assert f"It is there to show that {sentence} Found by a sweep (seed 0, case " in case.about
        assert failure_of(case, f"planted:{mistake}", dtype).told.startswith(sentence)
        assert failure_of(case, "numpy", dtype) is None
        assert document(case.problem(dtype), case.about) == case.path.read_text(encoding="utf-8")


def test_from_the_command_line_to_a_failing_test(tmp_path, capsys):
    environment = {"PYTHONPATH": str(ROOT / "tests"), "PATH": "", "HOME": str(tmp_path)}

    def run(*words):
        return subprocess.run(
            [sys.executable, "-m", *words],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    adapter = ["--adapter", "planted:sign-of-the-error"]
    folder = tmp_path / "found"
    sweep = ["reports.sweep", "--count", "8", "--workers", "1", "--out", str(tmp_path / "sweep")]
    done = run(*sweep, *adapter, "--found", str(folder))
    assert done.returncode == 1, done.stderr
    (path,) = folder.iterdir()
    assert f"{path}: dL/da" in done.stdout
    told = next(
        line for line in done.stdout.splitlines() if line.startswith("1 case written; to see it again: ")
    )
    again = shlex.split(told.partition("again: python ")[2])
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
    report = ["--select", path.stem, "--out", str(tmp_path / "out"), "--cases", str(folder)]
    assert build(report + adapter) == 1
    assert "dL/da1[0, 0] is " in capsys.readouterr().out


def test_where_there_is_no_finding_nothing_is_written(tmp_path):
    assert written(find_adapters(["numpy"]), 8, tmp_path / "found") == []
    assert not (tmp_path / "found").exists()


def wrong(quantity, by=2, name="mine", where=lambda problem: True, **given):
    """An adapter that states a multiple of the right numbers of one quantity, whatever the layer."""

    def train(problem):
        for claim in training_steps(problem):
            hit = [one for one in claim if re.sub(r"\d", "", one) == quantity and where(problem)]
            with np.errstate(over="ignore"):
                yield claim | {one: (by * claim[one]).astype(claim[one].dtype) for one in hit}

    return Adapter(name, name.title(), "1.2", (Program("", train, **given),))


def test_one_mistake_at_many_places_is_one_finding(tmp_path):
    adapters = [wrong("dL/dW", by=3)]
    plan, findings = swept(adapters, 24)
    assert len(findings) > 12
    assert Counter(findings["first"].str.replace(r"\d", "", regex=True)).keys() == {"dL/dW"}
    (one,) = write_found(plan, findings, adapters, tmp_path)
    assert one.told.startswith("dL/dW1[0, 0] is ")
    assert "seen with Mine 1.2, NumPy" in " ".join(one.path.read_text(encoding="utf-8").split())


def test_two_mistakes_are_two_findings_and_each_keeps_its_line(tmp_path):
    deep, shallow = (wrong(*one).programs[0].run for one in (("a", 1.5), ("dL/db", 1.7)))
    both = Program("", lambda problem: (deep if problem.depth > 2 else shallow)(problem))
    rows = findings((48, "a2", ""), (49, "a1", ""), (89, "dL/db1", ""))
    told = list(write_found(PLAN, rows, [Adapter("mine", "Mine", "", (both,))], tmp_path))
    assert sorted(one.told.partition(" is ")[0] for one in told) == ["a1[0, 0]", "dL/db1[0]"]
    depths = {case.name: len(case.file.layers) for case in load_cases(tmp_path)}
    assert depths == {"mine-a-0-48": 3, "mine-dl-db-0-89": 1}


def test_what_only_the_stack_shows_is_told_and_not_written(tmp_path):
    (alone,) = wrong("dL/dW", where=lambda p: p.x.ndim > 2).programs
    program = replace(alone, stacked=Stacked("all at once", alone.run))
    (one,) = written([Adapter("mine", "Mine", "", (program,))], 8, tmp_path)
    assert one.path is None
    assert one.told.startswith("mine fails at dL/dW only as it was swept, all at once (seed 0, cases 0, 1, 2")
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fail_again_is_told(tmp_path):
    calls = Counter()

    def sometimes(problem):
        calls["all"] += 1
        damage = calls["all"] <= 9  # the sweep's 8 cases, and the first look at one of them
        for claim in training_steps(problem):
            yield claim | ({"loss": claim["loss"] * 0 - 1} if damage else {})

    (one,) = written([Adapter("mine", "Mine", "", (Program("", sometimes),))], 8, tmp_path, seconds=0)
    assert "When it was run again, it did not fail." in one.told


def test_what_a_file_cannot_hold_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(found, "MAX_BYTES", 100)
    (one,) = written([wrong("dL/db", by=3)], 8, tmp_path)
    assert one.path is None
    assert "In 60 s it was not reduced to what a case file can hold." in one.told


# which findings are the same

COLUMNS = ["case", "adapter", "program", "how", "verdict", "step", "first", "used", "told"]


def findings(*rows):
    mean = "a mean over the 3 examples stands where their sum belongs"
    told = {
        "": "",
        "A": f"z1 is 1 (mine, float64, sweep of seed 0, case 7). Explained by: {mean}.",
        "AB": f"z2 is 1 (mine, float64, sweep of seed 0, case 8, step 2). Explained by: {mean}; or: another.",
        "error": "z1 has shape (2, 3), expected (3, 2) (mine, float64, sweep of seed 0, case 9).",
    }
    table = [
        (case, "mine", "", "alone", "differs", 1, first, 2.0, told[which]) for case, first, which in rows
    ]
    return pd.DataFrame(table, columns=COLUMNS)


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
def test_findings_are_put_together_as_they_are_told(rows, expected):
    grouped = groups(findings(*rows), [wrong("z")])
    assert [(group.kind, group.cases) for group in grouped] == expected


def test_an_adapter_that_is_gone_is_passed_over():
    assert groups(findings((1, "z1", "A")), [wrong("z", name="other")]) == []


def symptom(kind="z", explanations=("one",), *, is_first=True):
    return Symptom(kind, frozenset(explanations), is_first)


def test_a_symptom_that_is_told_more_sharply_stands_for_the_other():
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

    program = Program("", train, names.observable)
    return Implementation(Adapter("jax", "JAX", "0", (program,)), program)


def test_a_known_difference_is_no_failure():
    at_zero = network((1, 1), 1, loss=("l1", "sum"), activations="identity")
    at_zero = replace(at_zero, y=next(training_steps(at_zero))["a1"])
    assert failure(l1_at_zero(), at_zero) is None
    assert failure(l1_at_zero(), replace(at_zero, loss="half_squared_error")) is not None


def test_a_finding_is_not_reduced_to_a_known_difference():
    who, problem = l1_at_zero(shift=3), network((2, 2), 3, loss=("l1", "sum"))
    first = failure(who, problem).symptom

    def fails(one):
        now = failure(who, one)
        return now is not None and now.symptom.is_as_clear_as(first) and one.loss == "l1"

    shrunk = shrink(problem, fails)
    assert next(training_steps(shrunk))["a1"] != shrunk.y
