"""What a valid file gives: problems in each format, published numbers, expectations, and all defaults."""

from pathlib import Path

import numpy as np
import pytest
from conftest import TWO_LAYERS

from cases import case_of

GOOD = """\
about: a test
layers:
  - {W: [[1, 2], [3, 4], [5, 6]], b: [1, 2, 3], activation: sigmoid}
  - {W: [[1, 2, 3], [4, 5, 6]], b: [1, 2], activation: tanh}
x: [[1, 2], [3, 4]]
y: [[1, 2], [3, 4]]
loss: {name: half_squared_error, reduction: sum}
optimizer: {name: sgd, learning_rate: 0.1}
"""
X, Y, LOSS = "x: [[1, 2], [3, 4]]", "y: [[1, 2], [3, 4]]", "{name: half_squared_error, reduction: sum}"
BY_CLASS = "{name: softmax_cross_entropy_with_integer_labels, reduction: mean, label_smoothing: 0.1}"


def load(text):
    return case_of("case", Path("case.yaml"), text)


def test_a_problem_holds_each_number_rounded_once():
    case = load(GOOD.replace(X, "x: [[0.1, 1.00000005960464477540], [-0x1.8p-3, 3]]"))
    assert case.shapes == {"x": (2, 2), "y": (2, 2), "W1": (3, 2), "b1": (3,), "W2": (2, 3), "b2": (2,)}
    single, double = case.problem("float32"), case.problem("float64")
    assert {array.dtype.name for array in single.inputs.values()} == {"float32"}
    assert {name: array.shape for name, array in double.inputs.items()} == case.shapes
    assert single.x.tolist() == [[float(np.float32(0.1)), 1 + 2**-23], [-0.1875, 3.0]]
    assert (single.learning_rate, double.learning_rate) == (float(np.float32(0.1)), 0.1)
    assert (single.case, single.activations) == ("case", ("sigmoid", "tanh"))
    assert (single.loss, single.reduction) == ("half_squared_error", "sum")


def test_arrays_are_drawn_as_the_file_says_in_fresh_memory():
    case = load(
        GOOD.replace(X, "x: {normal: [2, 2], scale: 0.5, mean: -1, seed: 5}")
        .replace(Y, "y: {uniform: [2, 2], low: -2, high: 3, seed: 6}")
        .replace("b: [1, 2, 3]", "b: {constant: [3], value: 0.1}")
    )
    for array in case.problem("float64").inputs.values():
        array[...] = 99
    double, single = case.problem("float64"), case.problem("float32")
    normal = np.random.Generator(np.random.PCG64(5)).standard_normal((2, 2)) * 0.5 - 1
    np.testing.assert_array_equal(double.x, normal)
    np.testing.assert_array_equal(double.y, np.random.Generator(np.random.PCG64(6)).uniform(-2, 3, (2, 2)))
    np.testing.assert_array_equal(single.x, normal.astype("float32"))
    np.testing.assert_array_equal(double.parameters["b1"], [0.1] * 3)
    np.testing.assert_array_equal(single.parameters["b1"], np.full(3, 0.1, "float32"))
    assert not any((array == 99).any() for array in double.inputs.values())


def test_defaults_and_optional_keys():
    case = load(GOOD.replace(LOSS, "{name: mean_squared_error}"))
    problem = case.problem("float64")
    assert (case.dtypes, case.steps, case.depth) == (("float64", "float32"), 1, 2)
    assert (case.published, case.tolerance, case.expectation("jax", "float64")) == (None, None, None)
    assert (problem.reduction, problem.not_trained, problem.tolerance) == ("mean", frozenset(), None)
    assert problem.forms == "stated"
    more = "steps: 3\nnot_trained: [b1]\ndtypes: [float32]\ntolerance: {rtol: 1e-5, atol: 0, why: custom}\n"
    case = load(f"{GOOD}{more}forms: defaults\n")
    assert (case.about, case.dtypes, case.steps) == ("a test", ("float32",), 3)
    assert (case.tolerance.rtol, case.tolerance.atol, case.file.tolerance.why) == (1e-5, 0.0, "custom")
    assert (case.problem("float32").not_trained, case.problem("float32").forms) == ({"b1"}, "defaults")


