"""Files of programs: what is wrong with one is said at its line, and each verdict reaches every report."""

import json
import re
from dataclasses import replace

import pytest

from cases.errors import CaseErrors
from cases.protocol import Verdict
from reference import Finding, parts
from reports import environment, page, results_file
from reports.build import main
from reports.certify import same_function
from reports.environment import Selection
from reports.outcome import Conclusion
from reports.report import put_together
from reports.runs.rows import Results
from reports.user_programs.judging import _verdict_on_pair, judge_file
from reports.user_programs.own_process import judge_apart
from reports.user_programs.program_files import programs_asked_for
from reports.user_programs.program_results import ProgramResult, TapeLine
from reports.user_programs.program_tables import with_programs
from reports.writers import latex, summary_md

pytest_plugins = ("pytester",)

# The derivative of `original` is wrong, `port_again` another function, and `port_unread` not known in part.
SWISH = """
import torch

x = torch.tensor([[0.5, -1.0], [0.25, 2.0]], dtype=torch.float64)

class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return g * (s + x * s * (1 - s)) * (1 + 1e-9)

def original():
    return lambda x: Swish.apply(x).sum(), (x,)

def port():
    return lambda x: torch.nn.functional.silu(x).sum(), (x,)

def port_again():
    return lambda x: torch.nn.functional.gelu(x).sum(), (x,)

def port_unread():
    return lambda x: torch.linalg.det(x) + x.sum(), [x]
"""
CRASHES = """
def original():
    return sum, 3

def port():
    raise SystemExit("no <b>such</b> luck")

def port_ends():
    import os
    os._exit(3)
"""


def file_of(folder, name, text):
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    (file,) = programs_asked_for([folder / f"{name}.py"])
    return file


@pytest.fixture(scope="module")
def swish(tmp_path_factory):
    pytest.importorskip("torch")
    results = judge_file(file_of(tmp_path_factory.mktemp("programs"), "swish", SWISH))
    return {result.program: result for result in results}


def test_each_program_is_judged_by_its_gradients_and_each_port_beside_its_original(swish):
    assert {name: str(result.verdict) for name, result in swish.items()} == {
        "original": "differs", "port": "agrees", "port_again": "agrees", "port_unread": "undecided",
        "original=port": "agrees", "original=port_again": "differs", "original=port_unread": "error",
    }  # fmt: skip
    assert "The derivative of Swish (swish.py:19) is not" in swish["original"].text


def test_one_function_whose_value_hangs_on_a_rounding_is_not_two():
    """x / 3 · 3 > x is true or false with the roundings, which nothing here decides."""
    torch = pytest.importorskip("torch")
    x = torch.tensor([1.0, 2.0, 0.7], dtype=torch.float64)

    def step(x):
        return torch.where(x / 3 * 3 > x, x, 2 * x).sum()

    assert str(_verdict_on_pair(same_function((step, [x]), (step, [x])))) == "undecided"


def test_the_tape_has_the_users_own_lines_and_the_findings(swish):
    lines, tape = SWISH.split("\n"), swish["original"].tape
    assert len(tape) == swish["original"].lines > 5
    for line in tape:
        assert line.source == lines[int(line.place.removeprefix("swish.py:")) - 1].strip()
    assert [line.finding.quantity for line in tape if not line.is_silent] == ["∂/∂x"]
    used = {int(number) for line in tape for number in re.findall(r"%(\d+)", line.formula)}
    assert used <= {line.number for line in tape}
    unread = [line.place for line in swish["port_unread"].tape if line.reason]
    assert {*unread} == {"swish.py:28"}


WRONG = {
    "a": ("def orignal():\n    pass\n", r"a\.py:1:1: no function original\(\), .*; did you mean 'orignal'\?"),
    "b": (
        "def original(x, *, y, z=1): ...\n\n\ndef port(w=1): ...\n",
        r"b\.py:1:1: original\(\) takes x, y, ",
    ),
    "c": ("def original(:\n", r"c\.py:1:14: this is no Python: invalid syntax, "),
    "d": ("def original(): ...\ndef port_x(x): ...\n", r"d\.py:2:1: port_x\(\) takes x, expected no "),
}


def test_all_that_is_wrong_with_files_is_said_at_once_and_where(tmp_path, capsys):
    for name, (text, _) in WRONG.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    (tmp_path / "_shared.py").write_text("not read (", encoding="utf-8")
    (tmp_path / "none").mkdir()
    assert main([f"--programs={tmp_path}", "--programs=no.py"]) == 2
    wanted = [*(pattern for _, pattern in WRONG.values()), r"^no\.py:1:1: no such file or folder, "]
    for line, pattern in zip(capsys.readouterr().err.splitlines(), wanted, strict=True):
        assert re.search(pattern, line), line
    with pytest.raises(CaseErrors, match="no program in this folder, expected files named"):
        programs_asked_for([tmp_path / "none"])


def test_what_a_file_does_costs_its_own_results(tmp_path):
    file = file_of(tmp_path, "crashes", CRASHES)
    said = [result.text.removeprefix(f"{file.path}:") for result in judge_apart(file)]
    returned = "2: original() returned (builtin_function_or_method, int), expected (function, (argument, …))"
    ended = " the file ended the process with exit code 3"
    assert said == [returned, "6: port() raised SystemExit: no <b>such</b> luck", *[ended] * 3]


