"""summary.md: under GitHub's limit however long the report is, and what others wrote is shown as text."""

import html
import re
from dataclasses import replace
from itertools import pairwise

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from reported import report_of, row, table_of

from cases.errors import printable
from reference import Verdict
from reports.writers import markdown_text, summary_md

# What GitHub shows, in bytes: docs.github.com, "Workflow commands", "Step isolation and limits".
MIB = 2**20

GITHUB = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def read(text):
    """Return the tags of rendered Markdown, and its words."""
    page = GITHUB.render(text)
    return {*re.findall(r"<([a-z]\w*)", page)}, html.unescape(re.sub("<[^>]*>", "", page))


LONG = "mine/with-a-name-that-says-what-it-is-there-to-catch/and-in-which-of-all-networks"


def thousands(count):
    """Return a report of thousands of cases: one in three fails, and each fails worse than the one before."""
    verdicts = [Verdict.DIFFERS if number % 3 == 0 else Verdict.AGREES for number in range(count)]
    rows = [
        row(f"{LONG}/case-{number:05}", "torch", verdict, number + 2.0 if verdict is Verdict.DIFFERS else 0.5)
        for number, verdict in enumerate(verdicts)
    ]
    many = pd.DataFrame({"case": [f"{LONG}/{number}" for number in range(count)], "see": "–"})
    printed = [table_of(f"printed:{number}", many[: count // 10]) for number in range(count // 200)]
    return report_of(rows, *printed, *(table_of(name, many) for name in ("known", "lost", "drift")))


def test_thousands_of_cases_are_cut_with_the_worst_first_and_the_rest_counted():
    text = summary_md.summary(thousands(9_000))
    assert 0.8 * MIB < len(text.encode()) <= summary_md.LIMIT < MIB
    titles = "What fails", "Each case by each adapter"
    failures, matrix = (text.split(f"## {title}\n")[1].split("\n## ")[0] for title in titles)
    used = [int(number) for number in re.findall(r"^- .* is 0\.25.*case-(\d+)", failures, re.MULTILINE)]
    assert used == sorted(used, reverse=True)
    assert used[0] == 8_997
    assert f"**{3_000 - len(used):,} more lines are left out here" in failures
    cells = re.findall(rf"^\| {LONG}/case-\d+ \| float64 \| (\w+)", matrix, re.MULTILINE)
    assert cells == sorted(cells, reverse=True)  # "differs" before "agrees"
    left, failing = 9_000 - len(cells), 3_000 - cells.count("differs")
    expected = f", of which {failing:,} are failures" if failing else ", and none of them fails"
    assert f"**{left:,} more lines are left out here for their size{expected}.**" in matrix
    assert re.search(r"\*\*Left out here for their size: .* and [\d,]+ more\.\*\*", text)
    assert text.count("\n## How this was made\n") == 1


def test_a_report_with_room_is_whole():
    text = summary_md.summary(thousands(30))
    assert "left out here" not in text.split("## Known")[0]
    assert text.count(f"| {LONG}/case-") == 30
    assert "What fails stands first" in text


@settings(max_examples=10)
@given(st.integers(30_000, 200_000))
def test_no_limit_is_passed(limit):
    assert len(summary_md.summary(FEW, limit).encode()) <= limit


FEW = thousands(600)


def test_one_line_of_half_a_megabyte_is_shortened():
    hostile = "€$<" * 100_000
    rows = [row(hostile, "torch", Verdict.ERROR, reason=hostile)]
    others = table_of(hostile, pd.DataFrame({"a": [1]}), hostile)
    report = report_of(rows, others, headline=hostile, not_run=(hostile,))
    object.__setattr__(report, "environment", replace(report.environment, command=hostile, cpu=hostile))
    text = summary_md.summary(report, summary_md.MIN_ROOM)
    assert len(text.encode()) <= summary_md.MIN_ROOM
    assert "…" in text
    assert "Left out here for their size: Each case by each adapter" in text


WORDS = st.text(st.characters(codec="utf-8"), max_size=30) | st.text("\\`*_[]~|<>&$#+-=.)( 1ab", max_size=12)


@given(WORDS)
def test_text_stays_text(words):
    plain = " ".join(printable(words).split())
    for text in (
        f"| {markdown_text.escape(words)} |\n| --- |\n| {markdown_text.escape(words)} |",
        markdown_text.item(words),
    ):
        tags, seen = read(text)
        assert tags <= {"table", "thead", "tbody", "tr", "th", "td", "ul", "li", "span"}
        assert {" ".join(part.split()) for part in seen.split("\n")} <= {plain, ""}


@given(WORDS)
def test_code_stays_code(words):
    tags, seen = read(f"- {markdown_text.code(words)}")
    if words.strip():
        assert seen.strip() == printable(words).strip()
        assert tags == {"ul", "li", "code"}


def test_escaped_marks():
    assert markdown_text.escape("a|b *c* d_e_ `f` [g](h) ~i~") == r"a\|b \*c\* d\_e\_ \`f\` \[g\](h) \~i\~"
    assert markdown_text.escape("<b> & $x$") == "&lt;b> &amp; <span>$</span>x<span>$</span>"
    items = [markdown_text.item(text) for text in ("# a", "1. b", "- c", "-0.5")]
    assert items == [r"- \# a", r"- 1\. b", r"- \- c", r"- \-0.5"]


def test_a_section_keeps_its_first_lines_and_counts_the_others():
    lines = tuple(f"| {number} |" for number in range(1_000))
    section = markdown_text.Section("Numbers", "All of them.", ("| n |", "| --- |"), lines, failing=400)
    for limit in (3_000, 5_000):
        text = section.within(limit)
        assert len(text.encode()) <= limit
        kept = [int(number) for number in re.findall(r"^\| (\d+) \|$", text, re.MULTILINE)]
        assert kept == list(range(len(kept)))
        failing = f"of which {400 - len(kept)} are" if len(kept) < 400 else "none of them fails"
        assert f"**{1_000 - len(kept)} more lines are left out here for their size, " in text
        assert failing in text
    assert section.within(330) == ""
    assert all(len(section.within(a)) <= len(section.within(b)) for a, b in pairwise(range(0, 20_000, 500)))


def test_append_to_the_workflows_summary(tmp_path, monkeypatch, capsys):
    path = tmp_path / "step.md"
    summary_md.append(FEW)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    for times in (1, 2):
        summary_md.append(FEW)
        assert path.read_text(encoding="utf-8") == (summary_md.summary(FEW) + "\n") * times
    path.write_text("x" * (summary_md.LIMIT - 150_000) + "\n", encoding="utf-8")
    summary_md.append(FEW)
    assert capsys.readouterr().err == ""
    size = path.stat().st_size
    assert summary_md.LIMIT - 150_000 < size <= summary_md.LIMIT
    summary_md.append(FEW)
    assert "has too little room left" in capsys.readouterr().err
    assert path.stat().st_size == size
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "no" / "such"))
    summary_md.append(FEW)
    assert "($GITHUB_STEP_SUMMARY): No such file or directory" in capsys.readouterr().err
