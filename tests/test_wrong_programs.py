"""Wrong derivatives and wrong ports: each is seen and named, and its right twin is not accused."""

import re

import documents
import jax
import pytest
import wrong_programs
from wrong_programs import DERIVATIVES, HEADS, PORTS, certified, compared, is_named, named_line, written

from cases.protocol import Verdict

# What is not named yet, and why.
TIES = "each element may be between both sides, and their sum is not looked at"
MOVED = "parameters that are moved in another way are named before what computes with them"
UNNAMED = {
    "maximum: with ties each of them gets the whole gradient": TIES,
    "GRU: the reset gate before the product": MOVED,
}
KINDS = {
    "derivative": (DERIVATIVES, wrong_programs.row_of_derivative, "gradcheck and check_grads"),
    "port": (PORTS, wrong_programs.row_of_port, "assert_close lets"),
}


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def pytest_generate_tests(metafunc):
    """Take every row with --slow, else each second one, and each sixth right twin."""
    is_slow = metafunc.config.getoption("--slow")
    for kind, (rows, *_) in KINDS.items():
        if kind in metafunc.fixturenames:
            marks = {one: pytest.mark.xfail(reason=why) for one, why in UNNAMED.items()}
            listed = [pytest.param(one, marks=marks.get(one, ())) for one in rows]
            metafunc.parametrize(kind, listed if is_slow else listed[::2])
        if f"right_{kind}" in metafunc.fixturenames:
            metafunc.parametrize(f"right_{kind}", [*rows] if is_slow else [*rows][::6])


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


@pytest.mark.parametrize("kind", KINDS)
def test_the_document_shows_what_the_command_prints(kind, pytestconfig):
    rows, row_of, usual = KINDS[kind]
    text = documents.documents()["reports/docs/any-program.md"]
    (block,) = [
        one.text for one in documents.blocks("", text) if one.text.startswith(written(HEADS[f"{kind}s"]))
    ][:1] or [""]
    head, *lines, last = (line for line in block.splitlines() if line != documents.ANY)
    assert head == written(HEADS[f"{kind}s"])
    for line in lines:
        assert documents.is_shown(line, written(row_of(line[48:])))
    total, _, named = map(int, re.findall(r"\d+", last)[:3])
    assert (total, named) == (len(rows), len(rows) - len(UNNAMED.keys() & rows.keys()))
    if pytestconfig.getoption("--slow"):
        assert last == wrong_programs.summary(f"{kind}s", [row_of(one) for one in rows], usual)
