"""Minimizing: edits give sound problems, only simpler ones are asked about, and their text reads back."""

import json
from dataclasses import replace
from decimal import Decimal
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from editor import as_an_editor_reads
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import LOSSES, network

from cases import Case, Rule
from cases.errors import Report
from cases.numbers import Number, largest, rounded_once
from cases.protocol import DTYPES
from cases.validation import check
from cases.write_schema import schema_text
from reference import tape, training_steps
from reports.sweep.case_text import document, shortest, widths
from reports.sweep.edits import rounder, shorter, to_digits, with_inputs
from reports.sweep.minimize import PASSES, input_size, is_simpler, minimize, sound, weight
from reports.sweep.plan import Block, Plan
from reports.sweep.structure import UPDATES

PLAN = Plan(0, 10_000)


# The text of a case


def drawn(seed, block):
    stack = Plan(seed, 1).drawn(Block(block, 0, 1), range(1))
    return with_inputs(stack, {name: array[0] for name, array in stack.inputs.items()})


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
    edges = [0.0, -0.0, ends, -ends, 2.0**-1074, 2.0**-1022, 2.0**-149, 2.0**-133, 2.0**-24, 0.1]
    numbers = st.sampled_from(edges) | st.floats(allow_nan=False, allow_infinity=False) | st.floats(-1e5, 1e5)
    return numbers.map(lambda n: float(rounded_once(n, dtype))).filter(np.isfinite)


@given(st.integers(0, 2**32), st.integers(0, 2**16), st.data())
@settings(max_examples=25)
def test_a_drawn_problem_reads_back_with_any_number_in_it(seed, block, data):
    problem = drawn(seed, block)
    name = data.draw(st.sampled_from([name for name in problem.inputs if name != "y"]))
    array = problem.inputs[name].copy()
    array.flat[data.draw(st.integers(0, array.size - 1))] = data.draw(finite(problem.dtype))
    reads_back(with_inputs(problem, {name: array}))


def test_every_kind_of_update_reads_back_and_so_does_what_is_never_drawn():
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    for block in range(len(UPDATES)):
        text = reads_back(drawn(3, block))
        assert [error.message for error in validator.iter_errors(as_an_editor_reads(text))] == []
    others = {"until": 0.25, "steps": 7, "forms": "defaults", "not_trained": frozenset({"W1", "b2"})}
    reads_back(network((2, 3, 1), 2, **others))
    assert len(max(reads_back(network((60, 70), 1)).splitlines(), key=len)) > 80_000
    numbers = ("alpha", 0.1 + 0.2), ("eps", 5e-324), ("weight_decay", 1e300)
    for dtype in DTYPES:
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
    arrays = {"x": [[0.5, 100]], "y": [[-2e-8]], "W1": [[0.1, -3]], "b1": [1e7]}
    problem = with_inputs(problem, {name: np.array(array, "float32") for name, array in arrays.items()})
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


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan])
def test_a_number_that_is_not_finite_cannot_be_written(number):
    with pytest.raises(ValueError, match="no finite number of float64"):
        document(with_inputs(network((1, 1), 1), {"x": np.array([[number]])}), "Not finite.")


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
@settings(max_examples=80)
def test_a_number_reads_back_and_with_fewer_digits_would_not(dtype, data):
    number = data.draw(finite(dtype))
    text = shortest(number, dtype)
    digits = len(Decimal(text).normalize().as_tuple().digits) if number else 0
    assert Number(text).rounded(dtype).hex() == number.hex()
    assert all(to_digits(number, fewer, dtype) != number for fewer in range(1, digits))
    if dtype == "float64":
        assert digits == len(repr(abs(number)).partition("e")[0].replace(".", "").strip("0"))


def test_simple_numbers_weigh_less():
    order = [0.0, -0.0, 1.0, 2.0, -1.0, 10.0, -10.0, 0.1, 0.25, 0.123, 1 / 3]
    weights = [weight(number, "float64") for number in order]
    assert weights == sorted(weights)
    assert weights[:3] == [0, 1, 2]


# Edits


