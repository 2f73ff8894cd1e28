"""Printed numbers are judged by what is right: each expected value comes from mpmath, with 50 digits."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mpmath import mp, mpf, nstr
from networks import network

from cases import CaseErrors, load_case, names
from cases.published_values import Published, PublishedArray, PublishedStep
from reference import Verdict, judge_published, training_steps
from reference.printed_array import error_pattern
from reports.runs.expectations import judge_case
from reports.runs.rows import Row, first_failure

Judge: TypeAlias = Callable[..., list[Row]]
Update: TypeAlias = Callable[[mpf, mpf, dict[str, mpf], int], mpf]

mp.dps = 50
# One input, one hidden unit, one output, sigmoids, half the squared error.
NET = {"W1": "0.5", "b1": "0.1", "W2": "-0.3", "b2": "0.2", "x": "0.5", "y": "0.8"}

SGD = "{name: sgd, learning_rate: 0.1}"
MOMENTUM = "{name: sgd, learning_rate: 0.1, momentum: 0.9, weight_decay: 0.01}"
ADAM = "{name: adam, learning_rate: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8}"


def sgd(weight: mpf, slope: mpf, _state: dict[str, mpf], _step: int) -> mpf:
    return weight - mpf("0.1") * slope


def momentum(weight: mpf, slope: mpf, state: dict[str, mpf], _step: int) -> mpf:
    state["m"] = mpf("0.9") * state.get("m", mpf(0)) + slope + mpf("0.01") * weight
    return weight - mpf("0.1") * state["m"]


def adam(weight: mpf, slope: mpf, state: dict[str, mpf], step: int) -> mpf:
    first, second = mpf("0.9"), mpf("0.999")
    state["m"] = first * state.get("m", mpf(0)) + (1 - first) * slope
    state["v"] = second * state.get("v", mpf(0)) + (1 - second) * slope**2
    m, v = state["m"] / (1 - first**step), state["v"] / (1 - second**step)
    return weight - mpf("0.01") * m / (mp.sqrt(v) + mpf("1e-8"))


def by_hand(net: dict[str, str], update: Update = sgd) -> Iterator[dict[str, mpf]]:
    """Train the network of single numbers from its decimals."""
    p, states, step = {name: mpf(number) for name, number in net.items()}, {}, 0
    while True:
        step += 1
        q = {"z1": p["W1"] * p["x"] + p["b1"]}
        q["a1"] = 1 / (1 + mp.exp(-q["z1"]))
        q["z2"] = p["W2"] * q["a1"] + p["b2"]
        q["a2"] = 1 / (1 + mp.exp(-q["z2"]))
        q["loss"] = (q["a2"] - p["y"]) ** 2 / 2
        q["dL/dz2"] = (q["a2"] - p["y"]) * q["a2"] * (1 - q["a2"])
        q["dL/dz1"] = q["dL/dz2"] * p["W2"] * q["a1"] * (1 - q["a1"])
        q |= {"dL/dW2": q["dL/dz2"] * q["a1"], "dL/db2": q["dL/dz2"]}
        q |= {"dL/dW1": q["dL/dz1"] * p["x"], "dL/db1": q["dL/dz1"]}
        for name in ("W1", "b1", "W2", "b2"):
            q[f"{name}_new"] = update(p[name], q[f"dL/d{name}"], states.setdefault(name, {}), step)
        yield q
        p |= {name: q[f"{name}_new"] for name in ("W1", "b1", "W2", "b2")}


def right(step: int, net: dict[str, str] = NET, update: Update = sgd) -> dict[str, mpf]:
    return next(islice(by_hand(net, update), step - 1, None))


def rounded(number: mpf, places: int, units: int = 0) -> str:
    """Print a number to so many decimal places, and so many units beside it."""
    return nstr((mp.nint(number * mpf(10) ** places) + units), 60).removesuffix(".0") + f"e-{places}"


def document(printed: str, net: dict[str, str] = NET, optimizer: str = SGD, more: str = "") -> str:
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


def step(number: int, rejected: str = "", **values: str) -> str:
    """Print quantities of a step, by name with `_` for what Python's names lack: dL_dW1."""
    named = {name.replace("dL_d", "dL/d"): value for name, value in values.items()}
    told = ", ".join(f"{name}: {value}" for name, value in named.items())
    return f"    - {{step: {number}, values: {{{told}}}, rejected: {{{rejected}}}}}\n"


