"""`--format`: which files a build leaves, all of one run."""

from pathlib import Path

import pytest

from reports.build import main
from reports.writers import FORMATS, USUAL, chosen, report_files

EVERY = {"results.csv", "results.json", "drift.csv", "summary.md", "index.html", "badge.svg", "tables.tex"}


def test_every_file_is_of_a_format_and_every_format_has_a_file() -> None:
    assert set(report_files.WRITERS) >= EVERY
    assert set(chosen(report_files.WRITERS, tuple(FORMATS))) == set(report_files.WRITERS)
    assert all(chosen(report_files.WRITERS, [name]) for name in FORMATS)
    assert set(report_files.WRITERS) - set(chosen(report_files.WRITERS)) == {"tables.tex"}
    assert set(FORMATS) - set(USUAL) == {"latex"}


def test_a_build_leaves_files_of_what_was_asked_for_and_none_of_an_earlier_run(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, step = tmp_path / "out", tmp_path / "step.md"
    chosen = ["--cases", str(folder), "--select", "mine/", "--adapter", "numpy", "--dtype", "float64"]

    def build(*formats: str) -> set[str]:
        assert main([*chosen, "--out", str(out), *(f"--format={name}" for name in formats)]) == 0
        return {path.name for path in out.iterdir() if not path.name.startswith(".")}

    assert build("latex", "svg") == {"tables.tex", "badge.svg"}
    assert capsys.readouterr().out.endswith("out\n")
    (out / "notes.txt").write_text("kept", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    assert build() == {*set(report_files.WRITERS) - {"tables.tex"}, "notes.txt"}
    assert capsys.readouterr().out.endswith("index.html\n")
    assert step.read_text(encoding="utf-8") == (out / "summary.md").read_text(encoding="utf-8") + "\n"
    assert build("csv") == {"results.csv", "drift.csv", "notes.txt"}


def test_an_unknown_format_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--format", "pdf"])
    assert stop.value.code == 2
    assert "'pdf'" in capsys.readouterr().err
