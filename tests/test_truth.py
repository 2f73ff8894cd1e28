"""The truth is verified independently: balls against rationals, decimals and difference quotients."""

from decimal import Decimal
from fractions import Fraction

import decimals
import flint
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from networks import ACTIVATIONS, LOSSES, damaged, network, showing

from cases import SHIPPED, Rule, load_cases
from cases.names import observable, outcome
from reference import Verdict, evaluate, judge, tape, training_steps
from reference.arithmetic import FLOAT64, PRINTED, Ball, Bounded, Elementary, precision
from reference.certified import (
    MAX_CERTIFIED_PARAMETERS,
    CertifiedValues,
    certified_steps,
    switch_certification,
)
from reference.line import Line
from reference.training import exact_inputs

finite = st.floats(-1e100, 1e100)


def rationals(array):
    return np.vectorize(lambda v: Fraction(float(v)), otypes=[object])(array)


def encloses(ball, exact):
    """Whether every exact rational lies in its ball."""
    pairs = zip(ball.matrix.entries(), np.ravel(exact), strict=True)
    return all(entry.overlaps(flint.arb(flint.fmpq(*value.as_integer_ratio()))) for entry, value in pairs)


@given(
    arrays(float, (2, 3), elements=finite),
    arrays(float, (3, 2), elements=finite),
    arrays(float, (2,), elements=finite),
)
def test_ball_operations_enclose_the_exact_rational_results(a, b, c):
    x, y, z = rationals(a), rationals(b), rationals(c)
    with precision():
        p, q, r = Ball.exact(a), Ball.exact(b), Ball.exact(c)
        assert encloses(p @ q + r, x @ y + z)
        assert encloses(p * q.mT - p, x * y.mT - x)
        assert encloses(p + q.mT, x + y.mT)
        assert encloses(p.sum(), x.sum())
        assert encloses(p.sum(axis=0), x.sum(axis=0))
        assert encloses(2 * p / 3, 2 * x / 3)


def test_a_certified_value_keeps_what_one_float64_would_lose():
    with precision():
        high, low, radius = (Ball.exact(np.array([1.0])) / 3).split()
    third = Fraction(1, 3)
    assert Fraction(high[0]) != third
    assert abs(Fraction(high[0]) + Fraction(low[0]) - third) <= Fraction(2) ** -106
    assert 0 < radius[0] <= 2.0**-106


def test_a_balls_radius_joins_the_bound():
    """⅓ ± ¼, as a ball that holds points on both sides of a kink: what it leaves open is never forgotten."""
    with precision():
        ball = Ball(flint.arb_mat(1, 1, [flint.arb(flint.arb(1) / 3, 0.25)]), (1,))
        high, low, radius = ball.split()
    rest = Fraction(1, 3) - Fraction(1 / 3)
    assert (high, low) == (1 / 3, float(rest))
    assert 0 <= radius - 0.25 <= 1e-8
    either = Elementary("⅓ ± ¼", np.array, lambda z: z, lambda z: ball)
    sizes = np.full(1, 9.0)
    derived = Bounded(np.ones(1), np.full(1, 0.5), FLOAT64, 7, parts=np.full(1, 3.0), sizes=lambda: sizes)
    certified = CertifiedValues(network()).certify(Line("z1", either, ("x",), "⅓ ± ¼"), derived)
    assert 0.75 <= certified.error.item() <= 0.75 + 1e-8
    assert (certified.value, certified.low) == (1 / 3, float(rest))
    assert (certified.terms, certified.parts.tolist(), certified.scale.tolist()) == (7, [3.0], [9.0])


@pytest.mark.parametrize("shown", [observable(2), outcome(2), {"loss"}])
def test_certified_values_go_on_with_the_whole_state_and_the_count(shown):
    """Adam under a schedule: a step whose number, state or parameters were those of another would differ."""
    adam = Rule("adam", (("beta1", 0.5), ("beta2", 0.75), ("eps", 0.25)))
    problem = network(steps=4, optimizer=adam, schedule=Rule("step", (("every", 1), ("factor", 0.5))))

    steps = list(judge(problem, showing(training_steps, shown), frozenset({"loss"}), certify=True))
    assert [(step.step, step.failures) for step in steps] == [(number, ()) for number in range(1, 5)]
    assert {finding.truth for step in steps for finding in step.findings} == {"certified"}


@pytest.mark.parametrize("certify", [False, True])
def test_the_low_part_of_a_hidden_parameter_joins_its_bound(certify):
    """A parameter that a program hides is known to be value + low ± error, and each of the three counts."""
    problem = network((1, 1), 1)
    value, error, low = (np.array([[one]]) for one in (0.5, 2.0**-60, -(2.0**-55)))
    state = {"W1": Bounded(value, error, FLOAT64.certified, low=low)}
    fresh, going_on = switch_certification(
        problem, state, None if certify else CertifiedValues(problem), certify=certify
    )
    assert fresh is None
    assert going_on["W1"].error.tolist() == [[2.0**-60 + 2.0**-55]]
    assert (going_on["W1"].low, going_on["W1"].format) == (0.0, FLOAT64)


