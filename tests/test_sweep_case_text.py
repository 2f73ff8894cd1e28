"""A problem written as a case file reads back as the same problem, to the last bit."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from editor import as_an_editor_reads
from hypothesis import example, given, settings
from hypothesis import strategies as st
from networks import network

from cases import Case, Rule
from cases.errors import Report
from cases.numbers import largest, rounded_once
from cases.protocol import DTYPES
from cases.validation import check
from cases.write_schema import schema_text
from reports.sweep.minimize.case_text import document
from reports.sweep.minimize.short_numbers import digits_of, shortest, to_digits, weight, with_input
from reports.sweep.plan import Block, Plan
from reports.sweep.structure import UPDATES


def drawn(seed, block):
    stack = Plan(seed, 1).drawn(Block(block, 0, 1), range(1))
    arrays = {name: array[0] for name, array in stack.inputs.items()}
    return replace(stack, x=arrays.pop("x"), y=arrays.pop("y"), parameters=arrays)


def contents(problem):
    """Everything that a problem is, but for its name: arrays as their bits."""
    arrays = {name: (array.shape, array.dtype, array.tobytes()) for name, array in problem.inputs.items()}
    others = vars(replace(problem, case=""))
    return arrays, {name: value for name, value in others.items() if name not in {"x", "y", "parameters"}}


def reads_back(problem, about="It is drawn."):
    text, report = document(problem, about), Report(Path("written.yaml"))
    checked = check(text, report)
    assert checked is not None, [str(defect) for defect in report.defects]
    assert checked.file.dtypes == (problem.dtype,)
    case = Case("written", Path("written.yaml"), checked.shapes, checked.file, text)
    assert contents(case.problem(problem.dtype)) == contents(problem)
    return text


def finite(dtype):
    """Any finite number of a format: −0, subnormal numbers and the largest among them."""
    ends = largest(dtype)
    edges = st.sampled_from([0.0, -0.0, ends, -ends, 2.0**-1074, 2.0**-149, 2.0**-133, 2.0**-24, 0.1])
    numbers = edges | st.floats(allow_nan=False, allow_infinity=False) | st.floats(-1e5, 1e5)
    return numbers.map(lambda n: float(rounded_once(n, dtype))).filter(np.isfinite)


@pytest.mark.parametrize("block", range(len(UPDATES)))
def test_every_kind_of_update_reads_back(block):
    reads_back(drawn(3, block))


@given(st.integers(0, 2**32), st.integers(0, 2**16), st.data())
@settings(max_examples=40)
def test_a_drawn_problem_reads_back_with_any_number_in_it(seed, block, data):
    problem = drawn(seed, block)
    name = data.draw(st.sampled_from([name for name in problem.inputs if name != "y"]))
    array = problem.inputs[name].copy()
    array.flat[data.draw(st.integers(0, array.size - 1))] = data.draw(finite(problem.dtype))
    reads_back(with_input(problem, name, array))


def test_what_is_never_drawn_reads_back_too():
    others = {"until": 0.25, "steps": 7, "forms": "defaults", "not_trained": frozenset({"W1", "b2"})}
    reads_back(network((2, 3, 1), 2, **others))
    assert len(max(reads_back(network((60, 70), 1)).splitlines(), key=len)) > 80_000


@pytest.mark.parametrize("dtype", DTYPES)
def test_rules_with_all_that_they_may_state_read_back(dtype):
    numbers = ("alpha", 0.1 + 0.2), ("eps", 5e-324), ("weight_decay", 1e300)
    problem = network(
        dtype=dtype,
        optimizer=Rule("rmsprop", numbers, frozenset({"centered", "eps_in_sqrt"})),
        schedule=Rule("cosine", (("over", 1000), ("final", 0.0))),
        clipping=Rule("global_norm", (("max_norm", 1 / 3), ("clip_eps", 1e-6))),
    )
    assert "over: 1000, final: 0}" in reads_back(problem)


ODD = [
    "a: b # no comment",
    "--- | > & * ! % @ `",
    "one\n  two\tthree",
    "\x07 bell\u2028\ufeff",
    "“ŷ” − ✓ 中",
    "- x",
]


@given(st.text(min_size=1).filter(lambda text: text.strip()) | st.sampled_from(ODD))
def test_its_description_may_be_any_text(about):
    text = reads_back(network((1, 1), 1), f"It shows: {about}")
    assert all(line.isprintable() for line in text.splitlines())


def test_the_text_is_what_a_person_would_write():
    problem = network((2, 1), 1, activations="tanh", dtype="float32", learning_rate=0.1)
    problem = replace(
        problem,
        x=np.array([[0.5, 100]], "float32"),
        y=np.array([[-2e-8]], "float32"),
        parameters={"W1": np.array([[0.1, -3]], "float32"), "b1": np.array([1e7], "float32")},
    )
    assert document(problem, "Few digits.").splitlines() == [
        "# yaml-language-server: $schema=../case.schema.json",
        "# x (2) --> tanh (1) = ŷ, one example",
        "about: >-",
        "  Few digits.",
        "layers:",
        "  - {W: [[0.1, -3]], b: [1e7], activation: tanh}",
        "x: [[0.5, 100]]",
        "y: [[-2e-8]]",
        "loss: {name: half_squared_error, reduction: sum}",
        "optimizer: {name: sgd, learning_rate: 0.1}",
        "dtypes: [float32]",
    ]


def test_the_schema_accepts_it():
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    for block in range(8):
        written = as_an_editor_reads(document(drawn(1, block), "Plain."))
        assert [error.message for error in validator.iter_errors(written)] == []


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan])
def test_a_number_that_is_not_finite_cannot_be_written(number):
    with pytest.raises(ValueError, match="no finite number of float64"):
        document(replace(network((1, 1), 1), x=np.array([[number]])), "Not finite.")


# numbers


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
@settings(max_examples=80)
def test_fewer_digits_would_not_read_back(dtype, data):
    number = data.draw(finite(dtype))
    digits = digits_of(number, dtype)
    assert float(rounded_once(float(shortest(number, dtype)), dtype)).hex() == number.hex()
    assert all(to_digits(number, fewer, dtype) != number for fewer in range(1, digits))


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(5e-324)
@example(2.0**-1022)
@example(2.0**-24)  # 5.960464477539063e-08; the nearest decimal of 16 digits ends in 2
def test_a_float64_has_as_many_digits_as_python_prints(number):
    printed = repr(abs(number)).partition("e")[0].replace(".", "").strip("0")
    assert digits_of(number, "float64") == len(printed)


def test_simple_numbers_weigh_less():
    order = [0.0, -0.0, 1.0, 2.0, -1.0, 10.0, -10.0, 0.1, 0.25, 0.123, 1 / 3]
    weights = [weight(number, "float64") for number in order]
    assert weights == sorted(weights)
    assert weights[:3] == [0, 1, 2]
