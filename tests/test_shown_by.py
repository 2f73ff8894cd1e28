"""The code by which a case shows a difference of frameworks: it prints what the case says that it prints."""

import re

import pytest

from cases import load_cases
from cases.load import SHIPPED

SHOWN = {
    (case.name, framework): code
    for case in load_cases(SHIPPED)
    for expected in case.file.expect.values()
    for framework, code in expected.shown_by.items()
}


@pytest.fixture(scope="module")
def names():
    """Give what the code may name without an import."""
    jax = pytest.importorskip("jax")
    torch = pytest.importorskip("torch")
    optax, np = pytest.importorskip("optax"), pytest.importorskip("numpy")
    known = {"jax": jax, "jnp": jax.numpy, "optax": optax, "np": np, "torch": torch}
    return {**known, "F": torch.nn.functional}


@pytest.mark.parametrize("place", SHOWN, ids="-".join)
def test_code_that_shows_a_difference_prints_what_it_says(place, names, capsys):
    with names["jax"].enable_x64(False):  # as JAX comes
        exec(SHOWN[place], dict(names))  # noqa: S102 - a shipped case's
    assert capsys.readouterr().out.splitlines() == re.findall(r"print\(.*\)  # (.+)", SHOWN[place])


def test_each_difference_of_pytorch_or_jax_is_shown_in_both_and_they_print_different_things():
    expected = [
        one
        for case in load_cases(SHIPPED)
        for name, one in case.file.expect.items()
        if name in ("torch", "jax")
    ]
    shown = [one.shown_by for one in expected if one.kind != "no_equivalent"]
    assert len(shown) == 13
    for code in shown:
        assert set(code) == {"torch", "jax"}
        assert len({re.search("# (.+)", text)[1] for text in code.values()}) == 2
        assert max(text.count("\n") for text in code.values()) < 4
