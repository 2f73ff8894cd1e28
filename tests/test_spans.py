"""Steps judged together are judged as each is alone; and where they cannot be, they are judged alone."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import network

from cases import SHIPPED, load_case, load_cases
from cases.dtypes import DTYPES
from cases.names import outcome
from reference import Verdict, judge, training_steps
from reference.arithmetic import SLACK
from reference.claim import claims_of

STEPS = 12
NUMBERS = ("claimed", "derived", "error", "tolerance", "used", "ulps", "digits")


def judged(problem, implementation=training_steps, promises=frozenset()):
    return list(judge(problem, implementation, promises, certify=False))


def alone(problem, *implementation):
    """Judge each step alone, as if no others were known."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "MOST", 1)
        return judged(problem, *implementation)


def counted(monkeypatch):
    """Count from here on the steps that are judged alone."""
    steps, one = [], judge.judge_steps
    monkeypatch.setattr(
        judge, "judge_step", lambda problem, step, *rest: steps.append(step) or one(problem, step, *rest)
    )
    return steps


def same(one, other):
    """Compare two runs: what is derived may be rounded otherwise, as many matrices are multiplied at once."""
    assert [step.step for step in one] == [step.step for step in other]
    for here, there in zip(one, other, strict=True):
        assert here.claim.keys() == there.claim.keys()
        assert here.state.keys() == there.state.keys()
        assert all((here.state[name].value == there.state[name].value).all() for name in here.state)
        for found, expected in zip(here.findings, there.findings, strict=True):
            same_finding(found, expected)


def same_finding(found, expected):
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


OPTIMIZERS = [case.name for case in load_cases(SHIPPED) if case.name.startswith("optimizers/")]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_is_judged_together_as_alone(name, monkeypatch):
    problem = replace(load_case(name).problem("float64"), steps=STEPS)
    expected, stepped = alone(problem), counted(monkeypatch)
    found = judged(problem)
    assert bool(stepped) == problem.optimizer.has("dampening"), "that treats its first step unlike the others"
    same(found, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**16),
    depth=st.integers(1, 3),
    width=st.integers(1, 4),
    batch=st.integers(1, 3),
    loud=st.booleans(),
)
def test_together_is_as_alone(dtype, seed, depth, width, batch, loud):
    activations = ("relu", "tanh", "softplus")[:depth]
    scale = 30.0 if loud else 1.0
    problem = network(
        (2, *(width,) * depth), batch, seed=seed, activations=activations, dtype=dtype, scale=scale, steps=7
    )
    same(judged(problem), alone(problem))


def test_a_wrong_step_is_told_as_if_alone(monkeypatch):
    problem = network((2, 3, 1), 2, steps=STEPS)

    def wrong(given):
        for number, claim in enumerate(training_steps(given), start=1):
            yield {**claim, "dL/db1": claim["dL/db1"] * (1 + 1e-9 * (number == 5))}

    found = judged(problem, wrong)
    assert [step.step for step in found if step.failures] == [5]
    assert found[4].failures[0].verdict is Verdict.DIFFERS
    assert found[4].derived["dL/db1"] is not None
    assert found[4].previous is not None
    assert found[4].previous.claim["loss"] == found[3].claim["loss"]
    assert [step.findings for step in found] == [step.findings for step in alone(problem, wrong)]


PROMISES = frozenset({"dL/dW1", "loss"})

DAMAGES = {
    "hides a state": lambda claim: {name: claim[name] for name in claim if name != "W1_new"},
    "keeps no promise": lambda claim: {name: claim[name] for name in claim if name not in PROMISES},
    "claims nothing": lambda claim: {},
    "has a name of its own": lambda claim: {**claim, "mine": claim["loss"]},
    "has another dtype": lambda claim: {**claim, "z1": claim["z1"].astype(np.float32)},
    "has another shape": lambda claim: {**claim, "z1": claim["z1"].T},
    "has no array": lambda claim: {**claim, "z1": "z1"},
    "is NaN": lambda claim: {**claim, "z1": claim["z1"] * np.nan},
    "is infinite": lambda claim: {**claim, "z1": claim["z1"] * np.inf},
}


@pytest.mark.parametrize("often", [True, False])
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_not_plain_agreement_is_told_as_if_alone(damage, often):
    problem = network((2, 3, 1), 2, steps=STEPS)

    def damaged(given):
        for number, claim in enumerate(training_steps(given), start=1):
            yield DAMAGES[damage](claim) if often or number == 5 else claim

    found, expected = (how(problem, damaged, PROMISES) for how in (judged, alone))
    assert any(step.failures for step in found) == (damage != "hides a state")
    assert [repr(step.findings) for step in found] == [repr(step.findings) for step in expected]


def test_a_hidden_intermediate_is_derived_with_its_bound(monkeypatch):
    problem = network((2, 3, 1), 2, steps=STEPS)

    def hiding(given):
        for claim in training_steps(given):
            yield {name: claim[name] for name in claim if name in outcome(2)}

    expected, stepped = alone(problem, hiding), counted(monkeypatch)
    found = judged(problem, hiding)
    assert not stepped
    same(found, expected)


def test_a_tolerance_of_ones_own_that_does_not_hold_is_told_as_if_alone():
    problem = load_case("nets/conventional-tolerance").problem("float64")
    problem = replace(problem, steps=STEPS)
    assert {finding.conventional for step in judged(problem) for finding in step.findings} == {True}
    strict = replace(problem, tolerance=problem.tolerance.model_copy(update={"rtol": 0.0, "atol": 0.0}))
    found = judged(strict)
    assert any(step.failures for step in found)
    assert [step.findings for step in found] == [step.findings for step in alone(strict)]


def test_spans_part_a_run_without_gap_or_overlap():
    problem = network((2, 3, 1), 2, steps=1_050)
    parts = list(
        judge.batches(
            problem, claims_of(training_steps, problem, problem.copy()), lambda step: step % 300 == 0
        )
    )
    assert [step for part in parts for step in range(part.first, part.first + len(part.claims))] == [
        *range(1, 1_051)
    ]
    assert max(len(part.claims) for part in parts) == judge.MOST
    assert all(len(part.claims) == 1 for part in parts if part.first % 300 == 0)


def test_steps_of_a_large_network_are_judged_alone():
    problem = network((400, 300, 1), 1, steps=3)
    parts = list(judge.batches(problem, claims_of(training_steps, problem, problem.copy()), lambda _: False))
    assert [len(part.claims) for part in parts] == [1, 1, 1]
