"""The page in a real browser: it can be read on a phone and on a wall, and needs no network."""

from dataclasses import replace
from pathlib import Path

import pytest
from browser import browser
from conftest import TWO_LAYERS

from adapters import find_adapters
from cases import load_cases
from cases.load import SHIPPED
from reports import environment, page, report
from reports.environment import Selection
from reports.runs import activation_errors, runner

pytestmark = [pytest.mark.usefixtures("implementations"), pytest.mark.xdist_group("browser")]

ADAPTERS = ("numpy", "programs:honest", "programs:nan", "programs:raises")
SELECTIONS = {"agrees": ADAPTERS[:2], "fails": ADAPTERS}
LONG = TWO_LAYERS.replace("steps: 3", "steps: 20")  # for pictures of its loss and its drift
PICTURES = ["activations", "histogram-float64", "losses", "drift"]
CHECKS = ["overflowing", "faint", "brokenLinks", "idsThatAreThereTwice", "nameless"]
SIZES = [(390, False), (390, True), (1440, False), (1440, True)]


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def pages(tmp_path_factory, implementations):
    """Write the page of two runs, of which one has failures."""
    folder, own = tmp_path_factory.mktemp("pages"), tmp_path_factory.mktemp("cases")
    (own / "long.yaml").write_text(LONG, encoding="utf-8")
    cases = [c for c in load_cases(SHIPPED, own) if c.name in {"worked/document", "nets/square", "long"}]
    for name, adapters in SELECTIONS.items():
        selection = Selection(tuple(cases), find_adapters(adapters), ("float64", "float32"))
        results = replace(runner.run(selection), activations=activation_errors.measure_selected(selection))
        made = report.put_together(results, selection, environment.describe("a test"))
        (folder / f"{name}.html").write_text(page.index(made), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in SELECTIONS}


@pytest.fixture(params=[*SELECTIONS])
def name(request):
    return str(request.param)


