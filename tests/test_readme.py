"""The README is true: its example runs, and prints what the README says it prints."""

import doctest
import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def block(language, containing):
    (found,) = [text for kind, text in BLOCKS if kind == language and containing in text]
    return found


def run(*arguments, **options):
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **options)


def test_its_wrong_backprop_is_told_in_the_words_it_prints(tmp_path):
    (tmp_path / "my_backprop.py").write_text(block("python", "def train(problem)"), encoding="utf-8")
    code = f"import sys; sys.path.append({str(tmp_path)!r}); from reports.build import main; sys.exit(main())"
    options = "--adapter my_backprop:train --select worked/document --dtype float64".split()
    printed = block("", "$ .venv/bin/python -m reports.build")
    assert " ".join(options) in printed
    done = run("-c", code, *options, "--out", str(tmp_path / "out"))
    assert done.returncode == 1, done.stderr
    shown = {line.strip() for line in printed.splitlines()}
    told = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    assert [line for line in told if line not in shown and not line.startswith("Report:")] == []


def test_its_case_is_valid_and_all_agree(tmp_path):
    text = block("yaml", "about: Two inputs")
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    done = run(
        "-m", "reports.build", "--cases", str(tmp_path), "--select", "mine", "--out", str(tmp_path / "out")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All agree: 1 case" in done.stdout


def test_its_comparison_of_two_releases_has_the_form_that_is_printed():
    """The releases are not both here, so what is tested is the headings, and the line that says it all."""
    from reports.changes import tables as changes
    from reports.changes.moved import Motion

    printed = block("", "Moved bits, by kind of quantity")
    lines = {tuple(re.split(r" {2,}", line.strip())) for line in printed.splitlines()}
    for frame in (changes.kinds(Motion()), changes.differing(())):
        assert tuple(frame.columns) in lines
    told = r"Nothing is worse; \d+ of [\d,]+ quantities have moved, by up to \d+ ulps in the values that are "
    assert re.search(told, printed)


@pytest.mark.parametrize("module", ["build", "diff", "vectors.__main__"])
def test_its_commands_are_accepted(module):
    parser = importlib.import_module(f"reports.{module}")._parser()  # noqa: SLF001 - the options alone
    name = module.removesuffix(".__main__")
    commands = re.findall(rf"\.venv/bin/python -m reports\.{name}((?: [^\s`]+)*)", README)
    assert commands
    for arguments in commands:
        parser.parse_args(shlex.split(arguments))


def test_its_three_lines_print_what_it_says():
    lines = block("pycon", "worked_example").splitlines()
    code = "\n".join(line[4:] for line in lines if line.startswith(">>> "))
    expected = [line for line in lines if not line.startswith(">>> ")]
    assert run("-c", code).stdout.splitlines() == expected


def test_it_holds_two_commands_of_one_line_each():
    commands = re.findall(r"^python3\.11 -m venv .*$", README, re.MULTILINE)
    assert len(commands) == 2
    assert commands[0].endswith("-m reports.build")
    assert "pytest" in commands[1]


@pytest.mark.parametrize("module", ["cases", "reference", "reference.mistakes"])
def test_the_examples_in_the_packages_own_words_are_true(module):
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert (failed, tried > 0) == (0, True)


@pytest.mark.parametrize("folder", ["cases", "reference", "adapters", "reports", "tests"])
def test_it_names_every_room(folder):
    assert f"{folder}/" in README