@given(st.integers(0, 3000), st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_an_edit_gives_a_problem_that_holds_together_and_of_the_two_one_is_simpler(case, random):
    problem = PLAN.problem(case)
    assert not is_simpler(problem, problem)
    for edit in random.sample([edit for edits in PASSES for edit in edits(problem)], 10):
        edited = edit(problem)
        made = None if edited is None else sound(edited)
        if made is not None:
            step = next(training_steps(made))
            assert set(step) == {line.name for line in tape(made)}
            for name, array in made.parameters.items():
                assert step[f"{name}_new"].shape == array.shape
                assert step[f"{name}_new"].dtype == array.dtype == problem.dtype
            assert made.x.dtype == made.y.dtype == problem.dtype
            assert made.y.shape == (len(made.x), widths(made)[-1])
            assert made.not_trained <= set(made.parameters)
            document(made, "It is drawn.")
        if made is edited is not None:
            assert not (is_simpler(made, problem) and is_simpler(problem, made))


def test_hidden_layers_are_cut_off_with_what_they_make_of_the_input():
    problem = network((3, 4, 4, 2), 2, activations=["tanh", "sigmoid", "relu"])
    own = next(training_steps(problem))
    last = next(made for edit in shorter(problem) if (made := edit(problem)).activations == ("relu",))
    assert np.array_equal(last.x, own["a2"])
    assert np.array_equal(next(training_steps(last))["dL/dW1"], own["dL/dW3"])


def test_a_later_step_becomes_the_first():
    problem = network(steps=3)
    *_, third = training_steps(problem)
    made = [made for edit in shorter(problem) if (made := edit(problem)) and made.steps == 1]
    assert any(np.array_equal(next(training_steps(one))["dL/dW1"], third["dL/dW1"]) for one in made)


def test_an_edit_of_a_single_number_leaves_the_others_alone():
    problem = network((2, 2), 1)
    for made in (edit(problem) for edit in rounder(problem)):
        if made is not None:
            changed = [name for name, array in made.inputs.items() if array is not problem.inputs[name]]
            assert len(changed) <= 1


# The smallest problem


def test_it_asks_only_about_simpler_sound_problems_and_returns_the_last_that_fails():
    best, problem = [PLAN.problem(0)], PLAN.problem(0)

    def fails(candidate):
        assert sound(candidate) is candidate
        assert is_simpler(candidate, best[-1])
        failed = len(candidate.x) > 2 and "W2" in candidate.parameters
        best.extend([candidate] * failed)
        return failed

    minimal = minimize(problem, fails)
    assert minimal is best[-1]
    assert (len(minimal.x), minimal.depth) == (3, 2)


def test_after_its_time_it_returns_the_best_so_far():
    ticks, asked = count(), []
    problem = network((3, 4, 2), 5)
    minimal = minimize(problem, lambda one: not asked.append(one), seconds=4, clock=lambda: next(ticks))
    assert 0 < len(asked) <= 4
    assert minimal is asked[-1]
    assert minimize(problem, lambda _: True, seconds=-1) is problem


SIMPLEST = [
    "layers:",
    "  - {W: [[0]], b: [0], activation: identity}",
    "x: [[0]]",
    "y: [[0]]",
    "loss: {name: half_squared_error, reduction: sum}",
    "optimizer: {name: sgd, learning_rate: 1}",
    "dtypes: [float64]",
]


def largest_weight(problem):
    return max(np.abs(problem.parameters[f"W{k}"]).max() for k in range(1, problem.depth + 1))


@pytest.mark.parametrize(
    ("fails", "lines"),
    [
        (lambda _: True, []),
        (lambda p: len(p.x) > 1, ["x: [[0], [0]]", "y: [[0], [0]]"]),
        (lambda p: p.steps > 1, ["steps: 2"]),
        (lambda p: "tanh" in p.activations, ["  - {W: [[0]], b: [0], activation: tanh}"]),
        (lambda p: largest_weight(p) > 1.25, ["  - {W: [[2]], b: [0], activation: identity}"]),
        (
            lambda p: p.parameters["W1"].shape == (2, 2),
            ["  - {W: [[0, 0], [0, 0]], b: [0, 0], activation: identity}", "x: [[0, 0]]", "y: [[0, 0]]"],
        ),
        (
            lambda p: p.optimizer.has("weight_decay"),
            ["optimizer: {name: sgd, learning_rate: 1, weight_decay: 1}"],
        ),
        (lambda p: p.schedule is not None, ["schedule: {name: step, every: 1, factor: 0.5}"]),
        (lambda p: p.clipping is not None, ["clipping: {max_norm: 1, eps: 0}"]),
        (lambda p: p.loss == "huber", ["loss: {name: huber, reduction: sum, delta: 1}"]),
        (lambda p: p.depth > 1 and p.not_trained, ["not_trained: [b1]"]),
    ],
)
def test_only_what_it_takes_to_fail_is_left(fails, lines):
    problem = network(
        (3, 5, 4, 2), 4, activations=["silu", "tanh", "elu"], loss=("huber", "mean"), steps=3, scale=2.0,
        optimizer=Rule("sgd", (("momentum", 0.9), ("weight_decay", 0.01)), frozenset({"nesterov"})),
        schedule=Rule("step", (("every", 1), ("factor", 0.123))),
        clipping=Rule("global_norm", (("max_norm", 0.3), ("clip_eps", 1e-6))),
        not_trained=frozenset({"b1"}),
    )  # fmt: skip
    left = document(minimize(problem, fails), "Nothing.").splitlines()[4:]
    assert [line for line in left if line not in SIMPLEST] == lines
    assert lines or left == SIMPLEST


def test_decay_is_left_out_of_adamw_and_a_large_number_is_a_round_one():
    decayed = Rule("adamw", (("beta1", 0.9), ("beta2", 0.99), ("eps", 1e-8), ("weight_decay", 0.1)))
    minimal = minimize(network(optimizer=decayed), lambda one: "adam" in one.optimizer.name)
    assert minimal.optimizer.name == "adam"
    minimal = minimize(network((2, 2), 1, scale=3e30), lambda one: largest_weight(one) > 1e30)
    assert minimal.parameters["W1"].tolist() == [[2e30]]


@pytest.mark.parametrize(("loss", "reduction"), LOSSES)
def test_targets_stay_what_the_loss_allows(loss, reduction):
    """Also where an output is taken away: two of three are left."""

    def fails(problem):
        y = problem.y.astype(float)
        if loss.startswith("softmax"):
            assert (y.sum(axis=1) == 1).all()
        if loss.endswith("labels"):
            assert set(y.flat) <= {0, 1}
        if loss.startswith("binary"):
            assert ((y >= 0) & (y <= 1)).all()
        return problem.loss == loss and y.shape[1] > 1

    minimal = minimize(network((3, 2, 3), 4, loss=(loss, reduction)), fails)
    assert (len(minimal.x), minimal.depth, input_size(minimal)) == (1, 1, 7)
