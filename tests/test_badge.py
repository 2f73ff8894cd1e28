"""The badge: its few words, as wide as they are, in colours that they can be read on, and nothing to load."""

import math
from xml.etree import ElementTree as ET

import pytest
from reported import report_of, row

from reference import Verdict
from reports.writers import badge
from reports.writers.badge import GREEN, GREY, RED, message

SVG = "{http://www.w3.org/2000/svg}"
AGREES, DIFFERS, ERROR, NOT_RUN = Verdict.AGREES, Verdict.DIFFERS, Verdict.ERROR, Verdict.NOT_RUN


def rows(*verdicts: Verdict) -> list[object]:
    return [row(f"mine/{number}", "torch", verdict) for number, verdict in enumerate(verdicts)]


@pytest.mark.parametrize(
    ("found", "words", "colour"),
    [
        (rows(AGREES), "1 case agrees", GREEN),
        (rows(*[AGREES] * 1_234), "1,234 cases agree", GREEN),
        (rows(AGREES, DIFFERS), "1 of 2 cases differs", RED),
        (rows(AGREES, DIFFERS, DIFFERS), "2 of 3 cases differ", RED),
        (rows(AGREES, DIFFERS, ERROR), "2 of 3 cases not in agreement", RED),
        ([*rows(AGREES), row("mine/1", "jax", DIFFERS, expected=True)], "2 cases as expected", GREEN),
        ([*rows(AGREES), row("mine/0", "jax", NOT_RUN, math.nan)], "1 case agrees, jax not run", GREEN),
        ([], "nothing compared", RED),
        ([row("mine/0", "jax", NOT_RUN, math.nan)], "nothing compared", RED),
    ],
)
def test_its_words(found: list[object], words: str, colour: str) -> None:
    assert message(report_of(found)) == (words, colour)


def test_what_was_asked_for_and_did_not_run_is_no_success() -> None:
    report = report_of([*rows(AGREES), row("mine/0", "jax", NOT_RUN, math.nan)])
    report.conclusion = report.conclusion.__class__(False, "Asked for, but not run: jax.", (), ())
    assert message(report) == ("1 case agrees, jax not run", RED)


def test_it_is_a_picture_with_a_title_that_loads_nothing_and_shows_names_as_text() -> None:
    hostile = '"><script>&'
    report = report_of([*rows(AGREES), row("mine/0", hostile, NOT_RUN, math.nan)])
    report.conclusion = report.conclusion.__class__(True, hostile, (), ())
    told = badge.badge(report)
    picture = ET.fromstring(told)  # noqa: S314 - it was made just now
    assert {one.tag.removeprefix(SVG) for one in picture.iter()} == {"svg", "title", "path", "g", "text"}
    assert picture.findtext(f"{SVG}title") == hostile
    assert picture.attrib["role"] == "img"
    assert picture.attrib["aria-label"] == f"backprop parity: 1 case agrees, {hostile} not run"
    assert "href" not in told
    assert "url(" not in told


def test_the_words_stand_in_their_halves() -> None:
    picture = ET.fromstring(badge.badge(report_of(rows(AGREES, DIFFERS))))  # noqa: S314 - the same
    label, words = (
        (float(one.attrib["x"]), float(one.attrib["textLength"])) for one in picture.iter(f"{SVG}text")
    )
    left = label[0] + label[1] + badge.BESIDE
    assert words[0] == left + badge.BESIDE
    assert float(picture.attrib["width"]) == words[0] + words[1] + badge.BESIDE
    assert [one.text for one in picture.iter(f"{SVG}text")] == ["backprop parity", "1 of 2 cases differs"]


@pytest.mark.parametrize("text", ["backprop parity", "1,234 cases agree", "".join(map(chr, range(32, 127)))])
def test_widths_are_those_of_the_font(text: str) -> None:
    manager = pytest.importorskip("matplotlib.font_manager")
    font = pytest.importorskip("matplotlib.ft2font")
    face = font.FT2Font(manager.findfont("DejaVu Sans"))
    advances = [face.load_char(ord(letter), flags=font.LoadFlags.NO_SCALE).horiAdvance for letter in text]
    assert badge.width(text) == round(sum(advances) * badge.SIZE / face.units_per_EM)


@pytest.mark.parametrize("ground", [GREEN, RED, GREY])
def test_white_words_can_be_read_on_its_colours(ground: str) -> None:
    """WCAG 2.1, 1.4.3: at least 4.5 to 1."""
    parts = [int(ground[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    assert 1.05 / (luminance + 0.05) >= 4.5
