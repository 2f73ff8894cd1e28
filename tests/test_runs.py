"""A run: failures cost nothing else, implementations are compared, losses and printed numbers are kept."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import network

from adapters import Adapter, Choice, Program, Unavailable, find_adapters
from adapters.isolation import Limits
from cases import load_case, load_cases
from reference import JudgedStep, Subject, Verdict, judge, training_steps
from reference.diagnosis import explain_step
from reference.mistakes import MISTAKES
from reports.environment import Selection
from reports.runs import parallel, pool_server
from reports.runs.comparison import (
    PairCounter,
    bitwise_equal,
    largest_differences,
    plain_differences,
    ulp_distance,
)
from reports.runs.expectations import judge_case
from reports.runs.recorded import EVENLY_KEPT_LOSSES, LossKeeper
from reports.runs.rows import first_failure
from reports.runs.runner import explained, lockstep, run, run_case
from reports.runs.runner import rows_of as step_rows
from reports.runs.step_batches import MAX_STEPS_PER_BATCH, StepBatch, batched, is_recorded

pytestmark = pytest.mark.usefixtures("implementations")

# name of the implementation: verdict, first failing quantity, step, a part of the reason
DAMAGES = {
    "nan": (Verdict.DIFFERS, "loss", 1, ""),
    "drops": (Verdict.ERROR, "dL/db1", 1, "was promised, but is not claimed"),
    "wrong_shape": (Verdict.ERROR, "dL/db1", 1, "has shape (1, 3), expected (3,)"),
    "wrong_dtype": (Verdict.ERROR, "dL/dW1", 1, "expected float64"),
    "changes_its_inputs": (Verdict.ERROR, "x", 3, "changed in place"),
    "raises": (Verdict.ERROR, "", 1, "raised ValueError: no such luck"),
    "raises_in_step_2": (Verdict.ERROR, "", 2, "raised ValueError: no such luck"),
    "ends_the_program": (Verdict.ERROR, "", 1, "SystemExit"),
    "stops_early": (Verdict.ERROR, "", 2, "stopped after 1 of 3 steps"),
    "forgets_the_factor": (Verdict.DIFFERS, "dL/da1", 2, ""),
    "not_a_function": (Verdict.ERROR, "", 0, "expected an Adapter or a function"),
}


def results(folder, *names):
    adapters = find_adapters([f"programs:{name}" for name in names])
    return run(Selection(load_cases(folder), adapters, ("float64",)))


def rows_of(found, name):
    return [row for row in found.rows if row.subject.adapter.partition(":")[2] == name]


def test_each_damage_has_its_own_verdict_and_the_others_are_unaffected(folder):
    together = results(folder, "honest", *DAMAGES)
    for name, (verdict, quantity, step, reason) in DAMAGES.items():
        first = first_failure(rows_of(together, name))
        assert first is not None, name
        assert (first.finding.verdict, first.finding.quantity) == (verdict, quantity)
        assert first.finding.step == step
        assert reason in first.finding.reason
    assert all(row.passes for row in rows_of(together, "honest"))
    assert repr(rows_of(together, "honest")) == repr(list(results(folder, "honest").rows))
    one_wrong = rows_of(together, "nan")  # which costs no other quantity
    assert {row.finding.quantity for row in one_wrong if not row.passes} == {"loss"}
    assert {row.finding.step for row in one_wrong} == {1, 2, 3}


def test_all_programs_advance_in_lockstep(monkeypatch):
    monkeypatch.setattr("reference.checker.MAX_STEPS_PER_BATCH", 1)  # more are taken at once
    order = []

    def counting(name):
        def train(problem):
            for number, step in enumerate(training_steps(problem), start=1):
                order.append((name, number))
                yield step

        return Program(name, train)

    problem = replace(load_case("worked/document").problem("float64"), steps=3)
    adapters = [
        Adapter("one", "", "", (counting("a"), counting("b"))),
        Adapter("other", "", "", (counting("c"),)),
    ]
    taken = list(lockstep(problem, adapters))
    assert order == [(name, step) for step in (1, 2, 3) for name in "abc"]
    assert [len(judged) for judged in taken] == [3, 3, 3]


def test_the_server_of_a_pool_loads_built_in_adapters_unless_they_are_isolated():
    choice = Choice(("numpy", "torch", "torch-func", "programs:honest"))
    own, numpy, torch = "reports.runs.parallel", "adapters.numpy_reference", "adapters.torch_autograd"
    assert parallel.modules_of(choice) == [own, numpy, torch, "torch._dynamo"]
    assert parallel.modules_of(replace(choice, limits=Limits())) == [own]
    assert parallel.modules_of(replace(choice, apart=("torch", "torch-func"))) == [own, numpy]


@pytest.mark.skipif(not parallel.can_fork, reason="the processes of a pool are not forked here")
@pytest.mark.parametrize(
    ("words", "is_early"),
    [("", True), ("--out x --format=csv", True), ("--select x", False), ("--out x --engines", False)],
)
def test_the_server_loads_early_what_runs_by_default_if_no_option_says_otherwise(
    words, is_early, monkeypatch
):
    started = []
    monkeypatch.setattr("multiprocessing.set_forkserver_preload", started.append)
    monkeypatch.setattr("multiprocessing.forkserver.ensure_running", lambda: started.append("runs"))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    pool_server.begin_early(words.split())
    assert started == ([[pool_server.DEFAULT], "runs"] if is_early else [])


def test_an_adapter_that_cannot_run_has_one_row_with_its_reason():
    absent = Unavailable("jax", Verdict.NOT_RUN, "jax is not installed")
    (row,), _ = run_case(load_case("worked/document"), "float32", [absent])
    assert (row.finding.verdict, row.finding.reason) == ("not run", "jax is not installed")
    assert (row.passes, row.fails) == (False, False)


# plain comparisons


def test_the_plain_difference_is_from_the_numpy_reference_whether_it_is_selected_or_not(folder):
    (case,) = load_cases(folder)
    (fake, numpy) = find_adapters(["programs:forgets_the_factor", "numpy"])
    alone, _ = run_case(case, "float32", [fake])
    with_numpy, _ = run_case(case, "float32", [numpy, fake])
    assert repr(alone) == repr([row for row in with_numpy if row.subject.adapter != "numpy"])
    assert max(row.max_abs_diff for row in alone) > 0
    assert {row.max_abs_diff for row in with_numpy if row.subject.adapter == "numpy"} == {0.0}


def test_two_implementations_are_counted_against_each_other_over_all_steps(folder):
    pairs = {pair.quantity: pair for pair in results(folder, "honest", "nan").pairs}
    assert (pairs["dL/dW1"].elements, pairs["dL/dW1"].equal, pairs["dL/dW1"].ulps) == (3 * 6, 3 * 6, 0)
    assert (pairs["loss"].elements, pairs["loss"].equal, pairs["loss"].ulps) == (3, 0, math.inf)
    assert (pairs["loss"].left, pairs["loss"].right) == ("programs:honest", "programs:nan")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ulp_distance_counts_the_numbers_of_the_format(dtype):
    one = np.ones(1, dtype)
    tiny = np.finfo(dtype).smallest_subnormal
    assert ulp_distance(one, np.nextafter(one, 2)).tolist() == [1]
    assert ulp_distance(one, one + 8 * np.finfo(dtype).eps).tolist() == [8]
    assert ulp_distance(one * 0, -one * 0).tolist() == [0]
    assert ulp_distance(one * tiny, -one * tiny).tolist() == [2]
    assert ulp_distance(one * np.nan, one * np.nan).tolist() == [0]
    assert ulp_distance(one * np.nan, one).tolist() == [math.inf]
    assert ulp_distance(one * np.finfo(dtype).max, one * np.inf).tolist() == [1]


def test_plain_differences_and_bits():
    reference = np.array([[2.0, 0.0, np.inf, -1.0]] * 4)
    claimed = reference.copy()
    claimed[1, 0], claimed[2, 1], claimed[3, 0] = 2.5, 1e-9, np.nan
    largest, relative = largest_differences(claimed, reference)
    assert (largest[:3].tolist(), relative[:3].tolist()) == ([0.0, 0.5, 1e-9], [0.0, 0.25, math.inf])
    assert math.isnan(largest[3])
    assert bitwise_equal(np.array([0.0, 1.0]), np.array([-0.0, 1.0])).tolist() == [False, True]


SHAPES = {"z1": (3, 2), "loss": (), "dL/dW1": (2, 4), "b1_new": (2,), "W1_new": (4, 1)}
WHO, OTHER = Subject("case", "torch", "", "float64"), Subject("case", "jax", "plain", "float64")


def claim(seed):
    rng = np.random.default_rng(seed)
    return {name: rng.choice([1, -2, 0.5, 0.0, -0.0], shape) for name, shape in SHAPES.items()}


@pytest.mark.parametrize("odd", [1.5, np.nan, np.inf, 0.0])
def test_pairs_over_a_batch_are_those_of_its_steps_one_by_one(odd):
    left, right = ([claim(seed + start) for seed in range(3)] for start in (0, 3))
    left[0]["b1_new"][1] = right[1]["b1_new"][0] = left[0]["z1"][2, 1] = right[0]["z1"][2, 1] = odd
    steps = [
        {WHO: JudgedStep(i, mine), OTHER: JudgedStep(i, theirs)}
        for i, (mine, theirs) in enumerate(zip(left, right, strict=True), 1)
    ]
    together, apart = PairCounter(), PairCounter()
    together.add(StepBatch(steps))
    for step in steps:
        apart.add(StepBatch([step]))
    assert [pair.quantity for pair in together.finished()] == list(SHAPES)
    assert repr(together.finished()) == repr(apart.finished())
    for pair in together.finished():
        mine, theirs = (np.array([step[pair.quantity] for step in steps]) for steps in (left, right))
        assert (pair.elements, pair.equal) == (mine.size, np.count_nonzero(bitwise_equal(mine, theirs)))
        assert pair.ulps == ulp_distance(mine, theirs).max()


def test_what_only_one_states_or_states_in_another_form_is_left_out():
    left, right = claim(0), claim(1)
    right |= {"z1": right["z1"].T, "loss": 0.5, "b1_new": right["b1_new"].astype("float32")}
    left["a1"] = right["a2"] = np.zeros((0, 3))
    right["W1_new"] = np.asfortranarray(left["W1_new"])
    stated = StepBatch([{WHO: JudgedStep(1, left), OTHER: JudgedStep(1, right)}]).arrays
    assert plain_differences(stated[WHO], stated[OTHER]).keys() == {"dL/dW1", "W1_new"}
    assert plain_differences(stated[WHO], stated[OTHER])["W1_new"] == ([0.0], [0.0])
    assert plain_differences(stated[WHO], {}) == {}


# batches of steps


@given(forms=st.lists(st.sampled_from([(), (2,)]), max_size=12), most=st.integers(1, 5))
def test_steps_are_batched_in_order_and_never_with_another_form(forms, most):
    steps = [({WHO: JudgedStep(i, {"a1": np.full(form, i, float)})}, {}) for i, form in enumerate(forms, 1)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reports.runs.step_batches.MAX_STEPS_PER_BATCH", most)
        batches = list(batched(network(), steps))
    assert [number for batch in batches for number in batch.numbers] == list(range(1, len(forms) + 1))
    for batch in batches:
        assert len(batch.steps) <= most
        assert batch.arrays[WHO]["a1"].shape == (len(batch.steps), *forms[batch.numbers[0] - 1])
    assert MAX_STEPS_PER_BATCH == 100


# the losses of a training


def kept(steps, ended=0, loss=float, batch=1):
    """Return what is kept of a training of so many steps that has ended after `ended` of them."""
    keeper = LossKeeper(network(steps=steps))
    judged = [
        {WHO: JudgedStep(step, {"loss": np.array(loss(step))})} for step in range(1, (ended or steps) + 1)
    ]
    for start in range(0, len(judged), batch):
        keeper.add(StepBatch(judged[start : start + batch]))
    return keeper.finished()


@given(steps=st.integers(2, 2000), data=st.data())
def test_the_first_the_recorded_and_the_last_loss_are_kept_once_and_not_too_many(steps, data):
    ended, batch = data.draw(st.integers(1, steps)), data.draw(st.integers(1, 100))
    numbers = [one.step for one in kept(steps, ended, batch=batch)]
    assert numbers == sorted(set(numbers))
    assert set(numbers) >= {1, ended} | {step for step in range(1, ended + 1) if is_recorded(step)}
    assert len(numbers) <= EVENLY_KEPT_LOSSES + 3 * len(str(steps)) + 1


def test_a_short_training_is_kept_whole_with_what_was_stated_and_no_malformed_loss():
    found = kept(EVENLY_KEPT_LOSSES, loss=lambda step: 1 / step)
    assert [(one.step, one.loss) for one in found] == [(k, 1 / k) for k in range(1, EVENLY_KEPT_LOSSES + 1)]
    assert {(one.case, one.dtype, one.implementation) for one in found} == {("case", "float64", "torch")}
    assert kept(1) == ()  # no training
    found = kept(3, loss=lambda step: [1.0, math.inf, math.nan][step - 1])
    assert found[1].loss == math.inf
    assert math.isnan(found[2].loss)
    for claim in ({}, *({"loss": loss} for loss in (np.array([1.0]), np.array(1.0, np.float32), 1.0))):
        keeper = LossKeeper(network(steps=2))
        keeper.add(StepBatch([{WHO: JudgedStep(1, claim)}]))
        assert keeper.finished() == ()


def test_an_implementation_that_ends_first_has_a_last_loss_of_its_own():
    keeper = LossKeeper(network(steps=1000))
    for step in range(1, 900):
        taken = {WHO: JudgedStep(step, {"loss": np.array(1.0)})}
        keeper.add(StepBatch([taken | ({OTHER: taken[WHO]} if step <= 334 else {})]))
    last = {}
    for one in keeper.finished():
        last[one.implementation] = max(one.step, last.get(one.implementation, 0))
    assert last == {"torch": 899, "jax plain": 334}


# printed numbers: what the case lists as wrong must be wrong, and nothing else may be; z1 = a1 = 0.3

CASE = """
about: One unit, the identity.
layers: [{{W: [[0.4]], b: [0.1], activation: identity}}]
x: [[0.5]]
y: [[0.8]]
loss: {{name: half_squared_error, reduction: sum}}
optimizer: {{name: sgd, learning_rate: 0.1}}
published: {{source: nobody, steps: [{{step: 1, values: {{z1: {z1}, a1: {a1}}}, rejected: {{{rejected}}}}}]}}
"""


def judged(folder, **printed):
    text = CASE.format(**{"z1": "0.300", "a1": "0.300", "rejected": "", **printed})
    (folder / "one.yaml").write_text(text, encoding="utf-8")
    return judge_case(load_case(folder / "one.yaml"))


def test_a_wrong_printed_number_fails_unless_it_is_listed(tmp_path):
    for one in judged(tmp_path):
        assert one.row.passes
        assert (one.text, one.exact) == ("0.300", pytest.approx(0.3, rel=1e-15))
    z1, a1 = judged(tmp_path, z1="0.400", a1="0.400")
    assert (z1.row.finding.verdict, z1.row.fails) == ("differs", True)
    assert a1.row.passes  # judged from the printed z1, so the mistake is reported once
    assert z1.row.sentence.startswith("z1[0, 0] is 0.4, but follows from its inputs as 0.3")
    assert z1.row.sentence.endswith("(published, printed, one)")
    z1, _ = judged(tmp_path, z1="0.400", a1="0.400", rejected="z1: a slip")
    assert (z1.row.finding.verdict, z1.row.expected, z1.row.passes) == ("differs", True, True)
    assert z1.row.finding.reason == "a slip"
    first = first_failure(one.row for one in judged(tmp_path, rejected="z1: a slip"))
    assert first is not None
    assert first.finding.verdict == "error"
    assert "is listed as rejected, but agrees" in first.sentence


# Two mistakes at once, each at a line of its own.
BOTH = ("derivative-missing-in-hidden-layers", "bias-not-updated")


def first_rows(change):
    """The rows of the first step of a program that trains with a changed tape, or states changed numbers."""
    problem = network((3, 4, 4, 2), 5)
    (judged, *_) = judge(problem, change, frozenset())
    rows = explained(problem, judged, step_rows(problem, Subject("mine", "they", "", "float64"), judged))
    return {row.finding.quantity: row for row in rows}


def test_each_line_that_is_wrong_in_its_own_right_is_explained_and_the_first_says_so(monkeypatch):
    calls = []
    monkeypatch.setattr(
        "reference.diagnosis.explain_step", lambda *given: calls.append(1) or explain_step(*given)
    )
    first, second = (MISTAKES[name] for name in BOTH)
    rows = first_rows(lambda given: training_steps(given, second.tape(given, base=first.tape(given))))
    assert len(calls) == 1
    own = {name: [one.mistake for one in row.causes] for name, row in rows.items() if row.causes}
    assert own == {"dL/dz2": [BOTH[0]], "b3_new": [BOTH[1]]}
    assert rows["b3_new"].explanation == f"Explained by: {second.sentence}."
    start, _, rest = rows["dL/dz2"].explanation.partition(" b3_new is wrong in its own right, too. ")
    assert start.startswith(f"Explained by: {first.sentence}.")
    assert rest == rows["b3_new"].explanation
    assert {name for name, row in rows.items() if row.explanation} == own.keys()


def test_lines_that_nothing_explains_are_only_named_and_more_are_counted():
    names = ("z1", "a1", "z2", "a2", "z3", "a3")

    def damaged(problem):
        for step in training_steps(problem):
            yield {name: step[name] + 0.1 * np.sin(step[name] + 1) * (name in names) for name in step}

    rows = first_rows(damaged)
    assert rows["z1"].explanation.endswith("a1, z2, a2 and 2 more are wrong in their own right, too.")
    assert {name for name, row in rows.items() if row.explanation} == {"z1"}


def test_another_dtype_says_itself_what_is_wrong():
    rows = first_rows(lambda given: map(in_float32, training_steps(given)))
    assert rows["z1"].finding.reason == "has dtype float32, expected float64"
    assert not any(row.explanation.startswith("No known mistake") for row in rows.values())
    assert not any("in its own right" in row.explanation for row in rows.values())


def in_float32(claim):
    return {name: value.astype(np.float32) for name, value in claim.items()}