@pytest.fixture(name="judge")
def _judge(tmp_path: Path) -> Judge:
    def judge(text: str, *, explain: bool = False) -> list[Row]:
        path = tmp_path / "one.yaml"
        path.write_text(text, encoding="utf-8")
        return [one.row for one in judge_case(load_case(path), explain=explain)]

    return judge


# what crosses a step, and what does not


@pytest.mark.parametrize(
    ("optimizer", "update"), [(SGD, sgd), (MOMENTUM, momentum), (ADAM, adam)], ids=["sgd", "momentum", "adam"]
)
def test_long_runs_are_judged_by_the_exact_run_to_the_last_place(
    judge: Judge, optimizer: str, update: Update, request: pytest.FixtureRequest
) -> None:
    """A number printed in between makes nothing coarser, and no optimizer's state does either."""
    last = 10_000 if request.config.getoption("--slow") else 1_001
    early, late = (right(number, update=update) for number in (101, last))
    values = {"a1": rounded(early["a1"], 2)}
    for units, verdict in ((0, Verdict.AGREES), (2, Verdict.DIFFERS)):
        found = {"loss": rounded(late["loss"], 15, units)}
        rows = judge(document(step(101, **values) + step(last, **found), optimizer=optimizer))
        assert [row.finding.verdict for row in rows] == [Verdict.AGREES, verdict]
        assert rows[1].finding.truth == ("two runs" if (update, last) == (adam, 10_000) else "certified")


def printed_array(array: Any) -> PublishedArray:
    array = np.asarray(array)
    texts = np.array([f"{number:.3f}" for number in array.flat], object).reshape(array.shape)
    return PublishedArray(array, np.full(array.shape, 5e-4), texts)


def test_a_step_starts_from_the_state_printed_before_or_the_exact() -> None:
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


def test_a_right_number_after_a_wrong_one_is_right_in_itself(judge: Judge) -> None:
    wrong, behind = judge(
        document(step(1, W2_new="[[-0.2222]]") + step(2, a2=f"[[{rounded(right(2)['a2'], 5)}]]")),
        explain=True,
    )
    assert wrong.finding.verdict is Verdict.DIFFERS
    assert (behind.finding.verdict, behind.finding.note, behind.explanation) == (
        Verdict.AGREES,
        "right in itself; a number before it is not",
        "",
    )


def test_a_number_printed_of_a_run_that_diverged_differs(judge: Judge) -> None:
    """Each step multiplies the error by 1 − 10 · 2 = −19: after 300 it is beyond float64, and no kink."""
    text = FOUR.replace("learning_rate: 0.1", "learning_rate: 10").replace("PRINTED", "[[0, 0], [0, 0]]")
    (row,) = judge(text.replace("step: 1", "step: 300"))
    assert row.finding.verdict is Verdict.DIFFERS


# what follows from rounded numbers only


def test_what_follows_from_a_rounded_number_agrees_and_says_from_which(judge: Judge) -> None:
    """a1 = 0.586617…, and from 0.59 it is z2 = 0.023 where the exact one is 0.0240146…."""
    exact = right(1)
    assert (nstr(exact["a1"], 6), nstr(exact["z2"], 6)) == ("0.586618", "0.0240147")
    _, z2 = judge(document(step(1, a1="0.59", z2="0.023")))
    assert z2.finding.verdict is Verdict.AGREES
    assert z2.finding.note == "it follows only from a1 as printed; the exact value is 0.02401"


