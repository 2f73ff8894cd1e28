"""Arrays that do not fit each other, their format, or memory: the place and the message of each."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cases import Case, CaseErrors, load_case

GOOD = """\
about: a test
layers:
  - W: [[1, 2], [3, 4], [5, 6]]
    b: [1, 2, 3]
    activation: sigmoid
  - W: [[1, 2, 3], [4, 5, 6]]
    b: [1, 2]
    activation: tanh
x: [[1, 2], [3, 4]]
y: [[1, 2], [3, 4]]
loss: {name: half_squared_error, reduction: sum}
optimizer: {name: sgd, learning_rate: 0.1}
"""
PRINTED = """\
published:
  source: somewhere
  steps:
    - step: 1
      values: {VALUES}
"""
LARGEST = "expected at most 3.40282347e+38 in magnitude, the largest float32 (or other dtypes)"


@pytest.fixture(name="load")
def _load(tmp_path: Path) -> Callable[[str], Case]:
    def load(text: str) -> Case:
        path = tmp_path / "case.yaml"
        path.write_text(text, encoding="utf-8")
        return load_case(path)

    return load


@pytest.fixture(name="complain")
def _complain(load: Callable[[str], Case]) -> Callable[[str], list[str]]:
    def complain(text: str) -> list[str]:
        with pytest.raises(CaseErrors) as caught:
            load(text)
        return [f"{defect.line}:{defect.column}: {defect.message}" for defect in caught.value.defects]

    return complain


MISFITS = {
    "ragged": (
        "[3, 4], [5, 6]]",
        "[3], [5, 6]]",
        ["3:17: W1[1] has 1 number, expected 2 as in the rows above"],
    ),
    "a row that is none": (
        "[[1, 2], [3, 4], [5, 6]]",
        "[1, 2]",
        ["3:9: W1[0] is 1, expected a list of numbers"],
    ),
    "a row too deep": ("b: [1, 2, 3]", "b: [[1, 2, 3]]", ["4:9: b1[0] is a list, expected a number"]),
    "an empty list": (
        "[[1, 2], [3, 4], [5, 6]]",
        "[]",
        ["3:8: W1 is an empty list, expected a list of rows, each a list of numbers"],
    ),
    "an element that is text": (
        "[3, 4], [5, 6]]",
        "[3, 1_000], [5, 6]]",
        ["3:21: W1[1, 1] is the text '1_000', expected a number"],
    ),
    "an element that is missing": (
        "[3, 4], [5, 6]]",
        "[3, null], [5, 6]]",
        ["3:21: W1[1, 1] is empty, expected a number"],
    ),
    "W against the layer below": (
        "[[1, 2, 3], [4, 5, 6]]",
        "[[1, 2], [4, 5]]",
        ["6:8: W2 is (2, 2), with 2 columns, expected 3, the width of layer 1"],
    ),
    "b against W": (
        "b: [1, 2, 3]",
        "b: [1, 2]",
        ["4:8: b1 is (2,), with 2 numbers, expected 3, the number of rows of W1"],
    ),
    "x against W1": (
        "x: [[1, 2], [3, 4]]",
        "x: [[1], [2]]",
        ["9:4: x is (2, 1), with 1 column, expected 2, the number of columns of W1"],
    ),
    "y against the last layer": (
        "y: [[1, 2], [3, 4]]",
        "y: [[1], [2]]",
        ["10:4: y is (2, 1), with 1 column, expected 2, the width of layer 2, the last"],
    ),
    "y against the batch": (
        "y: [[1, 2], [3, 4]]",
        "y: [[1, 2]]",
        ["10:4: y is (1, 2), with 1 row, expected 2, the number of examples in x"],
    ),
    "shapes, where other fields are wrong": (
        "x: [[1, 2], [3, 4]]\ny: [[1, 2], [3, 4]]\nloss: {name: half_squared_error",
        "x: [[1], [2]]\ny: 5\nloss: {name: squared",
        [
            "9:4: x is (2, 1), with 1 column, expected 2, the number of columns of W1",
            (
                "10:4: y is 5, expected nested lists of numbers, or a mapping "
                "with 'normal', 'uniform', 'constant' or 'classes'"
            ),
            (
                "11:14: loss.name is the text 'squared', expected 'half_squared_error', "
                "'mean_squared_error', 'softmax_cross_entropy', 'softmax_cross_entropy_with_integer_labels', "
                "'binary_cross_entropy_with_logits', 'binary_cross_entropy', 'huber', 'smooth_l1' or 'l1'"
            ),
        ],
    ),
    "shapes, where one layer is unreadable": (
        "W: [[1, 2], [3, 4], [5, 6]]\n    b: [1, 2, 3]",
        "W: *a\n    b: [1, 2, 3, 4]",
        [
            "3:8: the alias '*a', expected the value written out",
            "6:8: W2 is (2, 3), with 3 columns, expected 4, the width of layer 1",
        ],
    ),
    "infinity": (
        "b: [1, 2]",
        "b: [1, .inf]",
        ["7:12: b2[1] is .inf, expected a finite number within float64"],
    ),
    "not a number": (
        "b: [1, 2]",
        "b: [1, .nan]",
        ["7:12: b2[1] is .nan, expected a finite number within float64"],
    ),
    "beyond float64": (
        "b: [1, 2]\n    activation: tanh",
        "b: [1e400, -1e999999999]\n    activation: tanh",
        [
            "7:9: b2[0] is 1e400, expected a finite number within float64",
            "7:16: b2[1] is -1e999999999, expected a finite number within float64",
        ],
    ),
    "beyond float32": (
        "b: [1, 2]\n    activation: tanh",
        "b: [1, -1e39]\n    activation: tanh",
        [f"7:12: b2[1] is -1e39, {LARGEST}"],
    ),
    "drawn, of the wrong rank": (
        "x: [[1, 2], [3, 4]]",
        "x: {normal: [4], scale: 1, seed: 1}",
        ["9:13: the shape of x has 1 length, expected 2: rows and columns"],
    ),
    "drawn, of too many ranks": (
        "b: [1, 2, 3]",
        "b: {constant: [3, 1], value: 1}",
        ["4:19: the shape of b1 has 2 lengths, expected 1: its length"],
    ),
    "drawn, with a length of zero": (
        "x: [[1, 2], [3, 4]]",
        "x: {normal: [0, 2], scale: 1, seed: 1}",
        ["9:14: x.normal[0] is 0, expected a whole number from 1 to 1099511627776"],
    ),
    "drawn, with an empty shape": (
        "x: [[1, 2], [3, 4]]",
        "x: {normal: [], scale: 1, seed: 1}",
        ["9:13: x.normal is an empty list, expected at least one entry"],
    ),
    "drawn, with a negative seed": (
        "x: [[1, 2], [3, 4]]",
        "x: {normal: [2, 2], scale: 1, seed: -1}",
        ["9:37: x.seed is -1, expected a whole number from 0 to 18446744073709551615"],
    ),
    "drawn, with a misspelt key": (
        "b: [1, 2, 3]",
        "b: {normal: [3], scal: 1, seed: 1}",
        [
            (
                "4:22: unknown key 'scal' in b1, expected the keys normal, scale, seed, mean; "
                "did you mean 'scale'?"
            ),
        ],
    ),
    "drawn, of no known kind": (
        "x: [[1, 2], [3, 4]]",
        "x: {gamma: [2, 2]}",
        [
            (
                "9:4: x is a mapping, expected nested lists of numbers, or a mapping "
                "with 'normal', 'uniform' or 'constant'"
            ),
        ],
    ),
    "drawn, against the layer below": (
        "[[1, 2, 3], [4, 5, 6]]",
        "{uniform: [2, 5], low: 0, high: 1, seed: 1}",
        ["6:8: W2 is (2, 5), with 5 columns, expected 3, the width of layer 1"],
    ),
    "drawn beyond float32": (
        "x: [[1, 2], [3, 4]]",
        "x: {normal: [2, 2], scale: 1e300, seed: 1}",
        [f"9:28: x.scale is 1e300, {LARGEST}"],
    ),
    "drawn as far as beyond float32": (
        "x: [[1, 2], [3, 4]]",
        "x: {normal: [2, 2], scale: 1e38, seed: 1}",
        [f"9:28: x.scale is 1e38, which reaches numbers of 1.6e+39, {LARGEST}"],
    ),
    "uniform, the wrong way round": (
        "x: [[1, 2], [3, 4]]",
        "x: {uniform: [2, 2], low: 1, high: -1, seed: 1}",
        ["9:36: x.high is -1, expected more than x.low, 1"],
    ),
    "uniform, wider than the format": (
        "x: [[1, 2], [3, 4]]",
        "x: {uniform: [2, 2], low: -3e38, high: 3e38, seed: 1}",
        [f"9:40: x.high is 3e38, which reaches numbers of 6e+38, {LARGEST}"],
    ),
    "constant beyond float32": (
        "b: [1, 2, 3]",
        "b: {constant: [3], value: 1e39}",
        [f"4:31: b1.value is 1e39, {LARGEST}"],
    ),
}


@pytest.mark.parametrize("what", MISFITS)
def test_misfit(what: str, complain: Callable[[str], list[str]]) -> None:
    old, new, expected = MISFITS[what]
    assert old in GOOD
    assert complain(GOOD.replace(old, new, 1)) == expected


def test_an_array_that_does_not_fit_into_memory_is_refused_before_it_is_drawn(
    complain: Callable[[str], list[str]],
) -> None:
    text = GOOD.replace("[[1, 2], [3, 4], [5, 6]]", "{normal: [3, 1000000000000], scale: 1, seed: 7}")
    too_much = "one training step needs 1.34e+05 GiB, expected at most 4 GiB"
    assert f"3:8: with W1 of shape (3, 1000000000000) {too_much}" in complain(text)


def test_activations_that_do_not_fit_into_memory_are_refused(complain: Callable[[str], list[str]]) -> None:
    layer = "  - {W: {constant: [10000, 1], value: 1}, b: {constant: [10000], value: 0}, activation: relu}\n"
    head, tail = GOOD[: GOOD.index("layers:")], GOOD[GOOD.index("loss:") :]
    data = "x: {constant: [10000, 1], value: 1}\ny: {constant: [10000, 10000], value: 1}\n"
    expected = "one training step needs 8.94 GiB, expected at most 4 GiB"
    assert complain(f"{head}layers:\n{layer}{data}{tail}") == [
        f"5:4: with y of shape (10000, 10000) {expected}"
    ]


def test_more_layers_than_any_network_has(complain: Callable[[str], list[str]]) -> None:
    layers = "layers:\n" + "  - {W: [[1]], b: [1], activation: relu}\n" * 1001
    tail = "x: [[1]]\ny: [[1]]\n" + GOOD[GOOD.index("loss:") :]
    assert complain(f"about: deep\n{layers}{tail}") == ["3:3: layers is a list, expected at most 1000 layers"]


WRONG_PRINTS = {
    "an unknown quantity": (
        "{W1_nw: 1}",
        ["17:16: unknown quantity 'W1_nw', expected one of "],
    ),
    "a single number for many": (
        "{z2: 1}",
        ["17:20: z2 is a single number, expected nested lists of shape (2, 2)"],
    ),
    "another shape": ("{dL/dW1: [[1, 2]]}", ["17:24: dL/dW1 has the shape (1, 2), expected (3, 2)"]),
    "ragged": ("{a1: [[1, 2, 3], [1, 2]]}", ["17:32: a1[1] has 2 numbers, expected 3 as in the rows above"]),
    "a list for a scalar": ("{loss: [1]}", ["17:22: loss is a list, expected a number"]),
    "text": (
        "{b1_new: [1, 2, about 3]}",
        ["17:31: b1_new[2] is the text 'about 3', expected a number or null"],
    ),
    "not finite": ("{loss: .nan}", ["17:22: loss is .nan, expected a finite number within float64"]),
    "nothing": ("{}", ["17:15: published.steps[0].values is a mapping, expected at least one entry"]),
    "a rejection of what is not there": (
        "{loss: 1}\n      rejected: {los: wrong}",
        ["18:18: 'los' is rejected but not among the values of this step, expected the name of"],
    ),
    "a rejection without a reason": (
        "{loss: 1}\n      rejected: {loss: ''}",
        ["18:24: published.steps[0].rejected.loss is the text '', expected text"],
    ),
    "steps out of order": (
        "{loss: 1}\n    - {step: 1, values: {loss: 1}}",
        ["18:14: step 1 after step 1, expected steps in ascending order"],
    ),
    "step zero": (
        "{loss: 1}\n    - {step: 0, values: {loss: 1}}",
        ["18:14: published.steps[1].step is 0, expected a whole number from 1 to 1000000"],
    ),
}


@pytest.mark.parametrize("what", WRONG_PRINTS)
def test_wrong_published_values(what: str, complain: Callable[[str], list[str]]) -> None:
    values, expected = WRONG_PRINTS[what]
    found = complain(GOOD + PRINTED.replace("{VALUES}", values))
    assert len(found) == len(expected)
    assert all(one.startswith(start) for one, start in zip(found, expected, strict=True))


def test_published_values_have_their_full_shape_and_places(load: Callable[[str], Case]) -> None:
    values = "{loss: 3.50e-05, z1: [[1.5, null, 12], [null, 2, 3]], b2_new: [0.60224, -1]}"
    case = load(GOOD + PRINTED.replace("{VALUES}", values).replace("step: 1", "step: 7"))
    assert case.published is not None
    assert case.published.source == "somewhere"
    [step] = case.published.steps
    assert step.step == 7
    assert step.rejected == ()
    loss, z1, b2 = (step.values[name] for name in ("loss", "z1", "b2_new"))
    assert (loss.value.shape, loss.value.item(), loss.half_unit.item(), loss.text.item()) == (
        (),
        3.5e-5,
        5e-8,
        "3.50e-05",
    )
    np.testing.assert_array_equal(z1.value, [[1.5, np.nan, 12], [np.nan, 2, 3]])
    np.testing.assert_array_equal(z1.half_unit, [[0.05, np.nan, 0.5], [np.nan, 0.5, 0.5]])
    assert z1.text.tolist() == [["1.5", None, "12"], [None, "2", "3"]]
    np.testing.assert_array_equal(b2.half_unit, [0.5e-5, 0.5])


def test_a_problem_holds_each_number_rounded_once(load: Callable[[str], Case]) -> None:
    text = GOOD.replace("x: [[1, 2], [3, 4]]", "x: [[0.1, 1.00000005960464477540], [-0x1.8p-3, 3]]")
    case = load(text)
    assert case.shapes == {"x": (2, 2), "y": (2, 2), "W1": (3, 2), "b1": (3,), "W2": (2, 3), "b2": (2,)}
    single, double = case.problem("float32"), case.problem("float64")
    assert {array.dtype.name for array in single.inputs.values()} == {"float32"}
    assert {name: array.shape for name, array in double.inputs.items()} == case.shapes
    assert single.x.tolist() == [[float(np.float32(0.1)), 1 + 2**-23], [-0.1875, 3.0]]
    assert (single.learning_rate, double.learning_rate) == (float(np.float32(0.1)), 0.1)
    assert (single.case, single.activations, single.loss, single.reduction) == (
        "case",
        ("sigmoid", "tanh"),
        "half_squared_error",
        "sum",
    )


def test_a_problem_is_in_fresh_memory(load: Callable[[str], Case]) -> None:
    case = load(GOOD.replace("x: [[1, 2], [3, 4]]", "x: {normal: [2, 2], scale: 1, seed: 5}"))
    spoilt = case.problem("float64")
    for array in spoilt.inputs.values():
        array[...] = 99
    assert not any((array == 99).any() for array in case.problem("float64").inputs.values())


def test_arrays_are_drawn_as_the_file_says(load: Callable[[str], Case]) -> None:
    text = (
        GOOD.replace("x: [[1, 2], [3, 4]]", "x: {normal: [2, 2], scale: 0.5, mean: -1, seed: 5}")
        .replace("y: [[1, 2], [3, 4]]", "y: {uniform: [2, 2], low: -2, high: 3, seed: 6}")
        .replace("b: [1, 2, 3]", "b: {constant: [3], value: 0.1}")
    )
    case = load(text)
    double, single = case.problem("float64"), case.problem("float32")
    normal = np.random.Generator(np.random.PCG64(5)).standard_normal((2, 2)) * 0.5 - 1
    uniform = np.random.Generator(np.random.PCG64(6)).uniform(-2, 3, (2, 2))
    np.testing.assert_array_equal(double.x, normal)
    np.testing.assert_array_equal(double.y, uniform)
    np.testing.assert_array_equal(single.x, normal.astype("float32"))
    np.testing.assert_array_equal(double.parameters["b1"], [0.1] * 3)
    np.testing.assert_array_equal(single.parameters["b1"], np.full(3, 0.1, "float32"))


def test_what_a_file_leaves_out(load: Callable[[str], Case]) -> None:
    case = load(GOOD.replace("{name: half_squared_error, reduction: sum}", "{name: mean_squared_error}"))
    problem = case.problem("float64")
    assert (case.dtypes, case.steps, case.depth) == (("float64", "float32"), 1, 2)
    assert (case.published, case.tolerance) == (None, None)
    assert (problem.reduction, problem.not_trained, problem.tolerance) == ("mean", frozenset(), None)


def test_what_a_file_may_add(load: Callable[[str], Case]) -> None:
    more = "steps: 3\nnot_trained: [b1]\ndtypes: [float32]\ntolerance: {rtol: 1e-5, atol: 0, why: custom}\n"
    case = load(GOOD + more)
    assert (case.about, case.dtypes, case.steps) == ("a test", ("float32",), 3)
    assert case.tolerance is not None
    assert (case.tolerance.rtol, case.tolerance.atol, case.tolerance.why) == (1e-5, 0.0, "custom")
    assert case.problem("float32").not_trained == {"b1"}


def test_a_number_beyond_float32_is_no_defect_where_only_float64_runs(load: Callable[[str], Case]) -> None:
    case = load(GOOD.replace("y: [[1,", "dtypes: [float64]\ny: [[1e300,"))
    assert case.problem("float64").y[0, 0] == 1e300
