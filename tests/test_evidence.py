"""What counts as evidence: the first wrong line, what agrees, shares, ratios, and what a hint leads on to."""

import re
from dataclasses import replace

import numpy as np
import pytest
from networks import DRAWN, damaged, in_format, network, showing
from rules import ruled

from cases.names import outcome
from reference import judge, tape, training_steps
from reference.diagnosis import diagnose
from reference.mistakes import MISTAKES
from reports.detection.drawn_networks import drawn

NET = network((3, 4, 4, 2), 5)
OUTCOME = outcome(3)


def diagnoses(run, problem=NET, shown=None):
    return list(one_by_one(run, problem, shown))


def one_by_one(run, problem, shown):
    implementation = run if shown is None else showing(run, shown)
    return diagnose(problem, judge(problem, implementation, frozenset()))


def with_lines(lines):
    return lambda given: training_steps(given, tuple(lines))


def with_both(first, second, problem=NET):
    base = MISTAKES[first].tape(problem)
    return with_lines(MISTAKES[second].tape(problem, base=base))


def multiplied(those, factor, problem=NET):
    """The right tape, but these lines times a factor."""

    def times(formula):
        return lambda *given: (factor * formula(*given)).astype(given[0].dtype)

    return with_lines(
        replace(one, formula=times(one.formula)) if one.name in those else one for one in tape(problem)
    )


def own(found):
    """What is wrong in its own right: each quantity, and the names of what explains it."""
    return [(one.finding.quantity, one.names) for one in found if not one.follows]


# two mistakes


@pytest.mark.parametrize("shown", [None, OUTCOME])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_each_of_two_mistakes_is_named_at_its_own_line_and_what_follows_says_from_where(shown, dtype):
    problem = in_format(NET, dtype)
    run = with_both("derivative-missing-in-hidden-layers", "bias-not-updated", problem)
    found = diagnoses(run, problem, shown)
    first = "dL/dz2" if shown is None else "dL/dW2"
    names = [("derivative-missing-in-hidden-layers",), ("bias-not-updated",)]
    assert own(found) == list(zip([first, "b3_new"], names, strict=True))
    assert {one.follows for one in found if one.names == names[0]} == {"", first}
    assert all(str(one).startswith("Explained by: ") for one in found)


def test_of_two_mistakes_that_meet_in_one_number_both_are_named_together():
    run = with_both("derivative-missing-in-the-output", "weight-gradient-from-z")
    (quantity, names), *_ = own(diagnoses(run, shown=OUTCOME))
    assert (quantity, names) == ("dL/dW3", ("derivative-missing-in-the-output", "weight-gradient-from-z"))


def test_a_second_error_that_nothing_explains_does_not_take_the_firsts_name():
    def damage(claim):
        claim["b1_new"] = claim["b1_new"] + 0.125

    run = damaged(lambda given: training_steps(given, MISTAKES["bias-not-added"].tape(given)), damage)
    assert own(diagnoses(run)) == [("z1", ("bias-not-added",)), ("b1_new", ())]


# parts of an array


def test_skipped_elements_are_counted_and_called_the_first_or_the_last():
    def damage(claim):
        claim["dL/dW1"][-1] = 0
        claim["W2_new"][0, :3] = NET.parameters["W2"][0, :3]

    found = {one.finding.quantity: str(one) for one in diagnoses(damaged(training_steps, damage))}
    skipped = "Explained by: the last 3 of the 12 elements are 0, as if skipped; the others are right."
    assert found["dL/dW1"] == skipped
    assert found["W2_new"] == (
        "Explained by: the first 3 of the 16 elements are untouched; the others are right."
    )


def test_one_element_that_a_mistake_would_give_by_chance_in_few_digits_is_not_evidence():
    """In float32 a number that is off by ten of its bounds is near to many: no share is named."""
    problem = in_format(DRAWN[1], "float32")

    def damage(claim):
        claim["z1"][0, 0] *= np.float32(1 + 1e-5)

    (first, *_) = diagnoses(damaged(training_steps, damage), problem)
    assert first.explanations == ()


