"""`python -m reports.diff`: what has changed between two runs, and when something is worse."""

import dataclasses
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from adapters import Adapter, Program, Unavailable
from cases import load_cases
from reference import Verdict, training_steps
from reports import build, environment, regression_text, report, results_file
from reports.diff import main
from reports.environment import Selection
from reports.page import diff
from reports.regression import compare
from reports.regression_text import headline, markdown
from reports.runs import runner

pytestmark = pytest.mark.usefixtures("implementations", "without_pictures")

ROOT = Path(__file__).parent.parent
MINE = "mine/two-layers", "float64", "mine"


@pytest.fixture
def ran(folder):
    """A function that runs the case of two layers by one program, whose claims `damage` may change."""

    def ran(damage=lambda *_: None, dtypes=("float64",), name="mine"):
        def program(problem):
            for number, step in enumerate(training_steps(problem), start=1):
                claim = {quantity: np.array(value) for quantity, value in step.items()}
                damage(claim, number)
                yield claim

        mine = Adapter(name, name, "1.0", (Program("", program),))
        selection = Selection(tuple(load_cases(folder)), (mine,), dtypes)
        return report.put_together(runner.run(selection), selection, environment.describe("a test")).run

    return ran


@pytest.fixture
def case_file(folder):
    return folder / "mine" / "two-layers.yaml"


def edit(path, old, new):
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def ulps_of(name, step, ulps=1):
    """Move the first element of one quantity of one step by some ulps."""

    def damage(claim, number):
        if number == step:
            for _ in range(ulps):
                claim[name].flat[0] = np.nextafter(claim[name].flat[0], np.inf)

    return damage


def wrong(name, step=1, factor=1.5):
    def damage(claim, number):
        if number >= step:
            claim[name] *= factor

    return damage


def hides(*names):
    def damage(claim, _):
        for name in names:
            del claim[name]

    return damage


def crashes(claim, number):
    raise ValueError("no such luck")


def tables(old, new):
    return {
        one.name: list(one.table.itertuples(index=False, name=None)) for one in compare(old, new).sections
    }


def test_one_bit_of_one_step_is_seen_with_where_it_begins(ran):
    """Nothing follows from it, because the implementation states all the rest as before."""
    same = compare(ran(), ran())
    assert headline(same) == "Nothing is worse; all 19 quantities are the same to the last bit."
    assert (same.sections, same.regressed) == ((), False)
    changed = tables(ran(), ran(ulps_of("a1", 2, 3)))
    assert changed["bit_changes"] == [(*MINE, "a1", 2, "1 of 6", "3", "–", "yes")]
    assert changed["kinds"] == [("float64", "mine", "a", 2, 1, 1, "3", "mine/two-layers", "–")]


def test_steps_whose_values_are_not_kept_are_seen_and_later_steps_count(ran, case_file):
    edit(case_file, "steps: 3", "steps: 12")
    changed = tables(ran(), ran(ulps_of("a1", 7)))
    assert changed["bit_changes"] == [(*MINE, "a1", 10, "0 of 6", "earlier", "–", "yes")]
    assert changed["kinds"] == [("float64", "mine", "a", 2, 1, 1, "earlier", "mine/two-layers", "–")]

    def damage(claim, number):
        ulps_of("a1", 4)(claim, number)
        ulps_of("a1", 10, 5)(claim, number)

    assert tables(ran(), ran(damage))["bit_changes"] == [(*MINE, "a1", 5, "0 of 6", "earlier", "5", "yes")]


def test_the_first_moved_is_the_one_computed_first_nan_is_far_and_the_sign_of_zero_is_a_bit(ran):
    def damage(claim, number):
        for name in ("W1_new", "dL/dz2", "loss"):
            ulps_of(name, 1)(claim, number)

    moved = tables(ran(), ran(damage))["bit_changes"]
    assert {(line[3], line[-1]) for line in moved} == {("loss", "yes"), ("dL/dz2", ""), ("W1_new", "")}
    (line,) = tables(ran(), ran(wrong("loss", factor=math.nan)))["bit_changes"]
    assert (line[3], line[5:8]) == ("loss", ("1 of 1", "inf", "inf"))
    (line,) = tables(ran(wrong("b1_new", factor=0.0)), ran(wrong("b1_new", factor=-0.0)))["bit_changes"]
    assert (line[3], line[5:8]) == ("b1_new", ("3 of 3", "0", "0"))


