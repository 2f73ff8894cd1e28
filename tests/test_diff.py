"""`python -m reports.diff`: what is told of two runs, and when something is worse."""

import dataclasses
import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters import Adapter, Program, Unavailable, find_adapters
from cases import load_cases
from reference import Verdict, training_steps
from reports import build, environment, report, saved
from reports.changes import compare, headline, markdown, telling
from reports.changes.tables import sections
from reports.diff import main
from reports.environment import Selection
from reports.page import diff
from reports.runs import runner
from reports.saved import SavedRun

pytestmark = pytest.mark.usefixtures("implementations", "without_pictures")

ROOT = Path(__file__).parent.parent


@pytest.fixture
def ran(folder: Path) -> Callable[..., SavedRun]:
    """Give a function that runs the case of two layers by one program, whose claims `damage` may change."""

    def ran(
        damage: Callable[[dict[str, Any], int], None] = lambda *_: None,
        dtypes: tuple[str, ...] = ("float64",),
        name: str = "mine",
        select: str = "",
        others: tuple[str, ...] = (),
    ) -> SavedRun:
        def program(problem: Any) -> Iterator[dict[str, Any]]:
            for number, step in enumerate(training_steps(problem), start=1):
                claim = {quantity: np.array(value) for quantity, value in step.items()}
                damage(claim, number)
                yield claim

        cases = tuple(case for case in load_cases(folder) if select in case.name)
        mine = Adapter(name, name, "1.0", (Program("", program),))
        selection = Selection(cases, (mine, *find_adapters(others)) if others else (mine,), dtypes)
        return report.put_together(runner.run(selection), selection, environment.describe("a test")).run

    return ran


def ulp_of(name: str, step: int, ulps: int = 1) -> Callable[[dict[str, Any], int], None]:
    """Move the first element of one quantity of one step by some ulps."""

    def damage(claim: dict[str, Any], number: int) -> None:
        if number == step:
            for _ in range(ulps):
                claim[name].flat[0] = np.nextafter(claim[name].flat[0], claim[name].dtype.type(np.inf))

    return damage


def wrong(name: str, step: int = 1) -> Callable[[dict[str, Any], int], None]:
    def damage(claim: dict[str, Any], number: int) -> None:
        if number >= step:
            claim[name] *= 1.5

    return damage


def hides(*names: str) -> Callable[[dict[str, Any], int], None]:
    def damage(claim: dict[str, Any], _: int) -> None:
        for name in names:
            del claim[name]

    return damage


def tables(old: SavedRun, new: SavedRun) -> dict[str, list[tuple[Any, ...]]]:
    told = sections(compare(old, new))
    return {one.name: list(one.table.itertuples(index=False, name=None)) for one in told}


def test_the_same_run_again_has_not_changed(ran: Callable[..., SavedRun]) -> None:
    changes = compare(ran(), ran())
    assert headline(changes) == "Nothing is worse; all 19 quantities are the same to the last bit."
    assert sections(changes) == ()
    assert not changes.regressed


def test_one_bit_of_one_step_is_seen_with_where_it_begins(ran: Callable[..., SavedRun]) -> None:
    """Nothing follows from it, because the implementation states all the rest as before."""
    told = tables(ran(), ran(ulp_of("a1", 2, 3)))
    assert told["moved"] == [("mine/two-layers", "float64", "mine", "a1", 2, "1 of 6", "3", "–", "yes")]
    assert told["kinds"] == [("float64", "mine", "a", 2, 1, 1, "3", "mine/two-layers", "–")]


def test_a_step_whose_values_are_not_kept_is_seen_too(ran: Callable[..., SavedRun], folder: Path) -> None:
    path = folder / "mine" / "two-layers.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("steps: 3", "steps: 8"), encoding="utf-8")
    (moved,) = tables(ran(), ran(ulp_of("a1", 7)))["moved"]
    assert moved[4:] == (8, "0 of 6", "earlier", "–", "yes")


def test_the_first_of_several_is_the_one_above_the_others(ran: Callable[..., SavedRun]) -> None:
    def damage(claim: dict[str, Any], number: int) -> None:
        for name in ("W1_new", "dL/dz2", "loss"):
            ulp_of(name, 1)(claim, number)

    told = tables(ran(), ran(damage))["moved"]
    assert {(line[3], line[-1]) for line in told} == {("loss", "yes"), ("dL/dz2", ""), ("W1_new", "")}


