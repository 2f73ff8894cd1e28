"""What explains printed numbers, of however many digits, after however many steps; and nothing right ones."""

import re
from dataclasses import replace
from math import floor, log10

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import ACTIVATIONS, DRAWN, network
from rules import every_rule

from cases import load_case
from cases.case import Published, PublishedArray, PublishedStep
from reference import judge_published, tape, training_steps
from reference.arithmetic import FLOAT64
from reference.diagnosis import explain_published, printed_runs
from reference.diagnosis.candidates import mistaken_tapes
from reference.diagnosis.printed_runs import float64_runs
from reference.diagnosis.stack import Stack
from reference.mistakes import MISTAKES, mistaken_steps
from reference.training import exact_inputs

NONE = "No known mistake explains it."
UPDATED = "Explained by: the hidden gradient was sent through the already updated weights."


def printed_array(array, digits):
    """Print numbers to so many significant digits; NaN is not printed."""
    texts = np.array([None if np.isnan(a) else f"{a:.{digits - 1}e}" for a in array.flat], object)
    values = np.array([np.nan if text is None else float(text) for text in texts])
    places = [np.nan if np.isnan(a) else floor(log10(abs(a))) - digits + 1 if a else -digits for a in values]
    shapes = (one.reshape(array.shape) for one in (values, 0.5 * 10.0 ** np.array(places), texts))
    return PublishedArray(*shapes)


def publish(steps, digits):
    """Print quantities of steps; the last digits of 17 are those of a program in float64."""
    entries = [
        PublishedStep(number, {name: printed_array(np.asarray(a), digits) for name, a in values.items()})
        for number, values in steps.items()
    ]
    return Published("nobody", tuple(entries), computed_in="float64" if digits > 9 else None)


def values_of(problem, step, name="", quantities=()):
    """Return what a run, right or with a mistake, has computed in a step."""
    problem = replace(problem, steps=step)
    *_, values = mistaken_steps(problem, MISTAKES[name]) if name else training_steps(problem)
    return {quantity: values[quantity] for quantity in quantities or values}


def explained(problem, steps, digits):
    return explain_published(problem, publish(steps, digits))


def of_case(name, last=10**6):
    """Explain what a case has printed of the steps up to the last."""
    case = load_case(name)
    problem, steps = case.problem("float64"), case.published.steps
    printed = replace(case.published, steps=tuple(step for step in steps if step.step <= last))
    return explain_published(problem, printed, list(judge_published(problem, printed)))


def test_the_documents_prediction_was_truncated_and_mazurs_loss_comes_from_the_already_updated_weights():
    """Nothing else is wrong in them; Mazur's from 0.291027924 alone, after the first update."""
    (one,) = of_case("worked/document")
    assert (one.finding.quantity, one.finding.claimed) == ("a2", 0.632)
    assert str(one) == "Explained by: the number was truncated, not rounded."
    (one,) = of_case("worked/mazur", last=2)
    assert (one.finding.step, one.finding.quantity, str(one)) == (2, "loss", UPDATED)


SLOW = pytest.mark.skipif("not config.getoption('--slow')", reason="long runs and more networks: --slow")
NETWORKS = [pytest.param(net, marks=[] if i % 3 == 1 else SLOW) for i, net in enumerate(DRAWN)]


@SLOW
def test_mazurs_outputs_after_ten_thousand_updates_come_from_the_already_updated_weights_too():
    """The loss that is printed with those outputs, 0.0000351085, has no explanation: from the outputs it is
    ½ (0.005912196² + 0.005934266²) = 0.00003508479, as the mistaken run gives it.
    """
    each = {(one.finding.step, one.finding.quantity): str(one) for one in of_case("worked/mazur")}
    assert each == {(2, "loss"): UPDATED, (10001, "a2"): UPDATED, (10001, "loss"): NONE}


DIGITS = [4, 9, 15, 16, 17]
PLANTED = [("weights-not-transposed", digits) for digits in DIGITS]
for name in ("already-updated-weights", "bias-gradient-averaged"):
    PLANTED += [pytest.param(name, digits, marks=[] if digits in (4, 17) else SLOW) for digits in DIGITS]


@pytest.mark.parametrize(("name", "digits"), PLANTED)
def test_a_planted_mistake_is_named_with_however_many_digits_it_is_printed(name, digits):
    values = values_of(DRAWN[1], 3, name, ["loss", "W1_new"])
    names = [one.names for one in explained(DRAWN[1], {3: values}, digits)]
    assert names == [(name,)] * 2