def test_a_new_failure_is_a_regression_and_the_other_way_it_is_fixed(ran):
    before, now = ran(), ran(wrong("dL/dW1", 2))
    changes = compare(before, now)
    assert changes.regressed
    worse = "Worse: 1 comparison fails that did not before; 1 of 19 quantities have moved"
    assert headline(changes).startswith(worse)
    (failure,) = tables(before, now)["failures"]
    assert failure[:5] == (*MINE, "differs at dL/dW1, step 2", 1)
    assert failure[5].startswith("dL/dW1[")
    back = compare(now, before)
    assert (back.regressed, back.count("fixed")) == (False, 1)
    assert headline(back).startswith("Nothing is worse; 1 failure is fixed; ")


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (wrong("dL/dW1"), wrong("dL/dW2"),
         {"failures": [(*MINE, "differs at dL/dW2")], "fixed": [(*MINE, "differs at dL/dW1")]}),
        (wrong("loss"), wrong("loss", 2), {}),
        # A wrong z1 makes a1 wrong, which follows from it; that is right now, and nothing is known of z1.
        (wrong("z1"), hides("z1"), {"fixed": [(*MINE, "differs at a1")], "uncompared": [(*MINE, 1)]}),
        (lambda *_: None, hides("z1", "a1"), {"uncompared": [(*MINE, 2)]}),
        (lambda *_: None, crashes, {"failures": [(*MINE, "error")], "uncompared": [(*MINE, 19)]}),
        (crashes, crashes, {}),
        (crashes, lambda *_: None, {"fixed": [(*MINE, "error")]}),
    ],
)  # fmt: skip
def test_what_fails_anew_is_fixed_or_is_no_longer_compared(ran, before, now, expected):
    found = tables(ran(before), ran(now))
    names = {"failures", "fixed", "uncompared"} & found.keys()
    assert {name: [line[:4] for line in found[name]] for name in names} == expected


@pytest.mark.parametrize(
    ("now", "why", "selected"),
    [
        ({"damage": hides("z1")}, "it is not stated any more", ()),
        ({"damage": crashes}, "error: raised ValueError: no such luck", ()),
        ({"name": "theirs"}, "the adapter is not in this run", ("adapter mine", "adapter theirs")),
        ({"dtypes": ("float32",)}, "the case did not run in float64",
         ("number format float64", "number format float32")),
    ],
)  # fmt: skip
def test_what_is_no_longer_compared_has_a_reason_and_is_worse(ran, now, why, selected):
    before, after = ran(), ran(**now)
    found = tables(before, after)
    ((*_, first, reason),) = found["uncompared"]
    assert first == "z1"
    assert reason.startswith(why)
    assert tuple(line[0] for line in found.get("selected", ())) == selected
    assert compare(before, after).regressed


def test_a_case_or_a_framework_that_is_gone_is_worse_and_a_new_one_is_not(ran, case_file):
    one = ran()
    absent = Unavailable("mine", Verdict.NOT_RUN, "mine is not installed")
    selection = Selection(one.selection.cases, (absent,), ("float64",))
    none = report.put_together(runner.run(selection), selection, environment.describe("a test")).run
    assert [line[-1] for line in tables(one, none)["uncompared"]] == ["not run: mine is not installed"]
    case_file.with_name("again.yaml").write_text(case_file.read_text(encoding="utf-8"), encoding="utf-8")
    two = ran()
    assert tables(one, two) == {"selected": [("case mine/again", "–", "there")]}
    gone = ("mine/again", "float64", "mine", 19, "z1", "the case is not in this run")
    assert tables(two, one)["uncompared"] == [gone]


def test_lost_margin_is_shown_the_largest_loss_first(ran):
    before = ran()
    rows = list(before.results.rows)
    for i, row in enumerate(rows):
        if row.finding.quantity in ("z1", "loss") and row.finding.step == 3:
            finding = dataclasses.replace(row.finding, used=0.75 + row.place / 100)
            rows[i] = dataclasses.replace(row, finding=finding)
    now = dataclasses.replace(before, results=dataclasses.replace(before.results, rows=tuple(rows)))
    lost = tables(before, now)["margin"]
    assert {(line[3], line[5]) for line in lost} == {("loss", "0.79"), ("z1", "0.75")}
    assert [float(line[6]) for line in lost] == sorted((float(line[6]) for line in lost), reverse=True)


def test_the_bits_of_an_edited_case_are_not_compared_and_a_training_ends_at_another_step(ran, case_file):
    before = ran()
    edit(case_file, "0.4", "0.45")
    changes = compare(before, ran())
    assert [(one.name, list(one.table["case"])) for one in changes.sections] == [("edited", [MINE[0]])]
    assert "no quantity is in both runs" in headline(changes)
    edit(case_file, "steps: 3", "steps: 3\nuntil: {loss: 1e-9}")

    def ends(claim, number):
        if number == 2:
            claim["loss"] *= 0

    assert tables(ran(), ran(ends))["ended"] == [(*MINE, 3, 2)]


def test_other_versions_and_another_platform_are_shown(ran):
    now = ran()
    made = now.environment
    old = dataclasses.replace(made, versions=made.versions | {"jax": "0.9.2"}, cpu="an older processor")
    changed = [("jax", "0.9.2", made.versions["jax"]), ("processor", "an older processor", made.cpu)]
    assert tables(dataclasses.replace(now, environment=old), now)["versions"] == changed