def test_a_new_failure_is_a_regression_and_the_other_way_it_is_fixed(ran: Callable[..., SavedRun]) -> None:
    before, now = ran(), ran(wrong("dL/dW1", 2))
    changes = compare(before, now)
    assert changes.regressed
    assert headline(changes).startswith(
        "Worse: 1 comparison fails that did not before; 1 of 19 quantities have moved"
    )
    (failure,) = tables(before, now)["failures"]
    assert failure[:5] == ("mine/two-layers", "float64", "mine", "differs at dL/dW1, step 2", 1)
    assert failure[5].startswith("dL/dW1[")
    back = compare(now, before)
    assert (back.regressed, len(back.fixed)) == (False, 1)
    assert headline(back).startswith("Nothing is worse; 1 failure is fixed; ")


def test_what_failed_and_is_not_stated_any_more_is_not_fixed(ran: Callable[..., SavedRun]) -> None:
    """A wrong z1 makes a1 wrong, which follows from it; that is right now, and nobody knows of z1."""
    changes = compare(ran(wrong("z1")), ran(hides("z1")))
    assert [one.first for one in changes.fixed] == ["differs at a1"]
    assert [one.quantities for one in changes.uncompared] == [("z1",)]


def test_another_failure_of_the_same_implementation_is_new(ran: Callable[..., SavedRun]) -> None:
    changes = compare(ran(wrong("dL/dW1")), ran(wrong("dL/dW2")))
    assert [one.first for one in changes.failures] == ["differs at dL/dW2"]
    assert [one.first for one in changes.fixed] == ["differs at dL/dW1"]


def test_the_same_failure_at_another_element_is_not_new(ran: Callable[..., SavedRun]) -> None:
    assert not compare(ran(wrong("loss")), ran(wrong("loss", 2))).regressed


def test_what_is_stated_no_longer_is_a_regression(ran: Callable[..., SavedRun]) -> None:
    told = tables(ran(), ran(hides("z1", "a1")))
    assert told["uncompared"] == [
        ("mine/two-layers", "float64", "mine", 2, "z1", "it is not stated any more")
    ]


def test_a_implementation_that_crashes_now_is_no_longer_compared(ran: Callable[..., SavedRun]) -> None:
    def crash(claim: dict[str, Any], number: int) -> None:
        raise ValueError("no such luck")

    told = tables(ran(), ran(crash))
    assert [line[3] for line in told["failures"]] == ["error"]
    ((*_, quantities, first, why),) = told["uncompared"]
    assert (quantities, first) == (19, "z1")
    assert why.startswith("error: raised ValueError: no such luck")
    assert "fixed" not in tables(ran(crash), ran(crash))


@pytest.mark.parametrize(
    ("now", "why", "selected"),
    [
        ({"name": "theirs"}, "the adapter is not in this run", {"adapter mine", "adapter theirs"}),
        (
            {"dtypes": ("float32",)},
            "the case did not run in float64",
            {"number format float64", "number format float32"},
        ),
    ],
)  # fmt: skip
def test_what_is_gone_is_told_and_worse(
    ran: Callable[..., SavedRun], now: dict[str, Any], why: str, selected: set[str]
) -> None:
    told = tables(ran(), ran(**now))
    assert [line[-1] for line in told["uncompared"]] == [why]
    assert {line[0] for line in told["selected"]} == selected
    assert compare(ran(), ran(**now)).regressed


def test_a_case_that_is_gone_is_worse_and_one_that_came_is_not(
    ran: Callable[..., SavedRun], folder: Path
) -> None:
    one = ran()
    text = (folder / "mine" / "two-layers.yaml").read_text(encoding="utf-8")
    (folder / "mine" / "again.yaml").write_text(text, encoding="utf-8")
    two = ran()
    assert tables(one, two) == {"selected": [("case mine/again", "–", "there")]}
    told = tables(two, one)
    assert told["uncompared"] == [("mine/again", "float64", "mine", 19, "z1", "the case is not in this run")]


