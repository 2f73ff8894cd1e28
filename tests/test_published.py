"""Printed numbers are judged by what is right: each expected value comes from mpmath, with 50 digits."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from by_hand import Example, elements
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mpmath import mp, mpf, nstr
from networks import network

from cases import CaseErrors, load_case, names
from cases.case import Published, PublishedArray, PublishedStep
from reference import Verdict, judge_published, training_steps
from reference.findings import error_pattern
from reports.runs.expectations import judge_case
from reports.runs.rows import first_failure

mp.dps = 50
AGREES, DIFFERS, UNDECIDED = Verdict.AGREES, Verdict.DIFFERS, Verdict.UNDECIDED
# One input, one hidden unit, one output, sigmoids, half the squared error.
NET = {"W1": "0.5", "b1": "0.1", "W2": "-0.3", "b2": "0.2", "x": "0.5", "y": "0.8"}

SGD = "{name: sgd, learning_rate: 0.1}"
MOMENTUM = "{name: sgd, learning_rate: 0.1, momentum: 0.9, weight_decay: 0.01}"
ADAM = "{name: adam, learning_rate: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8}"


def document(printed, net=NET, optimizer=SGD, more=""):
    return f"""
about: One input, one hidden unit, one output.
layers:
  - {{W: [[{net["W1"]}]], b: [{net["b1"]}], activation: sigmoid}}
  - {{W: [[{net["W2"]}]], b: [{net["b2"]}], activation: sigmoid}}
x: [[{net["x"]}]]
y: [[{net["y"]}]]
loss: {{name: half_squared_error, reduction: sum}}
optimizer: {optimizer}
published:
  source: nobody
{more}  steps:
{printed}"""


def right(step, net=NET, optimizer=SGD):
    """Every quantity of a step as a single number, by hand."""
    *_, values = Example(document("", net, optimizer)).train(step)
    return {name: next(elements(value))[1] for name, value in values.items()}


def rounded(number, places, units=0):
    """Print a number to so many decimal places, and so many units off it."""
    return nstr((mp.nint(number * mpf(10) ** places) + units), 60).removesuffix(".0") + f"e-{places}"


def step(number, **values):
    """Print quantities of a step, by name with `_` for what Python's names lack: dL_dW1."""
    named = ", ".join(f"{name.replace('dL_d', 'dL/d')}: {value}" for name, value in values.items())
    return f"    - {{step: {number}, values: {{{named}}}}}\n"


@pytest.fixture(name="judge", scope="module")
def _judge(tmp_path_factory):
    path = tmp_path_factory.mktemp("published") / "one.yaml"

    def judge(text, *, explain=False):
        path.write_text(text, encoding="utf-8")
        return [one.row for one in judge_case(load_case(path), explain=explain)]

    return judge


def verdicts(rows):
    return [row.finding.verdict for row in rows]


# what crosses a step, and what does not


@pytest.mark.parametrize("optimizer", [SGD, MOMENTUM, ADAM], ids=["sgd", "momentum", "adam"])
def test_long_runs_are_judged_by_the_exact_run_to_the_last_place(judge, optimizer, request):
    """A number printed in between makes nothing coarser, and no optimizer's state does either."""
    last = 10_000 if request.config.getoption("--slow") else 501
    early, late = (right(number, optimizer=optimizer) for number in (101, last))
    for units, verdict in ((0, AGREES), (2, DIFFERS)):
        printed = step(101, a1=rounded(early["a1"], 2)) + step(last, loss=rounded(late["loss"], 15, units))
        rows = judge(document(printed, optimizer=optimizer))
        assert verdicts(rows) == [AGREES, verdict]
        assert rows[1].finding.truth == ("two runs" if (optimizer, last) == (ADAM, 10_000) else "certified")


def printed_array(array):
    array = np.asarray(array)
    texts = np.array([f"{number:.3f}" for number in array.flat], object).reshape(array.shape)
    return PublishedArray(array, np.full(array.shape, 5e-4), texts)