def test_a_wide_bound_is_undecided_and_names_what_is_too_short(judge: Judge) -> None:
    _, z2 = judge(document(step(1, a1="0.59", z2="0.02412")))
    assert z2.finding.verdict is Verdict.UNDECIDED
    assert z2.finding.reason == (
        "a1 above it, printed as 0.59, is too short, as it leaves ± 0.0015 open; "
        "printed as 0.5866 it would decide"
    )
    _, z2 = judge(document(step(1, a1="0.5866", z2="0.02412")))
    assert z2.finding.verdict is Verdict.DIFFERS


def test_the_right_number_agrees_however_short_the_numbers_above_it_are(judge: Judge) -> None:
    rows = judge(document(step(1, a1="0.6", z2=rounded(right(1)["z2"], 12))))
    assert [(row.finding.verdict, row.finding.note) for row in rows] == [(Verdict.AGREES, "")] * 2


def test_a_printed_decimal_that_is_exact_leaves_nothing_open(judge: Judge) -> None:
    """z1 = 0.5 · 0.4 + 0.1 is 0.3, and so a1 that is off by one in its fifth place differs."""
    net = {**NET, "x": "0.4"}
    number = right(1, net)["a1"]
    for units, verdict in ((0, Verdict.AGREES), (1, Verdict.DIFFERS)):
        _, a1 = judge(document(step(1, z1="0.3", a1=rounded(number, 5, units)), net))
        assert a1.finding.verdict is verdict


# who printed the numbers, and what the inputs are known to

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
        ("inputs: exact", "-0.333333343", Verdict.DIFFERS),  # it is −0.33333333
        ("inputs: exact", "-0.333333330", Verdict.AGREES),
        ("computed_in: float32", "-0.333333343", Verdict.AGREES),  # 0.1 · 3.3333333 in float32
        ("computed_in: float32", "-0.333334343", Verdict.DIFFERS),
        ("computed_in: float64", "-0.333333343", Verdict.DIFFERS),
        ("computed_in: float16", "-0.3330078125", Verdict.AGREES),
    ],
)
def test_a_programs_roundings_are_allowed_in_its_format(
    judge: Judge, origin: str, printed: str, verdict: Verdict
) -> None:
    (row,) = judge(THIRD.replace("ORIGIN", origin).replace("PRINTED", printed))
    assert row.finding.verdict is verdict


def test_inputs_may_be_known_to_their_printed_digits(judge: Judge) -> None:
    """W1 was 0.5004 and x 0.5004, and the text prints 0.500: z1 is 0.3504…, b1's own rounding aside."""
    net = {name: number.ljust(5 + number.startswith("-"), "0") for name, number in NET.items()}
    printed = step(1, z1="0.351")
    (differs,), (agrees,) = (
        judge(document(printed, net, more=more)) for more in ("", "  inputs: as printed\n")
    )
    assert (differs.finding.verdict, agrees.finding.verdict) == (Verdict.DIFFERS, Verdict.AGREES)
    (wrong,) = judge(document(step(1, z1="0.353"), net, more="  inputs: as printed\n"))
    assert wrong.finding.verdict is Verdict.DIFFERS
    (coarse,) = judge(document(step(1, z1="0.3502"), net, more="  inputs: as printed\n"))
    assert coarse.finding.verdict is Verdict.UNDECIDED
    assert coarse.finding.reason.startswith("rounding the inputs to what is printed leaves ± 0.00")


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


def test_a_rejected_element_hides_no_other(judge: Judge) -> None:
    text = FOUR.replace("PRINTED", "[[0.777, 0.175], [0.07, 0.18]]")
    others, rejected = judge(text + "      rejected:\n        W1_new[1, 1]: it is 0.17\n")
    assert (others.finding.element, others.fails) == ("W1_new[0, 0]", True)
    assert others.finding.note == "1 of 3 is wrong: [0, 0]"
    assert (rejected.finding.element, rejected.expected) == ("W1_new[1, 1]", True)


