"""A part of a report that fails costs itself alone: it is named in its place, and no verdict is lost."""

import html
from dataclasses import replace

import pytest
from conftest import TWO_LAYERS

from adapters import Adapter, Choice, find_adapters
from cases import load_case, load_cases
from reference import parts, worked_example
from reference.mistakes import MISTAKES
from reference.parts import FailedPart
from reports import page, report, results_file
from reports.build import main
from reports.environment import Selection
from reports.parity import Failure, failure_of, with_failed
from reports.plots import PLOTS
from reports.runs import parallel, runner
from reports.sweep.distinct import failure
from reports.sweep.implementations import Implementation
from reports.writers import FORMATS, report_files

pytestmark = pytest.mark.usefixtures("implementations", "without_pictures", "parts_may_fail")

# In the names of two cases: one with printed numbers, and one of 20 steps that is made here.
BOTH = "document"

# The losses of both cases are sums, so nothing is wrong with it.
RIGHT = "planted:sum-for-mean"


class Broken(Exception):  # noqa: N818 - what is raised on purpose
    """Raised in the place of a part."""


def breaks(*_, **__):
    raise Broken("no such luck")


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases")
    (folder / "mine").mkdir()
    text = TWO_LAYERS.replace("steps: 3", "steps: 20")
    (folder / "mine" / "document.yaml").write_text(text, encoding="utf-8")
    return folder


def build(cases, out, *more, wrong=False):
    """Build a report of two cases, with a program that is wrong from the second step on where asked for."""
    adapters = ["numpy", "programs:honest", RIGHT, *(["programs:forgets_the_factor"] if wrong else [])]
    chosen = [f"--adapter={name}" for name in adapters]
    narrowed = ["--cases=shipped", "--cases", str(cases), "--select", BOTH, "--dtype=float64", "--workers=1"]
    return main([*narrowed, *chosen, "--out", str(out), *more])


def again(kept, out, *more):
    """Make a report again, in every format."""
    return main(["--from", str(kept), "--out", str(out), *more, *(f"--format={name}" for name in FORMATS)])


@pytest.fixture(scope="module")
def right(cases, implementations, tmp_path_factory):
    out = tmp_path_factory.mktemp("right")
    assert build(cases, out, "--format=json", "--format=csv") == 0
    return out


@pytest.fixture(scope="module")
def wrong(cases, implementations, tmp_path_factory):
    out = tmp_path_factory.mktemp("wrong")
    assert build(cases, out, "--format=json", "--format=csv", wrong=True) == 1
    return out


def damage(monkeypatch, target):
    """Let a function raise; of a file's writer the name is the file's."""
    if target in report_files.WRITERS:
        monkeypatch.setitem(report_files.WRITERS, target, breaks)
    else:
        monkeypatch.setattr(target, breaks)


def whole(one, other, *but):
    """CSV and JSON are the same, byte for byte."""
    for name in {"results.csv", "results.json", "drift.csv"} - set(but):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


MATRIX, WRONG = "“Each case by each adapter”", "programs:forgets_the_factor on mine/document"
CHANGED = "“What has changed since the last run”"

# What fails at once, each with its name for a reader; what would hide another stands in another group.
OF_A_REPORT = (
    {
        "reports.report.expected": "“Expected differences”",
        "reports.report.no_equivalent": "“No equivalent”",
        "reports.report.direct": "“The adapters directly”",
        "reports.report.lost": "“Numbers that rounding leaves without a digit”",
        "reports.report.drift": "“For information: how far the trainings have come apart”",
        "reports.report.printed": "“Printed numbers: worked/document”",
        "reports.report.counts": MATRIX,
        "reports.page.sections.quantities": "the tables of mine/document",
        "reports.page.sections.tape_table": "the tape of mine/document",
        "reports.page.index_page.anatomy": "“What a tolerance is made of”",
        "reports.worked_example.walk": "“worked/document, step by step”",
        "reports.plots.pictures": "“Pictures”",
        "reports.writers.latex.table": MATRIX,
    },
    {"reports.report.matrix": MATRIX},
    {
        "reports.page.index_page.case_sections": "“The cases, line by line”",
        "reports.writers.summary_md._rank": MATRIX,
    },
    {"reports.page.sections.summary": "the tables of mine/document"},
    {name: name for name in ("results.csv", "badge.svg", "tables.tex")},
    {name: name for name in ("results.json", "drift.csv")},
    {"summary.md": "summary.md"},
    {"index.html": "index.html"},
)

