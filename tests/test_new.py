"""What `python -m reports.new` writes runs as it is, and it writes over nothing."""

import shlex
from pathlib import Path

import pytest

from reports import build
from reports.new import command


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


def judged(printed, *more):
    """Type the command that was printed; return how it ends."""
    start = ["python", "-m", "reports.build"]
    words = shlex.split(printed.splitlines()[-1])
    assert words[:3] == start
    return build.main([*words[3:], "--format", "csv", "--workers", "1", "--out", "out", "--verbose", *more])


@pytest.mark.parametrize("framework", ["numpy", "torch", "jax"])
def test_an_adapter_that_was_written_agrees_where_it_can_train_and_passes_over_the_rest(
    framework, capsys, request
):
    """On two cases, and on optimizers that it has not; with --slow on all nets."""
    assert command(["adapter", f"mine_{framework}.py", "--framework", framework]) == 0
    agreeing, slow = ["nets/batch-of-four", "worked/document"], request.config.getoption("--slow")
    agreeing += ["nets/digits"] * slow
    nets = ("nets/", "worked/document") if slow else agreeing
    selected = [f"--select={name}" for name in (*nets, "optimizers/s")]
    assert judged(capsys.readouterr().out, *selected) == 0
    printed = capsys.readouterr().out
    for case in agreeing:
        assert printed.count(f" {case} ") == 2, "in two formats, and no other line"
    assert "Passed over: " in printed
    assert f"ask for what mine_{framework}:train does not do. The first, in float64: it does " in printed
    assert "optimizers/sgd-momentum " not in printed


def test_a_case_that_was_written_is_judged_alone(capsys, tmp_path):
    assert command(["case"]) == 0
    assert judged(capsys.readouterr().out, "--adapter", "numpy") == 0
    assert "1 case in float64, float32 by numpy" in capsys.readouterr().out
    first = (tmp_path / "my-case.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert Path(first.partition("$schema=file://")[2]).is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("case there.yaml", "there.yaml is there already, and stays as it is: name another file"),
        ("case mine.txt", "mine.txt is no name for a case, expected one that ends in .yaml"),
        ("case no/mine.yaml", "no/mine.yaml cannot be written: No such file or directory"),
        ("adapter my-own.py", "my-own.py cannot be imported from here, expected a name like my_adapter.py"),
        ("adapter ../mine.py", "../mine.py cannot be imported from here, "),
        ("adapter numpy.py", "there is a module numpy already, expected another name, as my_numpy.py"),
    ],
)
def test_what_cannot_be_written_is_said_and_nothing_is_lost(words, message, tmp_path, capsys):
    (tmp_path / "there.yaml").write_text("kept")
    assert command(words.split()) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(message)
    assert printed.out == ""
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("there.yaml", "kept")]