@pytest.mark.parametrize("digits", [pytest.param(1, marks=SLOW), 2, pytest.param(3, marks=SLOW), 9])
@pytest.mark.parametrize("problem", NETWORKS)
def test_no_mistake_is_named_without_the_planted_one_and_many_are_counted(problem, digits):
    several = 0
    for name in ("rate-applied-twice", "bias-not-updated", "bias-gradient-averaged", "sum-for-mean"):
        if MISTAKES[name].sites(problem):
            values = values_of(problem, 3, name, ["loss"])
            for one in explained(problem, {3: values}, digits):
                assert name in one.names or MISTAKES.keys().isdisjoint(one.names)  # a relation may be true
                assert one.names != ("several",) or re.search(r"any of \d+ known mistakes", str(one))
                several += one.names == ("several",)
    assert several == 0 or digits < 9


def test_a_mistake_is_named_after_hundreds_of_steps_though_others_diverge(request):
    """Of identities at a large rate many overflow within some hundred steps."""
    problem = network((2, 2, 2), 3, activations="identity", learning_rate=0.05)
    step = 600 if request.config.getoption("--slow") else 300
    values = values_of(problem, step, "weights-transposed-backward", ["W1_new"])
    (one,) = explained(problem, {step: values}, 9)
    assert one.names == ("weights-transposed-backward",)


def test_elements_that_agree_are_no_veto_and_it_says_how_many_do_not():
    """One row is that of the transposed product; a number of a right row is not printed."""
    problem = DRAWN[1]
    z = values_of(problem, 1)["z1"].copy()
    z[0] = problem.x[0] @ problem.parameters["W1"] + problem.parameters["b1"]
    z[2, 0] = np.nan
    (one,) = explained(problem, {1: {"z1": z}}, 6)
    assert str(one).startswith("Explained by: the weights were not transposed, in 4 of the 11 elements")


@settings(max_examples=6, deadline=None)
@given(
    widths=st.lists(st.integers(1, 4), min_size=2, max_size=4),
    activation=st.sampled_from(ACTIVATIONS),
    seed=st.integers(0, 2**32 - 1),
    digits=st.integers(3, 17),
    step=st.integers(1, 4),
)
def test_right_numbers_are_not_explained_and_a_slip_accuses_no_other(widths, activation, seed, digits, step):
    problem = network(widths, 3, activations=activation, seed=seed)
    values = values_of(problem, step)
    assert explained(problem, {step: values}, digits) == ()
    first = {"loss": values["loss"] * 1.2345678}
    slipped = explained(problem, {step: first, step + 1: values_of(problem, step + 1)}, 12)
    assert [(one.finding.quantity, str(one)) for one in slipped] == [("loss", NONE)]


RULED = [every_rule("float64")[name] for name in ("nesterov-decay", "cosine", "clipped", "adagrad-decay")]


SLOW = pytest.mark.skipif("not config.getoption('--slow')", reason="three networks show it: --slow")
OTHERS = [pytest.param(problem, marks=SLOW) for problem in (*DRAWN[2:], *RULED[1:])]


@pytest.mark.parametrize("problem", [*NETWORKS[:2], *RULED[:1], *OTHERS])
def test_runs_of_all_mistakes_at_once_are_those_of_each(problem, request):
    """Among them formulas that count the examples, reorder lines, have other shapes, or run several lines."""
    steps = range(1, 4 if request.config.getoption("--slow") else 3)
    assert_as_each_alone(problem, tapes_of(problem), steps)


def test_runs_are_those_of_each_where_some_have_settled_and_others_take_what_comes_later(monkeypatch):
    """After 64 steps some activations stand still; many are alike, as biases are not trained."""
    monkeypatch.setattr(printed_runs, "_alone", None)  # all can be stacked
    problem = load_case("worked/mazur").problem("float64")
    late = {"weight-gradient-from-the-updated-activation", "gradient-of-another-layer"}
    tapes = tapes_of(problem)
    tapes = [tape for i, tape in enumerate(tapes) if i % 4 == 0 or tape[0].name in late]
    assert_as_each_alone(problem, tapes, (64, 65, 67))


@pytest.mark.parametrize(("rule", "settles"), [("sgd", True), ("cosine", False)])
def test_nothing_settles_that_counts_the_steps(rule, settles):
    """A schedule's rate may be 0 in one step, and not in the next."""
    problem = every_rule("float64")[rule]
    start = {name: known.value for name, known in exact_inputs(problem, FLOAT64).items()}
    stack = Stack(problem, tapes_of(problem)[:3], start)
    assert stack.has_settled(stack.before, stack.before).tolist() == [settles] * 3


def tapes_of(problem):
    return [one for one in mistaken_tapes(problem) if not one[0].numpy_only]


def assert_as_each_alone(problem, tapes, steps):
    sites = [(step, line.name) for step in steps for line in tape(problem)]
    runs = float64_runs(problem, tapes, exact_inputs(problem, FLOAT64), sites)
    for (mistake, wrong, lines), run in zip(tapes, runs, strict=True):
        alone = dict(enumerate(training_steps(replace(problem, steps=max(steps)), lines), start=1))
        for step, name in sites:
            np.testing.assert_allclose(
                run[step, name], alone[step][name], rtol=1e-9, err_msg=f"{mistake.name} {wrong} {step}"
            )