def test_a_number_beyond_float32_is_no_defect_where_only_float64_runs():
    case = load(GOOD.replace("y: [[1,", "dtypes: [float64]\ny: [[1e300,"))
    assert case.problem("float64").y[0, 0] == 1e300


def test_published_values_have_their_full_shape_and_last_places():
    values = "{loss: 3.50e-05, z1: [[1.5, null, 12], [null, 2, 3]], b2_new: [0.60224, -1]}"
    printed = f"published: {{source: somewhere, steps: [{{step: 7, values: {values}}}]}}\n"
    published = load(GOOD + printed).published
    assert published.source == "somewhere"
    [step] = published.steps
    assert (step.step, step.rejected) == (7, ())
    loss, z1, b2 = (step.values[name] for name in ("loss", "z1", "b2_new"))
    assert loss.value.shape == ()
    assert (loss.value.item(), loss.half_unit.item(), loss.text.item()) == (3.5e-5, 5e-8, "3.50e-05")
    np.testing.assert_array_equal(z1.value, [[1.5, np.nan, 12], [np.nan, 2, 3]])
    np.testing.assert_array_equal(z1.half_unit, [[0.05, np.nan, 0.5], [np.nan, 0.5, 0.5]])
    assert z1.text.tolist() == [["1.5", None, "12"], [None, "2", "3"]]
    np.testing.assert_array_equal(b2.half_unit, [0.5e-5, 0.5])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", [BY_CLASS, "{name: l1, reduction: sum}"])
@pytest.mark.parametrize("y", ["{classes: [1, 0], of: 2}", "[[0.0, 1], [1e0, -0.0]]"])
def test_classes_are_one_hot_rows(y, loss, dtype):
    problem = load(GOOD.replace(Y, f"y: {y}").replace(LOSS, loss)).problem(dtype)
    assert problem.y.dtype == dtype
    assert problem.y.tolist() == [[0, 1], [1, 0]]


LOSS_NUMBERS = {
    "softmax_cross_entropy, reduction: mean, label_smoothing: 0.1": {
        "label_smoothing": float(np.float32(0.1))
    },
    "softmax_cross_entropy, reduction: sum": {"label_smoothing": 0.0},
    "softmax_cross_entropy, reduction: sum, label_smoothing: 1e-50": {"label_smoothing": 0.0},
    "smooth_l1, reduction: mean, beta: 0x1.8p-1": {"beta": 0.75},
    "mean_squared_error": {},
}


def test_numbers_of_a_loss_are_rounded_to_the_format():
    for loss, numbers in LOSS_NUMBERS.items():
        problem = load(GOOD.replace(LOSS, f"{{name: {loss}}}")).problem("float32")
        assert dict(problem.loss_numbers) == numbers


EXPECTED = {
    "differs: a1, because: why, see: 'jax #4428', step: 2": ("differs", "a1", 2, "why (jax #4428)"),
    "errs: dL/dW1, because: why": ("errs", "dL/dW1", 1, "why"),
    "undecided: loss, because: why, dtypes: [float32]": ("undecided", "loss", 1, "why"),
    "no_equivalent: it has none": ("no_equivalent", "", 1, "it has none"),
}


@pytest.mark.parametrize("stated", EXPECTED)
def test_an_expectation(stated):
    case = load(f"{TWO_LAYERS}expect: {{'mine.module:f': {{{stated}}}}}\n")
    one = case.expectation("mine.module:f", "float32")
    assert (one.kind, one.quantity, one.step, one.description) == EXPECTED[stated]
    assert case.expectation("torch", "float32") is None
    assert (case.expectation("mine.module:f", "float64") is None) == ("dtypes" in stated)
