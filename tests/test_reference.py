"""The reference computes what the document says, checked without the reference's own arithmetic."""

import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import decimals
import numpy as np
import pytest
from networks import ACTIVATIONS, LOSSES, network

from cases import load_case
from cases.protocol import Verdict
from reference import Bounded, evaluate, judge_published, tape, training_steps, worked_example
from reference.arithmetic import PRINTED

# From a separate evaluation in 60-digit decimals; the gradients by difference quotients, no chain rule.
DOCUMENT = {
    "a1": "0.574442516811659",
    "z2": "0.544665510086995",
    "a2": "0.632897065294487",
    "loss": "0.013961695393597",
    "dL/dz2": "-0.038824423477730",
    "dL/dW2": "-0.022302399536309",
    "dL/dz1": "-0.005694571809439",
    "dL/dW1": "-0.002847285904720",
    "W2_new": "0.602230239953631",
    "b2_new": "0.203882442347773",
    "W1_new": "0.400284728590472",
    "b1_new": "0.100569457180944",
}


@pytest.mark.parametrize("quantity", DOCUMENT)
def test_the_worked_example_to_fifteen_digits(quantity):
    values = next(training_steps(worked_example()))
    printed = Decimal(DOCUMENT[quantity])
    assert round(Decimal(float(np.squeeze(values[quantity]))), 15) == printed


def bounds_from_the_inputs(problem):
    """Every quantity of the first step with its bound, from nothing but the inputs, in real arithmetic."""
    given = {**problem.inputs, "learning_rate": problem.learning_rate}
    return evaluate(tape(problem), {name: Bounded.exact(value, PRINTED) for name, value in given.items()})


@pytest.mark.parametrize("loss", LOSSES, ids="-".join)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_against_difference_quotients_of_the_forward_pass(activation, loss):
    """The chain rule against no chain rule: each derived bound holds the 60-digit difference quotient."""
    problem = network((2, 3, 2), 3, activations=(activation, "identity"), loss=loss, seed=5)
    derived = bounds_from_the_inputs(problem)
    exact_loss = decimals.loss(problem, {k: decimals.decimals(v) for k, v in problem.parameters.items()})
    assert abs(exact_loss - Decimal(float(derived["loss"].value))) <= Decimal(float(derived["loss"].error))
    for name, array in problem.parameters.items():
        bounded = derived[f"dL/d{name}"]
        for index in np.ndindex(array.shape):
            quotient = decimals.gradient(problem, name, index)
            off = abs(quotient - Decimal(float(bounded.value[index])))
            assert off <= Decimal(float(bounded.error[index])) + Decimal("1e-35"), (name, index)
        assert np.max(bounded.error) <= 1e-12 * np.max(np.abs(bounded.value)), "the bound says nothing"


def test_a_mixed_deep_network_against_difference_quotients():
    problem = network((2, 2, 2, 2, 1), 2, activations=("tanh", "sigmoid", "relu", "sigmoid"), seed=11)
    derived = bounds_from_the_inputs(problem)
    quotient = decimals.gradient(problem, "W1", (0, 1))
    bounded = derived["dL/dW1"]
    off = abs(quotient - Decimal(float(bounded.value[0, 1])))
    assert off <= Decimal(float(bounded.error[0, 1])) + Decimal("1e-35")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_keep_the_dtype_of_the_problem(dtype):
    for values in training_steps(network(loss=("half_squared_error", "mean"), dtype=dtype, steps=2)):
        assert {name: np.asarray(value).dtype for name, value in values.items()} == dict.fromkeys(
            values, dtype
        )


def test_each_step_starts_from_the_parameters_of_the_last():
    problem = network(steps=2)
    first, second = training_steps(problem)
    again = replace(problem, parameters={name: first[f"{name}_new"] for name in problem.parameters}, steps=1)
    assert np.array_equal(next(training_steps(again))["loss"], second["loss"])
    assert second["loss"] != first["loss"]


def test_parameters_not_trained_stay_and_have_gradients():
    problem = network(not_trained=frozenset({"b1", "W2"}))
    values = next(training_steps(problem))
    assert np.array_equal(values["b1_new"], problem.parameters["b1"])
    assert np.array_equal(values["W2_new"], problem.parameters["W2"])
    assert not np.array_equal(values["W1_new"], problem.parameters["W1"])
    assert np.any(values["dL/db1"] != 0)


def test_the_tape_is_in_the_documents_order():
    problem = worked_example()
    lines = tape(problem)
    assert [line.name for line in lines] == (
        "z1 a1 z2 a2 loss dL/da2 da2/dz2 dL/dz2 dL/dW2 dL/db2 dL/da1 da1/dz1 dL/dz1 dL/dW1 dL/db1 "
        "W2_new b2_new W1_new b1_new".split()
    )
    known = {*problem.inputs, "learning_rate"}
    for line in lines:
        assert set(line.inputs) <= known
        known.add(line.name)


def test_of_the_documents_eighteen_numbers_exactly_one_is_rejected():
    case = load_case("worked/document")
    steps = judge_published(case.problem("float64"), case.published)
    findings = {(step.step, finding.quantity): finding for step in steps for finding in step.findings}
    assert len(findings) == 18
    assert [key for key, finding in findings.items() if finding.verdict != Verdict.AGREES] == [(1, "a2")]
    rejected = findings[1, "a2"]
    assert rejected.verdict is Verdict.DIFFERS
    assert rejected.claimed == 0.632
    assert round(rejected.derived, 3) == 0.633


def test_the_reference_needs_neither_torch_nor_jax_nor_pandas():
    code = "import sys, reference; print([m for m in ('torch', 'jax', 'pandas') if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"
