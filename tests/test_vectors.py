"""vectors.json: its values are the nearest there are, and a program that knows nothing else can use it."""

import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from math import inf, isinf
from pathlib import Path
from types import MappingProxyType

import jsonschema
import ml_dtypes
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import network

from cases import load_case, load_cases
from cases.load import SHIPPED
from cases.numbers import nearest
from reference import training_steps
from reference.certified import correctly_rounded, forward_bounds
from reports.vector_file import document
from reports.vector_flags import FLAGS, Step
from reports.vector_form import plain, schema_text
from reports.vector_values import exact
from reports.vectors import MAX_PARAMETERS, main

FORMATS = {
    "float64": np.float64,
    "float32": np.float32,
    "bfloat16": ml_dtypes.bfloat16,
    "float16": np.float16,
}
SOME = ("worked/document", "worked/mazur", "formats/small", "optimizers/adam", "nets/square", "losses/huber")
CASES = [case for case in load_cases(SHIPPED) if case.name.startswith(SOME)]
REPORTS = SHIPPED.parent / "reports"


@pytest.fixture(scope="module")
def some():
    return plain(document(CASES, (), (MAX_PARAMETERS, 3)))


def vector_of(document, case, dtype):
    (entry,) = [one for one in document["vectors"] if (one["case"], one["dtype"]) == (case, dtype)]
    return entry


def numbers(texts):
    return np.array([float(text) for text in texts])


def from_hex(stated):
    return [float.fromhex(text) for text in stated["hex"]]


# The values


def test_the_documents_example_has_the_values_that_follow_by_hand(some):
    """To sixty digits by mpmath, from the equations as the document prints them, w₂ and all."""
    x, y, rate, w1, b1, w2, b2 = (mpmath.mpf(number) for number in (0.5, 0.8, 0.1, 0.4, 0.1, 0.6, 0.2))
    with mpmath.workdps(60):
        z1 = w1 * x + b1
        a1 = 1 / (1 + mpmath.exp(-z1))
        z2 = w2 * a1 + b2
        a2 = 1 / (1 + mpmath.exp(-z2))
        dz2 = (a2 - y) * a2 * (1 - a2)
        dz1 = dz2 * w2 * a1 * (1 - a1)
        by_hand = {
            "z1": z1, "a1": a1, "z2": z2, "a2": a2, "loss": (y - a2) ** 2 / 2, "dL/da2": a2 - y,
            "da2/dz2": a2 * (1 - a2), "dL/dz2": dz2, "dL/dW2": dz2 * a1, "dL/db2": dz2, "dL/da1": dz2 * w2,
            "da1/dz1": a1 * (1 - a1), "dL/dz1": dz1, "dL/dW1": dz1 * x, "dL/db1": dz1,
            "W2_new": w2 - rate * dz2 * a1, "b2_new": b2 - rate * dz2,
            "W1_new": w1 - rate * dz1 * x, "b1_new": b1 - rate * dz1,
        }  # fmt: skip
    (step,) = vector_of(some, "worked/document", "float64")["steps"]
    assert {name: stated["decimal"] for name, stated in step.items()} == {
        name: [repr(float(as_fraction(value)))] for name, value in by_hand.items()
    }
    printed = {"a1": "0.574", "z2": "0.5446", "dL/dz2": "-0.0388", "dL/dW2": "-0.02230", "W1_new": "0.40028"}
    assert all(step[name]["decimal"][0].startswith(digits) for name, digits in printed.items())


def as_fraction(number):
    sign, mantissa, exponent, _ = number._mpf_
    return (-1) ** sign * mantissa * Fraction(2) ** exponent


DYADIC = st.builds(lambda m, e: m * Fraction(2) ** e, st.integers(), st.integers(-1200, 200))