def test_a_step_starts_from_the_state_printed_before_or_the_exact():
    plain = network((3, 4, 2), 3, activations=("tanh", "sigmoid"), not_trained=frozenset({"b1"}))
    weights = printed_array(np.round(plain.parameters["W2"], 3))
    entries = tuple(
        PublishedStep(step, MappingProxyType({"loss": printed_array(0.5), "W2_new": weights}))
        for step in (2, 3, 9)
    )
    judged = {one.step: one.state for one in judge_published(plain, Published("nobody", entries))}
    exact = enumerate(training_steps(replace(plain, steps=8)), start=2)
    state = {step: {name: values[names.updated(name)] for name in plain.state} for step, values in exact}
    for step, name in ((2, "W1"), (2, "W2"), (3, "W1"), (9, "W1"), (9, "W2")):
        np.testing.assert_allclose(judged[step][name].value, state[step][name], rtol=1e-13, atol=1e-15)
        assert np.max(judged[step][name].error) < 1e-15
    np.testing.assert_array_equal(judged[3]["W2"].value, weights.value)
    np.testing.assert_array_equal(judged[3]["W2"].error, weights.half_unit)


def test_a_right_number_after_a_wrong_one_is_right_in_itself(judge):
    printed = step(1, W2_new="[[-0.2222]]") + step(2, a2=f"[[{rounded(right(2)['a2'], 5)}]]")
    wrong, after = judge(document(printed), explain=True)
    assert verdicts([wrong, after]) == [DIFFERS, AGREES]
    assert (after.finding.note, after.explanation) == ("right in itself; a number before it is not", "")


def test_a_number_printed_of_a_run_that_diverged_differs(judge):
    """Each step multiplies the error by 1 − 10 · 2 = −19: after 300 it is beyond float64, and no kink."""
    text = FOUR.replace("learning_rate: 0.1", "learning_rate: 10").replace("PRINTED", "[[0, 0], [0, 0]]")
    assert verdicts(judge(text.replace("step: 1", "step: 300"))) == [DIFFERS]


# what follows from rounded numbers only


def test_what_follows_from_a_rounded_number_agrees_and_says_from_which(judge):
    """a1 = 0.586617…, and from 0.59 it is z2 = 0.023 where the exact one is 0.0240146…."""
    exact = right(1)
    assert (nstr(exact["a1"], 6), nstr(exact["z2"], 6)) == ("0.586618", "0.0240147")
    _, z2 = judge(document(step(1, a1="0.59", z2="0.023")))
    assert z2.finding.verdict is AGREES
    assert z2.finding.note == "it follows only from a1 as printed; the exact value is 0.02401"


def test_a_wide_bound_is_undecided_and_names_what_is_too_short(judge):
    _, z2 = judge(document(step(1, a1="0.59", z2="0.02412")))
    assert z2.finding.verdict is UNDECIDED
    assert z2.finding.reason == (
        "a1 above it, printed as 0.59, is too short, as it leaves ± 0.0015 open; "
        "printed as 0.5866 it would decide"
    )
    assert verdicts(judge(document(step(1, a1="0.5866", z2="0.02412")))) == [AGREES, DIFFERS]


def test_a_printed_decimal_that_is_exact_leaves_nothing_open(judge):
    """z1 = 0.5 · 0.4 + 0.1 is 0.3, and so a1 that is off by one in its fifth place differs."""
    net = {**NET, "x": "0.4"}
    for units, verdict in ((0, AGREES), (1, DIFFERS)):
        printed = step(1, z1="0.3", a1=rounded(right(1, net)["a1"], 5, units))
        assert verdicts(judge(document(printed, net))) == [AGREES, verdict]


THIRD = """
about: The gradient is a third.
layers: [{W: [[0.0]], b: [0.0], activation: identity}]
x: [[0.1]]
y: [[3.3333333]]
loss: {name: half_squared_error, reduction: sum}
optimizer: {name: sgd, learning_rate: 0.1}
published: {source: nobody, ORIGIN, steps: [{step: 1, values: {dL/dW1: PRINTED}}]}
"""


@pytest.mark.parametrize(
    ("origin", "printed", "verdict"),
    [
        ("inputs: exact", "-0.333333343", DIFFERS),  # it is −0.33333333
        ("inputs: exact", "-0.333333330", AGREES),
        ("computed_in: float32", "-0.333333343", AGREES),  # 0.1 · 3.3333333 in float32
        ("computed_in: float32", "-0.333334343", DIFFERS),
        ("computed_in: float64", "-0.333333343", DIFFERS),
        ("computed_in: float16", "-0.3330078125", AGREES),
    ],
)
def test_a_programs_roundings_are_allowed_in_its_format(judge, origin, printed, verdict):
    assert verdicts(judge(THIRD.replace("ORIGIN", origin).replace("PRINTED", printed))) == [verdict]


