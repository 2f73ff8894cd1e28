"""The same adapters under other interpreters: other releases of a framework, side by side in one report."""

import json
import platform
import sys
import venv
from pathlib import Path

import numpy as np
import pytest
from networks import network

from adapters import Unavailable, find_adapters, registry
from adapters.isolation import Limits, remote
from cases import load_case
from cases.problem import stacked, unstacked
from reference import Verdict
from reports.build import main
from reports.runs.runner import run_case

# A Python that takes itself for an older one.
OLD = 'import runpy, sys; sys.version_info = (3, 8, 18); runpy.run_path(sys.argv.pop(1), None, "__main__")'


@pytest.mark.parametrize("python", ["no-python", "."])
def test_an_interpreter_that_does_not_exist_is_bad_usage(python, tmp_path, capsys):
    path = f"{tmp_path}/{python}"
    assert main(["--adapter", f"numpy@{path}", "--out", str(tmp_path)]) == 2
    expected = "expected the path of another Python, as ../old/bin/python\n"
    assert capsys.readouterr().err == f"numpy@{path}: there is no program {path!r}, {expected}"


WRONG = {
    "exit 4": "ended the process with exit code 4",
    "cat /etc/passwd": "sent a reply that is none: it begins with b'root:x",
    "sleep 3600": "gave no reply within 0.5 s and was ended",
    f"exec {sys.executable} -c '{OLD}' \"$@\"": "ended the process with exit code 1; its last words: it is "
    "Python 3.8.18, expected 3.11 or later",
}


@pytest.mark.parametrize("does", WRONG)
def test_a_program_that_is_no_such_python_is_an_error(does, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "STARTUP_FACTOR", 1)
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
    program.chmod(0o755)
    (adapter,) = find_adapters([f"numpy@{program}"], Limits(seconds=0.5 if "sleep" in does else 300))
    assert isinstance(adapter, Unavailable)
    assert adapter.reason.startswith(WRONG[does])
    assert adapter.verdict is Verdict.ERROR


def test_an_interpreter_without_numpy_is_unavailable(tmp_path):
    venv.create(tmp_path, with_pip=False)
    (adapter,) = find_adapters([f"torch@{tmp_path}/bin/python"])
    assert isinstance(adapter, Unavailable)
    assert "numpy" in adapter.reason


THEIRS = '''
"""A program that knows NumPy and its framework alone."""

import sys

import numpy as np
from framework import FACTOR, VERSION

from cases.protocol import Adapter, Program, Stacked
from cases.problem import unstacked


def run(problem):
    if VERSION == "1.9":
        assert "pandas" not in sys.modules and "flint" not in sys.modules
    p = {name: array.copy() for name, array in problem.parameters.items()}
    for _ in range(problem.steps):
        a1 = 1 / (1 + np.exp(-(problem.x @ p["W1"].T + p["b1"])))
        a2 = 1 / (1 + np.exp(-(a1 @ p["W2"].T + p["b2"])))
        dz2 = (a2 - problem.y) * a2 * (1 - a2)
        dz1 = FACTOR * dz2 @ p["W2"] * a1 * (1 - a1)
        g = {"W1": dz1.T @ problem.x, "b1": dz1.sum(0), "W2": dz2.T @ a1, "b2": dz2.sum(0)}
        p = {name: p[name] - problem.learning_rate * g[name] for name in p}
        new = {f"{name}_new": array for name, array in p.items()}
        yield {"loss": np.square(a2 - problem.y).sum() / 2, **{f"dL/d{name}": g[name] for name in g}, **new}


def one_by_one(stack):
    each = [list(run(unstacked(stack, i))) for i in range(len(stack.x))]
    for steps in zip(*each):
        yield {name: np.stack([step[name] for step in steps]) for name in steps[0]}


adapter = Adapter("theirs", "Theirs", VERSION, (Program("", run, stacked=Stacked("by one", one_by_one)),))
'''


@pytest.fixture
def other(tmp_path, monkeypatch):
    """Give an interpreter that has NumPy and release 1.9 of a framework; this one has release 2.0."""
    venv.create(tmp_path / "other", with_pip=False)
    (site,) = (tmp_path / "other").glob("lib/python*/site-packages")
    for part in Path(np.__file__).parent.parent.glob("numpy*"):
        (site / part.name).symlink_to(part)
    here, new = tmp_path / "here", tmp_path / "new"
    for folder in (new, here):
        folder.mkdir()
        monkeypatch.syspath_prepend(str(folder))
    (here / "theirs.py").write_text(THEIRS, encoding="utf-8")
    (site / "framework.py").write_text("VERSION, FACTOR = '1.9', 2.0", encoding="utf-8")
    (new / "framework.py").write_text("VERSION, FACTOR = '2.0', 1.0", encoding="utf-8")
    monkeypatch.chdir(here)
    yield "../other/bin/python"
    for name in ("theirs", "framework"):
        sys.modules.pop(name, None)
    registry.load_adapter.cache_clear()
    registry.load_isolated.cache_clear()


def test_two_releases_are_two_columns_of_one_report(other, tmp_path, capsys):
    asked = ["--verbose", "--adapter", "theirs:adapter", "--adapter", f"theirs:adapter@{other}"]
    assert main([*asked, "--select", "worked/document", "--dtype", "float64", "--out", str(tmp_path)]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "case dtype theirs theirs@1.9" in printed
    assert "✓ 13.8 ✗ dL/dW1" in printed
    assert "numpy@" not in printed
    made = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["environment"]["others"]
    runs_on = f"Python {platform.python_version()}, numpy {np.__version__}"
    assert made == {"theirs@1.9": {"asked": f"theirs:adapter@{other}", "runs_on": runs_on}}
    line = f"theirs@1.9 is theirs:adapter@{other}: {runs_on}"
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert line in page
    assert line in (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert f"--dtype float64 --adapter theirs:adapter@{other}" in page


def test_a_stack_is_trained_under_another_interpreter_that_has_no_bfloat16(other):
    (adapter,) = find_adapters([f"theirs:adapter@{other}"])
    (program,) = adapter.programs
    stack = stacked([network((2, 3, 1), 3, activations="sigmoid", seed=seed, steps=2) for seed in range(4)])
    assert program.stacked.how == "by one"
    claims = list(program.stacked.run(stack))
    assert len(claims) == 2
    for i in range(4):
        for claim, alone in zip(claims, program.run(unstacked(stack, i)), strict=True):
            assert claim.keys() == alone.keys()
            assert all(claim[name][i].tobytes() == alone[name].tobytes() for name in alone)
    (row,), _ = run_case(load_case("formats/small"), "bfloat16", [adapter])
    assert row.finding.verdict is Verdict.NO_EQUIVALENT
    assert "ml_dtypes" in row.finding.reason


def test_two_under_one_name_are_distinguished():
    again = str(Path(sys.executable).parent / ".." / "bin" / Path(sys.executable).name)
    asked = [f"numpy@{sys.executable}", f"numpy@{again}"]
    assert [adapter.name for adapter in find_adapters(asked)] == asked
    assert [adapter.name for adapter in find_adapters(asked[:1])] == [f"numpy@{np.__version__}"]
