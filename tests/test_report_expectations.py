"""How a report shows what a case expects: expected differences, no equivalent, and what contradicts it."""

import csv
import re

import pytest
from conftest import TWO_LAYERS

from reports import results_file
from reports.build import main

pytestmark = pytest.mark.usefixtures("implementations", "without_pictures")

EXPECT = """expect:
  programs:forgets_the_factor: {differs: dL/da1, because: it forgets | W2, see: 'mine #7', step: 2}
  programs:declines: {no_equivalent: it has none}
  programs:wrong_dtype: {errs: dL/dW1, because: its numbers are halved, dtypes: [float64]}
"""


@pytest.fixture(name="build")
def _build(folder, tmp_path):
    def build(expect, *adapters, dtype="float64"):
        (folder / "mine" / "two-layers.yaml").write_text(TWO_LAYERS + expect, encoding="utf-8")
        chosen = [f"--adapter={name if name == 'numpy' else f'programs:{name}'}" for name in adapters]
        asked = ["--cases", str(folder), "--select", "mine/", "--dtype", dtype, *chosen]
        return main([*asked, "--out", str(tmp_path / "out")])

    return build


def read(tmp_path, name):
    return (tmp_path / "out" / name).read_text(encoding="utf-8")


def test_expected_differences_are_counted_apart(build, tmp_path, capsys):
    assert build(EXPECT, "honest", "forgets_the_factor", "wrong_dtype", "declines") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "All agree, but for 2 expected differences as their cases say."
    assert lines[1].startswith("1 case in float64 by programs:honest, ")
    assert lines[1].endswith(" quantities compared with certified truth. 1 comparison has no equivalent.")
    differs, errs, declines = lines[-4:-1]
    case = "float64, mine/two-layers"
    assert differs.startswith("dL/da1[")
    why = "Expected by its case: it forgets | W2 (mine #7)."
    assert differs.endswith(f"(programs:forgets_the_factor, {case}, step 2). {why}")
    error = f"dL/dW1 has dtype float32, expected float64 (programs:wrong_dtype, {case})."
    assert errs == f"{error} Expected by its case: its numbers are halved."
    reason = "because it has no such form."
    assert declines == f"No equivalent: programs:declines on mine/two-layers in float64, {reason}"


def test_expected_differences_in_the_files(build, tmp_path):
    build(EXPECT, "numpy", "forgets_the_factor", "wrong_dtype", "declines")
    summary = read(tmp_path, "summary.md")
    assert " | it forgets \\| W2 | mine #7 |\n" in summary
    assert "| dL/dW1 | has dtype float32, expected float64 | – | – | its numbers are halved |" in summary
    assert "\n| mine/two-layers | float64 | programs:declines | it has no such form | yes |" in summary
    rows = list(csv.DictReader(read(tmp_path, "results.csv").splitlines()))
    marked = [row for row in rows if row["expected"] == "True"]
    of_the_factor = {(row["step"], row["quantity"]) for row in marked if "factor" in row["adapter"]}
    assert of_the_factor == {(step, name) for step in "23" for name in ("dL/da1", "dL/dz1")}
    assert {row["expected"] for row in rows if row["verdict"] == "agrees"} == {"False"}
    run = results_file.read(tmp_path / "out")
    assert sum(row.expected for row in run.results.rows) == len(marked)
    assert len(run.conclusion.known) == 2
    page = read(tmp_path, "index.html")
    assert '<h2 id="known-title">The frameworks agree, but for these</h2>' in page
    assert '<h2 id="no-equivalent-title">No equivalent</h2>' in page
    assert '<td class="known"><a href="#known">differs as expected at dL/da1, step 2</a>' in page
    assert 'class="news"' not in page


def test_what_is_not_as_expected_fails(build, tmp_path, capsys):
    stale = EXPECT.replace("forgets_the_factor", "honest").replace("declines", "nan")
    assert build(stale, "numpy", "honest", "nan") == 1
    printed = capsys.readouterr().out
    assert "Not all agree: 2 × not as its case expects, of 3 comparisons" in printed
    assert "expected difference" not in printed
    assert "but agrees now: the framework changed its mind, or the case is out of date" in printed
    assert "but runs, and fails at loss (programs:nan, float64, mine/two-layers). loss is nan, but" in printed
    assert re.search(
        r'<td class="news"><a href="#failure:\S+">not as its case expects<', read(tmp_path, "index.html")
    )


def test_what_is_expected_in_another_format_or_not_at_all(build, tmp_path, capsys):
    assert build(EXPECT, "numpy", "wrong_dtype", dtype="float32") == 1
    assert re.search(r" programs:wrong_dtype +– +1 *\n", capsys.readouterr().out)
    assert build("", "numpy", "declines") == 0
    assert "All agree.\n" in capsys.readouterr().out
    assert "| programs:declines | it has no such form | no |" in read(tmp_path, "summary.md")


@pytest.mark.parametrize(("expect", "adapter"), [("", "declines"), (EXPECT, "declines"), ("", "raises")])
def test_where_nothing_is_compared_nothing_agrees_and_that_fails(expect, adapter, build, capsys):
    assert build(expect, adapter) == 1
    assert "Nothing was compared, so nothing is known to agree." in capsys.readouterr().out


def test_jax_as_it_comes_computes_in_float32(tmp_path):
    pytest.importorskip("jax")
    chosen = ["--select", "divergences/x64-off", "--adapter=numpy", "--adapter=jax"]
    assert main([*chosen, "--out", str(tmp_path / "out")]) == 0
    lines = read(tmp_path, "summary.md").splitlines()
    (line,) = [line for line in lines if line.startswith("| divergences") and "| z1 |" in line]
    assert "| jax | z1 | has dtype float32, expected float64 |" in line