@given(st.fractions() | DYADIC, st.sampled_from([*FORMATS]))
def test_no_other_number_of_the_format_is_nearer(number, dtype):
    near, kind = nearest(number, dtype), FORMATS[dtype]
    assert float(kind(near)) == near
    largest = float(ml_dtypes.finfo(kind).max)
    below, above = (float(np.nextafter(kind(near), kind(end))) for end in (-inf, inf))
    if isinf(near):
        step = Fraction(largest) - Fraction(float(np.nextafter(kind(largest), kind(0))))
        assert abs(number) >= Fraction(largest) + step / 2
    else:
        others = [Fraction(other) for other in (below, above) if not isinf(other)]
        assert all(abs(number - Fraction(near)) <= abs(number - other) for other in others)


def test_ties_go_to_even():
    for dtype, bits in (("float64", 53), ("float32", 24), ("float16", 11), ("bfloat16", 8)):
        for odd in (1, 3):
            tie = 1 + Fraction(odd, 2**bits)
            assert nearest(tie, dtype) == 1 + (odd + 1) // 2 // 2 * 2 * 2.0 ** (1 - bits)
            assert nearest(tie + Fraction(1, 2**200), dtype) == 1 + (odd + 1) // 2 * 2.0 ** (1 - bits)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_value_is_settled_and_every_correct_program_is_within(some, case):
    for dtype in case.dtypes:
        steps = vector_of(some, case.name, dtype)["steps"]
        for step, mine in zip(steps, training_steps(case.problem(dtype)), strict=False):
            for name, quantity in step.items():
                values, allowed = np.array(from_hex(quantity)), numbers(quantity["within"])
                off = np.abs(np.asarray(mine[name], np.float64).ravel() - values)
                assert not np.isnan(values).any(), name
                assert (off <= allowed).all(), (dtype, name)


def test_a_wrong_program_is_outside(some):
    stated = vector_of(some, "nets/square", "float64")["steps"][0]["dL/dW1"]
    values, allowed = numbers(stated["decimal"]), numbers(stated["within"])
    assert (allowed < np.abs(values) * 1e-12).all()  # where one digit in the twelfth place is wrong, it shows


def test_a_value_at_a_kink_that_no_ball_settles_is_left_open():
    """A relu of log 2 − log 2 has no side: that is 0, but no number of bits shows it."""
    problem = network((1, 2, 1), 1, activations=("softplus", "relu"))
    weights = {"W1": np.zeros((2, 1)), "b1": np.zeros(2), "W2": np.array([[1.0, -1.0]]), "b2": np.zeros(1)}
    (step,) = correctly_rounded(replace(problem, parameters=MappingProxyType(weights)))
    assert step["a1"].tolist() == [[0.6931471805599453] * 2]
    assert step["z2"].tolist() == [[0.0]]  # settled: it is less than half of the smallest number there is
    assert np.isnan(step["da2/dz2"]).all()
    stated = exact(step["da2/dz2"], "float64")
    assert (stated.decimal, stated.hex) == ((None,), (None,))


# The file


def test_it_is_whole_and_its_decimals_and_hexadecimals_are_the_same_numbers(some):
    """Also where a language has float64 only: its nearest to the decimal rounds to the number itself."""
    for one in some["vectors"]:
        kind, known = FORMATS[one["dtype"]], {*one["inputs"], *one["numbers"], "step"}
        quantities = [quantity for step in one["steps"] for quantity in step.values()]
        for stated in [*quantities, *one["inputs"].values()]:
            values = from_hex(stated)
            assert [float(kind(float(text))) for text in stated["decimal"]] == values
            assert int(np.prod(stated["shape"])) == len(values)
        for line in one["tape"]:  # every name is given, or stands above
            assert set(line["inputs"]) <= known, (one["case"], line)
            known.add(line["name"])
        assert [line["name"] for line in one["tape"]] == [*one["steps"][0]]
    problem = load_case("nets/square").problem("float32")
    inputs = vector_of(some, "nets/square", "float32")["inputs"]
    assert {name: from_hex(stated) for name, stated in inputs.items()} == {
        name: array.ravel().tolist() for name, array in problem.inputs.items()
    }


