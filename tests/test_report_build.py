"""`python -m reports.build`: what it prints, what it writes, how it ends."""

import csv
import json
import math
import os
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import reported

from adapters import Adapter, Program, Unavailable, registry
from cases import load_case
from reference import Verdict, training_steps
from reference.mistakes import MISTAKES
from reports import report, results_file
from reports.build import main
from reports.environment import Selection, describe
from reports.outcome import Cell, conclude
from reports.report import put_together
from reports.runs.rows import Results
from reports.runs.runner import run_case
from reports.writers import FORMATS, USUAL, chosen, csv_json, report_files
from reports.writers.csv_json import COLUMNS
from reports.writers.report_files import LARGE, WRITERS

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.usefixtures("implementations", "without_pictures")

FILES = {"results.csv", "results.json", "summary.md", "index.html", "drift.csv", "badge.svg"}


@pytest.fixture
def build(folder, tmp_path):
    def build(*arguments, select="mine/", adapters=("numpy",)):
        chosen = [f"--adapter={name}" for name in adapters]
        out = ["--out", str(tmp_path / "out")]
        cases = [f"--cases={one}" for one in ("shipped", folder)]
        return main([*cases, "--select", select, *chosen, *out, *arguments])

    return build


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


@pytest.mark.usefixtures("drawn")
def test_all_agree(build, tmp_path, capsys):
    assert build(adapters=("numpy", "programs:honest")) == 0
    printed = capsys.readouterr().out
    scope = r"1 case in float64, float32 by numpy [\d.]+, programs:honest: 228 quantities compared "
    assert re.match(r"All agree\.\n" + scope + r"with certified truth\.\n", printed)
    assert re.search(r"\n numpy +2 +– *\n programs:honest +2 +– *\n", printed)
    assert "mine/two-layers" not in printed
    assert "%" not in printed  # no progress bar where there is no terminal
    assert set(contents(tmp_path / "out")) == FILES
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert 'name="viewport"' in page
    (head,) = re.findall(r"<th scope=\"col\">formats(.*)\n<tbody>", page)
    assert re.findall('<th scope="col">([^<]*)', head) == ["numpy", "programs:honest"]
    (line,) = re.findall('<tr class="all-agree">.*two-layers.*', page)
    used = r'<td title="float64 \d\.\d\d, float32 \d\.\d\d">'
    assert re.fullmatch(
        rf".*<td>float64 · float32(?:{used}✓ \d+\.\d · \d+\.\d){{2}}", line
    )  # by each of them


def test_results_have_these_columns_and_say_how_to_repeat_them(build, tmp_path):
    build("--dtype", "float64")
    first = (tmp_path / "out" / "results.csv").read_text(encoding="utf-8").splitlines()[0]
    assert first == (
        "case,adapter,program,dtype,step,steps,quantity,verdict,used,error,tolerance,digits,ulps,index,claimed,"
        "derived,max_abs_diff,max_rel_diff,conventional,reason,truth,explanation,expected"
    )
    environment = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))["environment"]
    assert environment["command"].startswith("python -m reports.build --cases=shipped --cases=")
    assert {"numpy", "torch", "jax", "optax", "pandas"} <= set(environment["versions"])
    assert all(environment[name] for name in ("made", "python", "platform", "cpu", "seed"))


def test_csv_and_json_hold_the_same_numbers_to_the_last_bit(build, tmp_path):
    build(adapters=("programs:honest", "programs:nan", "programs:raises"))
    frame = csv_json.results(results_file.read(tmp_path / "out").results.rows)
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in frame.itertuples(index=False, name=None)]
    text = (tmp_path / "out" / "results.csv").read_text(encoding="utf-8")
    for written, row in zip(csv.DictReader(text.splitlines()), rows, strict=True):
        for name in ("used", "error", "tolerance", "digits", "ulps", "claimed", "derived", "max_abs_diff"):
            number = float(written[name]) if written[name] else None
            assert repr(number) == repr(row[name] if row[name] is None else float(row[name])), name
    nan = [row for row in rows if row["adapter"] == "programs:nan" and row["quantity"] == "loss"]
    assert nan
    assert all(math.isnan(row["claimed"]) for row in nan)
    assert {row["digits"] for row in rows} > {None}