def encloses_the_ball(ball, bounded):
    """Real arithmetic rounded nowhere but in our own evaluation: value ± error must hold the ball."""
    high, low, radius = ball.split()
    return np.all(np.abs(bounded.value - high - low) <= bounded.error + radius)


def middles(ball):
    """The midpoints of balls, in their shape; their radii are far below what is compared here."""
    texts = [entry.mid().str(55, radius=False) for entry in ball.matrix.entries()]
    return np.array(list(map(Decimal, texts)), object).reshape(ball.shape)


def check_against_difference_quotients(problem, elements):
    """Balls against quotients of 60 digits, without a chain rule; and bounds, which must be narrow."""
    bounded = evaluate(tape(problem), exact_inputs(problem, PRINTED))
    loss = decimals.loss(problem, {k: decimals.decimals(array) for k, array in problem.parameters.items()})
    with precision():
        values = next(certified_steps(problem))
        assert all(encloses_the_ball(ball, bounded[name]) for name, ball in values.items())
        assert abs(middles(values["loss"]) - loss) <= Decimal("1e-36")
        for name, index in elements:
            off = middles(values[f"dL/d{name}"])[index] - decimals.gradient(problem, name, index)
            assert abs(off) <= Decimal("1e-36"), (name, index)
    gradients = [bounded[f"dL/d{name}"] for name in problem.parameters]
    largest = max(np.max(np.abs(gradient.value)) for gradient in gradients)
    assert all(np.max(gradient.error) <= 1e-12 * largest for gradient in gradients), "the bound says nothing"


@pytest.mark.parametrize(("i", "loss"), list(enumerate(LOSSES)))
def test_gradients_against_difference_quotients(i, loss):
    """Of two or three layers, so that each activation is passed through as well as met by a loss."""
    drawn = [ACTIVATIONS[(i + 4 * k) % len(ACTIVATIONS)] for k in range(2 + i % 2)]
    problem = network((2,) * (len(drawn) + 1), 3, activations=drawn, loss=loss, seed=5)
    elements = [(name, i) for name, array in problem.parameters.items() for i in np.ndindex(array.shape)]
    check_against_difference_quotients(problem, elements)


SMALL = [case for case in load_cases(SHIPPED) if case.problem("float64").size < 5000]


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_the_float64_reference_is_inside_the_ball_and_its_own_bound(case):
    problem = case.problem("float64")
    bounded = evaluate(tape(problem), exact_inputs(problem, PRINTED))
    for name, ball in next(certified_steps(problem)).items():
        assert encloses_the_ball(ball, bounded[name]), name


def test_what_all_frameworks_get_wrong_alike_is_seen():
    """σ'(40) = 4.25e-18, and every framework's a(1 − a) is 0: millions of ulps, which no framework shows."""
    problem = network((1, 2), 1)
    problem.parameters["W1"][:] = 0
    problem.parameters["b1"][:] = [40.0, 0.5]
    (step,) = judge(problem, training_steps, frozenset())
    (slope,) = [finding for finding in step.findings if finding.quantity == "da1/dz1"]
    assert slope.claimed == 0
    assert slope.derived == pytest.approx(4.248354255291589e-18, rel=1e-15)
    assert slope.ulps > 1e15


def test_certified_tolerances_pay_for_no_evaluation():
    problem = network()
    runs = (judge(problem, training_steps, frozenset(), certify=certify) for certify in (True, False))
    certified, evaluated = (
        {finding.quantity: finding.digits for finding in step.findings} for (step,) in runs
    )
    assert all(certified[name] > evaluated[name] - 1e-6 for name in certified)
    assert certified["dL/dW1"] > evaluated["dL/dW1"] + 0.25  # a factor of 2 is 0.3 digits


def test_large_problems_are_judged_against_float64_unless_asked_otherwise():
    large = network((400, 260, 2), 1)
    assert large.size > MAX_CERTIFIED_PARAMETERS
    for problem, truth in ((large, "float64"), (network(), "certified")):
        (step,) = judge(problem, training_steps, frozenset())
        assert {finding.truth for finding in step.findings} == {truth}


def test_what_follows_from_a_claimed_nan_is_undecided():
    wrong = damaged(training_steps, lambda claim: claim["z1"].__setitem__((0, 0), np.nan))
    (step,) = judge(network(), wrong, frozenset())
    found = {finding.quantity: finding.verdict for finding in step.findings}
    assert found["z1"] is Verdict.DIFFERS
    assert found["a1"] is Verdict.UNDECIDED
