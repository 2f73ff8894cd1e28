"""The page: its parts, its links, what each failure shows, and that what others wrote is shown as text."""

import re
import shlex
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from conftest import TWO_LAYERS
from hypothesis import example, given
from hypothesis import strategies as st

from adapters import find_adapters
from cases import load_cases
from cases.load import SHIPPED
from reference import Bounded
from reference.arithmetic import FLOAT64
from reports import environment, page, report
from reports.build import main
from reports.environment import Selection
from reports.page.method import anatomy
from reports.page.rendering import anchor, case_anchor, failure_anchor, shown, thread
from reports.page.sections import MAX_YAML, case_sections, network, repeat, yaml
from reports.plots import Picture
from reports.report import Report, counts
from reports.runs import runner

pytestmark = pytest.mark.usefixtures("implementations", "without_pictures")

BOTH = ("float64", "float32")
WRONG = ("programs:forgets_the_factor", "programs:raises", "programs:declines")


def made(folder: Path, *adapters: str, select: str = "", dtypes: tuple[str, ...] = ("float64",)) -> Report:
    cases = tuple(case for case in load_cases(SHIPPED, folder) if select in case.name)
    selection = Selection(cases, find_adapters(adapters), dtypes)
    return report.put_together(
        runner.run(selection), selection, environment.describe("python -m reports.build")
    )