@pytest.mark.usefixtures("without_pictures")
def test_a_build_of_programs_alone_runs_no_case(tmp_path, capsys):
    given = "--programs", str(file_of(tmp_path, "crashes", CRASHES).path)
    out, again = tmp_path / "out", tmp_path / "again"
    assert main([*given, "--out", str(out)]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "Not all agree: 5 × error, of 5 verdicts on programs."
    assert len(printed) < 25
    saved = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert [program["verdict"] for program in saved["results"]["programs"]] == ["error"] * 5
    assert main(["--from", str(out), "--out", str(again)]) == 1
    assert "no &lt;b&gt;such&lt;/b&gt; luck" in (again / "index.html").read_text(encoding="utf-8")
    assert main([*given, "--dtype", "float32"]) == main([*given, "--from", str(out)]) == 2


def test_in_pytest_each_program_and_each_pair_is_a_test(tmp_path, pytester, monkeypatch):
    monkeypatch.chdir(pytester.path)
    plugin = "-p", "no:cacheprovider", "-p", "reports.pytest_options"
    given = f"--programs={file_of(tmp_path, 'crashes', CRASHES).path}"
    done = pytester.runpytest_inprocess(*plugin, given, "-v", "-k", "port")
    done.assert_outcomes(failed=4, deselected=1)
    names = re.findall(r"^crashes\.py::(\S+) FAILED", done.stdout.str(), re.MULTILINE)
    assert names == ["port", "port_ends", "original=port", "original=port_ends"]
    done.stdout.fnmatch_lines("crashes: port: *:6: port() raised SystemExit: no <b>such</b> luck")
    assert pytester.runpytest_inprocess(*plugin, "--programs=no").ret == pytest.ExitCode.USAGE_ERROR


HOSTILE = '<script>alert("1")</script> & \x1b[31m $x$ | `'
FINDING = Finding(1, "∂/∂w", Verdict.AGREES, "", (0,), 1.0, 1.0, 0.0, 1e-15, 0.25, 0.1, 15.0)


def result_of(verdict, program, used=0.25, text="It is as it is."):
    finding = replace(FINDING, verdict=verdict, used=used)
    tape = (
        TapeLine(2, "mul", "multiply(w, x)", (2, 3), "a.py:1", "w * x"),
        TapeLine(3, "mul", "multiply(1, x)", (), "a.py:1", "w * x", finding),
        TapeLine(4, HOSTILE, HOSTILE, (), HOSTILE, HOSTILE, None, HOSTILE),
    )  # fmt: skip
    return ProgramResult("a", program, verdict, text, "torch 2", "float64", used, 15.0, 2, 3, tape=tape)


RIGHT = result_of(Verdict.AGREES, "original")
EACH = (
    RIGHT,
    result_of(Verdict.UNDECIDED, "port", text=HOSTILE),
    result_of(Verdict.DIFFERS, "original=port", 9.0),
)


@pytest.fixture
def made():
    here = environment.describe("python -m reports.build")
    return put_together(Results(programs=EACH), Selection((), ()), here)


def test_the_page_shows_each_tape_tinted_by_what_is_used_and_what_others_wrote_as_text(made):
    text = page.index(made)
    sections = re.split(r'<section class="program"', text)[1:]
    for section, tint, details in zip(
        sections, ("undecided", "news", "t1"), (" open", " open", ""), strict=True
    ):
        assert re.search(rf'<td class="{tint}" title="[^"]+">', section)
        assert f"<details{details}>" in section
        assert "<code>w * x</code>" in section
    assert [section.count('"news"') for section in sections] == [0, 1, 0]
    assert text.count("&lt;script&gt;alert(&#34;1&#34;)") >= 8
    assert "<script" not in text
    assert "\x1b" not in text


def test_every_format_has_the_table_of_programs_and_a_saved_run_is_the_same_again(made):
    rows = re.findall(r"\n\| a \| (\S+) \| torch 2 \| float64 \| (.+?) \| ", summary_md.summary(made))
    assert rows == [("port", "undecided"), ("original=port", "differs"), ("original", "✓ 15.0")]
    assert (
        "original & torch 2 & float64 & \\ensuremath{\\checkmark} 15.0 & 0.25 & 15.0 & 2 of 3"
        in latex.tables(made)
    )
    again = results_file._form().validate_json(results_file.dumps(made.run))  # noqa: SLF001 - no file is needed
    assert again.results.programs == EACH


@pytest.mark.usefixtures("parts_may_fail")
def test_a_verdict_is_never_lost_though_its_drawing_fails(made, monkeypatch):
    monkeypatch.setattr("reports.page.index_page.program_sections", lambda _: 1 / 0)
    with parts.collected():
        text = page.index(made)
    assert "division by zero" in text
    assert "Not all agree: 1 × undecided, 1 × differs, of 3 verdicts on programs." in text


SAID = Conclusion(True, "All agree.", (), (), scope="1 case.")
FAILED = Conclusion(False, "No.", (), ())


@pytest.mark.parametrize(
    ("cases", "programs", "headline", "passed"),
    [
        (None, [RIGHT], "All agree.", True),
        (SAID, [RIGHT], "All agree.", True),
        (SAID, EACH[1:2], "Not all agree: 1 × undecided, of 1 verdict on programs.", False),
        (FAILED, [RIGHT], "No.", False),
        (FAILED, EACH[2:], "No. Programs: 1 × differs, of 1 verdict on programs.", False),
    ],
)  # fmt: skip
def test_the_conclusion_is_of_cases_and_of_programs(cases, programs, headline, passed):
    made = with_programs(cases or SAID, programs, has_cases=cases is not None)
    assert (made.headline, made.passed) == (headline, passed)
    assert len(made.failures) == sum(result is not RIGHT for result in programs)
    assert ("1 program agrees by torch 2: no error is larger than 0.25 of what" in made.scope) is (
        RIGHT in programs
    )
