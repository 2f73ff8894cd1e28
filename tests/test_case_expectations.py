"""What a case may say of an adapter that is not to agree, and every way in which that can be malformed."""

import json
from pathlib import Path

import pytest
import yaml

from cases import Case, CaseErrors, load_case
from cases.write_schema import schema_text

GOOD = """\
about: a test
layers:
  - {W: [[1, 2], [3, 4]], b: [1, 2], activation: sigmoid}
  - {W: [[1, 2]], b: [1], activation: tanh}
x: [[1, 2]]
y: [[1]]
loss: {name: half_squared_error, reduction: sum}
optimizer: {name: sgd, learning_rate: 0.1}
steps: 3
dtypes: [float64]
expect:
"""


def loaded(folder: Path, expect: str, case: str = GOOD) -> Case:
    path = folder / "case.yaml"
    path.write_text(f"{case}  {expect}\n", encoding="utf-8")
    return load_case(path)


def test_without_a_word_everybody_is_expected_to_agree_in_the_forms_stated(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(GOOD.replace("expect:\n", ""), encoding="utf-8")
    case = load_case(path)
    assert case.expectation("jax", "float64") is None
    assert case.problem("float64").forms == "stated"


def test_a_known_difference(tmp_path: Path) -> None:
    case = loaded(tmp_path, "jax: {differs: a1, because: tanh form, see: 'jax #4428', step: 2}")
    expected = case.expectation("jax", "float64")
    assert expected is not None
    assert (expected.kind, expected.quantity, expected.step) == ("differs", "a1", 2)
    assert expected.told == "tanh form (jax #4428)"
    assert case.expectation("torch", "float64") is None


@pytest.mark.parametrize("kind", ["differs", "errs", "undecided"])
def test_each_kind_at_a_quantity(kind: str, tmp_path: Path) -> None:
    expected = loaded(tmp_path, f"mine.module:f: {{{kind}: dL/dW1, because: why}}").expectation(
        "mine.module:f", "float64"
    )
    assert expected is not None
    assert (expected.kind, expected.quantity, expected.step) == (kind, "dL/dW1", 1)
    assert expected.told == "why"


def test_no_equivalent(tmp_path: Path) -> None:
    expected = loaded(tmp_path, "torch: {no_equivalent: it has none}").expectation("torch", "float64")
    assert expected is not None
    assert (expected.kind, expected.quantity, expected.cause) == ("no_equivalent", "", "it has none")


def test_only_in_some_formats(tmp_path: Path) -> None:
    both = GOOD.replace("[float64]", "[float64, float32]")
    case = loaded(tmp_path, "jax: {differs: a1, because: why, dtypes: [float32]}", both)
    assert case.expectation("jax", "float64") is None
    assert case.expectation("jax", "float32") is not None


def test_the_forms_reach_the_problem(tmp_path: Path) -> None:
    case = loaded(tmp_path, "jax: {differs: a1, because: why}", f"forms: defaults\n{GOOD}")
    assert case.problem("float64").forms == "defaults"


ONE_OF = "expected exactly one of differs, errs, undecided, no_equivalent"
KEYS = "the keys differs, errs, undecided, no_equivalent, because, see, step, dtypes"
QUANTITIES = (
    "one of loss, z1, a1, dL/da1, da1/dz1, dL/dz1, z2, a2, dL/da2, da2/dz2, dL/dz2, dL/dW1, "
    "W1_new, dL/db1, b1_new, dL/dW2, W2_new, dL/db2, b2_new"
)

# What stands under `expect:`, in line 12 from column 3, and every defect that must then be found.
MALFORMED = {
    "a text": ("jax", "12:3: expect is the text 'jax', expected a mapping"),
    "a text for an adapter": (
        "jax: a1",
        f"12:8: expect.jax is the text 'a1', expected a mapping with {KEYS}",
    ),
    "a list for an adapter": ("jax: [1]", f"12:8: expect.jax is a list, expected a mapping with {KEYS}"),
    "nothing": ("{}", "12:3: expect is a mapping, expected at least one entry"),
    "nothing of an adapter": ("jax: {}", f"12:8: expect.jax says nothing of what is expected, {ONE_OF}"),
    "a cause of nothing": (
        "jax: {because: x}",
        f"12:8: expect.jax says nothing of what is expected, {ONE_OF}",
    ),
    "two kinds": (
        "jax: {differs: a1, errs: a2, because: x}",
        f"12:22: expect.jax has 'differs' and 'errs', {ONE_OF}",
    ),
    "a difference and no equivalent": (
        "jax: {no_equivalent: none, undecided: a1, because: x}",
        f"12:30: expect.jax has 'no_equivalent' and 'undecided', {ONE_OF}",
    ),
    "no cause": ("jax: {errs: a1}", "12:8: expect.jax has no key 'because', expected it beside 'errs'"),
    "an empty cause": (
        "jax: {errs: a1, because: ' '}",
        "12:28: expect.jax.because is the text ' ', expected text",
    ),
    "a cause that is a number": (
        "jax: {errs: a1, because: 4428}",
        "12:28: expect.jax.because is 4428, expected text",
    ),
    "a misspelt key": (
        "jax: {difers: a1, because: x}",
        f"12:9: unknown key 'difers' in expect.jax, expected {KEYS}; did you mean 'differs'?",
    ),
    "a quantity that is a number": (
        "jax: {errs: 1, because: x}",
        "12:15: expect.jax.errs is 1, expected text",
    ),
    "an unknown quantity": (
        "jax: {differs: dL/dW3, because: x}",
        f"12:18: unknown quantity 'dL/dW3', expected {QUANTITIES}; did you mean 'dL/dW2'?",
    ),
    "an unknown quantity to err at": (
        "jax: {errs: grad, because: x}",
        f"12:15: unknown quantity 'grad', expected {QUANTITIES}",
    ),
    "no reason": (
        "jax: {no_equivalent: true}",
        "12:24: expect.jax.no_equivalent is true, expected text",
    ),
    "a step of whoever takes none": (
        "jax: {no_equivalent: none, step: 1}",
        "12:30: expect.jax has a step, expected none, as whoever has no equivalent takes none",
    ),
    "step 0": (
        "jax: {differs: a1, because: x, step: 0}",
        "12:40: expect.jax.step is 0, expected a whole number from 1 to 1000000",
    ),
    "a step that is not run": (
        "jax: {differs: a1, because: x, step: 4}",
        "12:40: expect.jax.step is 4, expected at most 3, the steps that the case runs",
    ),
    "an unknown format": (
        "jax: {differs: a1, because: x, dtypes: [float23]}",
        (
            "12:43: expect.jax.dtypes[0] is the text 'float23', "
            "expected 'float64', 'float32', 'bfloat16' or 'float16'; did you mean 'float32'?"
        ),
    ),
    "no formats": (
        "jax: {differs: a1, because: x, dtypes: []}",
        "12:42: expect.jax.dtypes is an empty list, expected at least one entry",
    ),
    "a format twice": (
        "jax: {differs: a1, because: x, dtypes: [float64, float64]}",
        "12:52: expect.jax.dtypes has 'float64' twice, expected it once",
    ),
    "a format that the case does not run in": (
        "jax: {differs: a1, because: x, dtypes: [float32]}",
        "12:43: expect.jax.dtypes has 'float32', in which the case does not run, expected one of float64",
    ),
    "one adapter twice": (
        "jax: {differs: a1, because: x}\n  jax: {differs: a2, because: x}",
        "13:3: duplicate key 'jax', expected it once (it stands in line 12 too)",
    ),
    "an adapter of two lines": (
        r'"a\nb": {differs: 7, because: x}',
        r"12:3: the adapter 'a\nb', expected a name as after --adapter",
        r"12:21: expect.a\nb.differs is 7, expected text",
    ),
    "an adapter without a name": (
        "' ': {differs: a1, because: x}",
        "12:3: the adapter ' ', expected a name as after --adapter",
    ),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed(what: str, tmp_path: Path) -> None:
    expect, *messages = MALFORMED[what]
    with pytest.raises(CaseErrors) as caught:
        loaded(tmp_path, expect)
    assert str(caught.value).splitlines() == [f"{tmp_path / 'case.yaml'}:{message}" for message in messages]


def test_unknown_forms(tmp_path: Path) -> None:
    with pytest.raises(
        CaseErrors, match=r"1:8: forms is the text 'default', expected 'stated' or 'defaults'"
    ):
        loaded(tmp_path, "jax: {differs: a1, because: x}", f"forms: default\n{GOOD}")


ACCEPTED = {"one adapter twice", "a format twice", "a format that the case does not run in"}
ACCEPTED |= {"an adapter without a name", "a step that is not run", "an unknown quantity"}
"""What only the reader can judge."""


@pytest.mark.parametrize("what", MALFORMED)
def test_an_editor_marks_what_a_schema_can_say(what: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    good = yaml.safe_load(f"{GOOD}  jax: {{differs: a1, because: x}}")
    assert not list(validator.iter_errors(good))
    bad = yaml.safe_load(f"{GOOD}  {MALFORMED[what][0]}")
    assert bool(list(validator.iter_errors(bad))) == (what not in ACCEPTED)
