"""The page: its parts, its links, what each failure shows, and that what others wrote is shown as text."""

import base64
import hashlib
import html
import re
import shlex
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from colours import READABLE, SEEN, contrast
from conftest import TWO_LAYERS
from hypothesis import example, given
from hypothesis import strategies as st

from adapters import find_adapters
from cases import load_case, load_cases
from cases.load import SHIPPED
from reference import Bounded
from reference.arithmetic import FLOAT64
from reports import environment, page, report
from reports.build import main
from reports.environment import Selection
from reports.page.drawing_address import drawing_address
from reports.page.method import anatomy
from reports.page.rendering import anchor, case_anchor, failure_anchor, shown, thread
from reports.page.sections import MAX_YAML, case_sections, network, repeat, yaml
from reports.plots import Picture
from reports.runs import runner

pytestmark = pytest.mark.usefixtures("implementations", "without_pictures")

WRONG = ("programs:forgets_the_factor", "programs:raises", "programs:declines")


def made(folder, *adapters, select="", dtypes=("float64",)):
    cases = tuple(case for case in load_cases(SHIPPED, folder) if select in case.name)
    selection = Selection(cases, find_adapters(adapters), dtypes)
    here = environment.describe("python -m reports.build")
    return report.put_together(runner.run(selection), selection, here)


def tags(text):
    """Return the tags of a page, each with its attributes."""
    found = re.findall(r"<([a-z]\w*)([^>]*)>", text)
    return [(tag, dict(re.findall(r'([\w-]+)="([^"]*)"', given))) for tag, given in found]


def ids(text):
    return [html.unescape(given["id"]) for _, given in tags(text) if "id" in given]


def links(text):
    return [html.unescape(given["href"]) for tag, given in tags(text) if tag == "a"]


@pytest.fixture(scope="module")
def failing(tmp_path_factory, implementations):
    folder = tmp_path_factory.mktemp("failing")
    (folder / "mine").mkdir()
    (folder / "mine" / "two-layers.yaml").write_text(TWO_LAYERS, encoding="utf-8")
    return made(folder, "numpy", "programs:honest", *WRONG, select="mine/")


@pytest.fixture(scope="module")
def whole(failing):
    """Give its page, with its pictures."""
    return page.index(failing)


def test_each_link_has_its_target_and_each_part_its_link(whole):
    names = ids(whole)
    assert len(set(names)) == len(names)
    assert {*links(whole)} <= {f"#{name}" for name in names}
    parts = [name for name in names if f"{name}-title" in names and ":" not in name]
    tables = ["no-equivalent", "direct", "drift"]
    assert parts == ["failures", "matrix", "pictures", *tables, "cases", "method", "environment"]
    failures = [failure_anchor("mine/two-layers", "float64", name) for name in WRONG[:2]]
    assert {case_anchor("mine/two-layers"), *failures} <= {*names}


def test_of_a_case_in_which_all_agrees_the_worst_line_is_named_in_place_of_its_tape(folder):
    made_of_it = made(folder, "numpy", select="mine/")
    text = page.index(made_of_it)
    worst = max((row for row in made_of_it.results.rows if row.compared), key=lambda row: row.finding.used)
    most = f"at most {worst.finding.used:.2f} of what is allowed, at {worst.finding.quantity} (numpy, float64"
    said = '[^"]*"><b>float64</b> ✓ 19 lines: all agree'
    assert re.search(rf'<p class="format" title="{re.escape(most)}{said}', text)
    assert '<figure class="tape">' not in text


@pytest.mark.usefixtures("drawn")
def test_a_part_with_nothing_to_show_is_left_out(folder):
    names = ids(page.index(made(folder, "numpy", select="mine/")))
    assert not {"failures", "direct", "known", "printed", "power", "picture-losses"} & set(names)