def test_what_is_left_out_is_said():
    cases = [load_case(name) for name in ("nets/wide", "worked/document", "nets/hundred-steps")]
    content = plain(document(cases, ("float32",), (1_000, 1)))
    assert [one["case"] for one in content["vectors"]] == ["worked/document", "nets/hundred-steps"]
    assert content["left_out"] == [
        {"case": "nets/wide", "dtype": "float32", "what": "all", "why": "it has 4,810 parameters"},
        {"case": "nets/hundred-steps", "dtype": "float32", "what": "steps 2 to 100", "why": "they are many"},
    ]


def test_every_field_is_described_in_the_manual(some):
    pages = [REPORTS / "README.md", *(REPORTS / "docs").glob("*.md")]
    manual = "".join(page.read_text(encoding="utf-8") for page in pages)
    one = some["vectors"][0]
    arrays = [one["inputs"]["x"], *one["steps"][0].values()]
    parts = (
        some,
        some["flags"],
        some["invalid"][0],
        one,
        one["loss"],
        one["optimizer"],
        one["tape"][0],
        *arrays,
    )
    assert {name for part in parts for name in part if f"`{name}`" not in manual} == set()


def test_it_is_what_its_schema_says(some):
    schema = (REPORTS / "vectors.schema.json").read_text(encoding="utf-8")
    assert schema == schema_text(), "python -m reports.vector_form > reports/vectors.schema.json"
    validator = jsonschema.Draft202012Validator(json.loads(schema))
    validator.validate(some)
    for broken in (
        {**some, "schema": 2},
        {**some, "vectors": [{**some["vectors"][0], "steps": [{"loss": 1}]}]},
    ):
        assert not validator.is_valid(broken)


# Flags


@pytest.mark.parametrize(
    ("case", "dtype", "flags"),
    [
        ("nets/square", "float64", []),
        ("edges/relu-at-zero", "float64", ["kink"]),
        ("edges/saturated-sigmoid", "float64", ["saturated"]),
        ("mistakes/update-adagrad-from-zero", "float64", ["open"]),
        ("formats/large-loss", "float16", ["large"]),
        ("formats/near-underflow", "float16", ["subnormal"]),
        ("divergences/l1-at-zero", "float64", ["kink", "differs"]),
        ("worked/document", "float64", ["published"]),
    ],
)
def test_flags_say_what_is_hard_about_a_vector(case, dtype, flags):
    content = plain(document([load_case(case)], (dtype,), (MAX_PARAMETERS, 1)))
    assert content["vectors"][0]["flags"] == flags
    assert {*flags} <= {*content["flags"]}


@pytest.mark.parametrize(("apart", "is_tie"), [(0.0, True), (1e-15, False)])
def test_two_largest_outputs_are_a_tie(apart, is_tie):
    problem = network((1, 3), 2, activations=("identity",))
    biases = np.array([0.5 + apart, 0.5, 0.25])
    problem = replace(problem, parameters=MappingProxyType({"W1": np.zeros((3, 1)), "b1": biases}))
    step = Step(correctly_rounded(problem)[0], forward_bounds(problem)[0])
    assert FLAGS["tie"][1](problem, step) is is_tie


# A program