def test_a_bare_name_stands_for_one_wrong_number_only(judge: Judge) -> None:
    rejected = "      rejected: {W1_new: a slip}\n"
    both = judge(FOUR.replace("PRINTED", "[[0.777, 0.175], [0.07, 0.18]]") + rejected)
    assert [row.fails for row in both] == [True]
    assert "name each that is rejected, as W1_new[0, 0], W1_new[1, 1]" in both[0].sentence
    others, one = judge(FOUR.replace("PRINTED", "[[0.425, 0.175], [0.07, 0.18]]") + rejected)
    assert (others.passes, one.expected, one.finding.element) == (True, True, "W1_new[1, 1]")
    (none,) = judge(FOUR.replace("PRINTED", "[[0.425, 0.175], [0.07, 0.17]]") + rejected)
    assert (none.fails, none.finding.verdict) == (True, Verdict.ERROR)


@pytest.mark.parametrize(
    ("rejected", "complaint"),
    [
        (
            "W1_new[2, 0]",
            "'W1_new[2, 0]' is rejected but W1_new has no such element, expected an element of its",
        ),
        ("W1_new[0]", "'W1_new[0]' is rejected but W1_new has no such element, expected an element of its"),
        ("W1_new[0, 1]", "'W1_new[0, 1]' is rejected but not printed, expected an element with a number"),
        ("W1_nw[0, 1]", "'W1_nw[0, 1]' is rejected but not among the values of this step, expected the name"),
    ],
)
def test_a_rejected_element_that_is_not_printed_is_reported(
    judge: Judge, rejected: str, complaint: str
) -> None:
    text = FOUR.replace("PRINTED", "[[0.777, null], [0.07, 0.18]]") + "      rejected:\n        "
    with pytest.raises(CaseErrors) as caught:
        judge(f"{text}{rejected}: why\n")
    (defect,) = caught.value.defects
    assert (defect.line, defect.column) == (15, 9)
    assert defect.message.startswith(complaint)


def test_inputs_as_printed_are_no_programs(judge: Judge) -> None:
    with pytest.raises(CaseErrors, match="inputs as printed beside computed_in, expected one of the two"):
        judge(THIRD.replace("ORIGIN", "computed_in: float32, inputs: as printed").replace("PRINTED", "1"))


@pytest.mark.parametrize(
    ("printed", "note"),
    [
        ("[[0.435, 0.185], [0.07, 0.17]]", "2 of 4 are wrong: row 0"),
        ("[[0.850, 0.350], [0.14, 0.34]]", "4 of 4 are wrong: each 2 times what it should be"),
        ("[[0.435, 0.185], [0.09, 0.17]]", "3 of 4 are wrong: [0, 0], [0, 1], [1, 0]"),
    ],
)
def test_wrong_numbers_are_counted_with_their_pattern(judge: Judge, printed: str, note: str) -> None:
    (row,) = judge(FOUR.replace("PRINTED", printed))
    assert row.finding.note == note


def test_of_two_slips_in_one_array_each_is_named(judge: Judge) -> None:
    """0.175075 was cut off to 0.1750, 0.07003 was doubled; 0.425075 and 0.17003 are right."""
    text = FOUR.replace("learning_rate: 0.1", "learning_rate: 0.0999")
    (row,) = judge(text.replace("PRINTED", "[[0.4251, 0.1750], [0.1401, 0.1700]]"), explain=True)
    assert row.explanation == (
        "Explained by: W1_new[0, 1] was truncated, not rounded; "
        "W1_new[1, 0] is a multiple: a factor ½ is missing."
    )


# the pattern of what is wrong

RIGHT = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.5]])


