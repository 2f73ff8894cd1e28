"""Names, texts and messages that would do something where they are shown: they are shown, and do nothing."""

import csv
import html
import io
import json
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from browser import browser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from adapters import Unavailable, find_adapters
from cases import SHIPPED, load_cases
from cases.errors import printable, well_formed
from reference import Verdict
from reports import environment, report, results_file
from reports.environment import Selection
from reports.runs import runner
from reports.runs.rows import Results
from reports.writers import FORMATS, report_files, terminal

ROOT = Path(__file__).parent.parent

TEXTS, NAMES = json.loads((Path(__file__).parent / "hostile.json").read_text(encoding="utf-8")).values()
SCRIPT = TEXTS[0]

# Those that are shown as they are; of the others what cannot be printed is shown as an escape.
PLAIN = tuple(text for text in TEXTS if text.isprintable())

HOSTILE = f"""
from cases.protocol import Adapter, Program
from reference import training_steps
from cases.protocol import NoEquivalent

TEXTS = {TEXTS!a}


def states(problem):
    for step in training_steps(problem):
        yield {{**step, **dict.fromkeys(TEXTS, step["loss"]), "loss": type(TEXTS[0], (), {{}})()}}


def raises(problem):
    raise ValueError(" ".join(TEXTS))
    yield


def declines(problem):
    raise NoEquivalent(" ".join(TEXTS))
    yield


adapter = Adapter(
    {SCRIPT!r}, "=1+1", TEXTS[12], (Program("states " + TEXTS[1], states), Program(TEXTS[3], raises))
)
other = Adapter("=declines" + TEXTS[7], "", TEXTS[0], (Program("", declines),))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder of cases whose names and texts are hostile, as far as files can have such names."""
    made = tmp_path_factory.mktemp("hostile")
    good = yaml.safe_load((SHIPPED / "worked" / "document.yaml").read_text(encoding="utf-8"))
    text = "".join(char for char in " ".join(TEXTS) if char.isprintable())
    good["about"] = good["published"]["source"] = text + TEXTS[12] + "two\nlines\u2028three\u202e"
    for name in NAMES:
        path = made / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(good), encoding="utf-8")
    (made / "hostile.py").write_text(HOSTILE, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def hostile(folder):
    """Run those cases by hostile adapters, and put the report together."""
    sys.path.insert(0, str(folder))
    adapters = find_adapters(["numpy", "hostile:adapter", "hostile:other"])
    sys.path.remove(str(folder))
    absent = Unavailable(TEXTS[0] + TEXTS[12], Verdict.NOT_RUN, " ".join(TEXTS))
    selection = Selection(load_cases(folder), (*adapters, absent), ("float64",))
    command = shlex.join(["python", "-m", "reports.build", *TEXTS])
    return report.put_together(runner.run(selection), selection, environment.describe(command))


@pytest.fixture(scope="module")
def out(hostile, tmp_path_factory):
    made: Path = tmp_path_factory.mktemp("out")
    report_files.write(hostile, made, FORMATS)
    return made


def strange(text, allowed="\n"):
    return {char for char in text if not char.isprintable() and char not in allowed}


def test_every_file_and_the_terminal_hold_nothing_that_cannot_be_shown(hostile, out, capsys):
    for name in report_files.WRITERS:
        assert not strange((out / name).read_text(encoding="utf-8")), name
    terminal.show(hostile, out, terminal.console(), terminal.Style(verbose=True))
    printed = capsys.readouterr().out
    assert not strange(printed)
    assert SCRIPT in printed
    assert "[red]a[/red]" in printed
    assert ":smile:" in printed


def test_a_spreadsheet_finds_no_formula(out):
    for name in ("drift.csv", "results.csv"):
        with (out / name).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        cells = [
            cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r"))
        ]
        assert not [cell for cell in cells if not re.fullmatch(r"-?(\d[\d.]*(e[+-]\d+)?|inf)", cell)]
    assert {"'=cmd()|calc", f"{SCRIPT}x"} <= {row["case"] for row in rows}


def test_a_run_of_hostile_texts_is_read_back_as_it_was(out):
    kept = results_file.read(out)
    assert {well_formed(text) for text in TEXTS} <= {row.finding.quantity for row in kept.results.rows}
    assert results_file.dumps(kept) == (out / results_file.NAME).read_text(encoding="utf-8")


TAGS = {*"h1 h2 h3 p ul li strong table thead tbody tr th td code em span".split()}


def test_markdown_renders_as_text(out):
    github = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    rendered = github.render((out / "summary.md").read_text(encoding="utf-8"))
    assert {*re.findall(r"<([a-z][a-z0-9]*)", rendered)} <= TAGS
    shown = html.unescape(re.sub(r"</?[a-z][^>]*>", "", rendered))
    assert [text for text in (*PLAIN, "two\\nlines") if text not in shown] == []


def test_the_page_runs_nothing_and_shows_all(out, tmp_path):
    page = (out / "index.html").read_text(encoding="utf-8")
    bare = tmp_path / "bare.html"  # without the policy that would keep a script from running
    policy = re.search('<meta http-equiv="Content-Security-Policy"[^>]*>', page)
    assert policy
    start = "<script>function pwned() { window.was_pwned = true; this.remove && 0 }</script>"
    bare.write_text(page.replace(policy[0], start, 1), encoding="utf-8")
    with browser(tmp_path / "profile") as tab:
        for path in (out / "index.html", bare):
            tab.open(path)
            found = tab.ask("dangers()")
            text = found.pop("text")
            scripts = 1 + (path == bare)  # its own, and the one put in
            assert found == {
                "pwned": "undefined",
                "scripts": scripts,
                "handlers": 0,
                "links": [],
                "broken": [],
            }
            assert [one for one in PLAIN if one not in text] == []
            assert not tab.happened("Page.javascriptDialogOpening")
            assert tab.requests() == [path.resolve().as_uri()]


def test_junit_xml_and_pytests_own_output(folder, tmp_path):
    code = f"import sys; sys.path.append({str(folder)!r}); import pytest; sys.exit(pytest.main())"
    asked = f"--cases={folder}", "--adapter=hostile:adapter", "--dtype=float64", "-k", "pwned or cmd"
    given = "-p", "no:cacheprovider", f"--junitxml={tmp_path}/junit.xml", "tests/test_parity.py::test_parity"
    done = subprocess.run(
        [sys.executable, "-c", code, *given, *asked], cwd=ROOT, capture_output=True, check=False
    )
    assert not strange(done.stdout.decode())
    suite = ET.parse(tmp_path / "junit.xml").getroot()[0]  # noqa: S314 - pytest has written it
    assert suite.get("failures") == "3"
    failed = {case.get("name", ""): case.find("failure") for case in suite.iter("testcase")}
    names = (f"{SCRIPT}x", "=cmd()|calc", "\" onmouseover=pwned() '")
    assert {f"test_parity[{name}-hostile:adapter-float64]" for name in names} <= failed.keys()
    assert all(SCRIPT in (failure.text or "") for failure in failed.values() if failure is not None)


def test_a_bar_on_a_terminal_shows_names_as_they_are():
    text = io.StringIO()
    with terminal.bar(Console(file=text, force_terminal=True, width=200)) as move:
        move("[/red] [bold]x[/bold]", 1, 2)
    assert "[/red] [bold]x[/bold]" in text.getvalue()


ANY = st.text(min_size=1, max_size=30) | st.sampled_from([well_formed(text) for text in TEXTS])


@pytest.fixture(scope="module")
def failing(hostile):
    """Give the failing rows of one case."""
    rows = [row for row in hostile.results.rows if row.subject.case == f"{SCRIPT}x" and row.fails]
    return [row for row in rows if row.subject.adapter != "published"]


@settings(max_examples=5, suppress_health_check=list(HealthCheck))
@given(st.lists(ANY, min_size=5, max_size=5, unique=True))
def test_any_texts_go_through_every_writer(hostile, failing, tmp_path_factory, texts):
    """Names, reasons and explanations of any characters, where only control and formula characters change."""
    name, adapter, reason, explanation, quantity = texts
    case = replace(hostile.selection.cases[0], name=name.replace("/", "|"))  # a slash is that of a folder
    rows = [
        replace(
            row,
            subject=replace(row.subject, case=case.name, adapter=adapter),
            finding=replace(row.finding, reason=reason, quantity=row.finding.quantity and quantity),
            explanation=explanation,
        )
        for row in failing
    ]
    selection = Selection((case,), (), ("float64",))
    made = report.put_together(Results(tuple(rows)), selection, environment.describe(reason))
    written = {name: write(made) for name, write in report_files.WRITERS.items()}
    for file, text in written.items():
        assert not strange(text, "\n\t" if file == "index.html" else "\n"), file
        text.encode()
    path = tmp_path_factory.mktemp("kept") / "results.json"
    path.write_text(written["results.json"], encoding="utf-8")
    (kept, *_) = results_file.read(path).results.rows
    assert (kept.subject.case, kept.subject.adapter, kept.finding.reason) == (case.name, adapter, reason)
    (first, *_) = csv.DictReader(io.StringIO(written["results.csv"]))
    cell = printable(case.name)
    assert first["case"] == f"'{cell}" * cell.startswith(("=", "+", "-", "@")) or cell
    page = re.sub('<img alt="[^"]*" src="data:', "", written["index.html"])
    assert re.findall(r"<(?:script|img|iframe|svg:script)\b", page) == ["<script"]  # its own