# The files are written by then.
LATE = {
    "reports.writers.terminal._counts": "the table of counts",
    "reports.writers.summary_md.append": "the summary of the workflow's step",
}


@pytest.mark.parametrize("group", [*OF_A_REPORT, LATE])
def test_parts_of_a_report_fail_alone(group, right, tmp_path, monkeypatch, capsys):
    for target in group:
        damage(monkeypatch, target)
    assert again(right, tmp_path) == 1
    whole(right, tmp_path, *group)
    printed = capsys.readouterr().out
    assert "All agree" in printed
    for target, part in group.items():
        assert f"{part}, Broken: no such luck (" in printed
        for name in ("index.html", "summary.md") if group is not LATE else ():
            text = html.unescape((tmp_path / name).read_text(encoding="utf-8").replace("\\", ""))
            assert "All agree" in text, name
            assert f"{part} failed: Broken: no such luck (" in text or target == name, name


def test_a_part_that_fails_is_named_in_its_place(right, tmp_path, monkeypatch):
    monkeypatch.setattr("reports.page.index_page.anatomy", breaks)
    monkeypatch.setattr("reports.page.sections.tape_table", breaks)
    assert again(right, tmp_path / "damaged") == 1
    text = html.unescape((tmp_path / "damaged" / "index.html").read_text(encoding="utf-8"))
    method, case = (
        text.partition(f"<section {begin}")[2].partition("</section>")[0]
        for begin in ('id="method"', 'class="case" id="case:mine/document"')
    )
    assert "“What a tolerance is made of” failed: Broken: no such luck" in method
    assert "the tape of mine/document failed: Broken: no such luck" in case
    assert "lines: all agree" in " ".join(case.split())
    assert "3 parts of the report failed: " in text


OF_A_FAILURE = (
    {
        "reports.page.sections._formula": f"the line of {WRONG} in float64",
        "reports.page.sections._numbers": f"the numbers of {WRONG} in float64",
        "reports.page.sections.repeat": f"the command that repeats {WRONG} in float64",
        "reports.writers.terminal.regression_text.show": CHANGED,
        "reports.page.index_page.regression_text.to_page": CHANGED,
    },
    {
        "reports.page.index_page.failures": "“What fails”",
        "reports.writers.summary_md._failures": "“What fails”",
        "reports.regression.compare": "what has changed since the last run",
    },
)


