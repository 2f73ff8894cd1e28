"""The badge: its few words, as wide as they are, in colours that they can be read on, and nothing to load."""

import math
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest
from colours import READABLE, contrast
from fontTools.ttLib import TTFont
from reported import report_of, row

from reference import Verdict
from reports.writers import badge
from reports.writers.badge import GREEN, GREY, RED, message

SVG = "{http://www.w3.org/2000/svg}"
AGREES, DIFFERS, ERROR = Verdict.AGREES, Verdict.DIFFERS, Verdict.ERROR


def rows(*verdicts):
    return [row(f"mine/{number}", "torch", verdict) for number, verdict in enumerate(verdicts)]


def not_run(name="jax"):
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
def test_words_and_colour(found, words, colour):
    assert message(report_of(found)) == (words, colour)
    if colour == GREEN:  # an adapter that was asked for did not run
        assert message(report_of(found, passed=False)) == (words, RED)


def test_svg_has_a_title_shows_names_as_text_and_loads_nothing():
    hostile = '"><script>&'
    svg = badge.badge(report_of([*rows(AGREES), not_run(hostile)], headline=hostile))
    picture = ET.fromstring(svg)  # noqa: S314 - it was made just now
    assert {one.tag.removeprefix(SVG) for one in picture.iter()} == {"svg", "title", "path", "g", "text"}
    assert picture.findtext(f"{SVG}title") == hostile
    assert picture.attrib["role"] == "img"
    assert picture.attrib["aria-label"] == f"backprop parity: 1 case agrees, {hostile} not run"
    assert not any(word in svg for word in ("href", "url("))
    (label, length), words = (
        (float(one.attrib["x"]), float(one.attrib["textLength"])) for one in picture.iter(f"{SVG}text")
    )
    assert words[0] == label + length + 2 * badge.PADDING  # each text is within its half
    assert float(picture.attrib["width"]) == sum(words) + badge.PADDING


def test_widths_are_those_of_the_font():
    font = TTFont(f"{mpl.get_data_path()}/fonts/ttf/DejaVuSans.ttf")
    text = "".join(map(chr, range(32, 127)))
    advances = [font["hmtx"][font.getBestCmap()[ord(letter)]][0] for letter in text]
    assert badge.width(text) == round(sum(advances) * badge.FONT_SIZE / font["head"].unitsPerEm)
    assert badge.width("反\x00") > 0


@pytest.mark.parametrize("ground", [GREEN, RED, GREY])
def test_white_words_can_be_read_on_its_colours(ground):
    assert contrast("#ffffff", ground) >= READABLE