def test_failures_that_are_worded_alike_are_listed_together(folder):
    dtypes, adapter = ("float64", "float32"), WRONG[0]
    text = page.index(made(folder, adapter, select="mine/", dtypes=dtypes))
    (listed,) = re.findall('<ul class="failing">.*?</ul>', text, re.DOTALL)
    assert listed.count("<li>") == 1
    assert listed.count("programs:forgets_the_factor differs at dL/da1, step 2") == 1
    assert '<figure class="tape">' in text
    assert '<td class="news first" title="dL/da1 = dL/dz2 W2 (' in text
    assert links(listed) == [f"#{failure_anchor('mine/two-layers', dtype, adapter)}" for dtype in dtypes]


def test_headings_are_in_order_and_headers_are_marked(whole):
    found = tags(whole)
    names = [tag for tag, _ in found]
    levels = [int(name[1]) for name in names if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert names.count("caption") == names.count("table") > 5
    assert all("scope" in given for tag, given in found if tag == "th")
    assert ("html", {"lang": "en"}) in found
    scrolling = [given for _, given in found if "wide" in given.get("class", "").split()]
    assert all(given["tabindex"] == "0" and given["aria-label"] for given in scrolling)


def test_a_failure_has_its_line_explanation_and_file(whole):
    text = " ".join(html.unescape(re.sub("<[^>]*>", "", whole)).split())
    for words in (
        "differs at dL/da1, step 2",
        "dL/da1 = dL/dz2 W2",
        "No known mistake explains it.",
        "× the tolerance",
        "ValueError: no such luck",
        "about: Two layers, three steps. layers: - {W: [[0.4, 0.1]",
    ):
        assert words in text


def test_the_command_of_a_failure_repeats_it(failing, whole, tmp_path, capsys):
    (command,) = re.findall(r"<code>(python -m reports.build .*forgets_the_factor)</code>", whole)
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "reports.build"]
    assert main([*words[3:], "--out", str(tmp_path / "out")]) == 1
    (row,) = [row for row in failing.results.rows if row.explanation and "factor" in row.subject.adapter]
    assert row.sentence in capsys.readouterr().out


def test_a_shipped_case_is_repeated_without_naming_its_folder():
    case = load_case("worked/document")
    assert repeat(case, "float32", "my module:train") == (
        "python -m reports.build --select worked/document --dtype float32 --adapter 'my module:train'"
    )
    assert repeat(case, "printed", "published").endswith("--select worked/document --adapter numpy")


def test_nothing_is_loaded_and_nothing_may_run_but_one_script(whole):
    page = re.sub(r'<img alt="[^"]*" src="data:image/svg\+xml,%3Csvg[^"<>&]*%3C/svg%3E">', "", whole)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert set(policy.split("; ")) == {
        "default-src 'none'", "style-src 'unsafe-inline'", "img-src data:", f"script-src 'sha256-{digest}'"
    }  # fmt: skip
    rest = page.replace(f"<script>{script}</script>", "")
    assert not re.search(r"<script|<link|<img|<iframe|\ssrc=|url\((?!#)|@import|javascript:| on\w+=", rest)
    assert not re.search(r"innerHTML|eval|fetch|document\.write|localStorage|cookie", script)