@pytest.mark.parametrize("group", OF_A_FAILURE)
def test_what_describes_a_failure_fails_alone(group, wrong, tmp_path, monkeypatch, capsys):
    for target in group:
        damage(monkeypatch, target)
    assert again(wrong, tmp_path, "--baseline", str(wrong)) == 1
    whole(wrong, tmp_path)
    printed = capsys.readouterr().out
    assert "Not all agree: 1 × differs" in printed
    assert [part for part in group.values() if f"{part}, Broken: no such luck (" not in printed] == []
    assert "dL/da1" in (tmp_path / "index.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("drawn")
def test_pictures_fail_alone(right, tmp_path, monkeypatch):
    monkeypatch.setattr("reports.plots.PLOTS", tuple(replace(plot, numbers=breaks) for plot in PLOTS))
    assert again(right, tmp_path) == 1
    whole(right, tmp_path)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    section = text.partition('<section id="pictures"')[2].partition("</section>")[0]
    assert section.count("” failed: Broken: no such luck (") == len(PLOTS)


# What follows a run: the field of its results that is then empty, if any, and how the part's name begins.
# What fails at once stands together; what would hide another stands in another group.
OF_A_RUN = (
    {
        "reports.runs.parameter_drift.DriftMeter.__init__": ("drifts", "the drift of "),
        "reports.runs.recorded.LossKeeper.add": ("losses", "the losses of "),
        "reports.runs.accuracy.AccuracyCounter.add": ("accuracy", "the accuracy of "),
        "reference.diagnosis.explain_step": ("", f"the diagnosis of {WRONG}"),
    },
    {
        "reports.runs.parameter_drift.DriftMeter.add": ("drifts", "the drift of "),
        "reports.runs.recorded.BitKeeper.add": ("bits", "the bits of "),
        "reports.runs.accuracy.LostDigitsKeeper.add": ("lost_digits", "the lost digits of "),
        "reference.diagnosis.inherited": ("", f"the diagnosis of {WRONG}"),
    },
    {
        "reports.runs.parameter_drift.DriftMeter.finished": ("drifts", "the drift of "),
        "reports.runs.comparison.PairCounter.add": ("pairs", "the direct comparison of "),
        "reports.runs.activation_errors.measure": ("activations", "the activations' errors"),
        "reference.diagnosis.explain_published": ("", "the diagnosis of the printed numbers of worked/doc"),
    },
    {"reference.diagnosis.candidates.mistaken_tapes": ("", "the search for known mistakes")},
    {"reference.diagnosis.candidates.fitted": ("", "the mistake weight-factor-missing")},
)


def without(results, *fields):
    """Return results without these fields, and without what explains their rows."""
    rows = tuple(replace(row, explanation="", causes=()) for row in results.rows)
    printed = tuple(replace(one, row=replace(one.row, explanation="")) for one in results.printed)
    return replace(results, rows=rows, printed=printed, failed=(), **dict.fromkeys(fields, ()))


def same(one, other, *but):
    """Two kept runs hold the same results; NaN is NaN."""
    first, second = (repr(without(results_file.read(kept).results, *but)) for kept in (one, other))
    assert first == second


@pytest.fixture(scope="module")
def selection(cases, implementations):
    names = ("numpy", "programs:honest", RIGHT, "programs:forgets_the_factor")
    two = (*load_cases(cases), load_case("worked/document"))
    return Selection(two, find_adapters(names), ("float64",))


def run(selection):
    return parallel.run_all(selection, Choice(), 1, lambda *_: None)


@pytest.fixture(scope="module")
def unbroken(selection):
    return run(selection)


@pytest.mark.parametrize("group", OF_A_RUN)
def test_what_follows_a_run_fails_alone(group, selection, unbroken, monkeypatch):
    for target in group:
        monkeypatch.setattr(target, breaks)
    broken, but = run(selection), [field for field, _ in group.values() if field]
    assert repr(without(broken, *but)) == repr(without(unbroken, *but))
    for field, part in group.values():
        assert any(one.part.startswith(part) for one in broken.failed)
        if field:
            assert getattr(broken, field) == ()
            assert getattr(unbroken, field) or field == "lost_digits"  # this case loses none
        else:  # a diagnosis
            assert any(f"Not diagnosed: {part}" in row.explanation for row in broken.rows)
    begins = tuple(part for _, part in group.values())
    assert all(one.part.startswith(begins) for one in broken.failed if but)


def test_what_failed_in_the_run_is_named_where_it_would_have_stood(right, tmp_path):
    kept = results_file.read(right)
    lost = {
        "the drift of a": "drift",
        "the lost digits of b": "lost",
        "the losses of c": "pictures",
        "the suite's power": "power",
    }
    failed = tuple(FailedPart(part, "Broken: no such luck (reports/x.py:1)") for part in lost)
    results = replace(kept.results, failed=failed)
    text = page.index(report.put_together(results, kept.selection, kept.environment))
    for part, section in lost.items():
        _, _, after = text.partition(f'<section id="{section}"')
        assert f"{part} failed: Broken: no such luck" in html.unescape(after.partition("</section>")[0])


def test_where_one_mistake_fails_the_others_are_tried(selection, monkeypatch):
    broken = replace(MISTAKES["sum-for-mean"], change=breaks)
    monkeypatch.setattr("reference.diagnosis.candidates.MISTAKES", {**MISTAKES, broken.name: broken})
    always = replace(selection, adapters=find_adapters(["programs:always_forgets_it"]))
    text, *_ = [row.explanation for row in run(always).rows if row.fails and row.explanation]
    assert text.startswith("Explained by: the factor w is missing from the hidden gradient")
    assert "Not diagnosed: the mistake sum-for-mean failed: Broken: no such luck (reference/mistakes/" in text


def test_where_judging_itself_fails_the_other_cases_are_judged(selection, unbroken, monkeypatch):
    monkeypatch.setattr(runner, "judge_case", lambda case, **_: breaks() if case.published else [])
    judge = runner._run_problem  # noqa: SLF001 - the judging itself, and nothing about it

    def judged_or_broken(case, *more):
        return (breaks if "mine" in case.name else judge)(case, *more)

    monkeypatch.setattr(runner, "_run_problem", judged_or_broken)
    rows = run(selection).rows
    kept = [one for one in unbroken.rows if one.subject.case == "worked/document"]
    judged = [one for one in rows if one.finding.verdict != "error"]
    assert repr(judged) == repr([one for one in kept if one.subject.adapter != "published"])
    failed = [one for one in rows if one not in judged]
    errors = {(one.subject.adapter, one.finding.reason.partition(":")[0]) for one in failed}
    why = "is not judged, because the judging of mine/document in float64 failed"
    printed = "is not judged, because the judging of the printed numbers of worked/document failed"
    names = {adapter.name for adapter in selection.adapters}
    assert errors == {*((name, why) for name in names), ("published", printed)}


def test_a_parity_test_reports_its_verdict_and_what_failed(cases, monkeypatch):
    monkeypatch.setattr("reference.diagnosis.explain_step", breaks)
    (case,) = load_cases(cases)
    failure = failure_of(case, "programs:forgets_the_factor", "float64")
    assert failure is not None
    assert failure.text.startswith("dL/da1[")
    assert f"1 part of the report failed: the diagnosis of {WRONG} in float64, Broken: no" in failure.text
    with_parts = with_failed(None, [parts.FailedPart("a part", "a reason")])
    assert with_parts == Failure("1 part of the report failed: a part, a reason.")
    assert with_failed(failure, []) is failure


def test_a_sweeps_finding_is_reported_without_its_diagnosis(monkeypatch):
    monkeypatch.setattr("reference.diagnosis.explain_step", breaks)
    (adapter,) = find_adapters(["planted:update-with-the-wrong-sign"])
    assert isinstance(adapter, Adapter)
    found = failure(Implementation(adapter, adapter.programs[0]), worked_example())
    assert found is not None
    assert found.explanations == frozenset()
    assert "_new" in found.text
    assert "1 part of the report failed: the diagnosis, Broken: no such luck (" in found.text


def test_the_suites_power_and_a_machine_that_cannot_be_described_cost_no_verdict(
    cases, right, tmp_path, monkeypatch
):
    for target in ("build_report.measure", "runs.parameter_drift.DriftMeter.add"):
        monkeypatch.setattr(f"reports.{target}", breaks)
    monkeypatch.setattr("platform.platform", breaks)
    assert build(cases, tmp_path, "--format=json", "--format=csv", "--power") == 1
    same(tmp_path, right, "drifts")
    whole(tmp_path, right, "results.json", "drift.csv")
    kept = results_file.read(tmp_path)
    failed = [one.part for one in kept.results.failed if not one.part.startswith("the drift of ")]
    assert failed == ["how this was made", "the suite's power"]
    assert (kept.power, kept.environment.platform) == (None, "not known")
    assert again(tmp_path, tmp_path / "again") == 1


def test_verdicts_are_printed_where_no_file_can_be_written(right, tmp_path, monkeypatch, capsys):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(report_files, "publish", refuse)
    assert again(right, tmp_path) == 2
    printed = capsys.readouterr()
    assert "All agree" in printed.out
    assert "Report: " not in printed.out
    assert "Permission denied" in printed.err
