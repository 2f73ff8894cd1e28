"""The page's colours: words can be read on every ground, in light and in dark, to WCAG 2.2 level AA."""

import re
from pathlib import Path

import pytest
from colours import READABLE, SEEN, contrast

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
