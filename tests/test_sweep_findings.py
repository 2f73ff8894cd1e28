"""What a sweep reports is minimized to a case that fails alike, and written as a case file."""

import re
import shlex
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from networks import hiding, network
from rules import ruled
from test_sweep_command import threads

from adapters import Adapter, Program, find_adapters
from cases import load_cases, names
from cases.protocol import Stacked
from reference import training_steps
from reference.mistakes import MISTAKES, Inexpressible
from reports import build
from reports.parity import failure_of
from reports.sweep import __main__ as sweep
from reports.sweep import distinct
from reports.sweep.case_text import document
from reports.sweep.distinct import Failure, Minimized, command, failure, groups, write_minimized
from reports.sweep.engine import run_task
from reports.sweep.implementations import Implementation
from reports.sweep.minimize import input_size, minimize
from reports.sweep.plan import Plan, blocks, tasks
from reports.sweep.store import FINDING, summarize

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

    Where the mistake cannot be made the implementation is the reference, on which nothing fails.
    """
    for block in blocks(0, PLAN.count):
        cases = range(block.start, min(block.end, PLAN.count))
        if not isinstance(MISTAKES[mistake].lines(PLAN.problem(cases[0])), Inexpressible):
            for case in cases:
                if failure(planted(mistake), PLAN.problem(case)):
                    return case
    return None


def fails_alike(implementation, problem):
    """Whether it fails on another problem as on this one, and the failure."""
    first = failure(implementation, problem)

    def fails(other):
        now = failure(implementation, other)
        return now is not None and now.is_as_clear_as(first)

    return fails, first


@pytest.mark.parametrize(
    "mistake", [pytest.param(name, marks=() if name in CONTRASTING else every_mistake) for name in MISTAKES]
)
def test_a_mistake_is_met_within_1000_cases_and_minimized_to_two_layers_and_ten_numbers(mistake):
    problem = PLAN.problem(first_failing(mistake))
    fails, first = fails_alike(planted(mistake), problem)
    minimal = minimize(problem, fails)
    assert fails(minimal)
    assert mistake in first.explanations or first.explanations == {"has shape (, ), expected (,)"}
    assert minimal.depth <= 2
    assert input_size(minimal) <= LARGER.get(mistake, 10)


# From findings to files


def swept(adapters, count):
    """The plan and the findings of a small sweep, in this process."""
    plan = Plan(0, count, adapters=tuple(adapter.name for adapter in adapters))
    return plan, summarize(run_task(task, adapters) for task in tasks(plan)).findings


def written(adapters, count, folder, **given):
    plan, rows = swept(adapters, count)
    return list(write_minimized(plan, rows, adapters, folder, **given))


def test_a_file_fails_as_the_sweep_did(tmp_path):
    adapters = find_adapters(["planted:mean-for-sum", "planted:weights-not-transposed"])
    minimized = written(adapters, 16, tmp_path / "found")
    cases = {case.path: case for case in load_cases(tmp_path / "found")}
    assert len(minimized) == len(cases) == 2
    for one in minimized:
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


def test_from_the_command_line_to_a_failing_case(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("reports.sweep.command.local_workers", threads)
    adapter, folder = ["--adapter", "planted:sign-of-the-error"], tmp_path / "found"
    small = ["--count", "8", "--workers", "1", "--no-isolate", "--out", str(tmp_path / "sweep")]
    assert sweep.main([*small, *adapter, "--found", str(folder)]) == 1
    (path,), printed = list(folder.iterdir()), capsys.readouterr().out
    assert f"{path}: dL/da" in printed
    (again,) = re.findall(r"^1 case written; to see it again: python (.*)$", printed, re.MULTILINE)
    module, *words = shlex.split(again)[1:]
    assert module == "reports.build"
    assert build.main([*words, "--out", str(tmp_path / "again"), "--format", "csv"]) == 1
    printed = capsys.readouterr().out
    assert "dL/da1[0, 0] is " in printed
    assert "of 1 comparison," in printed  # this finding by this adapter, and nothing else
    (case,) = load_cases(folder)
    failed = failure_of(case, adapter[1], *case.dtypes)
    assert "Explained by: the error was taken with the wrong sign" in failed.text


def test_the_command_that_repeats_findings_names_their_adapters_and_what_their_names_share():
    both = [Minimized(Path(f"found/mine-f-{name}.yaml"), "", "mine:f") for name in ("loss-0-5", "a-0-7")]
    start = "python -m reports.build --cases 'my found' --adapter mine:f"
    assert command(both[:1], Path("my found"), ()) == f"{start} --select mine-f-loss-0-5"
    assert command(both, Path("my found"), ("--isolate",)) == f"{start} --select mine-f- --isolate"
    other = Minimized(Path("found/jax-a-0-7.yaml"), "", "jax")
    assert command([*both, other], Path("my found"), ()) == f"{start} --adapter jax"


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
    plan, rows = swept(adapters, 24)
    assert len(rows) > 12
    assert set(rows["first"].str.replace(r"\d", "", regex=True)) == {"dL/dW"}
    (one,) = write_minimized(plan, rows, adapters, tmp_path)
    assert one.text.startswith("dL/dW1[0, 0] is ")
    assert "seen with Mine 1.2, NumPy" in " ".join(one.path.read_text(encoding="utf-8").split())


def test_two_mistakes_are_two_findings_and_each_keeps_its_line(tmp_path):
    deep, shallow = (wrong(*one).programs[0].run for one in (("a", 1.5), ("dL/db", 1.7)))
    both = adapter_of(lambda problem: (deep if problem.depth > 2 else shallow)(problem))
    rows = findings((48, "a2", ""), (49, "a1", ""), (89, "dL/db1", ""))
    minimized = list(write_minimized(PLAN, rows, [both], tmp_path))
    assert sorted(one.text.partition(" is ")[0] for one in minimized) == ["a1[0, 0]", "dL/db1[0]"]
    depths = {case.name: len(case.file.layers) for case in load_cases(tmp_path)}
    assert depths == {"mine-a-0-48": 3, "mine-dl-db-0-89": 1}


def test_what_has_no_file_is_reported(tmp_path, monkeypatch):
    (alone,) = wrong("dL/dW", where=lambda p: p.x.ndim > 2).programs
    program = replace(alone, stacked=Stacked("all at once", alone.run))
    (in_stack,) = written([Adapter("mine", "Mine", "", (program,))], 8, tmp_path)
    assert in_stack.text.startswith("mine fails at dL/dW only as swept, all at once (seed 0, cases 0, 1, 2")
    monkeypatch.setattr(distinct, "document", lambda *_: " " * 2**25)
    (large,) = written([wrong("dL/db", by=3)], 8, tmp_path)
    assert "In 60 s it was not reduced to what a case file can hold." in large.text
    assert in_stack.path is large.path is None
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


# Which findings are the same


def findings(*rows):
    mean = "a mean over the 3 examples stands where their sum belongs"
    sentences = {
        "": "",
        "A": f"z1 is 1 (mine, float64, sweep of seed 0, case 7). Explained by: {mean}.",
        "AB": f"z2 is 1 (mine, float64, sweep of seed 0, case 8, step 2). Explained by: {mean}; or: another.",
        "error": "z1 has shape (2, 3), expected (3, 2) (mine, float64, sweep of seed 0, case 9).",
    }
    table = [(case, "mine", "", "alone", "differs", 1, at, 2.0, sentences[key]) for case, at, key in rows]
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


def test_a_failure_with_fewer_explanations_stands_for_one_with_more():
    one, two, none = (Failure("z", frozenset(names), is_first=True) for names in (["A"], ["A", "B"], []))
    shown = [(a, b) for a in (one, two, none) for b in (one, two, none) if a.shows(b)]
    assert shown == [(one, one), (two, one), (two, two), (none, none)]
    assert not replace(one, kind="a").shows(one)
    later = replace(one, is_first=False)
    assert one.is_as_clear_as(later)
    assert not later.is_as_clear_as(one)


def l1_at_zero(shift=0):
    """A program of the name of jax whose derivative of |d| is 1 at 0; and elsewhere off by a shift."""

    def train(problem):
        for claim in training_steps(problem):
            name = f"dL/da{problem.depth}"
            slope = np.where(claim[f"a{problem.depth}"] == problem.y, 1.0, claim[name] + shift)
            yield claim | {name: slope}

    adapter = adapter_of(train, "jax", promises=names.observable)
    return Implementation(adapter, adapter.programs[0])


def test_an_expected_difference_is_no_failure_and_nothing_is_minimized_to_it():
    for steps in (1, 3):
        at_zero = network((1, 1), 1, loss=("l1", "sum"), activations="identity", steps=steps)
        at_zero = replace(at_zero, y=next(training_steps(at_zero))["a1"])
        assert failure(l1_at_zero(), at_zero) is None
        assert failure(l1_at_zero(), replace(at_zero, loss="half_squared_error")) is not None
    problem = network((2, 2), 3, loss=("l1", "sum"))
    fails, _ = fails_alike(l1_at_zero(shift=3), problem)
    minimal = minimize(problem, lambda one: fails(one) and one.loss == "l1")
    assert (next(training_steps(minimal))["a1"] != minimal.y).all()


def test_a_mistake_in_a_state_that_is_hidden_is_followed_from_the_start_of_the_run():
    """In the first step, whose averages are corrected for their start, Adam is right all the same."""
    swapped = MISTAKES["betas-swapped"]
    adapter = adapter_of(hiding(lambda given: training_steps(given, swapped.tape(given))))
    first = failure(Implementation(adapter, adapter.programs[0]), ruled("adam"))
    assert (first.kind, first.explanations) == ("W_new", frozenset({"betas-swapped"}))
    assert ", step 2). Explained by: " in first.text
