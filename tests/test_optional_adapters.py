"""Frameworks that people compare with: each against certified truth, where it is installed."""

import multiprocessing

import pytest
from networks import network

from adapters.registry import BUILT_IN, find_adapters
from cases import Rule, load_case
from cases.protocol import Adapter, Verdict
from reference import judge
from reference.diagnosis import explain_step
from reports.runs.runner import run_case

RULES = {
    "sgd": Rule("sgd"),
    "momentum": Rule("sgd", (("momentum", 0.9),)),
    "nesterov": Rule("sgd", (("momentum", 0.9),), frozenset({"nesterov"})),
    "adam": Rule("adam", (("beta1", 0.9), ("beta2", 0.999), ("eps", 1e-8))),
}
MEAN = ("half_squared_error", "mean")


def verdicts(name, problem):
    (adapter,) = find_adapters([name])
    if not isinstance(adapter, Adapter):
        pytest.skip(f"not run: {adapter.reason}")
    (program,) = adapter.programs
    return list(judge(problem, program.run, program.promises(problem.depth)))


def failing(name, problem):
    return [(judged, finding) for judged in verdicts(name, problem) for finding in judged.failures]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "softplus", "gelu_erf", "silu"])
def test_autograd_is_right(activation, dtype):
    assert failing("autograd", network((3, 4, 2), 5, activations=activation, dtype=dtype, steps=2)) == []


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rule", ["sgd", "momentum", "nesterov"])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_scikit_learn_is_right_with_one_output(activation, rule, dtype):
    activations = (activation, activation, "identity")
    rest = {"loss": MEAN, "optimizer": RULES[rule], "steps": 3}
    problem = network((3, 4, 4, 1), 5, activations=activations, dtype=dtype, **rest)
    assert failing("sklearn", problem) == []


def test_scikit_learns_loss_of_several_outputs_is_not_what_it_differentiates():
    problem = network((3, 4, 2), 5, activations=("tanh", "identity"), loss=MEAN)
    ((judged, finding),) = failing("sklearn", problem)
    assert finding.quantity == "loss"
    assert finding.claimed == pytest.approx(finding.derived / 2)
    assert any("output" in str(diagnosis) for diagnosis in explain_step(problem, judged))


@pytest.mark.parametrize("rule", ["sgd", "momentum", "adam"])
def test_tinygrad_is_right(rule):
    problem = network((2, 3, 1), 2, activations="tanh", dtype="float32", optimizer=RULES[rule], steps=2)
    assert failing("tinygrad", problem) == []
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    ("name", "case"),
    {"sklearn": "divergences/mean-over-outputs", "tinygrad": "divergences/selu-in-few-digits"}.items(),
)
def test_what_is_wrong_is_a_known_difference(name, case):
    (adapter,) = find_adapters([name])
    if not isinstance(adapter, Adapter):
        pytest.skip(f"not run: {adapter.reason}")
    rows, _ = run_case(load_case(case), "float32", [adapter])
    assert any(row.expected for row in rows)
    assert not any(row.fails for row in rows)


INSIDE = (("alpha", 0.9), ("eps", 1e-7))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rule", ["sgd", "nesterov", "adam"])
def test_equinox_is_right(rule, dtype):
    problem = network((3, 4, 2), 5, activations="gelu_tanh", dtype=dtype, optimizer=RULES[rule], steps=2)
    assert failing("equinox", problem) == []


@pytest.mark.parametrize(
    "rule", [RULES["sgd"], RULES["momentum"], Rule("rmsprop", INSIDE, frozenset({"eps_in_sqrt"}))]
)
def test_keras_is_right(rule):
    problem = network((3, 4, 2), 5, activations="tanh", dtype="float32", optimizer=rule, steps=2)
    assert failing("keras", problem) == []


@pytest.mark.parametrize("name", ["autograd", "sklearn", "keras", "tinygrad"])
def test_what_it_has_no_form_of_is_declined(name):
    problem = network((2, 3, 1), 2, loss=("huber", "mean"))
    assert BUILT_IN[name].runs == "when named"
    assert [finding.verdict for _, finding in failing(name, problem)] == [Verdict.NO_EQUIVALENT]