@given(st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
@example(["a:b", "c"], ["a", "b:c"])
@example(["a b", "c"], ["a", "b c"])
@example(["a/b"], ["a", "b"])
def test_different_places_have_different_links(one, other):
    assert (anchor("x", *one) == anchor("x", *other)) is (one == other)
    assert re.fullmatch(r"[!-~]+", anchor("x", *one))


@given(st.text())
@example("a\x1b[31m\u202eb\n\tc")
def test_shown_text_is_printable(text):
    written = str(shown(text))
    assert all(char.isprintable() or char in "\n\t" for char in written)
    assert written.encode("utf-8").decode("utf-8") == written
    assert shown("a\x1b[31m\u202eb\n\tc") == "a\\x1b[31m\\u202eb\n\tc"


@pytest.mark.parametrize(
    ("see", "address"),
    [
        ("pytorch #31110", "https://github.com/pytorch/pytorch/issues/31110"),
        ("jax #4428", "https://github.com/jax-ml/jax/issues/4428"),
        ("docs.jax.dev, Default dtypes", ""),
        ("elsewhere #1", ""),
        ("jax #1 javascript:alert(1)", ""),
    ],
)
def test_a_thread_has_an_address_where_its_project_is_known(see, address):
    assert thread(see) == address


def test_tables_of_a_case_follow_the_tape_and_show_the_worst_step(failing):
    (section,) = case_sections(failing)
    ((dtype, (summary, frame)),) = section.tables.items()
    assert (section.case.name, dtype) == ("mine/two-layers", "float64")
    assert summary == "20 lines: 55 comparisons agree, 3 not in agreement"
    assert list(frame["quantity"]) == ["(the whole step)", "dL/da1", "dL/dz1"]
    line = frame.set_index("quantity").loc["dL/da1"]
    assert line["formula"] == "dL/dz2 W2"
    assert str(line["programs:forgets_the_factor"]) == "differs, step 3"
    assert re.fullmatch(r"\d\.\d\d", str(line["programs:honest"]))
    assert line["worst by"] == "programs:forgets_the_factor, step 3"
    implementations = ["numpy", "programs:honest", *WRONG]
    assert [*frame.columns[2:-5]] == implementations == [*failing.tables[0].frame.columns[2:]]


def test_each_formula_is_shown_once(whole):
    (shown,) = re.findall(r"The formulas of the lines.*?</details>", whole, re.DOTALL)
    lines = re.findall(r'<th scope="row">(\S+)<td[^>]*>(.*)', shown)
    assert ("z1", "x W1ᵀ + b1") in lines
    assert ("z2", "a1 W2ᵀ + b2") in lines
    names = [name for name, _ in lines]
    assert names.count("dL/db2") == 1  # as it first occurs
    assert names.count("dL/db1") == 0


def test_anatomy_of_a_tolerance_adds_up(folder):
    taken = anatomy(made(folder, "numpy", "programs:honest", select="worked/document").results.rows)
    assert (taken["implementation"], taken["afresh"]) == ("programs:honest", False)
    finding, inputs = taken["finding"], taken["inputs"]
    allowed = taken["gamma"] * taken["reach"] + taken["rest"]
    assert allowed == pytest.approx(finding.tolerance, rel=1e-9)
    assert finding.used == pytest.approx(finding.error / finding.tolerance)
    derived = taken["line"].formula(*(Bounded.exact([[value]], FLOAT64.certified) for _, value in inputs))
    assert derived.error.item() == pytest.approx(finding.tolerance, rel=1e-9)
    assert derived.value.item() == pytest.approx(finding.derived, rel=1e-15)


def test_anatomy_is_computed_where_the_run_lacks_its_case(failing, whole):
    taken = anatomy(failing.results.rows)
    assert (taken["implementation"], taken["afresh"], taken["finding"].verdict) == ("numpy", True, "agrees")
    assert "computed for this page" in whole


def test_yaml_is_cut_and_needs_no_file(failing):
    (case,) = failing.selection.cases
    long = replace(case, text=case.text + "#" * MAX_YAML + "the end", path=Path("no/such/file.yaml"))
    assert yaml(long).startswith("\nabout: Two layers")
    assert "the end" not in yaml(long)
    assert "more characters in no/such/file.yaml" in yaml(long)


def test_a_network_in_one_line(failing):
    (case,) = failing.selection.cases
    assert network(case) == "2 → 3 tanh → 1 sigmoid · 2 examples · half_squared_error, sum · sgd · 3 steps"
    assert "more … →" in network(load_case("nets/deep"))


def test_an_expected_difference_links_to_its_case_and_thread(folder):
    pytest.importorskip("torch")
    text = page.index(made(folder, "torch", select="divergences/softplus-threshold"))
    address = "https://github.com/pytorch/pytorch/issues/31110"
    assert f'<a class="out" href="{address}" rel="noreferrer">pytorch #31110</a>' in text
    assert '<td class="known"><a href="#known">differs as expected at a1</a>\n' in text
    assert f'<th scope="row"><a href="#{case_anchor("divergences/softplus-threshold")}">' in text


SVG = """<?xml version="1.0"?> <svg xmlns:xlink="http://www.w3.org/1999/xlink" xmlns="http://www.w3.org/2000/svg">
<defs> <style>text{font-family:serif}</style> </defs> <g id="a"> <g id="b" clip-path="url(#c)">
<path d="M 0.5 1 L 2 1.0 L 2 0.4 z M 3 3 L 3 4 " style="fill: none; stroke: #123456"/> </g> </g>
<use xlink:href="#m" style="fill: none; stroke: #123456"/>
<text style="font-size: 8px; font-family: 'DejaVu Sans'" transform="rotate(-0 1 1)"
>100 % isn't "all" &amp; &lt;</text> </svg>"""


def test_a_drawing_is_the_same_in_fewer_characters():
    address = str(drawing_address(SVG))
    assert not set('"<>&#\n') & set(address)
    assert unquote(address.removeprefix("data:image/svg+xml,")) == (
        "<svg xmlns='http://www.w3.org/2000/svg'><defs><style>text{font-family:serif}"
        ".s0{fill:none;stroke:#123456}.s1{font-size:8px}</style></defs><g clip-path='url(#c)'>"
        "<path d='M.5 1l1.5 0 0-.6zM3 3l0 1' class='s0' /></g><use class='s0' href='#m' />"
        "<text class='s1'>100 % isn't \"all\" &amp; &lt;</text></svg>"
    )


def test_pictures_on_the_page(failing, monkeypatch):
    rows = pd.DataFrame({"case": ["mine/two-layers"] * 700, "used": ["0.5"] * 700})
    picture = Picture("heat", "Heat & light", "What it shows", "In words", SVG, rows[:0], rows)
    monkeypatch.setattr("reports.plots.pictures", lambda _: (picture,))
    text = page.index(failing)
    assert drawing_address(picture.svg) in text
    assert 'aria-label="Heat &amp; light" tabindex="0"' in text
    assert "the first 600 of 700 lines" in text
    assert text.count("<td>0.5\n") == 600
    assert {"pictures", "picture-heat"} <= set(ids(text))


# The colours: words can be read on every ground, in light and in dark, to WCAG 2.2 level AA.

STYLE = (Path(__file__).parent.parent / "reports" / "templates" / "style.css").read_text(encoding="utf-8")
# light colours stand in the first block, dark ones in the second
LIGHT, DARK = (
    dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
    for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
)
GROUNDS = ("paper", "soft", "t0", "t1", "t2", "t3", "wrong", "expected")
LEAST = {
    **{("ink", ground): READABLE for ground in GROUNDS},
    **{(text, ground): READABLE for text in ("muted", "link") for ground in GROUNDS[:2]},
    **{(mark, ground): SEEN for mark in ("good", "news") for ground in GROUNDS[:2]},
}


def test_the_ratio_is_the_one_that_is_defined():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # known to fail, by a little
    assert contrast("#a4161a", "#a4161a") == 1


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_words_can_be_read_and_marks_are_seen(colours):
    ratios = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in LEAST}
    assert [pair for pair, ratio in ratios.items() if ratio < LEAST[pair]] == []


def test_both_schemes_have_the_same_colours_and_none_stands_outside_them():
    assert set(LIGHT) == set(DARK)
    outside = re.sub(r":root \{.*?\}", "", STYLE, flags=re.DOTALL)
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(", outside)
    assert set(re.findall(r"var\(--(\w+)\)", outside)) <= set(LIGHT)
