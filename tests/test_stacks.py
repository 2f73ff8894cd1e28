"""A stack is judged as each of its cases is judged alone."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import LOSSES, network

from cases import names
from cases.problem import sliced, stacked, unstacked
from cases.update_rules import Rule
from reference import judge, training_steps
from reference.agreement import compare
from reference.bounded import Bounded
from reference.formats import FORMATS
from reference.stacks import (
    VERDICTS,
    MalformedError,
    compare_stack,
    followed,
    judge_stack,
    stack_of_one,
)

COUNT = 5
UPDATES = [
    {},
    {"optimizer": Rule("adam", (("beta1", 0.9), ("beta2", 0.99), ("eps", 1e-8)))},
    {
        "optimizer": Rule("sgd", (("momentum", 0.9), ("dampening", 0.5), ("weight_decay", 0.1))),
        "schedule": Rule("step", (("every", 1), ("factor", 0.5))),
        "clipping": Rule("global_norm", (("max_norm", 0.5), ("clip_eps", 1e-6))),
    },
    {"optimizer": Rule("rmsprop", (("alpha", 0.9), ("eps", 1e-6)), frozenset({"centered"}))},
    {"clipping": Rule("global_norm", (("max_norm", 0.01), ("clip_eps", 0.0))), "not_trained": {"b1", "W2"}},
]


def problems(loss, dtype, update, scales=(0.01, 1, 1, 30, 1e4)):
    others = UPDATES[update] | {"not_trained": frozenset(UPDATES[update].get("not_trained", ()))}
    return [
        network((3, 4, 2), 3, activations=["tanh", "softplus"], loss=loss, dtype=dtype, seed=i, scale=scale,
                steps=2, **others)
        for i, scale in enumerate(scales)
    ]  # fmt: skip


def noisy(claims, seed):
    """Move some numbers by a few units in the last place, and make some losses NaN: a few cases differ."""
    rng = np.random.default_rng(seed)
    for claim in claims:
        moved = {}
        for name, array in claim.items():
            unit = np.finfo(array.dtype).eps * np.abs(array)
            moved[name] = (array + unit * (rng.random(array.shape) < 0.03) * 16).astype(array.dtype)
        moved["loss"] = np.where(rng.random(moved["loss"].shape) < 0.1, np.nan, moved["loss"]).astype(
            moved["loss"].dtype
        )
        yield moved


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("update", range(len(UPDATES)))
@pytest.mark.parametrize("hidden", [frozenset(), {"z1", "a1", "dL/da1", "dL/dz1", "dL/dW1", "m_W1_new"}])
def test_each_case_of_a_stack_is_judged_as_it_is_alone(dtype, update, hidden):
    loss = LOSSES[(update + 3 * len(hidden)) % len(LOSSES)]
    alone = problems(loss, dtype, update)
    stack = stacked(alone)
    run = list(noisy(training_steps(stack), update))
    shown = [{name: array for name, array in claim.items() if name not in hidden} for claim in run]
    found = list(judge_stack(stack, lambda _: iter(shown), frozenset({"loss"})))
    assert len(found) == 2
    for i, problem in enumerate(alone):
        own = [{name: array[i] if array.ndim else array for name, array in claim.items()} for claim in shown]
        steps = list(judge(problem, lambda _, own=own: iter(own), frozenset({"loss"}), certify=False))
        expected = [
            (one.step, one.quantity, one.verdict, one.used, one.digits)
            for step in steps for one in step.findings
        ]  # fmt: skip
        stated = [
            (one.step, one.quantity, VERDICTS[one.verdicts[i]], one.used[i], one.digits[i])
            for findings in found for one in findings
        ]  # fmt: skip
        assert [one[:3] for one in stated] == [one[:3] for one in expected]
        for (*what, used, digits), (*_, used_alone, digits_alone) in zip(stated, expected, strict=True):
            if what[2] != "undecided":
                assert used == pytest.approx(math.inf if math.isnan(used_alone) else used_alone, rel=1e-6), (
                    what
                )
            assert digits == pytest.approx(digits_alone, rel=1e-6, nan_ok=True), what


NUMBERS = st.sampled_from([0.0, 1.0, -1.0, 1 + 2**-50, 3.5, 1e-320, 1e300, math.inf, -math.inf, math.nan])
BOUNDS = st.sampled_from([0.0, 2**-52, 2**-51, 0.09, 0.11, 1e-310, 1e-292, 5.0, math.inf, math.nan])


@given(st.lists(st.tuples(NUMBERS, NUMBERS, BOUNDS), min_size=6, max_size=6))
@settings(max_examples=500)
def test_a_stack_is_compared_as_its_arrays_are(elements):
    claimed, value, error = (np.array(part).reshape(3, 2) for part in zip(*elements, strict=True))
    form = FORMATS["float64"]
    with np.errstate(all="ignore"):
        stack = compare_stack(1, "z1", claimed, Bounded(value, error, replace(form, stacked=True)), 3)
    for i in range(3):
        alone = compare(1, "z1", claimed[i], Bounded(value[i], error[i], form))
        assert VERDICTS[stack.verdicts[i]] is alone.verdict


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda claim: claim.pop("loss"), "left out ['loss']"),
        (lambda claim: claim.update(z9=claim["z1"]), "no quantities of this step: ['z9']"),
        (lambda claim: claim.update(z1=claim["z1"][0]), "z1 has shape (3, 4), expected (5, 3, 4)"),
        (lambda claim: claim.update(z1=claim["z1"].astype("float16")), "z1 has dtype float16"),
        (lambda claim: claim.update(z1=1.0), "z1 is a float, expected a NumPy array"),
    ],
)
def test_a_malformed_claim_of_a_stack_is_told(damage, told):
    stack = stacked(problems(LOSSES[0], "float64", 0))
    claim = next(training_steps(stack))
    damage(claim)
    with pytest.raises(MalformedError) as caught:
        list(judge_stack(stack, lambda _: iter([claim]), names.observable(2)))
    assert told in str(caught.value)


def test_a_stack_that_stops_too_early_is_told():
    stack = stacked(problems(LOSSES[0], "float64", 0))
    with pytest.raises(MalformedError, match="stopped after 1 of 2 steps"):
        list(judge_stack(stack, lambda p: iter([next(training_steps(p))]), frozenset()))


def test_stacking_and_taking_apart_gives_the_same():
    alone = problems(LOSSES[0], "float32", 1)
    stack = stacked(alone)
    for i, problem in enumerate(alone):
        for one in (unstacked(stack, i, problem.case), unstacked(sliced(stack, i, i + 2), 0, problem.case)):
            assert {name: array.tobytes() for name, array in one.inputs.items()} == {
                name: array.tobytes() for name, array in problem.inputs.items()
            }


def test_a_case_of_nan_and_infinity_changes_no_bound_of_another():
    """Such as the least magnitude of a stack, by which it is decided whether underflow counts."""
    tiny = problems(LOSSES[0], "float32", 4, scales=(1e-18, 1e-18))
    broken = replace(tiny[1], x=np.full_like(tiny[1].x, np.nan))
    huge = replace(tiny[1], x=np.full_like(tiny[1].x, 3e38))
    for beside in (broken, huge):
        stack = stacked([tiny[0], beside])
        run = list(training_steps(stack))
        own = [{name: array[0] if array.ndim else array for name, array in claim.items()} for claim in run]
        found = [
            one for step in judge_stack(stack, lambda _, run=run: iter(run), frozenset()) for one in step
        ]
        alone = judge(tiny[0], lambda _, own=own: iter(own), frozenset(), certify=False)
        for one, expected in zip(found, (f for step in alone for f in step.findings), strict=True):
            assert VERDICTS[one.verdicts[0]] is expected.verdict
            assert one.digits[0] == pytest.approx(expected.digits, rel=1e-6), one.quantity


def test_a_copy_of_an_infinity_is_right_and_what_follows_from_nan_is_not_known():
    form = FORMATS["float32"]
    value = Bounded.exact(np.array([np.inf, 1.0]), form)
    for claimed, verdict in ((np.inf, "agrees"), (-np.inf, "differs"), (np.nan, "differs")):
        assert compare(1, "a1", np.array([claimed, 1.0], "float32"), value).verdict == verdict
    after_nan = Bounded.exact(np.array([np.nan, 1.0]), form)
    assert compare(1, "a1", np.array([np.nan, 1.0], "float32"), after_nan).verdict == "undecided"
    assert compare(1, "a1", np.array([np.nan, 2.0], "float32"), after_nan).verdict == "differs"


def test_a_claim_of_one_case_is_a_claim_of_a_stack_of_one():
    (one,) = problems(LOSSES[0], "float64", 2, scales=(1,))
    run = list(training_steps(one))
    assert {"rate", "norm", "clip"} <= run[0].keys()
    for known, claim in zip(followed(stacked([one]), map(stack_of_one, run)), run, strict=True):
        for name, array in claim.items():
            assert known[name].is_exact
            assert known[name].value.reshape(np.shape(array)).tolist() == np.asarray(array).tolist()
