"""Wrong derivatives and wrong ports: each is seen and named, and its right twin is not accused."""

import jax
import pytest
from wrong_programs import DERIVATIVES, PORTS, certified, compared, is_named, named_line

from cases.protocol import Verdict

# What is not named yet, and why.
KEPT_AS_OTHER_NAME = "`apply` that is kept under another name is not recorded"
ALL_ASK = "the call by itself asks for the gradients of all of its arguments"
TIES = "each element may be between both sides, but their sum is not 2"
INFINITE = "arrays with infinities have the same key, so lines before a mask are taken for equal"
CONSTANTS = "lines are matched to 25 digits, and sqrt(sqrt(3)) squared is sqrt(3) to 16 only"
MOVED = "a line that moves parameters is named for the first that computes with them"
MEETS = "a line that leads to another that is equal, as where y is 0, is never named"
UNNAMED = {
    "softmax with a temperature: the derivative is off by 1e-10": KEPT_AS_OTHER_NAME,
    "bilinear form: needs_input_grad of the other argument is asked": ALL_ASK,
    "maximum: with ties each of them gets the whole gradient": TIES,
    "GRU: the reset gate before the product": MOVED,
    "attention: no scale": INFINITE,
    "attention: the scale of the whole width": INFINITE,
    "attention: a scale of 7 digits": INFINITE,
    "attention: a scale in float32": INFINITE,
    "attention: the heads behind their features": INFINITE,
    "attention: a causal mask that is off by one": CONSTANTS,
    "attention: -20 in place of minus infinity": CONSTANTS,
    "binary cross-entropy: probabilities are cut off at 1e-7": MEETS,
}
UNDECIDED = "the bound of a sum of exponentials is infinite where a mask is minus infinity"


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def pytest_generate_tests(metafunc):
    rows = {"derivative": DERIVATIVES, "port": PORTS}
    for name in rows.keys() & {*metafunc.fixturenames}:
        listed = [
            pytest.param(one, marks=[pytest.mark.xfail(reason=UNNAMED[one])] if one in UNNAMED else [])
            for one in rows[name]
        ]
        metafunc.parametrize(name, listed)
    for name in {"right_derivative", "right_port"} & {*metafunc.fixturenames}:
        every = [*rows[name.removeprefix("right_")]]
        metafunc.parametrize(name, every if metafunc.config.getoption("--slow") else every[::3])


def test_there_are_thirty_of_each_and_errors_of_every_size():
    assert min(len(DERIVATIVES), len(PORTS)) > 30
    assert {*UNNAMED} <= {*DERIVATIVES, *PORTS}


def test_a_wrong_derivative_is_seen_and_named(derivative):
    verdict = certified(derivative, wrong=True)
    assert not verdict.agrees
    assert is_named(verdict, derivative), str(verdict)


def test_its_right_twin_is_not_accused(right_derivative):
    verdict = certified(right_derivative, wrong=False)
    assert verdict.agrees, str(verdict)


def test_a_wrong_port_is_seen_and_its_line_is_named(port):
    verdict = compared(port, wrong=True)
    assert not verdict.is_same
    assert named_line(verdict, port), str(verdict)


def test_a_right_port_is_the_same_function(right_port):
    verdict = compared(right_port, wrong=False)
    assert verdict.is_same, str(verdict)
    assert all(one.verdict is not Verdict.DIFFERS for one in verdict.forward), str(verdict)