def test_a_framework_that_is_absent_now_says_why(ran: Callable[..., SavedRun]) -> None:
    before = ran(name="jax")
    absent = Unavailable("jax", Verdict.NOT_RUN, "jax is not installed")
    selection = Selection(before.selection.cases, (absent,), ("float64",))
    now = report.put_together(runner.run(selection), selection, environment.describe("a test")).run
    told = tables(before, now)
    assert [line[-1] for line in told["uncompared"]] == ["not run: jax is not installed"]


def test_an_edited_case_is_told_and_its_bits_are_not_compared(
    ran: Callable[..., SavedRun], folder: Path
) -> None:
    before = ran()
    path = folder / "mine" / "two-layers.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("0.4", "0.45"), encoding="utf-8")
    changes = compare(before, ran())
    assert changes.edited == ("mine/two-layers",)
    assert (changes.motion.moved, changes.headroom) == ((), ())
    assert "no quantity is in both runs" in headline(changes)


def test_headroom_lost_is_told_the_largest_loss_first(ran: Callable[..., SavedRun]) -> None:
    before = ran()
    rows = [
        dataclasses.replace(row, finding=dataclasses.replace(row.finding, used=0.75 + row.place / 100))
        if row.finding.quantity in ("z1", "loss") and row.finding.step == 3
        else row
        for row in before.results.rows
    ]
    now = dataclasses.replace(before, results=dataclasses.replace(before.results, rows=tuple(rows)))
    lost = compare(before, now).headroom
    assert {(one.quantity, one.now) for one in lost} == {("loss", 0.79), ("z1", 0.75)}
    assert [one.lost for one in lost] == sorted((one.lost for one in lost), reverse=True)


def test_a_training_that_ends_elsewhere_is_told(ran: Callable[..., SavedRun], folder: Path) -> None:
    def ends(claim: dict[str, Any], number: int) -> None:
        if number == 2:
            claim["loss"] *= 0

    path = folder / "mine" / "two-layers.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "until: {loss: 1e-9}\n", encoding="utf-8")
    assert tables(ran(), ran(ends))["ended"] == [("mine/two-layers", "float64", "mine", 3, 2)]


def test_versions_and_platform_that_are_others_are_told(ran: Callable[..., SavedRun]) -> None:
    before = ran()
    versions = before.environment.versions | {"jax": "0.9.2"}
    old = dataclasses.replace(before.environment, versions=versions, cpu="an older processor")
    told = tables(dataclasses.replace(before, environment=old), before)["versions"]
    assert told == [
        ("jax", "0.9.2", before.environment.versions["jax"]),
        ("processor", "an older processor", before.environment.cpu),
    ]


def test_a_nan_is_infinitely_far_and_a_sign_of_zero_is_not(ran: Callable[..., SavedRun]) -> None:
    def nan(claim: dict[str, Any], number: int) -> None:
        claim["loss"] *= math.nan

    (moved,) = compare(ran(), ran(nan)).motion.moved
    assert (moved.ulps, moved.later) == (math.inf, math.inf)
    assert tables(ran(), ran(nan))["moved"][0][6] == "inf"

    def zero(sign: float) -> Callable[[dict[str, Any], int], None]:
        return lambda claim, _: claim["b1_new"].fill(sign * 0.0)

    (moved,) = compare(ran(zero(1)), ran(zero(-1))).motion.moved
    assert (moved.elements, moved.ulps) == (3, 0.0)


@pytest.fixture
def kept(ran: Callable[..., SavedRun], tmp_path: Path) -> Path:
    for name, one in {"old": ran(), "new": ran(wrong("dL/dW1"))}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / saved.NAME).write_text(saved.dumps(one), encoding="utf-8")
    return tmp_path