def marked(*places: tuple[int, int]) -> np.ndarray:
    wrong = np.zeros(RIGHT.shape, bool)
    for place in places:
        wrong[place] = True
    return wrong


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (marked((1, 2)), "1 of 9 is wrong: [1, 2]"),
        (marked((1, 0), (1, 1), (1, 2)), "3 of 9 are wrong: row 1"),
        (marked((0, 2), (1, 2), (2, 2)), "3 of 9 are wrong: column 2"),
        (marked((0, 0), (1, 1), (2, 2)), "3 of 9 are wrong: the diagonal"),
        (~np.eye(3, dtype=bool), "6 of 9 are wrong: all off the diagonal"),
        (marked((0, 0), (0, 1)), "2 of 9 are wrong: [0, 0], [0, 1]"),
        (marked((0, 0), (0, 1), (1, 1), (2, 2)), "4 of 9 are wrong: [0, 0], [0, 1], [1, 1], …"),
        (marked(), ""),
    ],
)
def test_the_pattern_of_wrong_elements(wrong: np.ndarray, text: str) -> None:
    claimed = np.where(wrong, RIGHT**2 + 0.3, RIGHT)
    assert error_pattern(claimed, RIGHT, wrong) == text


@pytest.mark.parametrize(
    ("factor", "text"),
    [
        (2, "each 2 times what it should be"),
        (1 / 3, "each 1/3 times what it should be"),
        (-1, "each with the other sign"),
        (-2.5, "each −5/2 times what it should be"),
    ],
)
def test_a_factor_that_all_wrong_elements_share(factor: float, text: str) -> None:
    wrong = np.ones(RIGHT.shape, bool)
    assert error_pattern(factor * RIGHT, RIGHT, wrong) == f"9 of 9 are wrong: {text}"
    spoiled = factor * RIGHT
    spoiled[0, 0] += 1e-3
    assert error_pattern(spoiled, RIGHT, wrong) == "9 of 9 are wrong"


def test_what_was_not_compared_is_not_counted() -> None:
    among = marked((0, 0), (0, 1), (1, 0))
    assert error_pattern(RIGHT + 0.1, RIGHT, marked((0, 0), (0, 1)), among=among) == "2 of 3 are wrong: row 0"
    assert error_pattern(RIGHT + 0.1, RIGHT, marked((0, 0)), among=marked((0, 0))) == ""


@given(
    claimed=arrays(np.float64, (2, 3), elements=st.floats(width=64)),
    derived=arrays(np.float64, (2, 3), elements=st.floats(width=64)),
    wrong=arrays(np.bool_, (2, 3)),
)
@example(np.array([[0, -9e307, 0], [0, 0, 0]]), np.full((2, 3), -9e307), np.ones((2, 3), bool))
def test_any_numbers_have_a_pattern(claimed: np.ndarray, derived: np.ndarray, wrong: np.ndarray) -> None:
    text = error_pattern(claimed, derived, wrong)
    assert bool(text) == bool(wrong.any())
    assert not text or text.startswith(f"{wrong.sum()} of 6 ")


# any network


DECIMALS = st.integers(-300, 300).map(lambda number: f"{number / 100:.2f}")
NETS = st.fixed_dictionaries(dict.fromkeys(NET, DECIMALS))
QUANTITIES = st.sampled_from(
    ["z1", "a1", "z2", "a2", "loss", "dL/dz2", "dL/dW1", "W1_new", "W2_new", "b1_new"]
)
drawn = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@drawn
@given(net=NETS, name=QUANTITIES, number=st.integers(1, 4), places=st.integers(1, 25))
def test_the_exact_value_agrees_and_two_units_off_differs(
    judge: Judge, net: dict[str, str], name: str, number: int, places: int
) -> None:
    exact = right(number, net)[name]
    for units in (0, 2, -2):
        printed = f"    - {{step: {number}, values: {{{name}: {rounded(exact, places, units)}}}}}\n"
        (row,) = judge(document(printed, net))
        assert row.finding.verdict is (Verdict.DIFFERS if units else Verdict.AGREES), row.sentence


@drawn
@given(net=NETS, short=st.integers(1, 4), places=st.integers(1, 12))
def test_right_numbers_agree_whatever_is_printed_above_them(
    judge: Judge, net: dict[str, str], short: int, places: int
) -> None:
    exact = right(1, net)
    printed = {name: rounded(exact[name], short if name[0] in "za" else places) for name in exact}
    told = ", ".join(f"{name}: {value}" for name, value in printed.items())
    assert first_failure(judge(document(f"    - {{step: 1, values: {{{told}}}}}\n", net))) is None
