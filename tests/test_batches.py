"""Steps and cases that are judged many at once are judged as each is alone."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import LOSSES, network
from rules import STEP, ruled, stated

from cases import SHIPPED, load_case, load_cases, names
from cases.problem import Tolerance, sliced, stacked, unstacked
from cases.protocol import DTYPES
from reference import Verdict, judge, training_steps
from reference.agreement import VERDICTS
from reference.arithmetic import SLACK
from reference.batched import MalformedError, judge_recomputed, judge_stack, known_values, stack_of_one
from reference.checker import MAX_STEPS_PER_BATCH, batches
from reference.findings import claims_of

# --- consecutive steps

STEPS = 12
NUMBERS = ("claimed", "derived", "error", "tolerance", "used", "ulps", "digits")


def judged(problem, implementation=training_steps, promises=frozenset(), *, certify=False):
    return list(judge(problem, implementation, promises, certify=certify))


def alone(problem, *implementation, certify=False):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["reference.checker"], "MAX_STEPS_PER_BATCH", 1)
        return judged(problem, *implementation, certify=certify)


def sizes(problem, implementation=training_steps, certifies=lambda _: False):
    claims = claims_of(implementation, problem, problem.copy())
    return [(first, len(batch)) for first, batch in batches(problem, claims, certifies)]


def changing(change):
    """Train rightly, but for what `change` gives of a step: other numbers, or None for what it hides."""

    def implementation(given):
        for number, claim in enumerate(training_steps(given), start=1):
            changed = {**claim, **change(number, claim)}
            yield {name: array for name, array in changed.items() if array is not None}

    return implementation


def assert_same(one, other):
    """Compare two runs: what is derived may be rounded otherwise, as many matrices are multiplied at once."""
    assert [step.step for step in one] == [step.step for step in other]
    for here, there in zip(one, other, strict=True):
        assert here.claim.keys() == there.claim.keys()
        assert here.state.keys() == there.state.keys()
        assert all((here.state[name].value == there.state[name].value).all() for name in here.state)
        for found, expected in zip(here.findings, there.findings, strict=True):
            assert_same_finding(found, expected)


def assert_same_finding(found, expected):
    """Bounds are the same up to what `SLACK` pays for, and derived values up to the bounds."""
    numberless = {**dict.fromkeys(NUMBERS, 0.0), "index": None}
    assert replace(found, **numberless) == replace(expected, **numberless)
    assert found.digits == pytest.approx(expected.digits, rel=0, abs=2 * math.log10(SLACK), nan_ok=True)
    if found.index == expected.index:
        assert found.claimed == pytest.approx(expected.claimed, rel=0, abs=0, nan_ok=True)
        assert found.tolerance == pytest.approx(expected.tolerance, rel=SLACK - 1, abs=0, nan_ok=True)
        assert not abs(found.derived - expected.derived) > expected.tolerance
    if found.tolerance > 0 and found.error < math.inf:
        assert found.used == found.error / found.tolerance
        assert found.error == abs(found.claimed - found.derived)


EACH_RULE = [case.name for case in load_cases(SHIPPED) if case.name.startswith("optimizers/")]


@pytest.mark.parametrize("name", EACH_RULE)
def test_every_optimizer_is_judged_in_batches(name):
    problem = replace(load_case(name).problem("float64"), steps=STEPS)
    dampened = problem.optimizer.has("dampening")  # which treats its first step unlike the others
    assert [size for _, size in sizes(problem)] == ([1] * STEPS if dampened else [STEPS])
    assert_same(judged(problem), alone(problem))


SLOW = pytest.mark.skipif("not config.getoption('--slow')", reason="every fourth shows it: --slow")
CERTIFIED = ["nets/hundred-steps", *EACH_RULE]
IN_EACH_FORMAT = [(name, "float64") for name in CERTIFIED]
IN_EACH_FORMAT += [
    pytest.param(name, "bfloat16", marks=SLOW if i % 4 else ()) for i, name in enumerate(CERTIFIED)
]


@pytest.mark.parametrize(("name", "dtype"), IN_EACH_FORMAT)
def test_certified_steps_of_a_batch_are_judged_as_each_alone(name, dtype):
    """Their numbers are the same to the last bit, and each step keeps what it was judged against."""
    problem = replace(load_case(name).problem(dtype), steps=5)
    wrong = changing(lambda number, claim: {"dL/db1": claim["dL/db1"] * 2} if number == 4 else {})
    hides = changing(lambda number, _: {"z1": None} if number == 4 else {})  # after a batch of three
    for run in (training_steps, wrong, hides):
        found, expected = (how(problem, run, certify=True) for how in (judged, alone))
        assert [step.findings for step in found] == [step.findings for step in expected]
        assert {finding.truth for step in found for finding in step.findings} == {"certified"}
        for step, other in zip(found, expected, strict=True):
            assert step.state.keys() == other.state.keys()
            assert step.derived.keys() == other.derived.keys()
            for name_, number in step.derived.items():
                right = other.derived[name_]
                assert number.format == right.format
                for part in ("value", "low", "error"):
                    assert np.array_equal(getattr(number, part), getattr(right, part), equal_nan=True)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**16),
    depth=st.integers(1, 3),
    width=st.integers(1, 4),
    batch=st.integers(1, 3),
    loud=st.booleans(),
)
def test_a_batch_is_judged_as_its_steps_alone(dtype, seed, depth, width, batch, loud):
    activations, scale = ("relu", "tanh", "softplus")[:depth], 30.0 if loud else 1.0
    problem = network(
        (2, *(width,) * depth), batch, seed=seed, activations=activations, dtype=dtype, scale=scale, steps=7
    )
    assert_same(judged(problem), alone(problem))


def test_a_wrong_step_of_a_batch_has_its_derived_values():
    problem = network((2, 3, 1), 2, steps=STEPS)
    wrong = changing(lambda number, claim: {"dL/db1": claim["dL/db1"] * (1 + 1e-9 * (number == 5))})
    found, expected = judged(problem, wrong), alone(problem, wrong)
    failed = [(step.step, step.failures[0].verdict) for step in found if step.failures]
    assert failed == [(5, Verdict.DIFFERS)]
    assert found[4].previous.claim["loss"] == found[3].claim["loss"]
    assert_same(found, expected)
    for step, other in zip(found, expected, strict=True):
        assert step.derived.keys() == other.derived.keys()
        for name, number in step.derived.items():
            assert number.format == other.derived[name].format
            np.testing.assert_allclose(number.value, other.derived[name].value, rtol=1e-14, atol=1e-16)
    assert judged(problem)[4].derived == {}


PROMISES = frozenset({"dL/dW1", "loss"})

# What a claim has instead; None for what it hides.
DAMAGES = {
    "hides a state": lambda claim: {"W1_new": None},
    "hides an intermediate": lambda claim: {"z1": None},
    "keeps no promise": lambda claim: dict.fromkeys(PROMISES),
    "claims nothing": dict.fromkeys,
    "has a name of its own": lambda claim: {"mine": claim["loss"]},
    "has another dtype": lambda claim: {"z1": claim["z1"].astype(np.float32)},
    "has another shape": lambda claim: {"z1": claim["z1"].T},
    "has a state of another shape": lambda claim: {"W1_new": claim["W1_new"].T},
    "has no array": lambda claim: {"z1": "z1"},
    "is NaN": lambda claim: {"z1": claim["z1"] * np.nan},
    "is infinite": lambda claim: {"z1": claim["z1"] * np.inf},
}


@pytest.mark.parametrize("often", [True, False])
@pytest.mark.parametrize("damage", DAMAGES)
def test_whatever_is_wrong_in_a_batch_is_found_as_if_alone(damage, often):
    problem = network((2, 3, 1), 2, steps=STEPS)
    wrong = changing(lambda number, claim: DAMAGES[damage](claim) if often or number == 5 else {})
    found, expected = (how(problem, wrong, PROMISES) for how in (judged, alone))
    assert any(step.failures for step in found) == (not damage.startswith("hides"))
    assert_same(found, expected)


def test_a_conventional_tolerance_is_tried_in_a_batch():
    problem = replace(load_case("nets/conventional-tolerance").problem("float64"), steps=STEPS)
    assert {finding.conventional for step in judged(problem) for finding in step.findings} == {True}
    strict = replace(problem, tolerance=Tolerance(rtol=0.0, atol=0.0))
    found = judged(strict)
    assert any(step.failures for step in found)
    assert_same(found, alone(strict))


def test_batches_part_a_run_without_gap_or_overlap():
    parts = sizes(network((2, 3, 1), 2, steps=450), certifies=lambda step: step % 200 == 0)
    assert [step for first, size in parts for step in range(first, first + size)] == [*range(1, 451)]
    assert max(size for _, size in parts) == MAX_STEPS_PER_BATCH
    assert all(size == 1 for first, size in parts if first % 200 == 0)
    certified_first = sizes(network((2, 3, 1), 2, steps=10), certifies=lambda step: step <= 4)
    assert certified_first == [(1, 4), (5, 6)]


def test_a_hidden_state_or_another_form_ends_a_batch():
    problem = network((2, 3, 1), 2, steps=STEPS)
    odd = changing(lambda number, _: {"W1_new": None} if number == 4 else {"z1": None} if number > 9 else {})
    assert sizes(problem, odd) == [(1, 3), (4, 1), (5, 1), (6, 4), (10, 3)]
    assert sizes(network((400, 300, 1), 1, steps=3)) == [(1, 1), (2, 1), (3, 1)]


# --- cases of one structure

DAMPENED = stated("sgd", "momentum", "dampening", "weight_decay")
UPDATES = [
    {"optimizer": "sgd"},
    {"optimizer": "adam"},
    {"optimizer": DAMPENED, "schedule": STEP, "clip": (0.5, 1e-6)},
    {"optimizer": "centered"},
    {"optimizer": "sgd", "clip": (0.01, 0.0), "not_trained": frozenset({"b1", "W2"})},
]


def problems(loss, dtype, update, scales=(0.01, 1, 1, 30, 1e4)):
    shape = {"activations": ["tanh", "softplus"], "loss": loss, "dtype": dtype}
    nets = [network((3, 4, 2), 3, seed=i, scale=scale, **shape) for i, scale in enumerate(scales)]
    return [ruled(dtype=dtype, net=net, steps=2, **UPDATES[update]) for net in nets]


def noisy(claims, seed):
    """Move some numbers by a few units in the last place, and make some losses NaN: a few cases differ."""
    rng = np.random.default_rng(seed)
    for claim in claims:
        moved = {}
        for name, array in claim.items():
            unit = np.finfo(array.dtype).eps * np.abs(array)
            moved[name] = (array + unit * (rng.random(array.shape) < 0.03) * 16).astype(array.dtype)
        loss = np.where(rng.random(moved["loss"].shape) < 0.1, np.nan, moved["loss"])
        yield {**moved, "loss": loss.astype(moved["loss"].dtype)}


def case_of(claims, i):
    """What is claimed of one case of a stack, as an implementation of that alone."""
    own = [{name: array[i] if array.ndim else array for name, array in claim.items()} for claim in claims]
    return lambda _: iter(own)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("update", range(len(UPDATES)))
@pytest.mark.parametrize("hidden", [frozenset(), {"z1", "a1", "dL/da1", "dL/dz1", "dL/dW1", "m_W1_new"}])
def test_each_case_of_a_stack_is_judged_as_it_is_alone(dtype, update, hidden):
    single = problems(LOSSES[(update + 3 * len(hidden)) % len(LOSSES)], dtype, update)
    stack = stacked(single)
    run = list(noisy(training_steps(stack), update))
    shown = [{name: array for name, array in claim.items() if name not in hidden} for claim in run]
    found = [one for step in judge_stack(stack, lambda _: iter(shown), frozenset({"loss"})) for one in step]
    for i, problem in enumerate(single):
        steps = judge(problem, case_of(shown, i), frozenset({"loss"}), certify=False)
        for one, expected in zip(found, (one for step in steps for one in step.findings), strict=True):
            assert (one.step, one.quantity) == (expected.step, expected.quantity)
            assert VERDICTS[one.verdicts[i]] is expected.verdict
            assert one.digits[i] == pytest.approx(expected.digits, rel=1e-6, nan_ok=True)
            if expected.verdict is not Verdict.UNDECIDED:
                used = math.inf if math.isnan(expected.used) else expected.used
                assert one.used[i] == pytest.approx(used, rel=1e-6), expected


def test_one_case_is_a_stack_of_one_and_what_is_hidden_of_a_stack_is_known_with_its_bound():
    (one,) = problems(LOSSES[0], "float64", 2, scales=(1,))
    run = list(training_steps(one))
    assert {"rate", "norm", "clip"} <= run[0].keys()
    for known, claim in zip(known_values(stacked([one]), map(stack_of_one, run)), run, strict=True):
        for name, array in claim.items():
            assert known[name].is_exact
            assert known[name].value.reshape(np.shape(array)).tolist() == np.asarray(array).tolist()
    stack = stacked(problems(LOSSES[0], "float64", 0))
    claims = [{name: claim[name] for name in claim if name != "z1"} for claim in training_steps(stack)]
    first, second = known_values(stack, claims)
    assert not first["z1"].is_exact
    assert np.array_equal(second["W1"].value, claims[0]["W1_new"])


def test_a_recomputed_value_may_be_off_by_its_own_bound_more():
    stack = stacked(problems(LOSSES[0], "float32", 0, scales=(1.0, 1.0)))
    claims = [dict(claim) for claim in training_steps(stack)]
    claims[0]["dL/da1"] = np.nextafter(claims[0]["dL/da1"], np.float32(9))  # dL/dz1 is of what it was before
    runs = judge_stack(stack, lambda _: iter(claims), frozenset()), judge_recomputed(stack, claims)
    plain, again = ({one.quantity: VERDICTS[one.verdicts.max()] for one in next(run)} for run in runs)
    assert (plain["dL/da1"], plain["dL/dz1"]) == (Verdict.AGREES, Verdict.DIFFERS)
    assert (again["dL/da1"], again["dL/dz1"]) == (Verdict.AGREES, Verdict.AGREES)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda claim: claim.pop("loss"), "loss was promised, but is not claimed"),
        (lambda claim: claim.update(z9=claim["z1"]), "z9 is not a quantity of this training step"),
        (lambda claim: claim.update(z1=claim["z1"][0]), "z1 has shape (3, 4), expected (5, 3, 4)"),
        (lambda claim: claim.update(z1=claim["z1"].astype("float16")), "z1 has dtype float16"),
        (lambda claim: claim.update(z1=1.0), "z1 is a float, expected a NumPy array"),
        (lambda claim: claim.clear(), "z1 was promised"),
        (lambda claim: None, "stopped after 1 of 2 steps"),
    ],
)
def test_a_malformed_claim_of_a_stack_raises(damage, message):
    stack = stacked(problems(LOSSES[0], "float64", 0))
    claim = next(training_steps(stack))
    damage(claim)
    with pytest.raises(MalformedError) as caught:
        list(judge_stack(stack, lambda _: iter([claim]), names.observable(2)))
    assert message in str(caught.value)


def test_stacking_and_taking_apart_gives_the_same():
    single = problems(LOSSES[0], "float32", 1)
    stack = stacked(single)
    for i, problem in enumerate(single):
        for one in (unstacked(stack, i, problem.case), unstacked(sliced(stack, i, i + 2), 0, problem.case)):
            for name, array in problem.inputs.items():
                assert one.inputs[name].tobytes() == array.tobytes()


def test_a_case_of_nan_or_infinity_changes_no_bound_of_another():
    """Such as the least magnitude of a stack, by which it is decided whether underflow counts."""
    tiny = problems(LOSSES[0], "float32", 4, scales=(1e-18, 1e-18))
    for value in (np.nan, 3e38):
        stack = stacked([tiny[0], replace(tiny[1], x=np.full_like(tiny[1].x, value))])
        run = list(training_steps(stack))
        steps = judge_stack(stack, lambda _, run=run: iter(run), frozenset())
        single = judge(tiny[0], case_of(run, 0), frozenset(), certify=False)
        verdicts = [VERDICTS[one.verdicts[0]] for step in steps for one in step]
        assert verdicts == [one.verdict for step in single for one in step.findings]