# constant ratios


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("factor", "size"), [(3, "3"), (-1.5, "−3/2"), (6, "6"), (1 / 65536, "1/65536")])
def test_every_gradient_by_the_same_factor_is_said_once(dtype, factor, size):
    problem = in_format(NET, dtype)
    found = diagnoses(multiplied({"dL/da3"}, factor, problem), problem, OUTCOME)
    assert str(found[0]) == f"Explained by: every gradient is {size} times what follows."
    assert own(found) == [("dL/dW3", ("constant-ratio",))]
    assert [one.finding.quantity for one in found] == [f"dL/d{w}{k}" for k in (3, 2, 1) for w in "Wb"]


def test_a_factor_of_the_parameters_gradients_alone_and_one_without_a_name_are_said_as_they_are():
    parameters = {f"dL/d{w}{k}" for k in (1, 2, 3) for w in "Wb"}
    first, *_ = diagnoses(multiplied(parameters, 7))
    assert str(first) == "Explained by: every parameter's gradient is 7 times what follows."
    alone, *_ = diagnoses(multiplied({"dL/da3"}, 1.2345678))
    assert str(alone).startswith("Explained by: dL/da3 is 1.2345678")


# hints


def test_where_nothing_explains_a_number_a_hint_says_which_hidden_ones_to_state():
    def damage(claim):
        claim["dL/dW1"] = claim["dL/dW1"] + np.linspace(0.1, 0.3, 12).reshape(4, 3)

    (first, *_) = diagnoses(damaged(training_steps, damage), shown=OUTCOME)
    assert first.hint == "State dL/dz2, dL/da1 and dL/dz1 too: dL/dW1 follows from what is not shown."
    assert diagnoses(damaged(training_steps, damage))[0].hint == ""


def test_names_that_the_cases_numbers_make_equal_are_both_given_with_the_number_to_change():
    """With μ = 0.9 and η = 0.1 the update of an average is that of a rate applied twice."""
    problem = ruled("momentum")
    run = showing(
        lambda given: training_steps(given, MISTAKES["momentum-as-an-average"].tape(given)), outcome(2)
    )
    first, *_ = diagnoses(run, problem)
    assert {"momentum-as-an-average", "rate-applied-twice"} <= set(first.names)
    assert first.hint


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shown", [None, OUTCOME])
def test_another_learning_rate_is_read_from_the_updates(shown, dtype):
    problem = in_format(NET, dtype)

    def at_another_rate(given):
        return training_steps(replace(given, learning_rate=float(np.dtype(dtype).type(0.07))))

    first, *others = diagnoses(at_another_rate, problem, shown)
    assert str(first) == (
        "Explained by: every update is 0.7 times what follows, as with a learning rate of 0.07."
    )
    assert first.finding.quantity == "W3_new"
    assert {one.follows for one in others} == {"W3_new"}


def test_one_parameter_at_another_rate_is_said_of_it_alone():
    def damage(claim):
        claim["b2_new"] = NET.parameters["b2"] - 0.25 * claim["dL/db2"]

    (first,) = diagnoses(damaged(training_steps, damage))
    assert str(first).endswith("the update of b2 is 2.5 times what follows, as with a learning rate of 0.25.")


def test_one_number_alone_is_no_multiple_of_its_update():
    def damage(claim):
        claim["b3_new"] = claim["b3_new"] + 0.25

    problem = network((3, 4, 4, 1), 5)
    (found,) = diagnoses(damaged(training_steps, damage), problem)
    assert found.names == ()


# few digits, and none


@pytest.mark.parametrize(("dtype", "names"), [("float64", ("constant-ratio",)), ("bfloat16", ())])
def test_two_elements_of_few_digits_do_not_make_a_constant_ratio(dtype, names):
    problem = in_format(NET, dtype)
    run = multiplied({"dL/db3"}, NET.x.dtype.type(0.84375).astype(dtype), problem)
    assert own(diagnoses(run, problem)) == [("dL/db3", names)]


@pytest.mark.parametrize("damage", [np.nan, np.inf])
def test_of_what_is_no_number_no_two_mistakes_are_sought(damage, monkeypatch):
    def spoil(claim):
        claim["dL/dW2"][0, 0] = damage

    monkeypatch.setattr("reference.diagnosis.pairs._possible", None)
    found = diagnoses(damaged(training_steps, spoil), shown=OUTCOME)
    assert [one.names for one in found if one.finding.quantity == "dL/dW2"] == [()]


