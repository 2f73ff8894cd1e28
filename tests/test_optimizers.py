"""The optimizers: against plain Python from the papers, between the frameworks, and in bounded arithmetic."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import network

from adapters import find_adapters
from cases import Rule
from reference import Verdict, judge, training_steps
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


def by_hand(rule, w, gradients, eta):
    """Update one number by the papers' formulas, in plain Python."""
    n, m, v = dict(rule.numbers), 0.0, dict(rule.numbers).get("initial_accumulator", 0.0)
    decay = n.get("weight_decay", 0.0)
    for t, gradient in enumerate(gradients, start=1):
        g = gradient + (decay * w if rule.name != "adamw" else 0.0)
        match rule.name:
            case "sgd" if "momentum" in n:
                m = n["momentum"] * m + g
                w -= eta * (g + n["momentum"] * m if "nesterov" in rule.options else m)
            case "sgd":
                w -= eta * g
            case "adam" | "adamw":
                m, v = n["beta1"] * m + (1 - n["beta1"]) * g, n["beta2"] * v + (1 - n["beta2"]) * g * g
                way = m / (1 - n["beta1"] ** t) / (math.sqrt(v / (1 - n["beta2"] ** t)) + n["eps"])
                w -= eta * (way + (decay * w if rule.name == "adamw" else 0.0))
            case "adamax":
                m, v = n["beta1"] * m + (1 - n["beta1"]) * g, max(n["beta2"] * v, abs(g) + n["eps"])
                w -= eta / (1 - n["beta1"] ** t) * m / v
            case "rmsprop":
                m, v = n["alpha"] * m + (1 - n["alpha"]) * g, n["alpha"] * v + (1 - n["alpha"]) * g * g
                w -= eta * g / (math.sqrt(v - m * m if "centered" in rule.options else v) + n["eps"])
            case "adagrad":
                v += g * g
                w -= eta * g / (math.sqrt(v) + n["eps"])
        yield w


@pytest.mark.parametrize("rule", PAIRS.values(), ids=PAIRS)
def test_the_reference_is_what_the_papers_say(rule):
    problem = network((2, 3, 2), 4, optimizer=rule, steps=5, learning_rate=0.05)
    steps = list(training_steps(problem))
    for name, array in problem.parameters.items():
        gradients = [float(step[f"dL/d{name}"].flat[0]) for step in steps]
        expected = list(by_hand(rule, float(array.flat[0]), gradients, 0.05))
        computed = [float(step[f"{name}_new"].flat[0]) for step in steps]
        assert computed == pytest.approx(expected, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rule", PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("name", ["torch", "jax"])
def test_an_equal_form_agrees_in_every_step(name, rule, dtype, request):
    """A thousand steps with --slow, else sixty; each from the implementation's own state."""
    steps = 1000 if request.config.getoption("--slow") else 60
    problem = network((2, 3, 1), 4, optimizer=rule, steps=steps, learning_rate=0.01, dtype=dtype)
    (adapter,) = find_adapters([name])
    program, taken = adapter.programs[0], 0
    for step in judge(problem, program.run, program.promises(2), certify=False):
        wrong = [finding for finding in step.failures if finding.verdict is not Verdict.UNDECIDED]
        assert not wrong, wrong[0]
        states = {f"{kind}_{p}_new" for kind in rule.states for p in problem.parameters}
        assert states <= set(step.claim)
        taken = step.step
    assert taken == steps


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
    (adapter,) = find_adapters([name])
    program = adapter.programs[0]
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


numbers = st.floats(1e-3, 1e3)


INSIDE = st.floats(-0.999, 0.999)  # at ±1 the rounding of x and y themselves would lie outside


@given(numbers, numbers, st.floats(0, 0.2), st.floats(0, 0.2), INSIDE, INSIDE)
def test_quotients_roots_and_maxima_stay_within_their_bounds(a, b, da, db, s, t):
    left, right = (Bounded(np.array([v]), np.array([v * d]), FLOAT32) for v, d in ((a, da), (b, db)))
    x, y = a * (1 + s * da), b * (1 + t * db)
    for bounded, exact in (
        (left / right, x / y),
        (left.sqrt(), math.sqrt(x)),
        (left.maximum(right), max(x, y)),
        (abs(1 - left), abs(1 - x)),
    ):
        assert abs(exact - float(bounded.value[0])) <= float(np.broadcast_to(bounded.error, 1)[0])


def test_a_number_that_the_format_rounds_is_not_taken_for_exact():
    assert FLOAT32.rounding_of(0.5) == 0
    assert FLOAT32.rounding_of(0.9) >= abs(float(np.float32(0.9)) - 0.9) > 0
