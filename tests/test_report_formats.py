"""`--format`: which files a build leaves, all of one run; and what one more table takes."""

import pandas as pd
import pytest
import reported

from cases import load_case
from reference import Verdict
from reports import report
from reports.build import main
from reports.environment import Selection, describe
from reports.outcome import Cell
from reports.runs.rows import Results
from reports.writers import FORMATS, USUAL, chosen
from reports.writers.report_files import WRITERS

EVERY = {"results.csv", "results.json", "drift.csv", "summary.md", "index.html", "badge.svg", "tables.tex"}


def test_every_file_is_of_a_format_and_every_format_has_a_file():
    assert set(WRITERS) >= EVERY
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
    assert capsys.readouterr().out.endswith("out\n")
    (out / "notes.txt").write_text("kept", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    assert build() == {*set(WRITERS) - {"tables.tex"}, "notes.txt"}
    assert capsys.readouterr().out.endswith("index.html\n")
    assert step.read_text(encoding="utf-8") == (out / "summary.md").read_text(encoding="utf-8") + "\n"
    assert build("csv") == {"results.csv", "drift.csv", "notes.txt"}
    with pytest.raises(SystemExit) as stop:
        build("pdf")
    assert stop.value.code == 2
    assert "'pdf'" in capsys.readouterr().err


@pytest.mark.usefixtures("without_pictures")
def test_a_table_added_to_the_list_is_in_every_file(monkeypatch):
    case = load_case("worked/document")
    row = reported.row(case.name, "torch", Verdict.DIFFERS)
    frame = pd.DataFrame({"case": [case.name], "adapter": [Cell.of([row])]})
    before, added = report.tables, reported.table_of("another table", frame, "What it means.")
    monkeypatch.setattr(report, "tables", lambda made: (*before(made), added))
    made = report.put_together(Results((row,)), Selection((case,), ()), describe("a test"))
    for name in ("summary.md", "tables.tex", "index.html"):
        text = WRITERS[name](made)
        assert "Another table" in text, name
        assert text.index("What it means.") < text.rindex("differs at dL/dW1"), name
    assert '<td class="news">differs at dL/dW1</td>' in text
