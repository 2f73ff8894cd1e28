"""The page: its parts, its links, what each failure tells, and that it shows what others wrote as text."""

import re
import shlex
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from conftest import TWO_LAYERS
from hypothesis import given
from hypothesis import strategies as st

from adapters import find_adapters
from cases import load_cases
from cases.load import SHIPPED
from reference import Bounded
from reference.formats import FLOAT64
from reports import environment, page, report
from reports.build import main
from reports.environment import Selection
from reports.page.anchors import anchor, case_anchor, failure_anchor
from reports.page.commands import repeat
from reports.page.counts import counts
from reports.page.method import anatomy
from reports.page.sources import MOST, network, yaml
from reports.page.templates import shown
from reports.page.threads import thread
from reports.page.tints import tint
from reports.pictures import Picture
from reports.report import Report
from reports.runs import runner

pytestmark = pytest.mark.usefixtures("implementations", "without_pictures")

BOTH = ("float64", "float32")
HOSTILE = "<script>alert(1)</script>"
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


def test_each_part_has_its_link_and_each_link_its_place(whole: str) -> None:
    told = Page(whole)
    assert len(set(told.ids)) == len(told.ids)
    assert {link for link in told.links if link.startswith("#")} <= {f"#{name}" for name in told.ids}
    assert not [link for link in told.links if not link.startswith("#")]
    parts = [name for name in told.ids if f"{name}-title" in told.ids and ":" not in name]
    assert parts == [
        "matrix",
        "failures",
        "direct",
        "pictures",
        "no-equivalent",
        "drift",
        "cases",
        "method",
        "environment",
    ]
    assert case_anchor("mine/two-layers") in told.ids
    for name in WRONG[:2]:
        assert failure_anchor("mine/two-layers", "float64", name) in told.ids


@pytest.mark.usefixtures("drawn")
def test_what_has_nothing_to_tell_is_left_out(folder: Path) -> None:
    told = Page(page.index(made(folder, "numpy", select="mine/")))
    assert not {"failures", "direct", "known", "printed", "power", "picture-losses"} & set(told.ids)


def test_failures_of_one_kind_are_named_together_at_the_head(folder: Path) -> None:
    text = page.index(made(folder, "programs:forgets_the_factor", select="mine/", dtypes=BOTH))
    listed = re.search('<ul class="failing">.*?</ul>', text, re.DOTALL)
    assert listed
    assert listed[0].count("<li>") == 1
    assert listed[0].count("programs:forgets_the_factor differs at dL/da1, step 2") == 1
    found = [failure_anchor("mine/two-layers", dtype, "programs:forgets_the_factor") for dtype in BOTH]
    assert Page(listed[0]).links == [f"#{name}" for name in found]