def test_the_command_takes_folders_and_files_and_ends_with_1_where_it_is_worse(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, out = str(kept / "old"), str(kept / "new" / saved.NAME), kept / "out"
    assert main([old, new, "--out", str(out)]) == 1
    printed = capsys.readouterr().out
    assert "differs at dL/dW1" in printed
    assert "Worse: 1 comparison fails that did not" in printed
    assert printed.splitlines()[-1] == f"Written: {out / 'diff.html'}"
    assert {path.name for path in out.iterdir() if not path.name.startswith(".")} == {"diff.md", "diff.html"}
    assert main([new, old]) == 0
    assert "1 failure is fixed" in capsys.readouterr().out
    assert main([new, new]) == 0


def test_what_cannot_be_read_or_written_is_told_in_one_line(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = str(kept / "old")
    assert main([old, str(kept / "nowhere")]) == 2
    assert main([str(kept), old]) == 2
    (kept / "file").write_text("", encoding="utf-8")
    assert main([old, old, "--out", str(kept / "file")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[2].partition(",")[0] for line in lines[:2]] == ["there is no such file"] * 2
    assert lines[2].startswith("the comparison cannot be written to ")
    assert len(lines) == 3


def test_the_files_tell_what_the_terminal_tells(ran: Callable[..., SavedRun]) -> None:
    changes = compare(ran(name="<script>"), ran(wrong("dL/dW1"), name="<script>"))
    page, text = diff(changes), markdown(changes)
    assert page.startswith("<!doctype html>")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    levels = re.findall(r"<h(\d)", page)
    assert levels == ["1"] + ["2"] * len(sections(changes))
    assert len(set(ids := re.findall(r'id="(.*?)"', page))) == len(ids)
    assert page.count("<caption>") == page.count("<table>") == len(sections(changes))
    assert page.count("<th>") == 0  # each says what it is the head of
    for section in sections(changes):
        assert f'id="changes-{section.name}"' in page
        assert f"## {section.title}" in text
    assert "differs at dL/dW1" in page
    assert "differs at dL/dW1" in text


def test_a_summary_shows_a_tables_first_lines_and_counts_them(
    ran: Callable[..., SavedRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "IN_MARKDOWN", 2)
    changes = compare(ran(), ran(wrong("dL/dW1")))
    changes = dataclasses.replace(changes, failures=changes.failures * 3)
    head, failures, *_ = telling.to_sections(changes)
    assert head.within(1_000) == f"## {telling.TITLE}\n\n**{headline(changes)}**"
    assert (len(failures.lines), failures.failing, failures.level) == (2, 2, 3)
    assert "These are the first 2, of 3." in failures.within(10_000)


def test_a_build_with_a_baseline_tells_what_has_changed_and_fails_where_it_is_worse(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    common = ["--cases", str(folder), "--select", "mine/", "--dtype", "float64", "--out", str(out)]
    assert build.main([*common, "--adapter", "numpy"]) == 0
    assert "What has changed" not in (out / "index.html").read_text(encoding="utf-8")
    assert build.main([*common, "--adapter", "numpy", "--baseline", str(out)]) == 0
    assert "all 19 quantities are the same to the last bit" in capsys.readouterr().out
    assert build.main([*common, "--adapter", "programs:honest", "--baseline", str(out / saved.NAME)]) == 1
    printed = capsys.readouterr().out
    assert "All agree" in printed
    assert "Worse: 1 comparison is no longer made in full" in printed
    for name in ("index.html", "summary.md"):
        told = (out / name).read_text(encoding="utf-8")
        assert "What has changed since the last run" in told
        assert "the adapter is not in this run" in told
    headings = re.findall(r"^##+ .*$", told, re.MULTILINE)
    assert headings[0] == "## What has changed since the last run"
    assert headings[1].startswith("### ")
    assert "## Each case by each adapter" in headings


def test_a_baseline_that_cannot_be_read_is_told_before_anything_runs(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = [
        "--cases",
        str(folder),
        "--select",
        "mine/",
        "--adapter",
        "numpy",
        "--out",
        str(tmp_path / "out"),
    ]
    assert build.main([*common, "--baseline", str(tmp_path / "nowhere.json")]) == 2
    told = capsys.readouterr()
    assert "nowhere.json: there is no such file, expected the results.json of a report" in told.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("module", ["reports.diff", "reports.vectors.__main__", "reports.build"])
def test_help_loads_nothing_heavy(module: str) -> None:
    code = (
        f"import sys, runpy\nsys.argv = ['x', '--help']\n"
        f"try: runpy.run_module({module!r}, run_name='__main__')\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "heavy = 'torch', 'jax', 'pandas', 'numpy', 'matplotlib', 'pydantic', 'flint'\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"
