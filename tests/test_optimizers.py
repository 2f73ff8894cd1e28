"""The optimizers: what PyTorch and optax have in equal forms agrees, step by step; of others they decline.

Against the papers' formulas by hand they are held in test_update_forms.py.
"""

import numpy as np
import pytest
from networks import network
from rules import COSINE, OPTIMIZERS, ruled

from adapters import find_adapters
from reference import Verdict, judge
from reference.arithmetic import FLOAT32, FLOAT64, Bounded

# What PyTorch and optax have in equal forms, with an ε as it is by default.
EPS = {"adam": 1e-8, "adam-decay": 1e-8, "adamw": 1e-8, "rmsprop": 1e-8, "centered": 1e-4, "adagrad": 0.0}
EQUAL = ["sgd-decay", "momentum", "nesterov-decay", "adamax", *EPS]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rule", EQUAL)
@pytest.mark.parametrize("name", ["torch", "jax"])
def test_an_equal_form_agrees_in_every_step(name, rule, dtype, request):
    """A thousand steps with --slow, else sixty; each from the implementation's own state."""
    steps = 1000 if request.config.getoption("--slow") else 60
    net = network((2, 3, 1), 4, learning_rate=0.01, dtype=dtype)
    problem = ruled(
        OPTIMIZERS[rule] | ({"eps": EPS[rule]} if rule in EPS else {}), dtype, net=net, steps=steps
    )
    program = find_adapters([name])[0].programs[0]
    taken = list(judge(problem, program.run, program.promises(2), certify=False))
    for step in taken:
        wrong = [finding for finding in step.failures if finding.verdict is not Verdict.UNDECIDED]
        assert not wrong, wrong[0]
        assert problem.updated_states <= set(step.claim)
    assert len(taken) == steps


UNEQUAL = {
    "eps inside": ("torch", ruled("adam-inside"), "inside"),
    "dampening": ("jax", ruled("dampening"), "dampening"),
    "adagrad": ("jax", ruled("adagrad"), "inside"),
    "clip in torch": ("torch", ruled(clip=(1, 0.0)), "1e-06"),
    "clip in jax": ("jax", ruled(clip=(1, 1e-6)), "nothing"),
    "cosine": ("torch", ruled(schedule=COSINE | {"over": 2}, steps=5), "climbs"),
}


@pytest.mark.parametrize(("name", "problem", "why"), UNEQUAL.values(), ids=UNEQUAL)
def test_an_adapter_without_an_equal_form_declines(name, problem, why):
    program = find_adapters([name])[0].programs[0]
    (step,) = judge(problem, program.run, program.promises(2))
    (finding,) = step.findings
    assert finding.verdict is Verdict.NO_EQUIVALENT
    assert why in finding.reason


def test_a_divisor_that_may_be_zero_promises_nothing():
    one = Bounded.exact(np.array([1.0, 1.0]), FLOAT64)
    divisor = Bounded(np.array([0.5, 0.5]), np.array([0.1, 0.5]), FLOAT64)
    with np.errstate(divide="ignore"):
        error = (one / divisor).error
    assert np.isfinite(error[0])
    assert np.isinf(error[1])


def test_a_number_that_the_format_rounds_is_not_taken_for_exact():
    assert FLOAT32.rounding_of(0.5) == 0
    assert FLOAT32.rounding_of(0.9) >= abs(float(np.float32(0.9)) - 0.9) > 0
