"""The losses of case files: their numbers, their targets by class, and the message of each defect."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cases import Case, CaseErrors, load_case

GOOD = """\
about: a test
layers:
  - {W: [[1, 2], [3, 4], [5, 6]], b: [1, 2, 3], activation: identity}
x: [[1, 2], [3, 4]]
y: {classes: [2, 0], of: 3}
loss: {name: softmax_cross_entropy_with_integer_labels, reduction: mean, label_smoothing: 0.1}
optimizer: {name: sgd, learning_rate: 0.1}
"""
CLASSES = "{classes: [2, 0], of: 3}"
LOSS = "{name: softmax_cross_entropy_with_integer_labels, reduction: mean, label_smoothing: 0.1}"
ONE_HOT = "a 1 at the example's class and 0 elsewhere, because the loss is by class"


@pytest.fixture(name="load")
def _load(tmp_path: Path) -> Callable[[str], Case]:
    def load(text: str) -> Case:
        path = tmp_path / "case.yaml"
        path.write_text(text, encoding="utf-8")
        return load_case(path)

    return load


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_classes_are_one_hot_rows(load: Callable[[str], Case], dtype: str) -> None:
    problem = load(GOOD).problem(dtype)
    assert problem.y.dtype == dtype
    assert problem.y.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_rows_that_are_one_hot_may_be_written_out(load: Callable[[str], Case]) -> None:
    problem = load(GOOD.replace(CLASSES, "[[0, 0.0, 1], [1e0, 0, -0.0]]")).problem("float64")
    assert problem.y.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_classes_are_targets_of_every_loss(load: Callable[[str], Case]) -> None:
    problem = load(GOOD.replace(LOSS, "{name: l1, reduction: sum}")).problem("float64")
    assert (problem.loss, problem.reduction, problem.loss_numbers) == ("l1", "sum", ())
    assert problem.y.sum() == 2


@pytest.mark.parametrize(
    ("loss", "numbers"),
    [
        (LOSS, (("label_smoothing", float(np.float32(0.1))),)),
        ("{name: softmax_cross_entropy, reduction: sum}", (("label_smoothing", 0.0),)),
        ("{name: huber, reduction: sum, delta: 0.7}", (("delta", float(np.float32(0.7))),)),
        ("{name: smooth_l1, reduction: mean, beta: 0x1.8p-1}", (("beta", 0.75),)),
        ("{name: binary_cross_entropy, reduction: mean}", ()),
        ("{name: mean_squared_error}", ()),
    ],
)
def test_the_numbers_of_a_loss_are_rounded_to_the_format(
    load: Callable[[str], Case], loss: str, numbers: tuple[tuple[str, float], ...]
) -> None:
    assert load(GOOD.replace(LOSS, loss)).problem("float32").loss_numbers == numbers


MALFORMED = {
    "a class too high": (
        "[2, 0]",
        "[3, 0]",
        ["5:15: y.classes[0] is 3, expected a whole number from 0 to 2, below y.of"],
    ),
    "a negative class": (
        "[2, 0]",
        "[2, -1]",
        ["5:18: y.classes[1] is -1, expected a whole number from 0 to 2, below y.of"],
    ),
    "a class that is not whole": (
        "[2, 0]",
        "[2, 1.5]",
        ["5:18: y.classes[1] is 1.5, expected a whole number from 0 to 2, below y.of"],
    ),
    "a class that is text": (
        "[2, 0]",
        "[2, cat]",
        ["5:18: y.classes[1] is the text 'cat', expected a whole number from 0 to 2, below y.of"],
    ),
    "a class of an unknown number": (
        CLASSES,
        "{classes: [2, 0.5], of: many}",
        [
            "5:18: y.classes[1] is 0.5, expected a whole number from 0 on",
            "5:28: y.of is the text 'many', expected a whole number from 1 to 1099511627776",
        ],
    ),
    "classes without their number": (
        CLASSES,
        "{classes: [2, 0]}",
        ["5:4: y has no key 'of', expected the keys classes, of"],
    ),
    "no classes": (
        CLASSES,
        "{classes: [], of: 3}",
        ["5:14: y.classes is an empty list, expected at least one entry"],
    ),
    "one class": (CLASSES, "{classes: 2, of: 3}", ["5:14: y.classes is 2, expected a list"]),
    "fewer classes than examples": (
        "[2, 0]",
        "[2]",
        ["5:4: y is (1, 3), with 1 row, expected 2, the number of examples in x"],
    ),
    "fewer classes than outputs": (
        "of: 3",
        "of: 4",
        ["5:4: y is (2, 4), with 4 columns, expected 3, the width of layer 1, the last"],
    ),
    "inputs by class": (
        "x: [[1, 2], [3, 4]]",
        "x: {classes: [1, 0], of: 2}",
        [
            (
                "4:4: x is a mapping, expected nested lists of numbers, or a mapping "
                "with 'normal', 'uniform' or 'constant'"
            )
        ],
    ),
    "a row of probabilities": (
        CLASSES,
        "[[0, 0, 1], [0.5, 0.5, 0]]",
        [f"5:16: y[1] is [0.5, 0.5, 0], expected {ONE_HOT}"],
    ),
    "a row of zeros": (CLASSES, "[[0, 0, 0], [0, 1, 0]]", [f"5:5: y[0] is [0, 0, 0], expected {ONE_HOT}"]),
    "targets that are drawn": (
        CLASSES,
        "{constant: [2, 3], value: 0}",
        ["5:4: y is drawn or filled, expected one-hot rows, or a mapping with 'classes' and 'of'"],
    ),
    "smoothing of 1": (
        "label_smoothing: 0.1",
        "label_smoothing: 1",
        ["6:91: loss.label_smoothing is 1, expected a number from 0 to below 1"],
    ),
    "smoothing below 0": (
        "label_smoothing: 0.1",
        "label_smoothing: -0.1",
        ["6:91: loss.label_smoothing is -0.1, expected a number from 0 to below 1"],
    ),
    "huber without its delta": (
        LOSS,
        "{name: huber, reduction: mean}",
        ["6:7: loss has no key 'delta', expected the keys name, reduction, delta"],
    ),
    "a delta of 0": (
        LOSS,
        "{name: huber, reduction: mean, delta: 0}",
        ["6:45: loss.delta is 0, expected a finite number above 0"],
    ),
    "a delta that float32 loses": (
        LOSS,
        "{name: huber, reduction: mean, delta: 1e-50}",
        ["6:45: loss.delta is 1e-50, which float32 rounds to 0, expected more than 0"],
    ),
    "a beta beyond float32": (
        LOSS,
        "{name: smooth_l1, reduction: sum, beta: 1e39}",
        [
            (
                "6:47: loss.beta is 1e39, expected at most 3.40282347e+38 in magnitude, "
                "the largest float32 (or other dtypes)"
            )
        ],
    ),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed(what: str, load: Callable[[str], Case]) -> None:
    old, new, expected = MALFORMED[what]
    assert old in GOOD
    with pytest.raises(CaseErrors) as caught:
        load(GOOD.replace(old, new, 1))
    defects = [f"{defect.line}:{defect.column}: {defect.message}" for defect in caught.value.defects]
    assert defects == expected
