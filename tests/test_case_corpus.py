"""The shipped cases: what each is for, and that together they leave no blind spot."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from editor import as_an_editor_reads
from forms import VALUES
from numpy.typing import NDArray

from cases import SHIPPED, Case, load_case, load_cases
from cases.catalog import LOSSES
from cases.write_schema import PATH, schema_text

CASES = load_cases(SHIPPED)
REDUCTIONS = {"sum", "mean"}
FILES = [case.path for case in CASES]
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {name: forms[1] for name, forms in VALUES.items()}


def each(items: list[Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("item", items, ids=[str(getattr(item, "name", item)) for item in items])


def inputs_of_activations(case: Case) -> list[NDArray[np.float64]]:
    """Return z of each layer, in float64."""
    problem = case.problem("float64")
    a, found = problem.x, []
    for k, activation in enumerate(problem.activations, start=1):
        found.append(a @ problem.parameters[f"W{k}"].T + problem.parameters[f"b{k}"])
        a = ACTIVATIONS[activation](found[-1])
    return found


def parameters() -> Iterator[tuple[Case, str, NDArray[np.float64]]]:
    for case in CASES:
        for name, array in case.problem("float64").parameters.items():
            yield case, name, array


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 24
    folders = {"worked", "nets", "edges", "losses", "formats", "training", "optimizers", "divergences"}
    assert {case.name.split("/", 1)[0] for case in CASES} == folders


@each(list(CASES))
def test_each_says_what_it_is_there_to_catch(item: Case) -> None:
    assert re.search(r"[Ii]t is there to (catch|show|tell)", item.about)


@each(list(CASES))
def test_each_gives_finite_arrays_in_each_format(item: Case) -> None:
    for dtype in item.dtypes:
        assert all(np.isfinite(array).all() for array in item.problem(dtype).inputs.values())


def test_no_two_have_the_same_purpose() -> None:
    assert len({case.about for case in CASES}) == len(CASES)


@each(FILES)
def test_each_names_the_schema_in_its_first_line(item: Path) -> None:
    first = item.read_text(encoding="utf-8").splitlines()[0]
    named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert named is not None
    assert (item.parent / named[1]).resolve() == PATH.resolve()


def test_the_schema_is_current() -> None:
    assert PATH.read_text(encoding="utf-8") == schema_text(), "run: python -m cases.case_schema"


@each(FILES)
def test_the_schema_accepts_each_file(item: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    text = item.read_text(encoding="utf-8")
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    assert [error.message for error in validator.iter_errors(as_an_editor_reads(text))] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("activation: sigmoid", "activation: sigmod"),
        ("[[0.5]]", "0.5"),
        ("0.1}", "0}"),
        ("reduction: sum", "reduction: none"),
        ("z1: 0.3", "z0: 0.3"),
        ("loss: {", "los: {"),
    ],
)
def test_the_schema_refuses_mistakes(old: str, new: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    text = (SHIPPED / "worked" / "document.yaml").read_text(encoding="utf-8")
    assert old in text
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    assert list(validator.iter_errors(as_an_editor_reads(text.replace(old, new))))


def test_the_document_prints_eighteen_numbers_and_one_is_wrong() -> None:
    published = load_case("worked/document").published
    assert published is not None
    [step] = published.steps
    assert len(step.values) == 18
    assert [(one.quantity, one.index) for one in step.rejected] == [("a2", None)]
    assert step.values["W2_new"].text.tolist() == [["0.60224"]]
    assert step.values["dL/dz1"].half_unit.tolist() == [[0.5e-4]]


def test_mazurs_figures_after_the_first_update_are_rejected() -> None:
    case = load_case("worked/mazur")
    assert case.problem("float64").not_trained == {"b1", "b2"}
    assert case.published is not None
    first, *later = case.published.steps
    assert first.rejected == ()
    assert [step.step for step in later] == [2, 10_001]
    for step in later:
        assert {one.quantity for one in step.rejected} == set(step.values)


def test_every_choice_that_a_file_has_is_taken() -> None:
    problems = [case.problem("float64") for case in CASES]
    assert {name for problem in problems for name in problem.activations} == set(ACTIVATIONS)
    assert {problem.loss for problem in problems} == set(LOSSES)
    assert {problem.reduction for problem in problems if problem.loss == "half_squared_error"} == REDUCTIONS
    assert {problem.reduction for problem in problems if problem.loss.startswith("softmax")} == REDUCTIONS
    assert {bool(number) for problem in problems for _, number in problem.loss_numbers} == {True, False}
    assert {1, 0.1, 10} <= {problem.learning_rate for problem in problems}
    assert {1, 100, 10_000} <= {problem.steps for problem in problems}
    assert any(problem.until for problem in problems)
    assert {1, 2, 8} <= {problem.depth for problem in problems}
    assert {1, 3, 64, 256} <= {len(problem.x) for problem in problems}
    assert any(problem.tolerance for problem in problems)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_nothing_hides_in_symmetry_or_equal_shapes(reduction: str) -> None:
    """A case set that kills all mistakes has each of these with at least two outputs and three examples."""
    problems = [case.problem("float64") for case in CASES if len(case.problem("float64").x) >= 3]
    problems = [one for one in problems if one.reduction == reduction and one.y.shape[1] >= 2]
    weights = [array for one in problems for name, array in one.parameters.items() if name.startswith("W")]
    assert any(W.shape[0] == W.shape[1] > 1 and (W.T != W).any() for W in weights)
    assert any(W.shape[0] != W.shape[1] for W in weights)
    assert any(one.depth > 2 and one.parameters["W2"].shape == (4, 4) for one in problems)
    assert any(np.frexp(one.learning_rate)[0] != 0.5 for one in problems)


def test_biases_are_not_zero() -> None:
    """But for published examples, which are taken as they stand, and places where frameworks differ."""
    zero = {
        (case.name, name)
        for case, name, array in parameters()
        if name.startswith("b") and not array.any() and not case.name.startswith(("divergences/", "worked/"))
    }
    assert zero == set()


@pytest.mark.parametrize(
    "name", ["edges/saturated-sigmoid", "edges/saturated-tanh", "edges/tails", "edges/softplus-tails"]
)
def test_saturated_layers_have_units_that_are_not(name: str) -> None:
    for z in inputs_of_activations(load_case(name)):
        assert abs(z).max() > 20
        assert abs(z).min() < 2


def test_kinked_activations_have_units_on_every_piece_and_none_at_a_kink() -> None:
    kinks = {"leaky_relu": [0], "hardtanh": [-1, 1], "selu": [0], "relu6": [0, 6], "elu": [0]}
    case = load_case("nets/kinked-activations")
    for activation, z in zip(case.problem("float64").activations, inputs_of_activations(case), strict=True):
        pieces = np.searchsorted(kinks[activation], z)
        assert set(pieces.ravel().tolist()) == set(range(len(kinks[activation]) + 1))
        assert min(abs(z - kink).min() for kink in kinks[activation]) > 0.03


def test_relu_meets_exactly_zero() -> None:
    for dtype in ("float64", "float32"):
        problem = load_case("edges/relu-at-zero").problem(dtype)
        z = problem.x @ problem.parameters["W1"].T + problem.parameters["b1"]
        assert (z == 0).all(axis=0).tolist() == [True, False, True, False]
        assert (z > 0).all(axis=0).tolist() == [False, True, False, True]


def test_some_numbers_are_not_in_float32_and_some_are_exactly() -> None:
    inexact = load_case("edges/not-in-float32")
    assert inexact.problem("float32").parameters["W1"][0].tolist() == [1 + 2**-23, 1.0]
    exact = load_case("edges/hexadecimal")
    for name, array in exact.problem("float64").inputs.items():
        np.testing.assert_array_equal(array, exact.problem("float32").inputs[name])


def test_drawn_networks_are_a_few_lines() -> None:
    assert len((SHIPPED / "nets" / "digits.yaml").read_text(encoding="utf-8").splitlines()) < 20


def test_reading_cases_imports_no_framework() -> None:
    script = (
        "import sys, cases; cases.load_cases(cases.SHIPPED);"
        "print({'torch', 'jax', 'pandas', 'reference', 'adapters', 'reports'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, cwd=SHIPPED.parent, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