def test_inputs_may_be_known_to_their_printed_digits(judge):
    """W1 was 0.5004 and x 0.5004, and the text prints 0.500: z1 is 0.3504…, b1's own rounding aside."""
    net = {name: number.ljust(5 + number.startswith("-"), "0") for name, number in NET.items()}
    as_printed = "  inputs: as printed\n"
    for more, z1, verdict in (
        ("", "0.351", DIFFERS),
        (as_printed, "0.351", AGREES),
        (as_printed, "0.353", DIFFERS),
        (as_printed, "0.3502", UNDECIDED),
    ):
        (row,) = judge(document(step(1, z1=z1), net, more=more))
        assert row.finding.verdict is verdict
    assert row.finding.reason.startswith("rounding the inputs to what is printed leaves ± 0.00")


# which numbers of an array are wrong, and which are rejected

FOUR = """
about: Four weights; what is exact after the step is 0.425, 0.175, 0.07 and 0.17.
layers: [{W: [[0.5, 0.25], [0.1, 0.2]], b: [0, 0], activation: identity}]
x: [[1, 1]]
y: [[0, 0]]
loss: {name: half_squared_error, reduction: sum}
optimizer: {name: sgd, learning_rate: 0.1}
not_trained: [b1]
published:
  source: nobody
  steps:
    - step: 1
      values: {W1_new: PRINTED}
"""


def test_a_rejected_element_hides_no_other(judge):
    text = FOUR.replace("PRINTED", "[[0.777, 0.175], [0.07, 0.18]]")
    others, rejected = judge(text + "      rejected:\n        W1_new[1, 1]: it is 0.17\n")
    assert (others.finding.element, others.fails) == ("W1_new[0, 0]", True)
    assert others.finding.note == "1 of 3 is wrong: [0, 0]"
    assert (rejected.finding.element, rejected.expected) == ("W1_new[1, 1]", True)


def test_a_bare_name_stands_for_one_wrong_number_only(judge):
    rejected = "      rejected: {W1_new: a slip}\n"
    both = judge(FOUR.replace("PRINTED", "[[0.777, 0.175], [0.07, 0.18]]") + rejected)
    assert [row.fails for row in both] == [True]
    assert "name each that is rejected, as W1_new[0, 0], W1_new[1, 1]" in both[0].sentence
    others, one = judge(FOUR.replace("PRINTED", "[[0.425, 0.175], [0.07, 0.18]]") + rejected)
    assert (others.passes, one.expected, one.finding.element) == (True, True, "W1_new[1, 1]")
    (none,) = judge(FOUR.replace("PRINTED", "[[0.425, 0.175], [0.07, 0.17]]") + rejected)
    assert (none.fails, none.finding.verdict) == (True, Verdict.ERROR)
    (doubled,) = judge(FOUR.replace("PRINTED", "[[0.850, 0.350], [0.14, 0.34]]"))
    assert doubled.finding.note == "4 of 4 are wrong: each 2 times what it should be"


@pytest.mark.parametrize(
    ("rejected", "complaint"),
    [
        ("W1_new[2, 0]", "W1_new has no such element, expected an element of its"),
        ("W1_new[0]", "W1_new has no such element, expected an element of its"),
        ("W1_new[0, 1]", "not printed, expected an element with a number"),
        ("W1_nw[0, 1]", "not among the values of this step, expected the name"),
    ],
)
def test_a_rejected_element_that_is_not_printed_is_reported(judge, rejected, complaint):
    text = FOUR.replace("PRINTED", "[[0.777, null], [0.07, 0.18]]") + "      rejected:\n        "
    with pytest.raises(CaseErrors) as caught:
        judge(f"{text}{rejected}: why\n")
    (defect,) = caught.value.defects
    assert (defect.line, defect.column) == (15, 9)
    assert defect.message.startswith(f"'{rejected}' is rejected but {complaint}")


def test_inputs_as_printed_are_no_programs(judge):
    with pytest.raises(
        CaseErrors, match="inputs as printed together with computed_in, expected one of the two"
    ):
        judge(THIRD.replace("ORIGIN", "computed_in: float32, inputs: as printed").replace("PRINTED", "1"))