def test_a_loss_of_nan_follows_from_the_mistake_that_the_finite_numbers_show():
    """The logarithm of a negative number: the loss is NaN for many reasons, the gradients are for one."""
    problem = network((3, 4, 2), 5, activations="tanh", loss=("binary_cross_entropy", "sum"), seed=3)
    wrong = MISTAKES["activation-softplus-differentiated"].tape(problem, only={"a2", "da2/dz2"})
    found = diagnoses(with_lines(wrong), problem, outcome(2))
    assert np.isnan(found[0].finding.claimed)
    assert found[0].names == found[1].names == ("activation-softplus-differentiated",)
    assert [one.follows for one in found[:2]] == ["", "loss"]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_nan_that_one_mistake_makes_of_a_gradient_of_0_is_explained_by_it(dtype):
    """The maximum over a norm of 0 is infinite, and 0 times that is NaN, in all parameters alike."""
    problem = drawn(0, 23, dtype)

    def spoil(claim):
        for w in () if claim["dL/dW1"].any() else problem.parameters:
            claim[f"{w}_new"][...] = np.nan

    found = diagnoses(damaged(training_steps, spoil), problem, outcome(1))
    assert own(found)[0] == ("W1_new", ("scaled-up-to-the-maximum",))

    def spoil_one(claim):
        claim["b1_new"][...] = np.nan

    first, *_ = diagnoses(damaged(training_steps, spoil_one), problem, outcome(1))
    assert first.names == ()  # one alone may be NaN for any reason


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gradients_at_what_is_no_probability_name_the_function_that_led_there(dtype):
    """The cross-entropy of tanh, which is negative here: its loss is NaN, its gradient a plain fraction."""
    problem = drawn(0, 22, dtype)

    def train(given):
        W, b, x, y = given.parameters["W1"], given.parameters["b1"], given.x, given.y
        p = np.tanh(x @ W.T + b)
        with np.errstate(all="ignore"):
            loss = -(y * np.log(p) + (1 - y) * np.log(1 - p))
        dz = (p - y) / (p * (1 - p)) * (1 - p * p) / p.size
        yield {"loss": loss.mean(), "dL/dW1": dz.T @ x, "dL/db1": dz.sum(axis=0)}

    found = diagnoses(train, replace(problem, steps=1))
    assert [one.names for one in found if one.names] == [("activation-tanh-differentiated",)] * 3


def test_a_first_line_that_a_mistake_only_may_have_made_is_explained_by_a_later_line():
    """ε is missing: W2 is off by 1.5 of its bound, b1 by hundreds."""
    problem = drawn(0, 14, "float32")
    first, *_ = found = diagnoses(with_lines(MISTAKES["eps-missing"].tape(problem)), problem, outcome(2))
    assert 1 < first.finding.used < 2 < found[-1].finding.used
    assert "eps-missing" in first.names


@pytest.mark.parametrize(("name", "number"), [("beta1", 8), ("beta2", 24)])
def test_a_constant_of_float32_is_followed_through_a_hidden_average(name, number):
    """Corrected for its start the first step is the same, and of the second only the update is shown."""
    problem = drawn(0, number, "float64")
    wrong = replace(
        problem.optimizer,
        numbers=tuple(
            (key, float(np.float32(value)) if key == name else value)
            for key, value in problem.optimizer.numbers
        ),
    )
    depth = problem.depth
    found = diagnoses(lambda _: training_steps(replace(problem, optimizer=wrong)), problem, outcome(depth))
    assert (found[0].finding.step, f"float32-{name}" in found[0].names) == (2, True)


def test_a_decay_that_float32_cannot_tell_from_none_is_said_to_be_possible():
    """A λ well below what the hint says has the same name; one well above it has not."""
    problem = ruled("adamw", "float32")

    def first(decay):
        numbers = dict(problem.optimizer.numbers) | {"weight_decay": decay}
        other = replace(problem, optimizer=replace(problem.optimizer, numbers=tuple(numbers.items())))
        return next(one_by_one(lambda _: training_steps(other), problem, outcome(problem.depth)))

    least = first(0.0)
    at_most = float(re.search("too small to be seen in float32: at most ([^,]+),", least.hint)[1])
    assert first(at_most / 4).names == least.names == ("decay-missing",)
    assert "decay-missing" not in first(4 * at_most).names