def test_each_failure_is_one_sentence(build, tmp_path, capsys):
    names = ("programs:forgets_the_factor", "programs:raises", "programs:honest")
    assert build("--dtype", "float64", adapters=names) == 1
    printed = capsys.readouterr().out
    assert re.search(r"\n programs:forgets_the_factor +– +1 *\n", printed)
    assert "Not all agree: 1 × differs, 1 × error, of 3 comparisons" in printed
    differs = r"dL/da1\[\d, \d\] is \S+, but follows from its inputs as \S+ ± \S+: off by \S+ "
    assert re.search(differs + r"\(programs:forgets_the_factor, float64, mine/two-layers, step 2\)", printed)
    assert "programs:raises raised ValueError: no such luck at programs.py:" in printed
    for name in ("summary.md", "index.html"):
        assert "off by" in (tmp_path / "out" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("asked", [True, False])
def test_an_absent_framework_fails_if_asked_for_or_if_one_adapter_is_left(
    build, monkeypatch, capsys, *, asked
):
    found = registry.find_adapters(["numpy"])
    absent = Unavailable("jax", Verdict.NOT_RUN, "jax is not installed")
    monkeypatch.setattr(registry, "find_adapters", lambda *_: (*found, absent))
    assert build(adapters=("numpy", "jax") if asked else ()) == 1
    printed = capsys.readouterr().out
    assert "Not run: jax, because jax is not installed." in printed
    assert ("Asked for, but not run: jax." in printed) is asked
    alone = "Only numpy ran, compared with no other implementation. What was compared agrees.\n1 case in "
    assert (alone in printed) is not asked


def test_two_implementations_suffice_and_an_engine_is_not_another():
    case = load_case("nets/tanh")
    numpy, other = (Adapter(name, "", "1", (Program("", training_steps),)) for name in ("numpy", "other"))
    engine = replace(other, name="numpy-again", framework="numpy")
    for adapters, asked, passes in (
        ((numpy, other), (), True),
        ((numpy, engine), (), False),
        ((numpy,), (), False),
        ((numpy,), ("numpy",), True),
    ):
        rows, _ = run_case(case, "float64", adapters)
        concluded = conclude(Results(tuple(rows)), Selection((case,), adapters), asked)
        assert concluded.passed is passes
        assert concluded.headline.startswith("All agree." if passes else "Only numpy ran, ")


@pytest.mark.parametrize(
    ("words", "narrower"),
    [
        ([], ""),
        (["--cases", "shipped", "--cases", "mine", "--engines", "--power"], ""),
        (["--cases", "mine"], "narrowed"),
        (["--select", "nets"], "narrowed"),
        (["--adapter", "numpy"], "narrowed"),
        (["--dtype", "float64"], "narrowed"),
        (["--device", "cuda"], "narrowed"),
        (["--from", "kept.json"], "again"),
    ],
)
def test_a_partial_run_never_replaces_the_whole_report(words, narrower, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr("reports.build_report.make", lambda options, *_: made.append(options.out))
    for folder in (ROOT, ROOT / "tests", tmp_path):
        monkeypatch.chdir(folder)
        main(words)
    monkeypatch.setattr("reports.options.CHECKOUT", tmp_path)  # as where it is installed: no pyproject.toml
    main(words)
    main([*words, "--out", "mine"])
    whole, here = ROOT / "reports" / "out", Path("parity-report")
    assert made == [whole / narrower, whole / narrower, here / narrower, here / narrower, Path("mine")]


NOPE = "unknown adapter 'nope', expected one of numpy, torch, jax, torch-func, torch-compile, "


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--select", "no/such"], "no case has 'no/such' in its name; there are "),
        (["--select", "net/square"], "no case has 'net/square' in its name; the nearest are nets/square, "),
        (["--select", "nets/", "--select", "nests/*"], "no case fits 'nests/*'; the nearest are nets/"),
        (["--adapter", "nope"], NOPE),
        (["--cases", "no-such-folder"], "no-such-folder:1:1: no such folder"),
        (["--cases", "{folder}"], "bad.yaml:2:1: unknown key 'leyers'"),
    ],
)
def test_bad_usage(arguments, message, capsys, tmp_path, folder):
    (folder / "bad.yaml").write_text("about: no\nleyers: []\n", encoding="utf-8")
    arguments = [word.format(folder=folder) for word in arguments]
    assert main(["--out", str(tmp_path / "out"), *arguments]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""
    assert not (tmp_path / "out").exists()
    with pytest.raises(SystemExit) as stop:
        main(["--dtype", "float8"])
    assert stop.value.code == 2
    assert "float8" in capsys.readouterr().err


def test_a_report_that_cannot_be_written(build, tmp_path, capsys):
    (tmp_path / "out").write_text("a file, and no folder", encoding="utf-8")
    assert build() == 2
    assert "the report cannot be written to" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:os.fork")
def test_large_files_are_made_in_other_processes_and_here_where_that_fails_or_hangs(
    build, tmp_path, monkeypatch
):
    def written(end):
        def of_process(report):
            if os.getpid() == here:
                return "made here"
            end()
            return "made there"

        for name in LARGE:
            monkeypatch.setitem(report_files.WRITERS, name, of_process)
        report_files.write(made, tmp_path / "out", forks=True)
        return contents(tmp_path / "out")

    here = os.getpid()
    build("--dtype", "float64")
    before, run = contents(tmp_path / "out"), results_file.read(tmp_path / "out")
    made = put_together(run.results, run.selection, run.environment, run.asked)
    there, here_again = (before | dict.fromkeys(LARGE, text) for text in (b"made there", b"made here"))
    assert written(lambda: None) == there
    assert written(sys.exit) == written(lambda: os._exit(3)) == here_again
    monkeypatch.setattr("reports.runs.parallel.TEXT_TIMEOUT_S", 0.1)
    assert written(lambda: time.sleep(3600)) == here_again


def test_an_interrupted_build_leaves_the_last_report_whole(build, tmp_path, monkeypatch, capsys):
    def interrupt(report):
        raise KeyboardInterrupt

    build()
    before = contents(tmp_path / "out")
    for name in ("results.csv", "index.html"):
        with monkeypatch.context() as patch:
            patch.setitem(report_files.WRITERS, name, interrupt)
            assert build(adapters=("programs:nan",)) == 130
        assert contents(tmp_path / "out") == before
    assert "Interrupted; the last report is as it was." in capsys.readouterr().err


def test_printed_numbers_and_the_direct_comparison_in_the_summary(build, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    assert build(select="worked/document", adapters=("torch", "jax")) == 0
    summary = (tmp_path / "out" / "summary.md").read_text(encoding="utf-8")
    lines = [line for line in summary.splitlines() if line.startswith("| 1 |")]
    assert len(lines) == 18
    (wrong,) = [line for line in lines if "agrees" not in line]
    assert wrong.startswith("| 1 | a2")
    assert "| 0.632 |" in wrong
    assert "truncated" in wrong
    assert "| 0.0141 |" in lines[4]
    assert "| 0.0139616953935" in lines[4]
    assert "## PyTorch × JAX directly" in summary
    for implementations in ("torch × jax plain", "torch × jax observed"):
        assert re.search(rf"\| {implementations} \| float32 \| dL/dW \| \d+(\.\d)?% \| ", summary)


@pytest.mark.usefixtures("drawn")
def test_power_is_measured_where_it_is_asked_for(build, tmp_path, monkeypatch):
    few = {name: MISTAKES[name] for name in ("weight-factor-missing", "bias-not-updated")}  # all take 10 s
    for module in ("naming_run", "measurement"):
        monkeypatch.setattr(f"reports.detection.{module}.MISTAKES", few)
    build("--dtype", "float64")
    out = tmp_path / "out"
    assert "compared with the usual tools" not in (out / "summary.md").read_text(encoding="utf-8")
    assert build("--dtype", "float64", "--power") == 0
    for name in ("summary.md", "index.html"):
        text = (out / name).read_text(encoding="utf-8")
        assert "What this suite catches, compared with the usual tools" in text
        assert "weight-factor-missing" in text
    power = results_file.read(out).power
    assert power is not None
    assert [one.mistake for one in power.meetings] == list(few)
    assert power.naming is not None
    assert {one.mistake for one in power.naming.mistakes} == set(few)


@pytest.mark.needs("torch", "jax")
def test_digits_that_two_frameworks_lose_alike_are_shown(tmp_path):
    """σ'(z) of a saturated unit: PyTorch and JAX both say 0, agree with each other, and no digit is right."""
    chosen = ["--select", "saturated-sigmoid", "--dtype", "float64", "--out", str(tmp_path)]
    assert main(chosen) == 0
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    element = "float64 | dL/dz1\\[0, 0\\] | -5.06e-20"
    (line,) = [line for line in summary.splitlines() if element in line]
    assert "torch: -0, jax observed: -0" in line


# The files of each format


def test_every_file_is_of_a_format_and_every_format_has_a_file():
    assert set(WRITERS) >= {*FILES, "tables.tex"}
    assert set(chosen(WRITERS, tuple(FORMATS))) == set(WRITERS)
    assert all(chosen(WRITERS, [name]) for name in FORMATS)
    assert set(WRITERS) - set(chosen(WRITERS)) == {"tables.tex"}
    assert set(FORMATS) - set(USUAL) == {"latex"}


def test_a_build_leaves_files_of_what_was_asked_for_and_none_of_an_earlier_run(
    folder, tmp_path, capsys, monkeypatch
):
    out, step = tmp_path / "out", tmp_path / "step.md"
    chosen = ["--cases", str(folder), "--select", "mine/", "--adapter", "numpy", "--dtype", "float64"]

    def build(*formats):
        assert main([*chosen, "--out", str(out), *(f"--format={name}" for name in formats)]) == 0
        return {path.name for path in out.iterdir() if not path.name.startswith(".")}

    assert build("latex", "svg") == {"tables.tex", "badge.svg"}
    assert re.search(r"out \(\d+ s\)\n\Z", capsys.readouterr().out)
    (out / "notes.txt").write_text("kept", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    assert build() == {*set(WRITERS) - {"tables.tex"}, "notes.txt"}
    assert re.search(r"index\.html \(\d+ s\)\n\Z", capsys.readouterr().out)
    assert step.read_text(encoding="utf-8") == (out / "summary.md").read_text(encoding="utf-8") + "\n"
    assert build("csv") == {"results.csv", "drift.csv", "notes.txt"}
    with pytest.raises(SystemExit) as stop:
        build("pdf")
    assert stop.value.code == 2
    assert "'pdf'" in capsys.readouterr().err


def test_a_table_added_to_the_list_is_in_every_file(monkeypatch):
    case = load_case("worked/document")
    row = reported.row(case.name, "torch", Verdict.DIFFERS)
    frame = pd.DataFrame({"case": [case.name], "adapter": [Cell.of([row])]})
    before, added = report.tables, reported.table_of("another table", frame, "What it means.")
    monkeypatch.setattr(report, "tables", lambda made: (*before(made), added))
    made = put_together(Results((row,)), Selection((case,), ()), describe("a test"))
    for name in ("summary.md", "tables.tex", "index.html"):
        text = WRITERS[name](made)
        assert "Another table" in text, name
        assert text.index("What it means.") < text.replace("\\allowbreak{}", "").rindex(
            "differs at dL/dW1"
        ), name
    assert '<td class="news">differs at dL/dW1\n' in text