@pytest.mark.parametrize(("width", "dark"), SIZES)
def test_it_fits_can_be_read_and_needs_no_network(tab, pages, name, width, *, dark):
    tab.resize(width, dark=dark)
    tab.open(pages[name])
    tab.ask("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert tab.ask("matchMedia('(prefers-color-scheme: dark)').matches") is dark
    assert [check for check in CHECKS if tab.ask(f"{check}()")] == []
    assert tab.ask("document.querySelectorAll('.failure').length") == (0 if name == "agrees" else 12)
    assert tab.requests() == [pages[name].as_uri()]
    assert tab.ask("performance.getEntriesByType('resource').length") == 0
    assert tab.happened("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded") == []
    assert tab.ask("picturesWithPlates()") == [f"picture-{one}" for one in PICTURES]
    for picture in PICTURES:
        found = tab.ask(f"picture('picture-{picture}')")
        assert found["drawn"] > 100, picture
        assert min(found["title"], found["caption"], found["alternative"]) > 10, picture
        assert found["rows"] >= 1, picture
        assert found["letters"] >= 9, (picture, "is written too small to read")
        assert found["inks"] == [tab.ask("getComputedStyle(document.body).color")], picture
        assert found["over"] == [], (picture, "has words over each other")


def test_a_link_to_a_case_brings_it_into_view(tab, pages):
    tab.resize(390)
    tab.open(pages["fails"])
    tab.ask("document.querySelector('.matrix tbody:last-child a').click()")
    top = tab.ask("document.querySelector(':target').getBoundingClientRect().top")
    assert 0 <= top < 100


SHOWN = """[...document.querySelectorAll('.matrix tbody tr')].filter(one => one.checkVisibility())
.map(one => one.cells[0].textContent)"""
OPEN = "[...document.querySelectorAll('.folder')].map(one => one.open)"


def press(tab, key):
    for kind in ("keyDown", "keyUp"):
        tab.send("Input.dispatchKeyEvent", type=kind, key=key)


def type_words(tab, words):
    tab.ask("document.getElementById('words').select()")
    if words:
        tab.send("Input.insertText", text=words)
    else:
        press(tab, "Escape")


@pytest.mark.parametrize(
    ("words", "cases"),
    [
        ("square", ["nets/square"]),
        ("NETS  float32", ["nets/square"]),
        ("numpy agrees", ["long", "nets/square", "worked/document"]),
        ("programs:nan differs", ["long", "nets/square", "worked/document"]),
        ("programs:honest differs", []),
        ("numpy differs", []),
        ("document nets", []),
        ("", ["long", "nets/square", "worked/document"]),
    ],
)
def test_the_matrix_is_filtered_by_words(tab, pages, words, cases):
    tab.resize(390)
    tab.open(pages["fails"])
    before = tab.ask(OPEN)
    type_words(tab, words)
    assert sorted(tab.ask(SHOWN)) == cases
    assert tab.ask("document.getElementById('cases-shown').textContent") == (
        f"{len(cases) or 'None'} of 3 cases" if words else ""
    )
    folders = tab.ask("[...document.querySelectorAll('.folder')].filter(one => one.checkVisibility()).length")
    assert folders == len(cases)
    type_words(tab, "")
    assert len(tab.ask(SHOWN)) == 3
    assert tab.ask(OPEN) == before


def test_filtering_by_verdict_and_by_words_together_and_not_on_paper(tab, pages):
    tab.resize(1440)
    tab.open(pages["fails"])
    tab.ask("document.getElementById('show-known').click()")
    assert tab.ask("document.getElementById('cases-shown').textContent") == "3 of 3 cases"
    type_words(tab, "worked")
    assert tab.ask(SHOWN) == ["worked/document"]
    tab.send("Emulation.setEmulatedMedia", media="print")
    tab.ask("dispatchEvent(new Event('beforeprint'))")
    assert len(tab.ask(SHOWN)) == 3
    assert tab.ask(OPEN) == [True] * 3
    tab.send("Emulation.setEmulatedMedia", media="screen")
    tab.ask("dispatchEvent(new Event('afterprint'))")
    assert tab.ask(SHOWN) == ["worked/document"]


def test_without_scripts_the_whole_table_stands_and_no_field_is_shown(tab, pages):
    tab.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(pages["fails"])
        assert tab.ask("document.getElementById('words').checkVisibility()") is False
        assert len(tab.ask(SHOWN)) == 3
        tab.ask("document.getElementById('show-fails').click()")
        assert len(tab.ask(SHOWN)) == 3  # all fail
    finally:
        tab.send("Emulation.setScriptExecutionDisabled", value=False)


def test_the_contents_mark_the_part_that_is_named(tab, pages):
    tab.resize(1440)
    tab.open(pages["fails"])
    tab.ask("document.querySelector('nav a[href=\"#method\"]').click()")
    marked = "[...document.querySelectorAll('nav [aria-current]')].map(one => one.hash)"
    assert tab.ask(marked) == ["#method"]
    inert = "[...document.querySelectorAll('[inert]')].map(one => one.id || one.tagName)"
    assert tab.ask(inert) == []
    tab.ask("document.querySelector('.enlarge').click()")
    assert {"A", "contents", "matrix", "cases"} <= {*tab.ask(inert)}  # what the one example lies over
    assert "walk:worked/document" not in tab.ask(inert)


def test_on_paper_there_is_all_but_what_is_closed(tab, pages):
    tab.resize(794, dark=True)  # A4 at 96 dots an inch
    tab.open(pages["fails"])
    tab.send("Emulation.setEmulatedMedia", media="print")
    assert tab.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.ask("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert tab.ask("getComputedStyle(document.querySelector('.failure')).display") == "block"
    assert tab.ask("getComputedStyle(document.querySelector('details')).display") == "none"
    assert len(tab.send("Page.printToPDF")["data"]) > 10_000


def test_these_checks_can_fail(tab):
    bad = Path(__file__).parent / "bad_page.html"
    tab.resize(390)
    tab.open(bad)
    assert tab.ask("overflowing()") == ["the page", "P"]
    assert tab.ask("faint()") == ["faint"]
    assert tab.ask("brokenLinks()") == ["#nowhere", "#none"]
    assert tab.ask("idsThatAreThereTwice()") == ["a"]
    assert tab.ask("picture('f')")["over"] == ["first, second"]
    assert tab.ask("picture('f')")["rows"] == 0
    assert tab.ask("nameless()") == ["IMG"]
    assert len(tab.requests()) == 2
    assert tab.happened("Runtime.exceptionThrown")
    assert tab.happened("Runtime.consoleAPICalled")
