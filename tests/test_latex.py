"""LaTeX that pdflatex sets within the page, whatever is in a cell, and mathematics as such."""

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
    assert latex.CHINESE.sub("", written).isascii()
    assert "\n" not in written
    assert all(inside and sign in "_^" for sign, inside in special(written) if sign != "~")
    known = re.findall(r"\\([A-Za-z]+)", "".join(command for table in TABLES for command in table.values()))
    assert set(re.findall(r"\\([A-Za-z]+)", written)) <= {*known, "ensuremath", "times", "begin", "end"}
    assert re.sub(r"\\begin\{CJK\*\}\{UTF8\}\{gbsn\}[\u4e00-\u9fa5]+\\end\{CJK\*\}", "", written).isascii()


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
        ("用数据", r"\begin{CJK*}{UTF8}{gbsn}用数据\end{CJK*}"),
        ("🐛", "U+1F41B"),
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
    assert latex.CHINESE.sub("", written).isascii()
    assert written.count(r"\begin{longtable}") == written.count(r"\end{longtable}") == 3
    assert re.findall(r"\\label\{(.*?)\}", written) == ["tab:matrix", "tab:known", "tab:direct"]
    assert special(re.sub("(?m)^%.*", "", written))
    for line in written.splitlines():
        assert len(re.split(r"(?<!\\)&", line)) == 1 or line.endswith(r" \\")


PREAMBLE = re.search(r"\\usepackage\{[\w,]+\}", latex.__doc__)[0]
WORDS = st.text("abcdefghij0123456789-/. ", max_size=60) | st.sampled_from(
    ["−0.0022303 ± 4.7e-17", "用数据举例"]
)


@given(st.lists(st.lists(WORDS, min_size=1, max_size=4), min_size=1, max_size=9))
def test_the_columns_share_the_page_and_each_has_room_for_its_longest_word(columns):
    frame = pd.DataFrame({f"c{i}": pd.Series(cells, dtype=object) for i, cells in enumerate(columns)}).fillna(
        ""
    )
    turned, parts = latex.layout(frame)
    page = latex.TURNED if turned else latex.UPRIGHT
    gaps = latex.GAP * len(columns)
    assert sum(parts) * page + gaps <= page
    longest = [max(map(len, re.split(r"[\s/-]+", " ".join(cells)))) for cells in columns]
    if sum(latex.LETTER * max(length, 2) for length in longest) + gaps < page:
        for part, length in zip(parts, longest, strict=True):
            assert part * page >= latex.LETTER * length - 0.001 * page


def realistic():
    """Return tables as wide as those of a run are."""
    line = {
        "case": "divergences/probability-clamped", "dtype": "float64", "adapter": "jax plain",
        "first at": "dL/dW2_clipped[0, 0], step 5", "claimed": "-1000000003995.7928",
        "should be": "-100381596039096.94 ± 0.078", "off by": "9.9e+13",
        "cause": "F.binary_cross_entropy takes no logarithm below −100",
        "see": "github.com/pytorch/pytorch/issues/31110",
    }  # fmt: skip
    source = "Adam.ipynb, github.com/TheBottomOfTheDeepDarkOcean/AIO_Excercises, section 用数据举例"
    rows = [row("divergences/cosine-after-its-end", "torch", Verdict.DIFFERS), row("nets/digits", "jax")]
    return latex.tables(report_of(rows, table_of("known", pd.DataFrame([line] * 3), source)))


@pytest.mark.parametrize(("make", "fits"), [(tables, False), (realistic, True)])
def test_pdflatex_sets_it_and_no_usual_text_leaves_the_page(make, fits, tmp_path):
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    if not subprocess.run(["kpsewhich", "CJKutf8.sty"], capture_output=True, check=False).stdout:
        pytest.skip("LaTeX is installed without CJKutf8")
    (tmp_path / "tables.tex").write_text(make(), encoding="utf-8")
    paper = rf"\documentclass{{article}}{PREAMBLE}\begin{{document}}\input{{tables}}\end{{document}}"
    (tmp_path / "paper.tex").write_text(paper, encoding="ascii")
    run = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "-no-shell-escape", "paper.tex"]
    for _ in range(3):  # a longtable needs three to settle its columns
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
    log = (tmp_path / "paper.log").read_text(encoding="latin-1")
    off = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert max(off, default=0) <= 1 or not fits
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000