def test_of_two_slips_in_one_array_each_is_named(judge):
    """0.175075 was cut off to 0.1750, 0.07003 was doubled; 0.425075 and 0.17003 are right."""
    text = FOUR.replace("learning_rate: 0.1", "learning_rate: 0.0999")
    (row,) = judge(text.replace("PRINTED", "[[0.4251, 0.1750], [0.1401, 0.1700]]"), explain=True)
    assert row.explanation == (
        "Explained by: W1_new[0, 1] was truncated, not rounded; "
        "W1_new[1, 0] is a multiple: a factor ½ is missing."
    )


RIGHT = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.5]])


def marked(*places):
    wrong = np.zeros(RIGHT.shape, bool)
    for place in places:
        wrong[place] = True
    return wrong


ALL = np.ones(RIGHT.shape, bool)
ROW = marked((0, 0), (0, 1))
PATTERNS = [
    (marked((1, 2)), "1 of 9 is wrong: [1, 2]"),
    (marked((1, 0), (1, 1), (1, 2)), "3 of 9 are wrong: row 1"),
    (marked((0, 2), (1, 2), (2, 2)), "3 of 9 are wrong: column 2"),
    (marked((0, 0), (1, 1), (2, 2)), "3 of 9 are wrong: the diagonal"),
    (~np.eye(3, dtype=bool), "6 of 9 are wrong: all off the diagonal"),
    (ROW, "2 of 9 are wrong: [0, 0], [0, 1]"),
    (marked((0, 0), (0, 1), (1, 1), (2, 2)), "4 of 9 are wrong: [0, 0], [0, 1], [1, 1], …"),
    (marked(), ""),
]
FACTORS = {2: "2", 1 / 3: "1/3", -2.5: "−5/2"}


def test_the_pattern_of_wrong_elements():
    for wrong, text in PATTERNS:
        assert error_pattern(np.where(wrong, RIGHT**2 + 0.3, RIGHT), RIGHT, wrong) == text
    assert error_pattern(-RIGHT, RIGHT, ALL) == "9 of 9 are wrong: each with the other sign"
    for factor, text in FACTORS.items():
        expected = f"9 of 9 are wrong: each {text} times what it should be"
        assert error_pattern(factor * RIGHT, RIGHT, ALL) == expected
        spoiled = factor * RIGHT + np.where(marked((0, 0)), 1e-3, 0)
        assert error_pattern(spoiled, RIGHT, ALL) == "9 of 9 are wrong"
    compared = marked((0, 0), (0, 1), (1, 0))  # what was not compared is not counted
    assert error_pattern(RIGHT + 0.1, RIGHT, ROW, among=compared) == "2 of 3 are wrong: row 0"
    assert error_pattern(RIGHT + 0.1, RIGHT, marked((0, 0)), among=marked((0, 0))) == ""


ANY = arrays(np.float64, (2, 3), elements=st.floats(width=64))


@given(claimed=ANY, derived=ANY, wrong=arrays(np.bool_, (2, 3)))
@example(np.array([[0, -9e307, 0], [0, 0, 0]]), np.full((2, 3), -9e307), np.ones((2, 3), bool))
def test_any_numbers_have_a_pattern(claimed, derived, wrong):
    text = error_pattern(claimed, derived, wrong)
    assert bool(text) == bool(wrong.any())
    assert not text or text.startswith(f"{wrong.sum()} of 6 ")


DECIMALS = st.integers(-300, 300).map(lambda number: f"{number / 100:.2f}")
NETS = st.fixed_dictionaries(dict.fromkeys(NET, DECIMALS))
QUANTITIES = st.sampled_from("z1 a1 z2 a2 loss dL/dz2 dL/dW1 W1_new W2_new b1_new".split())
drawn = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@drawn
@given(net=NETS, name=QUANTITIES, number=st.integers(1, 4), places=st.integers(1, 25))
def test_the_exact_value_agrees_and_two_units_off_differs(judge, net, name, number, places):
    exact = right(number, net)[name]
    for units in (0, 2, -2):
        (row,) = judge(document(step(number, **{name: rounded(exact, places, units)}), net))
        assert row.finding.verdict is (DIFFERS if units else AGREES), row.sentence


@drawn
@given(net=NETS, short=st.integers(1, 4), places=st.integers(1, 12))
def test_right_numbers_agree_whatever_is_printed_above_them(judge, net, short, places):
    exact = right(1, net)
    printed = {name: rounded(exact[name], short if name[0] in "za" else places) for name in exact}
    assert first_failure(judge(document(step(1, **printed), net))) is None