@pytest.fixture
def saved(ran, tmp_path):
    for name, one in {"old": ran(), "new": ran(wrong("dL/dW1"))}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / results_file.NAME).write_text(results_file.dumps(one), encoding="utf-8")
    return tmp_path


def test_the_command_takes_folders_and_files_and_says_what_it_cannot_read_or_write(saved, capsys):
    old, new, out = str(saved / "old"), str(saved / "new" / results_file.NAME), saved / "out"
    assert main([old, new, "--out", str(out)]) == 1
    printed = capsys.readouterr().out
    assert "differs at dL/dW1" in printed
    assert "Worse: 1 comparison fails that did not" in printed
    assert printed.splitlines()[-1] == f"Written: {out / 'diff.html'}"
    assert {path.name for path in out.iterdir() if not path.name.startswith(".")} == {"diff.md", "diff.html"}
    assert main([new, old]) == 0
    assert "1 failure is fixed" in capsys.readouterr().out
    (saved / "file").write_text("", encoding="utf-8")
    bad = [old, str(saved / "nowhere")], [str(saved), old], [old, old, "--out", str(saved / "file")]
    assert [main(command) for command in bad] == [2, 2, 2]
    *unread, unwritten = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[2].partition(",")[0] for line in unread] == ["there is no such file"] * 2
    assert unwritten.startswith("the comparison cannot be written to ")


def test_the_files_say_what_the_terminal_says(ran, monkeypatch):
    changes = compare(ran(name="<script>"), ran(wrong("dL/dW1"), name="<script>"))
    page, text = diff(changes), markdown(changes)
    assert page.startswith("<!doctype html>")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert re.findall(r"<h(\d)", page) == ["1"] + ["2"] * len(changes.sections)
    assert len(set(ids := re.findall(r'id="(.*?)"', page))) == len(ids)
    assert page.count("<caption>") == page.count("<table>") == len(changes.sections)
    assert page.count("<th>") == 0  # each says what it is the head of
    for section in changes.sections:
        assert f'id="changes-{section.name}"' in page
        assert f"## {section.title}" in text
    assert "differs at dL/dW1" in page
    assert "differs at dL/dW1" in text
    monkeypatch.setattr(regression_text, "MAX_LINES_IN_MARKDOWN", 2)  # a summary counts the others
    changes = compare(ran(), ran(hides("z1")))
    changes.sections[0].table.loc[1] = changes.sections[0].table.loc[2] = changes.sections[0].table.loc[0]
    head, uncompared, *_ = regression_text.to_sections(changes)
    assert head.within(1_000) == f"## {regression_text.TITLE}\n\n**{headline(changes)}**"
    assert (len(uncompared.lines), uncompared.failing, uncompared.level) == (2, 2, 3)
    assert "These are the first 2, of 3." in uncompared.within(10_000)


def test_a_build_with_a_baseline_shows_what_has_changed_and_fails_where_it_is_worse(folder, tmp_path, capsys):
    out = tmp_path / "out"
    common = ["--cases", str(folder), "--select", "mine/", "--dtype", "float64", "--out", str(out)]
    assert build.main([*common, "--adapter", "numpy"]) == 0
    assert "What has changed" not in (out / "index.html").read_text(encoding="utf-8")
    assert build.main([*common, "--adapter", "numpy", "--baseline", str(out)]) == 0
    assert "all 19 quantities are the same to the last bit" in capsys.readouterr().out
    baseline = str(out / results_file.NAME)
    assert build.main([*common, "--adapter", "programs:honest", "--baseline", baseline]) == 1
    printed = capsys.readouterr().out
    assert "All agree" in printed
    assert "Worse: 1 comparison is no longer made in full" in printed
    for name in ("index.html", "summary.md"):
        text = (out / name).read_text(encoding="utf-8")
        assert "What has changed since the last run" in text
        assert "the adapter is not in this run" in text
    headings = re.findall(r"^##+ .*$", text, re.MULTILINE)
    assert headings[0] == "## What has changed since the last run"
    assert headings[1].startswith("### ")
    assert "## Each case by each adapter" in headings


def test_a_baseline_that_cannot_be_read_is_refused_before_anything_runs(folder, tmp_path, capsys):
    command = ["--cases", str(folder), "--select", "mine/", "--out", str(tmp_path / "out")]
    assert build.main([*command, "--baseline", str(tmp_path / "nowhere.json")]) == 2
    expected = "nowhere.json: there is no such file, expected the results.json of a report"
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "module", ["reports.diff", "reports.vectors", "reports.build", "reports.sweep", "reports.pytest_options"]
)
def test_help_loads_nothing_heavy(module):
    code = (
        f"import sys, runpy\nsys.argv = ['x', '--help']\n"
        f"try: runpy.run_module({module!r}, run_name='__main__')\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "heavy = 'torch', 'jax', 'pandas', 'numpy', 'matplotlib', 'pydantic', 'flint'\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"
