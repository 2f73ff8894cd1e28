"""The reference computes what the document says, checked without the reference's own arithmetic."""

import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from networks import network

from reference import tape, training_steps, worked_example

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


def test_the_worked_example_to_fifteen_digits():
    values = next(training_steps(worked_example()))
    rounded = {name: round(Decimal(float(np.squeeze(values[name]))), 15) for name in DOCUMENT}
    assert rounded == {name: Decimal(printed) for name, printed in DOCUMENT.items()}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_keep_the_dtype_of_the_problem(dtype):
    for values in training_steps(network(loss=("half_squared_error", "mean"), dtype=dtype, steps=2)):
        assert {np.asarray(value).dtype for value in values.values()} == {np.dtype(dtype)}


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


def test_the_reference_needs_neither_torch_nor_jax_nor_pandas():
    code = "import sys, reference; print([m for m in ('torch', 'jax', 'pandas') if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"