def test_headings_are_in_order_and_headers_are_marked(whole: str) -> None:
    told = Page(whole)
    levels = [int(tag[1]) for tag, _ in told.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    tags = [tag for tag, _ in told.tags]
    assert tags.count("caption") == tags.count("table") > 5
    assert all("scope" in given for tag, given in told.tags if tag == "th")
    assert ("html", {"lang": "en"}) in told.tags
    scrolling = [given for _, given in told.tags if "wide" in given.get("class", "").split()]
    assert all(given["tabindex"] == "0" and given["aria-label"] for given in scrolling)


def test_a_failure_tells_its_line_its_explanation_its_command_and_its_file(whole: str) -> None:
    told = Page(whole).text
    for words in (
        "differs at dL/da1, step 2",
        "dL/da1 = dL/dz2 W2",
        "Explained by: the factor w is missing",
        "× the tolerance",
        "ValueError: no such luck",
        "about: Two layers, three steps. layers: - {W: [[0.4, 0.1]",
    ):
        assert words in told


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


@pytest.mark.usefixtures("drawn")
def test_what_others_wrote_is_shown_and_not_run(folder: Path) -> None:
    original = folder / "mine" / "two-layers.yaml"
    text = original.read_text(encoding="utf-8").replace("Two layers", HOSTILE + " \\x07")
    (folder / "mine" / "<b>bold & 'quoted'.yaml").write_text(text, encoding="utf-8")
    original.unlink()
    (folder / "hostile_page.py").write_text(
        f"def train(problem):\n    raise ValueError({HOSTILE!r} + chr(27))\n    yield\n", encoding="utf-8"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        made_page = page.index(made(folder, "numpy", "hostile_page:train", select="mine/"))
    told = Page(made_page)
    assert not {"script", "b"} & {tag for tag, _ in told.tags if tag == "script"}
    assert "<script" not in made_page
    assert "<b>bold" not in made_page
    assert told.text.count(HOSTILE) >= 3  # what it is about, its file, the message of the adapter
    assert "mine/<b>bold & 'quoted'" in told.text
    assert "\x1b" not in made_page
    assert {link for link in told.links if link.startswith("#")} <= {f"#{name}" for name in told.ids}


def test_nothing_is_loaded_and_nothing_may_run(whole: str) -> None:
    assert not re.search(r"<script|<link|<img|<iframe|\ssrc=|url\((?!#)|@import|javascript:| on\w+=", whole)
    assert "default-src 'none'" in whole


@pytest.mark.parametrize(
    ("one", "other"), [(("a:b", "c"), ("a", "b:c")), (("a b", "c"), ("a", "b c")), (("a/b",), ("a", "b"))]
)
def test_no_two_places_share_a_name(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert anchor("x", *one) != anchor("x", *other)
    assert not re.search(r"\s", anchor("x", *one))


@given(st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
def test_places_have_one_name_each(one: list[str], other: list[str]) -> None:
    assert (anchor("x", *one) == anchor("x", *other)) is (one == other)
    assert re.fullmatch(r"[!-~]+", anchor("x", *one))


@given(st.text())
def test_whatever_is_shown_can_be_seen_and_written(text: str) -> None:
    told = str(shown(text))
    assert all(char.isprintable() or char in "\n\t" for char in told)
    assert told.encode("utf-8").decode("utf-8") == told


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


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("agrees 0.10 (14.9)", "t0"),
        ("agrees 0.99 (14.9)", "t3"),
        ("agrees 1.00 (14.9)", "t3"),
        ("agrees exactly", "t0"),
        ("0.50", "t2"),
        ("differs at a1", "news"),
        ("differs as expected at a1", "known"),
        ("differs, as its case says", "known"),
        ("not as its case expects", "news"),
        ("no equivalent", ""),
        ("–", ""),
    ],
)
def test_a_tint_repeats_the_words(cell: str, name: str) -> None:
    assert tint(cell) == name


def test_each_adapter_is_counted(failing: Report) -> None:
    told = counts(failing.matrix).set_index("adapter")
    assert list(told.columns) == ["agree", "no equivalent", "fail"]
    assert list(told.loc["numpy"]) == ["1", "–", "–"]
    assert list(told.loc["programs:raises"]) == ["–", "–", "1"]
    assert list(told.loc["programs:declines"]) == ["–", "1", "–"]


def test_the_tables_of_a_case_follow_the_tape_and_tell_the_worst(failing: Report) -> None:
    ((case, tables),) = failing.quantities
    (frame,) = tables.values()
    assert case.name == "mine/two-layers"
    assert [*tables] == ["float64"]
    names = list(frame["quantity"])
    assert names[:5] == ["(the whole claim)", "z1", "a1", "z2", "a2"]
    line = frame.set_index("quantity").loc["dL/da1"]
    assert line["formula"] == "dL/dz2 W2"
    assert line["programs:forgets_the_factor"] == "differs, step 3"  # the worst of all steps, not the first
    assert re.fullmatch(r"\d\.\d\d", line["programs:honest"])
    assert line["worst by"] == "programs:forgets_the_factor, step 3"


def test_the_tolerance_is_the_sum_of_what_it_is_said_to_be_made_of(tmp_path: Path, folder: Path) -> None:
    told = anatomy(made(folder, "numpy", "programs:honest", select="worked/document").results.rows)
    assert (told.implementation, told.afresh) == ("programs:honest", False)
    assert told.gamma * told.reach + told.rest == pytest.approx(told.finding.tolerance, rel=1e-9)
    assert told.finding.used == pytest.approx(told.finding.error / told.finding.tolerance)
    form = FLOAT64.certified
    factors = [Bounded.exact([[value]], form) for _, value in told.inputs]
    derived = told.line.formula(*factors)
    assert derived.error.item() == pytest.approx(told.finding.tolerance, rel=1e-9)
    assert derived.value.item() == pytest.approx(told.finding.derived, rel=1e-15)


def test_a_run_without_that_case_has_it_computed_for_the_page(failing: Report, whole: str) -> None:
    told = anatomy(failing.results.rows)
    assert (told.implementation, told.afresh, told.finding.verdict) == ("numpy", True, "agrees")
    assert "computed for this page" in whole


def test_a_long_file_is_cut_and_one_that_is_gone_since_is_shown_as_it_was(folder: Path) -> None:
    path = folder / "mine" / "two-layers.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "#" * MOST + "the end", encoding="utf-8")
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


def test_a_known_difference_links_to_its_case_and_to_its_thread(folder: Path) -> None:
    pytest.importorskip("torch")
    text = page.index(made(folder, "torch", select="divergences/softplus-threshold"))
    address = "https://github.com/pytorch/pytorch/issues/31110"
    assert f'<a class="out" href="{address}" rel="noreferrer">pytorch #31110</a>' in text
    assert '<td class="known"><a href="#known">differs as expected at a1</a></td>' in text
    assert f'<th scope="row"><a href="#{case_anchor("divergences/softplus-threshold")}">' in text


def test_implementations_stand_in_the_order_of_the_matrix(failing: Report) -> None:
    ((_, tables),) = failing.quantities
    implementations = ["numpy", "programs:honest", *WRONG]
    assert list(tables["float64"].columns[2:-5]) == implementations == list(failing.matrix.columns[2:])


def test_what_no_screen_can_show_is_written_out() -> None:
    assert shown("a\x1b[31m\u202eb\n\tc") == "a\\x1b[31m\\u202eb\n\tc"
    assert shown(3) == 3


def test_drawings_and_pictures_have_their_places(failing: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    svg = '<svg role="img" aria-label="In words" viewBox="0 0 1 1"><rect width="1" height="1"/></svg>'
    shown = pd.DataFrame({"case": ["mine/two-layers"] * 700, "used": ["0.5"] * 700})
    picture = Picture("heat", "Heat & light", "What it shows", "In words", svg, shown[:0], shown)
    monkeypatch.setattr("reports.pictures.pictures", lambda _: (picture,))
    text = page.index(failing)
    assert '<figure class="tape">' in text
    assert svg in text
    assert 'aria-label="Heat &amp; light" tabindex="0"' in text
    assert "the first 600 of 700 lines" in text
    assert text.count("<td>0.5</td>") == 600
    assert {"pictures", "picture-heat"} <= set(Page(text).ids)
