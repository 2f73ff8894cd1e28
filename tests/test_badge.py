"""The badge: its few words, as wide as they are, in colours that they can be read on, and nothing to load."""

import math
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from colours import READABLE, contrast
from reported import report_of, row

from reference import Verdict
from reports.writers import badge
from reports.writers.badge import GREEN, GREY, RED, message

SVG = "{http://www.w3.org/2000/svg}"
AGREES, DIFFERS, ERROR = Verdict.AGREES, Verdict.DIFFERS, Verdict.ERROR


def rows(*verdicts: Verdict) -> list[object]:
    return [row(f"mine/{number}", "torch", verdict) for number, verdict in enumerate(verdicts)]


def not_run(name: str = "jax") -> object:
    return row("mine/0", name, Verdict.NOT_RUN, math.nan)


@pytest.mark.parametrize(
    ("found", "words", "colour"),
    [
        (rows(AGREES), "1 case agrees", GREEN),
        (rows(*[AGREES] * 1_234), "1,234 cases agree", GREEN),
        (rows(AGREES, DIFFERS), "1 of 2 cases differs", RED),
        (rows(AGREES, DIFFERS, DIFFERS), "2 of 3 cases differ", RED),
        (rows(AGREES, DIFFERS, ERROR), "2 of 3 cases not in agreement", RED),
        ([*rows(AGREES), row("mine/1", "jax", DIFFERS, expected=True)], "2 cases as expected", GREEN),
        ([*rows(AGREES), not_run()], "1 case agrees, jax not run", GREEN),
        ([], "nothing compared", RED),
        ([not_run()], "nothing compared", RED),
    ],
)
def test_words_and_colour(found: list[object], words: str, colour: str) -> None:
    assert message(report_of(found)) == (words, colour)


def test_an_adapter_asked_for_that_did_not_run_is_red() -> None:
    report = report_of([*rows(AGREES), not_run()])
    report.conclusion = replace(report.conclusion, passed=False)
    assert message(report) == ("1 case agrees, jax not run", RED)


def test_svg_has_a_title_shows_names_as_text_and_loads_nothing() -> None:
    hostile = '"><script>&'
    report = report_of([*rows(AGREES), not_run(hostile)])
    report.conclusion = replace(report.conclusion, headline=hostile)
    svg = badge.badge(report)
    picture = ET.fromstring(svg)  # noqa: S314 - it was made just now
    assert {one.tag.removeprefix(SVG) for one in picture.iter()} == {"svg", "title", "path", "g", "text"}
    assert picture.findtext(f"{SVG}title") == hostile
    assert picture.attrib["role"] == "img"
    assert picture.attrib["aria-label"] == f"backprop parity: 1 case agrees, {hostile} not run"
    assert not any(word in svg for word in ("href", "url("))


def test_each_text_is_within_its_half() -> None:
    picture = ET.fromstring(badge.badge(report_of(rows(AGREES, DIFFERS))))  # noqa: S314 - the same
    texts = list(picture.iter(f"{SVG}text"))
    (label, length), words = ((float(one.attrib["x"]), float(one.attrib["textLength"])) for one in texts)
    assert words[0] == label + length + 2 * badge.PADDING
    assert float(picture.attrib["width"]) == sum(words) + badge.PADDING
    assert [one.text for one in texts] == ["backprop parity", "1 of 2 cases differs"]


@pytest.mark.parametrize("text", ["backprop parity", "1,234 cases agree", "".join(map(chr, range(32, 127)))])
def test_widths_are_those_of_the_font(text: str) -> None:
    manager = pytest.importorskip("matplotlib.font_manager")
    font = pytest.importorskip("matplotlib.ft2font")
    face = font.FT2Font(manager.findfont("DejaVu Sans"))
    advances = [face.load_char(ord(letter), flags=font.LoadFlags.NO_SCALE).horiAdvance for letter in text]
    assert badge.width(text) == round(sum(advances) * badge.FONT_SIZE / face.units_per_EM)


@pytest.mark.parametrize("ground", [GREEN, RED, GREY])
def test_white_words_can_be_read_on_its_colours(ground: str) -> None:
    assert contrast("#ffffff", ground) >= READABLE
