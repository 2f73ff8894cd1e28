"""LaTeX: ASCII that pdflatex sets, whatever is in a cell, and mathematics for what is mathematics."""

import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reported import report_of, row, table_of

from reference import Verdict
from reports.worked_example import Notation
from reports.writers import latex

SINGLE = Notation(2, scalar=True)
HOSTILE = r"\input{/etc/passwd} $x$ & 50% #1 _a^b~ {} --flag ''q'' ?` !` [h] * <b> |" + "\n\t\x00 `"
UNICODE = (
    "".join(latex.MATHEMATICS)
    + "σ'(z) ½ Σ(ŷ − y)² ∂L/∂W₂ x W1ᵀ e⁻ᶻ ⊙ ± × ∞ … “q” ‘a’ – — Erdős, Čech, naïve, Ångström, ßæœ 用 🐛 ∄"
)
TOKEN = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)
TABLES = (latex.MARKS, latex.SIGNS, latex.MATHEMATICS, latex.ACCENTS)


def special(text):
    """Return each special sign of plain text, and whether it is in \\ensuremath; braces must be balanced."""
    inside, found, before = [False], [], ""
    for sign in TOKEN.findall(text):
        if sign == "{":
            inside.append(inside[-1] or before == r"\ensuremath")
        elif sign == "}":
            inside.pop()
            assert inside, "a brace too many"
        elif sign in set("$&#_%^~"):
            found.append((sign, inside[-1]))
        before = sign
    assert inside == [False], "a brace too few"
    return found


@given(st.text(max_size=40) | st.text(HOSTILE + UNICODE + "-e0123456789.", max_size=20))
def test_any_text_is_ascii_and_balanced_and_holds_no_command_of_its_own(text):
    written = latex.escape(text)
    assert written.isascii()
    assert "\n" not in written
    assert all(inside and sign in "_^" for sign, inside in special(written) if sign != "~")
    known = re.findall(r"\\([A-Za-z]+)", "".join(command for table in TABLES for command in table.values()))
    assert set(re.findall(r"\\([A-Za-z]+)", written)) <= {*known, "ensuremath", "times"}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("50% of a_b & #1", r"50\% of a\_b \& \#1"),
        ("[a]*", "{[}a{]}{*}"),
        ("--flag", "-{}-flag"),
        ("-0.5", r"\ensuremath{-0.5}"),
        ("2.8e-17", r"\ensuremath{2.8 \times 10^{-17}}"),
        ("1 ± 3e-05", r"1 \ensuremath{\pm} \ensuremath{3 \times 10^{-5}}"),
        ("rate-10, v1.2", "rate-10, v1.2"),
        ("σ(z)²", r"\ensuremath{\sigma}(z)\ensuremath{^{2}}"),
        ("e⁻ᶻ", r"e\ensuremath{^{-z}}"),
        ("½ Σ", r"\ensuremath{\frac{1}{2}} \ensuremath{\Sigma}"),
        ("∂L/∂W₂", r"\ensuremath{\partial}L/\ensuremath{\partial}W\ensuremath{_{2}}"),
        ("“so” …", r"``so'' \ldots{}"),
        ("naïve ŷ", r"na\"{i}ve \^{y}"),
        ("用", "U+7528"),
    ],
)
def test_escape(text, written):
    assert latex.escape(text) == written


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("dL/dW2[0, 0]", r"\ensuremath{\partial L/\partial w_{2}}"),
        ("da1/dz1[0, 0]", r"\ensuremath{\sigma '(z_{1})}"),
        ("a2[0, 0]", r"\ensuremath{\hat{y}}"),
        ("W1_new[0, 0], step 2", r"\ensuremath{w_{1}} (new), step 2"),
        ("loss", r"\ensuremath{L}"),
        ("norm", "norm"),
        ("m_W1_new", r"m\_w\ensuremath{_{1}} (new)"),
        ("", ""),
    ],
)
def test_quantities_are_mathematics(name, written):
    assert latex.quantity(name, SINGLE) == written


def test_a_small_table():
    frame = pd.DataFrame({"quantity": ["dL/dW2", "a2"], "off by": ["2.8e-17", "–"], "see": ["#1", "x_y"]})
    golden = (Path(__file__).parent / "golden" / "table.tex").read_text(encoding="utf-8")
    assert latex.table(frame, "So & so", "so:a b_c", "All of it.", Notation(2, scalar=False)) == golden


def tables():
    hostile = pd.DataFrame(
        {HOSTILE: [HOSTILE, UNICODE], "quantity": [UNICODE, "W2_new"], "cause": [HOSTILE, "*"]}
    )
    rows = [row(f"{HOSTILE}/{UNICODE}", "torch", Verdict.DIFFERS), row("[x]", "jax", Verdict.AGREES)]
    others = table_of("known", hostile, HOSTILE), table_of("direct", hostile), table_of("none", hostile[:0])
    return latex.tables(report_of(rows, *others))


def test_each_table_is_whole_and_is_there_once():
    written = tables()
    assert written.isascii()
    assert written.count(r"\begin{longtable}") == written.count(r"\end{longtable}") == 3
    assert re.findall(r"\\label\{(.*?)\}", written) == ["tab:matrix", "tab:known", "tab:direct"]
    assert special(re.sub("(?m)^%.*", "", written))
    for line in written.splitlines():
        assert len(re.split(r"(?<!\\)&", line)) == 1 or line.endswith(r" \\")


def test_pdflatex_sets_it(tmp_path):
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    (tmp_path / "tables.tex").write_text(tables(), encoding="ascii")
    paper = r"\documentclass{article}\usepackage{array,booktabs,longtable}"
    paper += r"\begin{document}\input{tables}\end{document}"
    (tmp_path / "paper.tex").write_text(paper, encoding="ascii")
    run = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "-no-shell-escape", "paper.tex"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000