PLAIN = '''
"""A test in plain Python, which has no NumPy and knows nothing of the suite: two layers, by hand."""

import json, math, sys

assert not {"numpy", "reference", "cases"} & set(sys.modules)


def numbers(stated):
    return [float.fromhex(text) for text in stated["hex"]]


def rows(values, width):
    return [values[i : i + width] for i in range(0, len(values), width)]


def layer(x, W, b):
    return [sum(a * w for a, w in zip(x, row)) + bias for row, bias in zip(W, b)]


def sigmoid(z):
    return [[1 / (1 + math.exp(-one)) for one in row] for row in z]


def check(one):
    given = {name: numbers(stated) for name, stated in (one["inputs"] | one["numbers"]).items()}
    (hidden, inputs), outputs = one["inputs"]["W1"]["shape"], one["inputs"]["W2"]["shape"][0]
    for step in one["steps"]:
        W1, W2 = rows(given["W1"], inputs), rows(given["W2"], hidden)
        z1 = [layer(x, W1, given["b1"]) for x in rows(given["x"], inputs)]
        a1 = sigmoid(z1)
        a2 = sigmoid([layer(a, W2, given["b2"]) for a in a1])
        y = rows(given["y"], outputs)
        dz2 = [[(a - t) * a * (1 - a) for a, t in zip(*pair)] for pair in zip(a2, y)]
        dW2 = [[sum(d[i] * a[k] for d, a in zip(dz2, a1)) for k in range(hidden)] for i in range(outputs)]
        da1 = [[sum(d * row[k] for d, row in zip(ds, W2)) for k in range(hidden)] for ds in dz2]
        for name, mine in {"z1": z1, "a2": a2, "dL/dW2": dW2, "dL/da1": da1}.items():
            stated = step[name]
            for number, right, within in zip(sum(mine, []), numbers(stated), stated["within"], strict=True):
                assert abs(number - right) <= float(within), (one["case"], name, number, right, within)
        new = {name: numbers(stated) for name, stated in step.items() if name.endswith("_new")}
        given |= {name.removesuffix("_new"): values for name, values in new.items()}


with open(sys.argv[1], encoding="utf-8") as file:
    document = json.load(file)
assert (document["format"], document["schema"]) == ("backprop-parity vectors", 1)
for one in document["vectors"]:
    if (one["dtype"], one["activations"]) == ("float64", ["sigmoid", "sigmoid"]):
        if one["loss"] == {"name": "half_squared_error", "reduction": "sum"}:
            check(one)
            print(one["case"])
'''


def test_a_program_in_plain_python_can_use_it_and_no_reader_rounds_a_number(tmp_path):
    out, floats = tmp_path / "vectors.json", []
    assert main(["--select", "worked/", "--out", str(out), "--steps", "1"]) == 0
    command = [sys.executable, "-I", "-S", "-c", PLAIN, str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"worked/document", "worked/mazur", "worked/han-kamber"} <= set(done.stdout.split())
    json.loads(out.read_text(encoding="utf-8"), parse_float=floats.append)
    assert floats == []


def test_the_command_says_what_it_wrote_or_why_not(tmp_path, capsys):
    out = tmp_path / "new" / "vectors.json"
    chosen = ["--dtype", "float64", "--steps", "1", "--out", str(out)]
    assert main(["--select", "worked/document", *chosen]) == 0
    assert capsys.readouterr().out.startswith(
        "Cases: 1, in all their number formats: 1, values: 19, invalid steps: "
    )
    for words, message in (
        (["--select", "nothing-like-it", *chosen], "no case has 'nothing-like-it' in its name"),
        (["--select", "nets/wide", "--parameters", "1", *chosen], "nothing to write"),
        (["--cases", str(tmp_path / "absent"), *chosen], "no such folder"),
        (["--select", "worked/document", *chosen[:-1], str(tmp_path / "new")], "cannot be written"),
    ):
        assert main(words) == 2
        assert message in capsys.readouterr().err
    assert [path.name for path in out.parent.iterdir()] == ["vectors.json"]
    for wrong in ("0", "x"):
        with pytest.raises(SystemExit) as stop:
            main(["--steps", wrong])
        assert stop.value.code == 2


@pytest.mark.parametrize(("words", "narrower"), [([], ""), (["--select", "nets"], "narrowed")])
def test_a_file_of_some_cases_never_replaces_that_of_all(words, narrower, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr("reports.vector_file.make", lambda *given: made.append(given[-1]))
    monkeypatch.chdir(tmp_path)
    main(words)
    main([*words, "--out", "mine.json"])
    assert made == [Path("parity-report") / narrower / "vectors.json", Path("mine.json")]