class Page(HTMLParser):
    """Collects what tests ask of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    @property
    def ids(self) -> list[str]:
        return [given["id"] for _, given in self.tags if "id" in given]

    @property
    def links(self) -> list[str]:
        return [given["href"] for tag, given in self.tags if tag == "a"]


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory, implementations: Path) -> Report:
    folder = tmp_path_factory.mktemp("failing")
    (folder / "mine").mkdir()
    (folder / "mine" / "two-layers.yaml").write_text(TWO_LAYERS, encoding="utf-8")
    return made(folder, "numpy", "programs:honest", *WRONG, select="mine/")


@pytest.fixture(scope="module")
def whole(failing: Report) -> str:
    """Give its page, with its pictures."""
    return page.index(failing)


def test_each_link_has_its_target_and_each_part_its_link(whole: str) -> None:
    shown = Page(whole)
    assert len(set(shown.ids)) == len(shown.ids)
    assert {*shown.links} <= {f"#{name}" for name in shown.ids}
    parts = [name for name in shown.ids if f"{name}-title" in shown.ids and ":" not in name]
    tables = ["no-equivalent", "direct", "drift"]
    assert parts == ["matrix", "failures", "pictures", *tables, "cases", "method", "environment"]
    failures = [failure_anchor("mine/two-layers", "float64", name) for name in WRONG[:2]]
    assert {case_anchor("mine/two-layers"), *failures} <= {*shown.ids}


@pytest.mark.usefixtures("drawn")
def test_a_part_with_nothing_to_show_is_left_out(folder: Path) -> None:
    shown = Page(page.index(made(folder, "numpy", select="mine/")))
    assert not {"failures", "direct", "known", "printed", "power", "picture-losses"} & set(shown.ids)


def test_failures_that_are_worded_alike_are_listed_together(folder: Path) -> None:
    text = page.index(made(folder, "programs:forgets_the_factor", select="mine/", dtypes=BOTH))
    (listed,) = re.findall('<ul class="failing">.*?</ul>', text, re.DOTALL)
    assert listed.count("<li>") == 1
    assert listed.count("programs:forgets_the_factor differs at dL/da1, step 2") == 1
    assert '<figure class="tape">' in text
    assert '<td class="news first" title="dL/da1 = dL/dz2 W2 (' in text
    found = [failure_anchor("mine/two-layers", dtype, "programs:forgets_the_factor") for dtype in BOTH]
    assert Page(listed).links == [f"#{name}" for name in found]


def test_headings_are_in_order_and_headers_are_marked(whole: str) -> None:
    shown = Page(whole)
    levels = [int(tag[1]) for tag, _ in shown.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    tags = [tag for tag, _ in shown.tags]
    assert tags.count("caption") == tags.count("table") > 5
    assert all("scope" in given for tag, given in shown.tags if tag == "th")
    assert ("html", {"lang": "en"}) in shown.tags
    scrolling = [given for _, given in shown.tags if "wide" in given.get("class", "").split()]
    assert all(given["tabindex"] == "0" and given["aria-label"] for given in scrolling)


def test_a_failure_has_its_line_explanation_and_file(whole: str) -> None:
    text = Page(whole).text
    for words in (
        "differs at dL/da1, step 2",
        "dL/da1 = dL/dz2 W2",
        "Explained by: the factor w is missing",
        "× the tolerance",
        "ValueError: no such luck",
        "about: Two layers, three steps. layers: - {W: [[0.4, 0.1]",
    ):
        assert words in text


def test_the_command_of_a_failure_repeats_it(
    failing: Report, whole: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (command,) = re.findall(r"<code>(python -m reports.build .*forgets_the_factor)</code>", whole)
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "reports.build"]
    assert main([*words[3:], "--out", str(tmp_path / "out")]) == 1
    (row,) = [row for row in failing.results.rows if row.explanation and "factor" in row.explanation]
    assert row.sentence in capsys.readouterr().out


def test_a_shipped_case_is_repeated_without_naming_its_folder() -> None:
    (case,) = [case for case in load_cases(SHIPPED) if case.name == "worked/document"]
    assert repeat(case, "float32", "my module:train") == (
        "python -m reports.build --select worked/document --dtype float32 --adapter 'my module:train'"
    )
    assert repeat(case, "printed", "published").endswith("--select worked/document --adapter numpy")


def test_nothing_is_loaded_and_nothing_may_run(whole: str) -> None:
    page = re.sub(r'<img alt="[^"]*" src="data:image/svg\+xml;base64,[\w+/=]*">', "", whole)
    assert not re.search(r"<script|<link|<img|<iframe|\ssrc=|url\((?!#)|@import|javascript:| on\w+=", page)
    assert "default-src 'none'" in whole


@given(st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
@example(["a:b", "c"], ["a", "b:c"])
@example(["a b", "c"], ["a", "b c"])
@example(["a/b"], ["a", "b"])
def test_different_places_have_different_links(one: list[str], other: list[str]) -> None:
    assert (anchor("x", *one) == anchor("x", *other)) is (one == other)
    assert re.fullmatch(r"[!-~]+", anchor("x", *one))


@given(st.text())
def test_shown_text_is_printable(text: str) -> None:
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
def test_a_thread_has_an_address_where_its_project_is_known(see: str, address: str) -> None:
    assert thread(see) == address


def test_counts_of_each_adapter(failing: Report) -> None:
    table = counts(failing.matrix).set_index("adapter")
    assert list(table.columns) == ["agree", "no equivalent", "fail"]
    assert list(table.loc["numpy"]) == ["1", "–", "–"]
    assert list(table.loc["programs:raises"]) == ["–", "–", "1"]
    assert list(table.loc["programs:declines"]) == ["–", "1", "–"]


def test_tables_of_a_case_follow_the_tape_and_show_the_worst_step(failing: Report) -> None:
    (section,) = case_sections(failing)
    (table,) = section.tables
    frame = table.frame
    assert (section.case.name, table.dtype) == ("mine/two-layers", "float64")
    assert table.summary == "20 lines: 55 comparisons agree, 3 not in agreement"
    names = list(frame["quantity"])
    assert names[:5] == ["(the whole claim)", "z1", "a1", "z2", "a2"]
    line = frame.set_index("quantity").loc["dL/da1"]
    assert line["formula"] == "dL/dz2 W2"
    worst_step = str(line["programs:forgets_the_factor"])
    assert worst_step == "differs, step 3"
    assert re.fullmatch(r"\d\.\d\d", str(line["programs:honest"]))
    assert line["worst by"] == "programs:forgets_the_factor, step 3"
    implementations = ["numpy", "programs:honest", *WRONG]
    assert [*frame.columns[2:-5]] == implementations == [*failing.matrix.columns[2:]]


def test_anatomy_of_a_tolerance_adds_up(tmp_path: Path, folder: Path) -> None:
    taken = anatomy(made(folder, "numpy", "programs:honest", select="worked/document").results.rows)
    assert (taken.implementation, taken.afresh) == ("programs:honest", False)
    assert taken.gamma * taken.reach + taken.rest == pytest.approx(taken.finding.tolerance, rel=1e-9)
    assert taken.finding.used == pytest.approx(taken.finding.error / taken.finding.tolerance)
    form = FLOAT64.certified
    factors = [Bounded.exact([[value]], form) for _, value in taken.inputs]
    derived = taken.line.formula(*factors)
    assert derived.error.item() == pytest.approx(taken.finding.tolerance, rel=1e-9)
    assert derived.value.item() == pytest.approx(taken.finding.derived, rel=1e-15)


def test_anatomy_is_computed_where_the_run_lacks_its_case(failing: Report, whole: str) -> None:
    taken = anatomy(failing.results.rows)
    assert (taken.implementation, taken.afresh, taken.finding.verdict) == ("numpy", True, "agrees")
    assert "computed for this page" in whole


def test_yaml_is_cut_and_needs_no_file(folder: Path) -> None:
    path = folder / "mine" / "two-layers.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "#" * MAX_YAML + "the end", encoding="utf-8")
    (case,) = load_cases(folder)
    assert "the end" not in yaml(case)
    assert "more characters in" in yaml(case)
    path.unlink()
    assert yaml(case).startswith("\nabout: Two layers")


def test_a_network_in_one_line(folder: Path) -> None:
    (case,) = load_cases(folder)
    assert network(case) == "2 → 3 tanh → 1 sigmoid · 2 examples · half_squared_error, sum · sgd · 3 steps"
    (deep,) = [case for case in load_cases(SHIPPED) if case.name == "nets/deep"]
    assert "more … →" in network(deep)


def test_an_expected_difference_links_to_its_case_and_thread(folder: Path) -> None:
    pytest.importorskip("torch")
    text = page.index(made(folder, "torch", select="divergences/softplus-threshold"))
    address = "https://github.com/pytorch/pytorch/issues/31110"
    assert f'<a class="out" href="{address}" rel="noreferrer">pytorch #31110</a>' in text
    assert '<td class="known"><a href="#known">differs as expected at a1</a></td>' in text
    assert f'<th scope="row"><a href="#{case_anchor("divergences/softplus-threshold")}">' in text


def test_pictures_on_the_page(failing: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    svg = '<svg role="img" aria-label="In words" viewBox="0 0 1 1"><rect width="1" height="1"/></svg>'
    shown = pd.DataFrame({"case": ["mine/two-layers"] * 700, "used": ["0.5"] * 700})
    picture = Picture("heat", "Heat & light", "What it shows", "In words", svg, shown[:0], shown)
    monkeypatch.setattr("reports.plots.pictures", lambda _: (picture,))
    text = page.index(failing)
    assert picture.source in text
    assert 'aria-label="Heat &amp; light" tabindex="0"' in text
    assert "the first 600 of 700 lines" in text
    assert text.count("<td>0.5</td>") == 600
    assert {"pictures", "picture-heat"} <= set(Page(text).ids)
