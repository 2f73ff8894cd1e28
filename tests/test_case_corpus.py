"""The shipped cases: what each is for, and that together they leave no blind spot."""

import json
import pickle
import re

import numpy as np
import pytest
from editor import as_an_editor_reads
from forms import VALUES

from cases import SHIPPED, load_case, load_cases
from cases.catalog import LOSSES
from cases.write_schema import PATH, schema_text

CASES = load_cases(SHIPPED)
PROBLEMS = [case.problem("float64") for case in CASES]
FOLDERS = {
    "worked",
    "nets",
    "edges",
    "losses",
    "formats",
    "training",
    "optimizers",
    "divergences",
    "mistakes",
}
EACH = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def inputs_of_activations(problem):
    """Return z of each layer."""
    a, every = problem.x, []
    for k, activation in enumerate(problem.activations, start=1):
        every.append(a @ problem.parameters[f"W{k}"].T + problem.parameters[f"b{k}"])
        a = VALUES[activation][1](every[-1])
    return every


def test_they_are_many_and_no_two_have_the_same_purpose():
    assert len({case.about for case in CASES}) == len(CASES) >= 24
    assert {case.name.split("/", 1)[0] for case in CASES} == FOLDERS
    assert len((SHIPPED / "nets" / "digits.yaml").read_text(encoding="utf-8").splitlines()) < 20


@EACH
def test_each_says_what_it_is_for_and_is_the_same_in_another_process(case):
    assert re.search(r"[Ii]t is there to (catch|show|tell)", case.about)
    again = pickle.loads(pickle.dumps(case))  # noqa: S301 - its own
    assert (again.name, again.text, again.file) == (case.name, case.text, case.file)
    for dtype in case.dtypes:
        problem = case.problem(dtype)
        assert all(np.isfinite(array).all() for array in problem.inputs.values())
        assert again.problem(dtype).update_rules == problem.update_rules


def test_the_schema_is_current():
    assert PATH.read_text(encoding="utf-8") == schema_text(), "run: python -m cases.write_schema"


def test_each_names_the_schema_in_its_first_line_and_is_accepted():
    """What it refuses is in test_case_malformed.py."""
    schema = pytest.importorskip("jsonschema").Draft202012Validator(json.loads(schema_text()))
    for case in CASES:
        named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", case.text)
        assert named is not None, case.name
        assert (case.path.parent / named[1]).resolve() == PATH.resolve()
        assert [error.message for error in schema.iter_errors(as_an_editor_reads(case.text))] == [], case.name


def test_what_mazur_prints_and_what_of_it_is_wrong():
    """What the document prints is in test_runs.py."""
    case = load_case("worked/mazur")
    assert case.problem("float64").not_trained == {"b1", "b2"}
    first, *later = case.published.steps
    assert first.rejected == ()
    assert [step.step for step in later] == [2, 10_001]
    for step in later:
        assert {one.quantity for one in step.rejected} == set(step.values)


def test_every_choice_that_a_file_has_is_taken():
    assert {name for problem in PROBLEMS for name in problem.activations} == set(VALUES)
    assert {problem.loss for problem in PROBLEMS} == set(LOSSES)
    for loss in ("half_squared_error", "softmax"):
        reductions = {problem.reduction for problem in PROBLEMS if problem.loss.startswith(loss)}
        assert reductions == {"sum", "mean"}
    assert {bool(number) for problem in PROBLEMS for _, number in problem.loss_numbers} == {True, False}
    assert {1, 0.1, 10} <= {problem.learning_rate for problem in PROBLEMS}
    assert {1, 100, 10_000} <= {problem.steps for problem in PROBLEMS}
    assert any(problem.until for problem in PROBLEMS)
    assert {1, 2, 8} <= {problem.depth for problem in PROBLEMS}
    assert {1, 3, 64, 256} <= {len(problem.x) for problem in PROBLEMS}
    assert any(problem.tolerance for problem in PROBLEMS)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_nothing_hides_in_symmetry_or_equal_shapes(reduction):
    """A case set that kills all mistakes has each of these with at least two outputs and three examples."""
    problems = [one for one in PROBLEMS if len(one.x) >= 3 and one.y.shape[1] >= 2]
    problems = [one for one in problems if one.reduction == reduction]
    weights = [array for one in problems for name, array in one.parameters.items() if name.startswith("W")]
    assert any(W.shape[0] == W.shape[1] > 1 and (W.T != W).any() for W in weights)
    assert any(W.shape[0] != W.shape[1] for W in weights)
    assert any(one.depth > 2 and one.parameters["W2"].shape == (4, 4) for one in problems)
    assert any(np.frexp(one.learning_rate)[0] != 0.5 for one in problems)


def test_biases_are_not_zero():
    """But for published examples, which are taken as they stand, and those where frameworks differ."""
    for problem in PROBLEMS:
        biases = [array for name, array in problem.parameters.items() if name.startswith("b")]
        assert problem.case.startswith(("divergences/", "worked/")) or all(b.any() for b in biases)


@pytest.mark.parametrize("name", ["saturated-sigmoid", "saturated-tanh", "tails", "softplus-tails"])
def test_saturated_layers_have_units_that_are_not(name):
    for z in inputs_of_activations(load_case(f"edges/{name}").problem("float64")):
        assert abs(z).max() > 20
        assert abs(z).min() < 2


def test_kinked_activations_have_units_on_every_piece_and_none_at_a_kink():
    kinks = {"leaky_relu": [0], "hardtanh": [-1, 1], "selu": [0], "relu6": [0, 6], "elu": [0]}
    problem = load_case("nets/kinked-activations").problem("float64")
    for activation, z in zip(problem.activations, inputs_of_activations(problem), strict=True):
        pieces = np.searchsorted(kinks[activation], z)
        assert set(pieces.ravel().tolist()) == set(range(len(kinks[activation]) + 1))
        assert min(abs(z - kink).min() for kink in kinks[activation]) > 0.03


def test_relu_meets_exactly_zero():
    for dtype in ("float64", "float32"):
        (z,) = inputs_of_activations(load_case("edges/relu-at-zero").problem(dtype))[:1]
        assert (z == 0).all(axis=0).tolist() == [True, False, True, False]
        assert (z > 0).all(axis=0).tolist() == [False, True, False, True]


def test_some_numbers_are_not_in_float32_and_some_are_exactly():
    inexact = load_case("edges/not-in-float32")
    assert inexact.problem("float32").parameters["W1"][0].tolist() == [1 + 2**-23, 1.0]
    exact = load_case("edges/hexadecimal")
    for name, array in exact.problem("float64").inputs.items():
        np.testing.assert_array_equal(array, exact.problem("float32").inputs[name])
