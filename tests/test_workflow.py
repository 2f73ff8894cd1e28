"""The workflow for CI: its commands exist, what is red is kept, and nothing breaks its annotations."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from reported import report_of, row

from cases.load import SHIPPED
from reference import Verdict
from reports.build import _parser
from reports.writers import annotations

ROOT = Path(__file__).parent.parent
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/parity.yml").read_text(encoding="utf-8"))
STEPS = {step.get("name", step.get("uses", "")): step for step in WORKFLOW["jobs"]["parity"]["steps"]}


def test_its_commands_are_those_of_this_project():
    build = shlex.split(STEPS["Report"]["run"])
    assert build[:3] == [".venv/bin/python", "-m", "reports.build"]
    options = _parser().parse_args(build[3:])
    assert options.adapter == ["numpy", "torch", "jax"]  # one that does not run is a failure
    tests = shlex.split(STEPS["Tests"]["run"])
    assert (ROOT / next(word for word in tests if word.endswith(".py"))).is_file()
    install = STEPS["Install"]["run"]
    extras = re.search(r"\.\[([\w,]+)\]", install)[1].split(",")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras)
    assert (ROOT / re.search(r"-c (\S+)", install)[1]).is_file()


def test_what_is_red_is_kept():
    for name in ("Collect", "Keep the report", "Keep the report for Pages"):
        assert "always()" in STEPS[name]["if"]
    assert (
        str(options_out := _parser().parse_args(shlex.split(STEPS["Report"]["run"])[3:]).out)
        in STEPS["Collect"]["run"]
    )
    assert STEPS["Keep the report"]["with"]["path"] in STEPS["Collect"]["run"]
    assert options_out.parts == ("parity-report",)
    assert "if" not in STEPS["Report"]


COMMAND = re.compile(r"::error (?P<properties>[^\n]*?)::(?P<message>[^\n]*)")


def read(line):
    """Read a command as GitHub's runner does (actions/runner, ActionCommand.cs)."""
    found = COMMAND.fullmatch(line)
    properties = dict(part.split("=", 1) for part in found["properties"].split(","))

    def plain(text, signs):
        for sign, written in signs.items():
            text = text.replace(written, sign)
        return text.replace("%25", "%")

    ends = {"\r": "%0D", "\n": "%0A"}
    signs = {**ends, ":": "%3A", ",": "%2C"}
    return {name: plain(value, signs) for name, value in properties.items()}, plain(found["message"], ends)


@given(st.text(min_size=1, max_size=60), st.text(st.characters(codec="ascii"), min_size=1, max_size=60))
def test_no_text_ends_a_command_or_adds_a_property(message, title):
    line = annotations.error(message, title, ROOT / "cases" / "a,b:c.yaml")
    properties, said = read(line)
    assert properties.keys() == {"file", "line", "title"}
    assert properties["file"].endswith("cases/a,b:c.yaml")
    if message.isprintable() and title.isprintable():
        assert (said, properties["title"]) == (message, title)


@pytest.fixture
def workflow(monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(ROOT))


@pytest.mark.parametrize("count", [0, 1, 10, 11, 40])
@pytest.mark.usefixtures("workflow")
def test_ten_failures_at_most_are_annotated_and_the_rest_counted(count, capsys):
    annotations.annotate(report_of([row(f"nets/n{i}", "torch", Verdict.DIFFERS, 9.0) for i in range(count)]))
    lines = capsys.readouterr().out.splitlines()[1:]  # the first is empty: a command begins a line
    assert len(lines) == min(count, 10)
    if count:
        assert read(lines[0])[1].startswith("dL/dW1[0, 0] is 0.25, but follows from its inputs as 0.5 ")
    if count > 10:
        assert read(lines[-1])[1] == f"{count - 9} more failures are in the report."


def test_a_failure_is_at_the_file_of_its_case(workflow):
    properties, _ = read(
        annotations.error("off", "torch on worked/document", SHIPPED / "worked/document.yaml")
    )
    assert properties == {
        "file": "cases/worked/document.yaml",
        "line": "1",
        "title": "torch on worked/document",
    }


def test_elsewhere_nothing_is_annotated(monkeypatch, capsys):
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    annotations.annotate(report_of([row("nets/n", "torch", Verdict.DIFFERS, 9.0)]))
    assert capsys.readouterr().out == ""
