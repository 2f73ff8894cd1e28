"""The optimizers: what PyTorch and optax have in equal forms agrees, step by step; of others they decline.

Against the papers' formulas by hand they are held in test_update_forms.py.
"""

import numpy as np
import pytest
from networks import network

from adapters import find_adapters
from cases import Rule
from reference import Verdict, judge
from reference.arithmetic import FLOAT32, FLOAT64, Bounded

ADAM = (("beta1", 0.9), ("beta2", 0.999), ("eps", 1e-8))
# What PyTorch and optax have in equal forms.
PAIRS = {
    "momentum": Rule("sgd", (("momentum", 0.9),)),
    "nesterov": Rule("sgd", (("momentum", 0.9), ("weight_decay", 0.01)), frozenset({"nesterov"})),
    "decay": Rule("sgd", (("weight_decay", 0.01),)),
    "adam": Rule("adam", ADAM),
    "adam-decay": Rule("adam", (*ADAM, ("weight_decay", 0.01))),
    "adamw": Rule("adamw", (*ADAM, ("weight_decay", 0.01))),
    "rmsprop": Rule("rmsprop", (("alpha", 0.99), ("eps", 1e-8))),
    "centered": Rule("rmsprop", (("alpha", 0.9), ("eps", 1e-4)), frozenset({"centered"})),
    "adagrad": Rule("adagrad", (("initial_accumulator", 0.1), ("eps", 0.0))),
    "adamax": Rule("adamax", ADAM),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rule", PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("name", ["torch", "jax"])
def test_an_equal_form_agrees_in_every_step(name, rule, dtype, request):
    """A thousand steps with --slow, else sixty; each from the implementation's own state."""
    steps = 1000 if request.config.getoption("--slow") else 60
    problem = network((2, 3, 1), 4, optimizer=rule, steps=steps, learning_rate=0.01, dtype=dtype)
    program = find_adapters([name])[0].programs[0]
    taken = list(judge(problem, program.run, program.promises(2), certify=False))
    for step in taken:
        wrong = [finding for finding in step.failures if finding.verdict is not Verdict.UNDECIDED]
        assert not wrong, wrong[0]
        assert problem.updated_states <= set(step.claim)
    assert len(taken) == steps


ADAGRAD = Rule("adagrad", (("initial_accumulator", 0.1), ("eps", 1e-3)))
DAMPENED = Rule("sgd", (("momentum", 0.9), ("dampening", 0.5)))
COSINE = Rule("cosine", (("over", 2), ("final", 0.1)))


def clipped(eps):
    return {"clipping": Rule("global_norm", (("max_norm", 1), ("clip_eps", eps)))}


UNEQUAL = {
    "eps inside": ("torch", {"optimizer": Rule("adam", ADAM, frozenset({"eps_in_sqrt"}))}, "inside"),
    "dampening": ("jax", {"optimizer": DAMPENED}, "dampening"),
    "adagrad": ("jax", {"optimizer": ADAGRAD}, "inside"),
    "clip in torch": ("torch", clipped(0.0), "1e-06"),
    "clip in jax": ("jax", clipped(1e-6), "nothing"),
    "cosine": ("torch", {"schedule": COSINE, "steps": 5}, "climbs"),
}


@pytest.mark.parametrize(("name", "stated", "why"), UNEQUAL.values(), ids=UNEQUAL)
def test_an_adapter_without_an_equal_form_declines(name, stated, why):
    program = find_adapters([name])[0].programs[0]
    (step,) = judge(network(**stated), program.run, program.promises(2))
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
